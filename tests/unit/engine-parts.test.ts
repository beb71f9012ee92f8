/**
 * The parts of the engine, one by one: memory, slots, the backlog, signals, and the outcome of
 * operations.
 */

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { BufferGroup } from '../../src/engine/memory/buffer-group.js';
import { KernelMemory } from '../../src/engine/memory/kernel-memory.js';
import { bytesOf, detachedError, outlivesThread } from '../../src/engine/memory/lease.js';
import { Pool, type Region, SLAB_SIZE, slabOrigin } from '../../src/engine/memory/pool.js';
import { type Engine, fdOf, isDirect } from '../../src/engine/operations/operation.js';
import { Scope } from '../../src/engine/operations/scope.js';
import { type Abortable, checkSignal, listen, unlisten } from '../../src/engine/operations/signals.js';
import { Backlog } from '../../src/engine/queue/backlog.js';
import { Core } from '../../src/engine/queue/core.js';
import { Request } from '../../src/engine/queue/request.js';
import { withDescriptors } from '../../src/engine/sockets/forms.js';
import { SharedBuffers } from '../../src/engine/sockets/shared-buffers.js';
import { FileSlots } from '../../src/engine/transfers/file-slots.js';
import { op, Uring } from '../../src/index.js';
import { prepNop, prepRead } from '../../src/ops/index.js';
import { Opcode, Ring, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';

const cleanUp: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const turns = async (count = 4) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

function setUp() {
  const kernel = new SimulatedKernel();
  const core = new Core({ entries: 8, cqEntries: 64, syscalls: kernel, eventLoop: undefined });
  cleanUp.push(() => core.close());
  const memory = new KernelMemory(core.ring, kernel);
  return { kernel, core, memory, pool: memory.pool, buffers: memory.buffers };
}

const detach = (view: ArrayBufferView) => structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });

