/** A program that uses the packed package: files and the engine. Compiled, never run. */

import type { BigIntStats, Stats } from 'node:fs';
import * as uring from 'uring';
import { op, Uring } from 'uring';
import { createReadStream, createWriteStream } from 'uring/fs';
import fs, { appendFile, fallocate, open, readFile, stat, writeFile } from 'uring/fs/promises';
import { SimulatedKernel } from 'uring/testing';

export async function files(): Promise<void> {
  const text: string = await readFile('a', 'utf8');
  const bytes: Buffer = await readFile(new URL('file:///a'), { signal: AbortSignal.timeout(10) });
  await writeFile('b', text, { flush: true });
  await appendFile('b', bytes);
  await using handle = await open('b', 'r+');
  const { bytesRead, buffer }: { bytesRead: number; buffer: Buffer } = await handle.read(Buffer.alloc(bytes.length), 0, 1, 0);
  await handle.write(buffer.subarray(0, bytesRead));
  await fallocate(handle, 0, 0, 4096);
  const stats: Stats = await stat('b');
  const large: BigIntStats = await fs.stat('b', { bigint: true });
  createReadStream('b', { start: stats.size, end: Number(large.size) }).pipe(createWriteStream('c'));
}

export async function engine(): Promise<void> {
  await using ring = Uring.open({ entries: 8, syscalls: new SimulatedKernel() });
  const plain: Stats = await ring.statx('/');
  const big: BigIntStats = await ring.statx('/', { bigint: true });
  const either: Stats | BigIntStats = await ring.statx('/', { bigint: Math.random() > 0.5 });
  const [first, second] = await ring.link([op.nop(), op.statx('/', { bigint: true })]);
  if (first.status === 'done' && second.status === 'done') console.log(second.value.size, plain.size, big.size, either.size);
  using buffer = ring.buffers.allocate(plain.size);
  const count: number = await ring.read(0, buffer.bytes, { offset: 0, signal: AbortSignal.timeout(1) });
  for await (const ticks of ring.interval(1)) if (ticks > count) break;
  const error: unknown = new uring.UringError(2, 'open');
  if (error instanceof uring.UringError && error.path !== undefined) console.log(error.code);
}
