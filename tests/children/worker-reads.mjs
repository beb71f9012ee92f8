/**
 * `readFile` in a worker, without a descriptor of the file: `node worker-reads.mjs DIRECTORY`.
 * Prints what was wrong as JSON.
 */

import fs from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { readFile } from 'uring/fs/promises';

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZES = [60, 64, 256, 1024, 1088, 5 * 1024].flatMap((size) => [size * KIB - 1, size * KIB, size * KIB + 1]);

const contentOf = (size) => Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 0xff));

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv[2] });
  worker.on('message', (wrong) => console.log(JSON.stringify(wrong)));
} else {
  const wrong = [];
  const path = `${workerData}/file`;
  for (const size of SIZES) {
    const content = contentOf(size);
    fs.writeFileSync(path, content);
    for (const read of await Promise.all([readFile(path), readFile(path)])) {
      if (!read.equals(content)) wrong.push([size, read.length]);
      // As with Node: unshared memory of exactly its size.
      if (read.buffer.byteLength !== size) wrong.push([size, 'memory', read.buffer.byteLength]);
    }
    if ((await readFile(path, 'latin1')) !== content.toString('latin1')) wrong.push([size, 'text']);
  }
  // The file is opened before the call returns, whatever has its name afterwards: a larger file, a
  // smaller one, or none.
  const content = contentOf(3 * MIB);
  for (const other of [undefined, 10, 2 * MIB, 9 * MIB]) {
    fs.writeFileSync(path, content);
    if (other !== undefined) fs.writeFileSync(`${path}-other`, Buffer.alloc(other));
    const reading = readFile(path);
    if (other === undefined) fs.unlinkSync(path);
    else fs.renameSync(`${path}-other`, path);
    const read = await reading;
    if (!read.equals(content)) wrong.push(['renamed', other, read.length]);
  }
  parentPort.postMessage(wrong);
}