describe('the pool', () => {
  const create = () => {
    const regions: Region[] = [];
    return { pool: new Pool(new SimulatedKernel(), (region) => regions.push(region)), regions };
  };

  test('hands out blocks of powers of two that do not overlap, each aligned to its size', () => {
    const { pool, regions } = create();
    const taken: [from: number, to: number][] = [];
    for (const [size, expected] of [
      [1, 64],
      [64, 64],
      [65, 128],
      [4096, 4096],
      [4097, 8192],
      [65_536, 65_536],
      [65_537, 131_072],
      [SLAB_SIZE, SLAB_SIZE],
      [SLAB_SIZE + 1, 2 * SLAB_SIZE],
      [100, 128],
    ] as const) {
      const block = pool.take(size);
      const { region, offset } = block;
      expect([block.size, block.address, block.live]).toEqual([expected, region.base + offset, true]);
      const origin = slabOrigin(region);
      expect((offset - origin) % Math.min(expected, SLAB_SIZE)).toBe(0);
      expect((region.base + origin) % 4096).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(origin);
      expect(offset + expected).toBeLessThanOrEqual(region.memory.byteLength);
      for (const [from, to] of taken) expect(offset >= to || offset + expected <= from).toBe(true);
      taken.push([offset, offset + expected]);
    }
    expect(regions).toEqual(pool.regions);
    expect(pool.regions).toHaveLength(1);
    expect(pool.bytesInUse).toBe(taken.reduce((sum, [from, to]) => sum + to - from, 0));
  });

  test('cuts small blocks from spans, one after the other', () => {
    const { pool } = create();
    const first = pool.take(64);
    const blocks = Array.from({ length: 1024 }, () => pool.take(64));
    expect(blocks[0]?.offset).toBe(first.offset + 64);
    expect(blocks[1022]?.offset).toBe(first.offset + 1023 * 64);
    // The span is used up. The next one begins where the region continues.
    expect(blocks[1023]?.offset).toBe(first.offset + 65_536);
    expect(new Set(blocks.map(({ offset }) => offset)).size).toBe(1024);
    expect(pool.take(128).offset).toBe(first.offset + 2 * 65_536);
    // A block as large as a span has its own.
    const large = pool.take(65_536);
    expect(pool.take(65_536).offset).toBe(large.offset + 65_536);
  });

  test('fills a region to its last byte, and hands out blocks of 1 GiB', () => {
    const kernel = new SimulatedKernel();
    kernel.addressOf = () => 8192;
    const pool = new Pool(kernel, () => undefined);
    const offsets = Array.from({ length: 4 }, () => pool.take(16 * 1024 * 1024).offset);
    expect([offsets, pool.regions.length]).toEqual([[0, 2 ** 24, 2 ** 25, 3 * 2 ** 24], 1]);
    expect(pool.take(2 ** 30).size).toBe(2 ** 30);
  });

  test('adds a region when one is full, and a separate one for a larger block', () => {
    const { pool, regions } = create();
    const size = 16 * 1024 * 1024;
    const blocks = Array.from({ length: 4 }, () => pool.take(size));
    expect(new Set(blocks.map(({ region }) => region)).size).toBe(2);
    const large = pool.take(128 * 1024 * 1024);
    expect(large.region).toBe(regions.at(-1));
    expect(large.region.memory.byteLength).toBe(128 * 1024 * 1024 + 4096);
    expect(regions.map(({ firstSlab }) => firstSlab)).toEqual([0, 64, 128]);
    expect(pool.regionOf(new Uint8Array(large.region.memory, 8, 8))).toBe(large.region);
    expect(pool.regionOf(new Uint8Array(8))).toBeUndefined();
  });

  test('reuses returned blocks, the last one first', () => {
    const { pool } = create();
    const [a, b, c] = [pool.take(100), pool.take(100), pool.take(5000)];
    pool.give(a);
    pool.give(b);
    expect([a.live, b.live, pool.bytesInUse]).toEqual([false, false, 8192]);
    expect(() => pool.give(a)).toThrow('Invalid state: the block was already released');
    expect([pool.take(128), pool.take(128)]).toEqual([b, a]);
    expect([a.live, b.live, a.link, b.link]).toEqual([true, true, undefined, undefined]);
    const next = pool.take(128);
    expect([next === a, next === b, next === c]).toEqual([false, false, false]);
  });

  test('refuses blocks larger than 1 GiB', () => {
    const { pool } = create();
    expect(() => pool.take(2 ** 30 + 1)).toThrow(
      'The value of "size" is out of range. It must be <= 1073741824. Received 1073741825',
    );
    expect(pool.bytesInUse).toBe(0);
  });

  test('copies from a block to the user’s memory', () => {
    const kernel = new SimulatedKernel();
    // With real addresses, the same memory has an ordinary view, too.
    const memories: ArrayBufferLike[] = [];
    kernel.addressOf = (view) => {
      memories.push(view.buffer);
      return 4096 + 16;
    };
    const pool = new Pool(kernel, () => undefined);
    const block = pool.take(64);
    expect(block.offset).toBe(4080);
    block.plain(0, 64).set(Buffer.from('0123456789'));
    const target = new Uint8Array(4);
    block.copyTo(target, 4);
    expect(Buffer.from(target).toString()).toBe('0123');
    expect(block.plain(3, 4).toString()).toBe('3456');
    expect(block.region.bytes[block.offset + 5]).toBe(0x35);
    expect(memories).toEqual([block.region.memory]);
  });
});

