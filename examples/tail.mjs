/** Follows a file as it grows, until a line reads "end": `node examples/tail.mjs FILE`. */

import { watch } from 'node:fs/promises';
import { open } from 'uring/fs/promises';

const handle = await open(process.argv[2]);
const controller = new AbortController();
const buffer = Buffer.alloc(65_536);
let rest = '';

/** Continues reading where the last read stopped. */
async function readOn() {
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    const lines = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      console.log(line);
      if (line === 'end') controller.abort();
    }
  }
}

const changes = watch(process.argv[2], { signal: controller.signal })[Symbol.asyncIterator]();
try {
  // Watches before it reads, so that no change in between is missed.
  for (let change = changes.next(); ; change = changes.next()) {
    await readOn();
    await change;
  }
} catch (error) {
  if (error.name !== 'AbortError') throw error;
} finally {
  await handle.close();
}
