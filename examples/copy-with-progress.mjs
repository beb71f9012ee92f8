/** Copies a file and shows the progress: `node examples/copy-with-progress.mjs SOURCE TARGET`. */

import { pipeline } from 'node:stream/promises';
import { createReadStream, createWriteStream } from 'uring/fs';
import { stat } from 'uring/fs/promises';

const [source, target] = process.argv.slice(2);
const { size } = await stat(source);
let copied = 0;
let shown = -1;

await pipeline(
  createReadStream(source),
  async function* (chunks) {
    for await (const chunk of chunks) {
      copied += chunk.length;
      const percent = Math.floor((100 * copied) / size);
      if (percent !== shown) process.stderr.write(`\r${percent} %`);
      shown = percent;
      yield chunk;
    }
  },
  createWriteStream(target),
);
process.stderr.write('\n');
console.log(`${copied} bytes copied`);