describe('the backlog', () => {
  const setUpBacklog = (entries = 4) => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries, syscalls: kernel });
    cleanUp.push(() => ring.close());
    const backlog = new Backlog();
    const add = (userData: number, flags = 0) => {
      const sqe = backlog.next();
      prepRead(sqe, userData, 1, 1, 0);
      sqe.setFlags(flags);
      sqe.setToken(userData, 7);
      return backlog.commit();
    };
    const inRing = () => {
      const seen: number[] = [];
      kernel.interceptOperations(({ userData }) => {
        seen.push(Number(userData & 0xffff_ffffn));
        return 0;
      });
      ring.submit();
      return seen;
    };
    return { ring, backlog, add, inRing };
  };

  test('moves into the ring in order, as there is room', () => {
    const { ring, backlog, add, inRing } = setUpBacklog();
    // More than fit into its initial memory, again and again.
    const sent: number[] = [];
    let added = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 7; i++) add(added++);
      backlog.moveTo(ring.sq);
      sent.push(...inRing());
    }
    expect(sent).toEqual(Array.from({ length: 240 }, (_, i) => i));
    expect(backlog.length).toBe(180);
    while (backlog.length > 0) {
      backlog.moveTo(ring.sq);
      sent.push(...inRing());
    }
    expect(sent).toEqual(Array.from({ length: 420 }, (_, i) => i));
  });

  test('moves chains as a whole', () => {
    const { ring, backlog, add, inRing } = setUpBacklog();
    add(1);
    add(2);
    add(3, SqeFlag.IO_LINK);
    add(4, SqeFlag.IO_HARDLINK);
    add(5);
    add(6);
    backlog.moveTo(ring.sq);
    expect([backlog.length, inRing()]).toEqual([4, [1, 2]]);
    backlog.moveTo(ring.sq);
    expect([backlog.length, inRing()]).toEqual([0, [3, 4, 5, 6]]);
    // A chain whose end has not been added yet.
    add(7, SqeFlag.IO_LINK);
    backlog.moveTo(ring.sq);
    expect([backlog.length, inRing()]).toEqual([0, [7]]);
  });

  test('does not contain an SQE that was requested but not committed', () => {
    const { backlog } = setUpBacklog();
    prepNop(backlog.next());
    expect(backlog.length).toBe(0);
    expect(backlog.next().base).toBe(0);
  });

  test('finds the SQEs in it, and forgets those that moved on or were cleared', () => {
    const { backlog, add, ring } = setUpBacklog();
    const places = Array.from({ length: 100 }, (_, i) => add(i));
    backlog.moveTo(ring.sq);
    expect([backlog.find(places[50] as number)?.fd, backlog.find(places[99] as number)?.fd]).toEqual([50, 99]);
    expect([backlog.find(places[3] as number), backlog.find((places[99] as number) + 1)]).toEqual([null, null]);
    while (backlog.length > 0) {
      ring.submit();
      backlog.moveTo(ring.sq);
    }
    // SQEs that have moved on are no longer in it.
    expect([backlog.find(places[0] as number), backlog.find(places[99] as number)]).toEqual([null, null]);
    const again = Array.from({ length: 100 }, (_, i) => add(i));
    backlog.clear();
    expect([backlog.length, backlog.find(again[50] as number)]).toEqual([0, null]);
    const place = add(5);
    expect([backlog.length, backlog.find(place)?.base]).toEqual([1, 0]);
  });
});

