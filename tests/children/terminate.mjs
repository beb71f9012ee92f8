/**
 * Terminates workers in mid-flight repeatedly: each has a ring with reads and polls pending, in
 * memory of the library and in its own buffers. After each, the pipes are written to, so that an
 * operation that is still armed would write to freed memory, and memory is allocated and checked,
 * so that such a write would be seen.
 *
 * Prints one line of JSON: descriptors, RSS, and how many blocks were found changed.
 */

import { closeSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { URingContext } from 'uring';
import { prepPollAdd, prepRead, Ring } from 'uring/ring';
import { descriptors, pipe } from './process.mjs';

const ROUNDS = Number(process.argv[2] ?? 200);
const BLOCK = 4096;
const BLOCKS = 200;

if (isMainThread) await main();
else worker();

async function main() {
  const open = () => descriptors(/./).length;
  let changed = 0;
  let fdsBefore = 0;
  let rssBefore = 0;
  const warmUp = Math.min(20, ROUNDS >> 1);
  for (let round = 0; round < ROUNDS; round++) {
    if (round === warmUp) {
      fdsBefore = open();
      rssBefore = process.memoryUsage().rss;
    }
    const { reader, writer } = pipe();
    const thread = new Worker(new URL(import.meta.url), { workerData: { reader } });
    await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
    const ended = thread.terminate();
    const blocks = [];
    for (let i = 0; i < BLOCKS; i++) blocks.push(new Uint8Array(new ArrayBuffer(BLOCK)).fill(0x11));
    await ended;
    writeSync(writer, new Uint8Array(BLOCK * 8).fill(0xee));
    for (let i = 0; i < BLOCKS; i++) blocks.push(new Uint8Array(new ArrayBuffer(BLOCK)).fill(0x11));
    await new Promise((resolve) => setImmediate(resolve));
    for (const block of blocks) if (block.some((byte) => byte !== 0x11)) changed++;
    closeSync(reader);
    closeSync(writer);
  }
  console.log(
    JSON.stringify({
      node: process.version,
      rounds: ROUNDS,
      changed,
      fdsBefore,
      fdsAfter: open(),
      rssBefore,
      rssAfter: process.memoryUsage().rss,
    }),
  );
}

function worker() {
  const { reader } = workerData;
  const ring = Ring.open({ entries: 32 });
  for (let i = 0; i < 8; i++) {
    const block = ring.arena.block(BLOCK);
    prepRead(ring.getSqe(), reader, block.address, BLOCK, 0);
    prepPollAdd(ring.getSqe(), reader, 1);
  }
  ring.submit();
  const context = new URingContext(16);
  for (let i = 0; i < 4; i++) context.addRead(new Uint8Array(BLOCK), reader, null, i);
  context.submit();
  parentPort.postMessage('pending');
  // The termination can come at any instruction.
  for (;;) {
    prepPollAdd(ring.getSqe() ?? ring.getSqe(), reader, 1);
    ring.submit();
    context.addNop(1);
    [...context.wait()];
    if (ring.cq.ready > 0) ring.forEachCqe(() => undefined);
  }
}
