/** The table of operations of the context: records, their generations, and statistics. */

import { afterEach, expect, test } from '@jest/globals';
import { OperationTable, Stat, tokenOf } from '../../src/context/operation-table.js';
import { Opcode, Ring } from '../../src/ring/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';

const rings: Ring[] = [];
afterEach(() => {
  for (const ring of rings.splice(0)) ring.close();
});

function create() {
  const ring = Ring.open({ entries: 4, syscalls: new SimulatedKernel() });
  rings.push(ring);
  const { arena } = ring;
  return { arena, table: new OperationTable(arena) };
}

test('an operation is known from when it is taken until it is freed', () => {
  const { table } = create();
  expect([table.has(0, 0), table.has(0, 1), table.find(0, 0, undefined)]).toEqual([false, false, -1]);
  const id = table.take(7, 0, Opcode.READ);
  table.commit();
  expect([id, tokenOf(id, table.generation(id)), table.inUse]).toEqual([0, 2n ** 32n, 1]);
  expect([table.has(0, 1), table.has(0, 2), table.has(-1, 1), table.has(1, 0), table.has(9, 0)]).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  expect([table.find(0, 0, undefined), table.find(7, 0, Opcode.WRITE), table.find(7, 1, undefined)]).toEqual([-1, -1, -1]);
  table.free(id);
  expect([table.has(0, 1), table.has(0, 2), table.find(7, 0, undefined), table.inUse]).toEqual([false, false, -1, 0]);
});

test('the oldest operation with the same user data is found, even when the sequence wraps', () => {
  const { table, arena } = create();
  arena.words[(table.header >> 2) + 3] = -2;
  const taken = Array.from({ length: 5 }, () => table.take(1, 2, Opcode.READ));
  expect(taken).toEqual([0, 1, 2, 3, 4]);
  table.abandon(0);
  expect(table.find(1, 2, undefined)).toBe(1);
  // The operation with the first id is the youngest now.
  expect(table.take(1, 2, Opcode.READ)).toBe(0);
  for (const oldest of [1, 2, 3, 4, 0]) {
    expect(table.find(1, 2, Opcode.READ)).toBe(oldest);
    table.abandon(oldest);
  }
});

test('a hundred thousand operations each have their own record, and overwrite nothing', () => {
  const { table, arena } = create();
  const count = 100_000;
  const neighbour = arena.block(64);
  let wrong = 0;
  for (let i = 0; i < count; i++) if (table.take(i, 3, Opcode.NOP) !== i) wrong++;
  for (let i = 0; i < count; i++) if (table.userData(i) !== (3n << 32n) + BigInt(i) || table.opcode(i) !== Opcode.NOP) wrong++;
  expect([wrong, neighbour.bytes.every((byte) => byte === 0)]).toEqual([0, true]);
});

test('iovecs are freed with their operation, once', () => {
  const { table, arena } = create();
  const size = 64;
  const place = arena.allocate(size);
  const id = table.take(1, 0, Opcode.READV);
  table.attachIovecs(id, place, size);
  const next = table.take(2, 0, Opcode.NOP);
  table.abandon(id);
  table.abandon(next);
  table.abandon(table.take(3, 0, Opcode.NOP));
  expect([arena.allocate(size), arena.allocate(size) === place]).toEqual([place, false]);
});

test('statistics count beyond 2 ** 32', () => {
  const { table } = create();
  table.count(Stat.OPS, 2 ** 32 - 1);
  expect(table.stat(Stat.OPS)).toBe(2 ** 32 - 1);
  table.count(Stat.OPS, 1);
  expect(table.stat(Stat.OPS)).toBe(2 ** 32);
  table.count(Stat.OPS, 5);
  expect([table.stat(Stat.OPS), table.stat(Stat.COMPLETE), table.stat(Stat.ENTER_CALLS)]).toEqual([2 ** 32 + 5, 0, 0]);
});
