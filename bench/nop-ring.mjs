/**
 * The TypeScript side of `npm run bench -- nop`: the counterpart of nop.c, line by line. One
 * process for each batch size, so that the compiler sees what it would see in a program that uses
 * that size.
 *
 * Reads lines "BATCH MILLISECONDS" and responds to each with the operations per second and the
 * growth of the heap in bytes per operation.
 */

import { readSync, writeSync } from 'node:fs';
import { prepNop, Ring } from 'uring/ring';

const ring = Ring.open({ entries: 256, flags: JSON.parse(process.argv[2]) });
let seen = 0;

function check(cqe) {
  if (cqe.res !== 0 || cqe.userData !== seen) throw new Error(`wrong completion: ${cqe.userData}, ${cqe.res}`);
  seen = (seen + 1) & 0x7fffffff;
}

let sent = 0;

function rounds(batch, count) {
  let operations = 0;
  let next = sent;
  for (let round = 0; round < count; round++) {
    for (let i = 0; i < batch; i++) {
      const sqe = ring.getSqe();
      prepNop(sqe);
      sqe.setUserData(next);
      next = (next + 1) & 0x7fffffff;
    }
    if (ring.submitAndWait(batch) !== batch) throw new Error('short submission');
    operations += ring.forEachCqe(check);
  }
  sent = next;
  return operations;
}

function slice(batch, milliseconds) {
  const heap = process.memoryUsage().heapUsed;
  const start = performance.now();
  let operations = 0;
  let elapsed = 0;
  do {
    operations += rounds(batch, 200);
    elapsed = performance.now() - start;
  } while (elapsed < milliseconds);
  const growth = process.memoryUsage().heapUsed - heap;
  return `${operations / (elapsed / 1000)} ${growth / operations}\n`;
}

const line = Buffer.alloc(64);
for (let length = readSync(0, line); length > 0; length = readSync(0, line)) {
  const [batch, milliseconds] = line.toString('latin1', 0, length).split(' ').map(Number);
  writeSync(1, slice(batch, milliseconds));
}
ring.close();
