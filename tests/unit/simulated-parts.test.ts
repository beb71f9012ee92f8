/**
 * The data structures of the simulated kernel: the cost of an operation does not grow with their
 * number.
 */

import { describe, expect, test } from '@jest/globals';
import { Opcode } from '../../src/ring/abi/index.js';
import { VirtualClock } from '../../src/testing/clock.js';
import { Fifo } from '../../src/testing/fifo.js';
import type { SimulatedFile } from '../../src/testing/files/file.js';
import { Heap } from '../../src/testing/heap.js';
import { Random } from '../../src/testing/index.js';
import { RegisteredFiles } from '../../src/testing/registered-files.js';
import { KernelRequest } from '../../src/testing/request.js';
import { RequestTable } from '../../src/testing/request-table.js';

describe('a heap', () => {
  test('returns the least first, equal ones in their order, and none that was removed', () => {
    const random = new Random(7);
    const heap = new Heap<number>();
    const expected: [key: number, value: number][] = [];
    for (let value = 0; value < 2000; value++) {
      const key = random.below(50);
      const entry = heap.add(key, value);
      if (random.chance(0.3)) heap.remove(entry);
      else expected.push([key, value]);
    }
    expected.sort(([a, v], [b, w]) => a - b || v - w);
    const taken: [number, number][] = [];
    for (let { first } = heap; first !== undefined; first = heap.first) taken.push([first.key, heap.take() as number]);
    expect(taken).toEqual(expected);
    expect([heap.first, heap.take()]).toEqual([undefined, undefined]);
  });
});

test('a queue returns first what was added first', () => {
  const fifo = new Fifo<number>();
  const taken: (number | undefined)[] = [];
  let next = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 3; i++) fifo.push(next++);
    expect(fifo.first).toBe(taken.length);
    for (let i = 0; i < 2; i++) taken.push(fifo.shift());
  }
  expect([taken.length + fifo.length, fifo.first]).toEqual([next, taken.length]);
  taken.push(...fifo.takeAll());
  expect(taken).toEqual(Array.from({ length: next }, (_, i) => i));
  expect([fifo.length, fifo.shift(), fifo.first]).toEqual([0, undefined, undefined]);
});

test('the clock fires what is due, in order, and what is scheduled meanwhile', () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  clock.at(20, () => fired.push(`late ${clock.now}`));
  const cancelled = clock.at(5, () => fired.push('cancelled'));
  clock.at(10, () => {
    fired.push(`first ${clock.now}`);
    clock.at(15, () => fired.push(`meanwhile ${clock.now}`));
    clock.at(0, () => fired.push(`at once ${clock.now}`));
  });
  cancelled.cancel();
  expect(clock.next).toBe(10);
  clock.advanceTo(17);
  expect([fired, clock.now, clock.next]).toEqual([['first 10', 'at once 10', 'meanwhile 15'], 17, 20]);
});

describe('the table of requests', () => {
  const request = (userData: bigint) => {
    const sqe = new Uint8Array(64);
    sqe[0] = Opcode.NOP;
    new DataView(sqe.buffer).setBigUint64(32, userData, true);
    return new KernelRequest(sqe);
  };

  test('finds requests by their user data, the oldest first', () => {
    const table = new RequestTable();
    const [a, b, c] = [request(1n), request(2n), request(1n)];
    for (const each of [a, b, c]) table.add(each);
    expect([[...table], [...table.named(1n)], [...table.named(3n)], table.size]).toEqual([[a, b, c], [a, c], [], 3]);
    table.rename(a, 3n);
    expect([[...table.named(1n)], [...table.named(3n)], a.userData]).toEqual([[c], [a], 3n]);
    table.delete(c);
    table.delete(c);
    expect([[...table], [...table.named(1n)]]).toEqual([[b, a], []]);
  });

  test('keeps a renamed request with its worker, and only renames one that has completed', () => {
    const table = new RequestTable();
    const [running, over] = [request(1n), request(1n)];
    table.add(running);
    table.running.add(running);
    table.rename(running, 2n);
    table.rename(over, 5n);
    expect([table.running.has(running), [...table], over.userData]).toEqual([true, [running], 5n]);
    table.delete(running);
    expect(table.running.size).toBe(0);
  });
});

describe('registered files', () => {
  const file = () => ({}) as SimulatedFile;

  test('keep their files open, slot by slot', () => {
    const open = new Map<SimulatedFile, number>();
    const change = (by: number) => (which: SimulatedFile) => open.set(which, (open.get(which) ?? 0) + by);
    const files = new RegisteredFiles({ retainFile: change(1), releaseFile: change(-1) });
    const [a, b] = [file(), file()];
    files.set(0, a);
    expect([files.exists, files.length, files.at(0), files.free(), open.size]).toEqual([false, 0, undefined, -1, 0]);
    files.create(3);
    files.set(0, a);
    files.set(1, a);
    files.set(1, b);
    expect([open.get(a), open.get(b), files.free()]).toEqual([1, 1, 2]);
    expect([files.setTag(1, 9n), files.setTag(1, 8n)]).toEqual([0n, 9n]);
    expect([files.clear(), open.get(a), open.get(b), files.exists]).toEqual([[8n], 0, 0, false]);
  });

  test('return the lowest free slot of their range', () => {
    const files = new RegisteredFiles({ retainFile: () => undefined, releaseFile: () => undefined });
    files.create(6);
    files.limitFree(2, 5);
    const taken: number[] = [];
    for (let slot = files.free(); slot >= 0; slot = files.free()) {
      files.set(slot, file());
      taken.push(slot);
    }
    expect(taken).toEqual([2, 3, 4]);
    files.set(0, file());
    files.set(0, undefined);
    expect(files.free()).toBe(-1);
    files.set(3, undefined);
    expect(files.free()).toBe(3);
  });
});