describe('pooled buffers', () => {
  test('belong to the user until released, and to operations until these are done', () => {
    const { buffers, pool } = setUp();
    const buffer = buffers.allocate(100);
    expect([buffer.bytes.length, buffers.usage]).toEqual([100, { buffers: 1, bytes: 4096 }]);
    const hold = buffers.hold(buffer.bytes.subarray(10, 20));
    const again = buffers.hold(buffer.bytes);
    expect(hold?.address).toBe((again?.address as number) + 10);
    buffer.release();
    buffer.release();
    expect(buffers.usage).toEqual({ buffers: 1, bytes: 4096 });
    expect(() => buffers.hold(buffer.bytes)).toThrow('Invalid state: the buffer was released');
    hold?.release();
    expect(buffers.usage.buffers).toBe(1);
    again?.release();
    expect(buffers.usage).toEqual({ buffers: 0, bytes: 0 });
    expect(() => buffers.hold(buffer.bytes)).toThrow('the buffer was released');
    const other = buffers.allocate(1);
    other[Symbol.dispose]();
    expect(pool.bytesInUse).toBe(0);
  });

  test('are recognized by any view of them, at any size', () => {
    const { buffers } = setUp();
    for (const size of [1, 4096, 4097, 100_000, SLAB_SIZE, SLAB_SIZE + 1, 5 * SLAB_SIZE]) {
      const [before, buffer, after] = [buffers.allocate(size), buffers.allocate(size), buffers.allocate(size)];
      for (const [from, to] of [
        [0, size],
        [size - 1, size],
        [Math.floor(size / 2), size],
      ] as const) {
        const held = buffers.hold(buffer.bytes.subarray(from, to));
        expect(held?.address).toBe((buffers.hold(buffer.bytes)?.address as number) + from);
      }
      const { buffer: memory, byteOffset } = buffer.bytes;
      // The memory after it is unused, or belongs to another buffer.
      expect(() => buffers.hold(new Uint8Array(memory, byteOffset, size + 1))).toThrow('the buffer was released');
      before.release();
      expect(() => buffers.hold(before.bytes)).toThrow('the buffer was released');
      expect(buffers.hold(after.bytes)).toBeDefined();
    }
    expect(buffers.hold(new Uint8Array(8))).toBeUndefined();
    expect(() => buffers.allocate(0)).toThrow('The value of "size" is out of range. It must be >= 1 && <= 1073741824');
    expect(() => buffers.allocate(2 ** 30 + 1)).toThrow('"size"');
  });

  test('are distinguished from their neighbors in the middle of a region, too', () => {
    const { kernel, buffers } = setUp();
    // The region begins in the middle of a page.
    kernel.addressOf = () => 2 ** 40 + 16;
    const first = buffers.allocate(4 * SLAB_SIZE);
    const second = buffers.allocate(SLAB_SIZE);
    for (const from of [0, SLAB_SIZE, 3 * SLAB_SIZE, 4 * SLAB_SIZE - 100]) {
      const held = buffers.hold(first.bytes.subarray(from, from + 100));
      expect(held?.address).toBe(2 ** 40 + 4096 + from);
      held?.release();
    }
    const tail = buffers.hold(first.bytes.subarray(4 * SLAB_SIZE - 10));
    first.release();
    // The hold is on the first buffer, not its neighbor: it is in use until the operation is done.
    expect(buffers.usage.buffers).toBe(2);
    tail?.release();
    expect(buffers.usage.buffers).toBe(1);
    second.release();
  });

  test('are registered as long as there are whole slabs, and free entries in the table', () => {
    const { core, buffers, pool } = setUp();
    const updates = jest.spyOn(core.ring.buffers, 'update').mockImplementation(() => 1);
    const [one, two, three] = [0, 1, 2].map(() => buffers.allocate(SLAB_SIZE)) as [never, never, never];
    const indexOf = ({ bytes }: { bytes: Uint8Array }) => buffers.registeredIndex(bytes);
    const [region] = pool.regions as unknown as [{ firstSlab: number }];
    const origin = slabOrigin(region as Region);
    region.firstSlab = 4094;
    expect([one, two, three].map(indexOf)).toEqual([4094, 4095, -1]);
    const starts = updates.mock.calls.map(([, [view]]) => (view as Uint8Array).byteOffset);
    expect(starts).toEqual([origin, origin + SLAB_SIZE]);

    for (const missing of [0, 1]) {
      const other = setUp();
      const update = jest.spyOn(other.core.ring.buffers, 'update').mockImplementation(() => 1);
      const last = other.buffers.allocate(100);
      const [whole] = other.pool.regions as unknown as [Region];
      const end = slabOrigin(whole) + SLAB_SIZE - missing;
      Object.defineProperty(whole.memory, 'byteLength', { value: end });
      expect([other.buffers.registeredIndex(last.bytes), update.mock.calls.length]).toEqual(missing ? [-1, 0] : [0, 1]);
    }
  });

  test('are not confused with the engine’s own memory', () => {
    const { buffers, pool } = setUp();
    const block = pool.take(64);
    expect(() => buffers.hold(new Uint8Array(block.region.memory, block.offset, 64))).toThrow('the buffer was released');
    const buffer = buffers.allocate(64);
    expect(() => buffers.hold(new Uint8Array(block.region.memory, block.offset, 64))).toThrow('the buffer was released');
    buffer.release();
  });

  test('are registered slab by slab, when they are first used as registered', () => {
    const { core, kernel, buffers } = setUp();
    const updates = jest.spyOn(core.ring.buffers, 'update');
    const sparse = jest.spyOn(core.ring.buffers, 'registerSparse');
    const one = buffers.allocate(SLAB_SIZE);
    const two = buffers.allocate(SLAB_SIZE);
    const across = buffers.allocate(2 * SLAB_SIZE);
    expect(buffers.registeredIndex(new Uint8Array(8))).toBe(-1);
    expect(sparse).not.toHaveBeenCalled();
    expect([one, one, two].map(({ bytes }) => buffers.registeredIndex(bytes))).toEqual([0, 0, 1]);
    expect(buffers.registeredIndex(two.bytes.subarray(SLAB_SIZE - 1))).toBe(1);
    expect(buffers.registeredIndex(across.bytes)).toBe(-1);
    expect(buffers.registeredIndex(across.bytes.subarray(SLAB_SIZE - 1, SLAB_SIZE + 1))).toBe(-1);
    expect(buffers.registeredIndex(across.bytes.subarray(SLAB_SIZE))).toBe(3);
    expect([sparse.mock.calls, updates.mock.calls.map(([index]) => index)]).toEqual([[[4096]], [0, 1, 3]]);
    const [[, [view]]] = updates.mock.calls as unknown as [[number, [Uint8Array]]];
    expect([view.byteOffset, view.byteLength]).toEqual([one.bytes.byteOffset, SLAB_SIZE]);
    kernel.fail('register', Errno.ENOMEM);
    const more = buffers.allocate(SLAB_SIZE);
    expect([more, more].map(({ bytes }) => buffers.registeredIndex(bytes))).toEqual([-1, -1]);
    // Those that are registered stay so.
    expect(buffers.registeredIndex(one.bytes)).toBe(0);
  });

  test('are not registered if the kernel has no table', () => {
    const { core, kernel, buffers } = setUp();
    const sparse = jest.spyOn(core.ring.buffers, 'registerSparse');
    kernel.fail('register', Errno.EINVAL);
    const one = buffers.allocate(8);
    expect([buffers.registeredIndex(one.bytes), buffers.registeredIndex(one.bytes)]).toEqual([-1, -1]);
    expect(sparse).toHaveBeenCalledTimes(1);
    const other = setUp();
    jest.spyOn(other.core.ring.buffers, 'registerSparse').mockImplementation(() => {
      throw new RangeError('not the kernel’s');
    });
    const broken = other.buffers.allocate(8);
    expect(() => other.buffers.registeredIndex(broken.bytes)).toThrow('not the kernel’s');
  });
});

