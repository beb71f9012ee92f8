/** Checks what a worker that has used `uring/fs` leaves behind. Prints JSON. */

import fs from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createReadStream, createWriteStream } from 'uring/fs';
import * as promises from 'uring/fs/promises';
import { descriptors } from './process.mjs';

/** The functions with promises, and the streams. */
const uringFs = { ...promises, createReadStream, createWriteStream };

const warnings = [];
process.on('warning', (warning) => warnings.push(String(warning.message)));

const openFiles = () => descriptors(/^\/etc\/passwd$/).length;

if (isMainThread) {
  let closedForOthers = 0;
  let sameNumber = false;
  const before = openFiles();
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(new URL(import.meta.url));
    const { number } = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    // One of them reuses the number that the worker's stream has closed.
    const own = Array.from({ length: 20 }, () => fs.openSync('/etc/passwd'));
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage('end');
    await ended;
    for (const fd of own) {
      try {
        fs.closeSync(fd);
      } catch {
        closedForOthers++;
      }
    }
    sameNumber ||= own.includes(number);
  }
  console.log(JSON.stringify({ left: openFiles() - before, closedForOthers, sameNumber, warnings }));
} else {
  // A file that is too large for a chain.
  await uringFs.readFile(process.execPath);
  globalThis.kept = [];
  for (let i = 0; i < 10; i++) globalThis.kept.push(await uringFs.open('/etc/passwd'));
  // Last, so that its number is the next to be reused.
  const fd = fs.openSync('/etc/passwd');
  for await (const _ of uringFs.createReadStream('', { fd }));
  parentPort.once('message', () => process.exit());
  parentPort.postMessage({ number: fd });
}
