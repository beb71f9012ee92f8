/** A worker of the soak test: uses its own engine, and ends in one of three ways. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { Uring } from 'uring';
import * as fs from 'uring/fs/promises';

const { directory, ends } = workerData;
const file = path.join(directory, `worker-${threadId}`);
writeFileSync(file, 'worker');
for (let round = 0; round < 20; round++) {
  if ((await fs.readFile(file, 'utf8')) !== 'worker') throw new Error('other content');
}
await fs.unlink(file);
const pending = Uring.default()
  .timeout(3_600_000)
  .catch(() => undefined);
parentPort?.postMessage('working');
if (ends === 'exit') process.exit(0);
if (ends === 'return') {
  await Uring.default().close();
  await pending;
}