describe('a scope', () => {
  const setUpScope = () => {
    const all = setUp();
    return { ...all, scope: new Scope(all.memory) };
  };
  const at = (kernel: SimulatedKernel, address: number, length: number) =>
    Buffer.from(kernel.memory.bytes(address, length) as Uint8Array);

  test('hands out zeroed memory, and returns it to the pool', () => {
    const { scope, pool } = setUpScope();
    const block = scope.block(100);
    block.plain(0, 128).fill(9);
    expect(scope.firstBlock).toBe(block);
    scope.release();
    scope.release();
    expect(pool.bytesInUse).toBe(0);
    const again = scope.block(128);
    expect([again, again.plain(0, 128).every((byte) => byte === 0)]).toEqual([block, true]);
    expect(scope.block(0).size).toBe(64);
    scope.release();
  });

  test('terminates strings', () => {
    const { kernel, scope, pool } = setUpScope();
    const used = pool.take(64);
    kernel.memory.bytes(used.address, 64)?.fill(9);
    pool.give(used);
    expect(at(kernel, scope.cString('grüße'), 8).toString()).toBe('grüße\0');
    expect([...at(kernel, scope.cString(Buffer.from([1, 2])), 3)]).toEqual([1, 2, 0]);
    expect(kernel.memory.string(scope.cString(''))).toBe('');
    expect(kernel.memory.string(scope.cString('x'.repeat(63)))).toHaveLength(63);
    scope.release();
    // Each character may take three bytes.
    scope.cString('x'.repeat(64));
    expect(pool.bytesInUse).toBe(256);
    scope.release();
    expect(pool.bytesInUse).toBe(0);
  });

  test('copies input for the kernel to read, and output that it wrote', () => {
    const { kernel, scope, pool } = setUpScope();
    expect(at(kernel, scope.input(Buffer.from('input')), 5).toString()).toBe('input');
    const [one, two] = [new Uint8Array(3), new Uint8Array(4)];
    const vector = scope.iovecs([one, two], 'output');
    const data = kernel.memory.data(vector, 32) as DataView;
    const addresses = [Number(data.getBigUint64(0, true)), Number(data.getBigUint64(16, true))] as const;
    expect([data.getBigUint64(8, true), data.getBigUint64(24, true)]).toEqual([3n, 4n]);
    kernel.memory.bytes(addresses[0], 3)?.set(Buffer.from('abc'));
    kernel.memory.bytes(addresses[1], 4)?.set(Buffer.from('defg'));
    scope.collect(5);
    expect([Buffer.from(one).toString(), [...two]]).toEqual(['abc', [0x64, 0x65, 0, 0]]);
    scope.collect(0);
    scope.collect(100);
    expect(Buffer.from(two).toString()).toBe('defg');
    scope.release();
    // Nothing is copied after the release.
    one.fill(0);
    scope.collect(7);
    expect([...one]).toEqual([0, 0, 0]);
    expect(pool.bytesInUse).toBe(0);
  });

  test('builds vectors of input', () => {
    const { kernel, scope } = setUpScope();
    const data = kernel.memory.data(scope.iovecs([Buffer.from('ab'), Buffer.from('c')], 'input'), 32) as DataView;
    expect(at(kernel, Number(data.getBigUint64(0, true)), 2).toString()).toBe('ab');
    expect(at(kernel, Number(data.getBigUint64(16, true)), 1).toString()).toBe('c');
    scope.release();
    scope.iovecs(new Array(5).fill(new Uint8Array(new SharedArrayBuffer(8))), 'input');
    expect(scope.firstBlock.size).toBe(128);
    scope.release();
  });

  test('uses shared memory and pooled buffers in place', () => {
    const { buffers, kernel, scope, pool } = setUpScope();
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    expect([scope.input(shared), scope.output(shared)]).toEqual([kernel.addressOf(shared), kernel.addressOf(shared)]);
    const pooled = buffers.allocate(8);
    const before = pool.bytesInUse;
    const address = scope.output(pooled.bytes);
    expect([address, pool.bytesInUse]).toEqual([kernel.addressOf(pooled.bytes), before]);
    pooled.release();
    expect(buffers.usage.buffers).toBe(1);
    scope.release();
    expect(buffers.usage.buffers).toBe(0);
    const words = new Int32Array(new SharedArrayBuffer(8));
    expect(scope.addressOfShared(words)).toBe(kernel.addressOf(words));
    expect(scope.registeredIndex(new Uint8Array(8))).toBe(-1);
  });

  test('has an address for an empty view, and refuses a detached one', () => {
    const { scope } = setUpScope();
    expect(scope.input(new Uint8Array(0))).toBeGreaterThan(0);
    expect(scope.output(new Uint8Array(0))).toBeGreaterThan(0);
    const gone = new Uint8Array(8);
    detach(gone);
    expect(() => scope.output(gone)).toThrow(
      'Invalid state: the buffer was detached (or shrunk) while it was used; nothing was done',
    );
    const late = new Uint8Array(8);
    scope.output(late);
    detach(late);
    expect(() => scope.collect(5)).toThrow('the 5 bytes that were read are lost');
    scope.collect(0);
    scope.release();
  });

  test('writes times in seconds and nanoseconds', () => {
    const { kernel, scope } = setUpScope();
    const time = (milliseconds: number) => {
      const data = kernel.memory.data(scope.timespec(milliseconds), 16) as DataView;
      return [data.getBigInt64(0, true), data.getBigInt64(8, true)];
    };
    expect([time(0), time(1234.5), time(999.9999999), time(86_400_000)]).toEqual([
      [0n, 0n],
      [1n, 234_500_000n],
      [0n, 1_000_000_000n],
      [86_400n, 0n],
    ]);
    scope.release();
  });

  test('comes with helpers for bytes, and for memory that outlives a thread', () => {
    const buffer = new ArrayBuffer(8);
    expect(bytesOf(buffer)).toEqual(new Uint8Array(8));
    const view = bytesOf(new Int16Array(buffer, 2, 2));
    expect([view.byteOffset, view.byteLength, view.buffer]).toEqual([2, 4, buffer]);
    expect([outlivesThread(new SharedArrayBuffer(8)), outlivesThread(buffer)]).toEqual([true, false]);
    expect(detachedError('so').message).toBe('Invalid state: the buffer was detached (or shrunk) while it was used; so');
  });
});

