/**
 * Measures the memory used by operations in flight, and whether many operations leave any behind:
 * `node --expose-gc bench/memory.mjs [COUNT]`. Prints JSON.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { open } from 'uring/fs/promises';

const DEPTH = 20_000;
const BLOCK = 4096;

const count = Number(process.argv[2] ?? 10_000_000);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-memory-'));
const file = path.join(directory, 'file');
fs.writeFileSync(file, Buffer.alloc(1 << 20));
const handle = await open(file);

const heap = () => {
  globalThis.gc();
  return process.memoryUsage().heapUsed;
};

/** Returns the heap used by an operation in flight: not its buffer, but its promise. */
async function perOperation() {
  const buffer = Buffer.alloc(BLOCK);
  const promises = new Array(DEPTH).fill(undefined);
  const before = heap();
  for (let i = 0; i < DEPTH; i++) promises[i] = handle.read(buffer, 0, BLOCK, (i % 256) * BLOCK);
  const during = heap();
  await Promise.all(promises);
  return (during - before) / DEPTH;
}

await perOperation();
const bytes = await perOperation();

/** Growth over many operations. */
const buffers = Array.from({ length: 64 }, () => Buffer.alloc(BLOCK));
let next = 0;
const read = async (total) => {
  const end = next + total;
  await Promise.all(
    buffers.map(async (buffer) => {
      while (next++ < end) await handle.read(buffer, 0, BLOCK, (next % 256) * BLOCK);
    }),
  );
};
await read(200_000);
const [heapBefore, rssBefore] = [heap(), process.memoryUsage().rss];
await read(count);
const [heapAfter, rssAfter] = [heap(), process.memoryUsage().rss];
await handle.close();
fs.rmSync(directory, { recursive: true });
console.log(
  JSON.stringify({
    heapBytesPerOperationInFlight: Math.round(bytes),
    operations: count,
    heapGrowth: heapAfter - heapBefore,
    rssGrowth: rssAfter - rssBefore,
  }),
);
