/** Leases: memory that the kernel may use, until it is released. */

import { afterEach, describe, expect, test } from '@jest/globals';
import { Chunk } from '../../src/engine/memory/chunk.js';
import { KernelMemory } from '../../src/engine/memory/kernel-memory.js';
import { Core } from '../../src/engine/queue/core.js';
import { SimulatedKernel } from '../../src/testing/index.js';

const cores: Core[] = [];
afterEach(() => {
  for (const core of cores.splice(0)) core.close();
});

function setUp() {
  const kernel = new SimulatedKernel();
  const core = new Core({ entries: 8, cqEntries: 16, syscalls: kernel, eventLoop: undefined });
  cores.push(core);
  const memory = new KernelMemory(core.ring, kernel);
  const at = (address: number, length: number) => kernel.memory.bytes(address, length) as Uint8Array;
  return { kernel, memory, at };
}

const detach = (view: ArrayBufferView) => structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });

describe('memory that could be detached', () => {
  test('is copied for the kernel to read', () => {
    const { memory, at } = setUp();
    const view = Buffer.from('input');
    const lease = memory.lease(view, 'input');
    view.fill(0);
    expect(Buffer.from(at(lease.address, 5)).toString()).toBe('input');
    lease.copyBack(0);
    lease.release();
    expect(memory.pool.bytesInUse).toBe(0);
  });

  test('receives a copy of what the kernel wrote, unless it was detached', () => {
    const { memory, at } = setUp();
    const view = new Uint8Array(8);
    const lease = memory.lease(view, 'output');
    at(lease.address, 8).fill(7);
    lease.copyBack(3, 2);
    expect([...view]).toEqual([0, 0, 7, 7, 7, 0, 0, 0]);
    expect(() => lease.copyBack(7, 2)).toThrow('the 7 bytes that were read are lost');
    detach(view);
    expect(() => lease.copyBack(1)).toThrow('Invalid state: the buffer was detached (or shrunk) while it was used');
    lease.release();
  });

  test('has no lease in place, and none at all once it is detached', () => {
    const { memory } = setUp();
    const view = new Uint8Array(8);
    expect(memory.leaseInPlace(view)).toBeUndefined();
    detach(view);
    expect(() => memory.lease(view, 'input')).toThrow('nothing was done');
    expect(memory.pool.bytesInUse).toBe(0);
  });

  test('is copied piece by piece through one block', () => {
    const { memory, at } = setUp();
    const lease = memory.leaseCopy(new DataView(Buffer.from('abcdefgh').buffer.slice(0)), 4);
    const view = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    const pieces = memory.leaseCopy(view, 4);
    for (const start of [0, 4]) {
      pieces.copyIn(4, start);
      expect([...at(pieces.address, 4)]).toEqual([...view.subarray(start, start + 4)]);
    }
    pieces.copyIn(0, 8);
    pieces.release();
    lease.release();
    expect(memory.pool.bytesInUse).toBe(0);
  });
});

describe('memory in place', () => {
  test('of the pool is not reused before the lease is released', () => {
    const { kernel, memory } = setUp();
    const buffer = memory.buffers.allocate(4096);
    const lease = memory.lease(buffer.bytes.subarray(8), 'output');
    expect(lease.address).toBe(kernel.addressOf(buffer.bytes) + 8);
    buffer.release();
    expect(memory.buffers.usage.buffers).toBe(1);
    lease.copyBack(4);
    lease.release();
    expect(memory.buffers.usage.buffers).toBe(0);
    expect(() => memory.lease(buffer.bytes, 'input')).toThrow('the buffer was released');
  });

  test('can be shared memory', () => {
    const { kernel, memory } = setUp();
    const view = new Uint8Array(new SharedArrayBuffer(16), 4);
    const lease = memory.lease(view, 'output');
    expect([lease.address, memory.pool.bytesInUse]).toEqual([kernel.addressOf(view), 0]);
    lease.release();
  });

  test('can be a chunk, which is returned after the lease', () => {
    const { memory } = setUp();
    const block = memory.pool.take(64);
    const given: number[] = [];
    const chunk = new Chunk({ giveBack: (id) => given.push(id) }, 3, block, 8, 4);
    const lease = memory.leaseInPlace(chunk);
    chunk.release();
    expect([lease?.address, given]).toEqual([block.address + 8, []]);
    lease?.release();
    expect(given).toEqual([3]);
    expect(() => memory.leaseInPlace(chunk)).toThrow('the chunk was released');
  });
});

test('an assertion catches a lease that is released twice', () => {
  const { memory } = setUp();
  for (const view of [new Uint8Array(8), new Uint8Array(new SharedArrayBuffer(8))]) {
    const lease = memory.lease(view, 'input');
    lease.release();
    expect(() => lease.release()).toThrow('a lease is released once');
  }
});