describe('a group of buffers', () => {
  test('leaves nothing behind when memory cannot be allocated', () => {
    const { kernel, memory, pool } = setUp();
    const options = { count: 4, size: 16 * 1024 * 1024, replenished: () => undefined };
    const { addressOf } = kernel;
    let left = 1;
    kernel.addressOf = (view) => {
      if (left-- === 0) throw new RangeError('Array buffer allocation failed');
      return addressOf.call(kernel, view);
    };
    expect(() => new BufferGroup(memory, options)).toThrow('allocation failed');
    expect([pool.bytesInUse, memory.groupIds.take()]).toEqual([0, 0]);
    memory.groupIds.give(0);
    // The kernel no longer knows the group.
    const group = new BufferGroup(memory, options);
    expect([group.id, group.available]).toEqual([0, 4]);
    group.end();
    expect(pool.bytesInUse).toBe(0);
  });
});

test('shared buffers that cannot be registered leave no memory of their form behind', () => {
  const { kernel, core, memory, pool } = setUp();
  const engine = { core, memory } as unknown as Engine;
  kernel.fail('register', Errno.ENOMEM);
  expect(() => new SharedBuffers(engine, withDescriptors(engine))).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
  expect(pool.bytesInUse).toBe(0);
});

describe('slots for files', () => {
  test('are handed out once, and again after they were released', () => {
    const { core } = setUp();
    const files = new FileSlots(core.ring);
    const sparse = jest.spyOn(core.ring.files, 'registerSparse');
    const all = Array.from({ length: 1024 }, () => files.allocate());
    expect(all.map(({ slot }) => slot)).toEqual(Array.from({ length: 1024 }, (_, i) => i));
    expect(() => files.allocate()).toThrow('Invalid state: all slots are in use');
    all[5]?.release();
    all[5]?.release();
    all[7]?.[Symbol.dispose]();
    expect([files.take(), files.take(), files.take()]).toEqual([7, 5, -1]);
    files.give(9);
    expect(files.allocate().slot).toBe(9);
    expect(sparse.mock.calls).toEqual([[1024]]);
  });

  test('are unavailable without a table', () => {
    const { core, kernel } = setUp();
    const files = new FileSlots(core.ring);
    kernel.fail('register', Errno.EINVAL);
    expect(() => files.allocate()).toThrow('Invalid state: the kernel has no sparse table of files');
    expect(files.take()).toBe(-1);
    const other = setUp();
    jest.spyOn(other.core.ring.files, 'registerSparse').mockImplementation(() => {
      throw new RangeError('not the kernel’s');
    });
    expect(() => new FileSlots(other.core.ring).allocate()).toThrow('not the kernel’s');
  });

  test('can be used in place of files', () => {
    const { core } = setUp();
    const slot = new FileSlots(core.ring).allocate();
    expect([fdOf(5), fdOf(-1), fdOf({ fd: 6 } as never), fdOf(slot as never)]).toEqual([5, -1, 6, 0]);
    expect([
      isDirect(5),
      isDirect({ fd: 6 } as never),
      isDirect(slot as never),
      isDirect(undefined),
      isDirect(null as never),
    ]).toEqual([false, false, true, false, false]);
    // Numbers are checked by the encoders.
    for (const bad of ['x', null, undefined, {}, { fd: 'x' }, { fd: -1 }, { slot: 2 ** 31 }]) {
      expect(() => fdOf(bad as never)).toThrow('"file"');
    }
  });
});

describe('signals', () => {
  test('have one listener for all operations, which is removed with the last one', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const reasons: unknown[] = [];
    const target = (): Abortable => ({ abort: (reason) => reasons.push(reason) });
    const [a, b, c] = [target(), target(), target()];
    unlisten(signal, a);
    listen(signal, a);
    listen(signal, b);
    expect(added).toHaveBeenCalledTimes(1);
    unlisten(signal, c);
    unlisten(signal, a);
    expect(removed).not.toHaveBeenCalled();
    unlisten(signal, b);
    expect(removed).toHaveBeenCalledTimes(1);
    listen(signal, a);
    listen(signal, b);
    expect(added).toHaveBeenCalledTimes(2);
    controller.abort('enough');
    expect(reasons).toEqual(['enough', 'enough']);
    expect(removed.mock.calls).toEqual(added.mock.calls.map(([name, listener]) => [name, listener]));
    // A target that was notified may remove itself.
    unlisten(signal, a);
  });

  test('must be instances of AbortSignal', () => {
    for (const good of [undefined, new AbortController().signal]) checkSignal('options.signal', good);
    for (const bad of [null, 'x', {}, { aborted: false }, { addEventListener: () => undefined }]) {
      expect(() => checkSignal('options.signal', bad)).toThrow(
        'The "options.signal" argument must be an instance of AbortSignal',
      );
    }
  });
});

test('a request has intact memory and no call site by default', () => {
  class Plain extends Request {
    complete(): void {}
    abandon(): void {}
  }
  const request = new Plain();
  expect([request.id, request.memoryIsIntact(), request.callSite]).toEqual([-1, true, undefined]);
});

describe('the outcome of an operation', () => {
  const open = () => {
    const kernel = new SimulatedKernel();
    const uring = Uring.open({ syscalls: kernel });
    cleanUp.push(() => uring.close());
    const answer = (code: number, ...results: (number | undefined)[]) =>
      kernel.interceptOperations(({ opcode }) => (opcode === code ? results.shift() : undefined));
    return { kernel, uring, answer };
  };
  const errorOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error) => error as Error & { cause?: Error; code?: string },
    );

  test.each([Errno.ECANCELED, Errno.EINTR, 512])('is an abort on errno %i only if the signal was aborted', async (errno) => {
    const { kernel, uring, answer } = open();
    const [reader] = kernel.createPipe();
    answer(Opcode.READ, -errno);
    const plain = await errorOf(uring.read(reader, new Uint8Array(1)));
    expect([plain?.name, plain?.message.includes('read')]).toEqual(['UringError', true]);
    const controller = new AbortController();
    answer(Opcode.READ, -errno);
    const aborted = errorOf(uring.read(reader, new Uint8Array(1), { signal: controller.signal }));
    controller.abort(new Error('why'));
    expect(await aborted).toMatchObject({ name: 'AbortError', cause: { message: 'why' } });
  });

  test('is the kernel’s error if the abort came too late', async () => {
    const { uring, answer } = open();
    const controller = new AbortController();
    answer(Opcode.NOP, -Errno.EIO);
    const failed = errorOf(uring.nop({ signal: controller.signal }));
    setImmediate(() => controller.abort());
    expect(await failed).toMatchObject({ code: 'EIO' });
  });

  test('names the time limit that has passed', async () => {
    const { kernel, uring } = open();
    cleanUp.push(kernel.clock.install());
    const [reader] = kernel.createPipe();
    const late = errorOf(uring.read(reader, new Uint8Array(1), { timeoutMs: 25 }));
    await turns();
    kernel.advance(30);
    expect(await late).toMatchObject({
      name: 'AbortError',
      cause: { code: 'ETIME', message: 'ETIME: timer expired, read (25 ms)' },
    });
  });

  test('has a call site only if call sites are enabled', async () => {
    const kernel = new SimulatedKernel();
    const [reader] = kernel.createPipe();
    for (const callSites of [true, false]) {
      const uring = Uring.open({ syscalls: kernel, callSites });
      uring.read(reader, new Uint8Array(1)).catch(() => undefined);
      expect(typeof uring.inspect()[0]?.callSite).toBe(callSites ? 'string' : 'undefined');
      await uring.close();
    }
  });

  test('is the same on a slot as on a descriptor', async () => {
    const { kernel, uring } = open();
    const seen: number[] = [];
    const slot = uring.files.allocate();
    const fd = kernel.createFile(Buffer.from('abc'));
    uring.engine.core.ring.files.update(slot.slot, [fd]);
    const target = new Uint8Array(3);
    expect(await uring.read(slot, target, { offset: 0 })).toBe(3);
    expect(Buffer.from(target).toString()).toBe('abc');
    expect(await errorOf(uring.run(op.read(1000, target)))).toMatchObject({ code: 'EBADF' });
    expect(seen).toEqual([]);
  });

  test('is a rejection if the options are invalid', async () => {
    const { uring } = open();
    const refused = async (promise: Promise<unknown>) => (await errorOf(promise))?.message;
    expect(await refused(uring.nop({ timeoutMs: -1 }))).toBe(
      'The value of "options.timeoutMs" is out of range. It must be >= 0 && <= 2 ** 53 - 1. Received -1',
    );
    expect(await refused(uring.nop({ timeoutMs: 2 ** 54 }))).toContain('"options.timeoutMs"');
    expect(await refused(uring.nop({ timeoutMs: 'x' as never }))).toContain('options.timeoutMs');
    expect(await refused(uring.nop({ signal: 1 as never }))).toContain('"options.signal"');
    expect(await refused(uring.nop({ sginal: undefined } as never))).toContain('did you mean "signal"?');
    expect(await refused(uring.link([op.nop(), 5 as never]))).toContain(
      'The "operations[1]" argument must be an operation, made by op',
    );
    expect(await refused(uring.link([]))).toContain(
      'The value of "operations.length" is out of range. It must be >= 1. Received 0',
    );
    expect(await refused(uring.link('x' as never))).toContain('The "operations" argument must be an array of operations');
    expect(await refused(uring.link([op.nop()], { hrad: true } as never))).toContain('did you mean "hard"?');
    expect(await refused(uring.link([op.nop()], { signal: 5 as never }))).toContain('"options.signal"');
    expect(await uring.nop({ timeoutMs: 0 })).toBeUndefined();
    expect(uring.counters.inFlight).toBe(0);
  });

  test('is an abort if the chain was aborted before it started', async () => {
    const { uring } = open();
    const signal = AbortSignal.abort(new Error('too early'));
    const submitted = uring.counters.submitted;
    expect(await errorOf(uring.link([op.nop()], { signal }))).toMatchObject({ cause: { message: 'too early' } });
    expect(await errorOf(uring.link([op.nop(), op.nop({ signal })]))).toMatchObject({ cause: { message: 'too early' } });
    expect(uring.counters.submitted).toBe(submitted);
  });

  test('includes nothing in flight or allocated if a chain cannot be encoded', async () => {
    const { uring } = open();
    const gone = new Uint8Array(8);
    const chain = [op.nop(), op.nop({ timeoutMs: 50 }), op.write(1, gone)];
    detach(gone);
    expect(await errorOf(uring.link(chain))).toMatchObject({ code: 'ERR_INVALID_STATE' });
    await turns();
    expect([uring.counters.inFlight, uring.buffers.usage.bytes]).toEqual([0, 0]);
  });
});
