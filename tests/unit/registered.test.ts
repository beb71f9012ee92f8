/**
 * Registered memory stays alive as long as an entry of the table refers to it, and arguments for
 * the kernel have the right size.
 */

import { afterEach, expect, jest, test } from '@jest/globals';
import { RegisterOp, Ring, type RingOptions } from '../../src/ring/index.js';
import { allocateQueues } from '../../src/ring/memory.js';
import { probeOpcodes, queryKernel } from '../../src/ring/query.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';

const rings: Ring[] = [];
afterEach(() => {
  for (const ring of rings.splice(0)) ring.close();
});

function open(options: Partial<RingOptions> = {}) {
  const kernel = new SimulatedKernel();
  const ring = Ring.open({ entries: 4, syscalls: kernel, ...options });
  rings.push(ring);
  const { held } = ring.buffers as unknown as { held: (ArrayBufferView | undefined)[] };
  return { kernel, ring, held };
}

const views = (count: number) => Array.from({ length: count }, () => new Uint8Array(64));

test('a table holds the buffers in its entries', () => {
  const { ring, held } = open();
  const [a, b, c, d] = views(4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  ring.buffers.register([a, b, c]);
  expect(held).toEqual([a, b, c]);
  expect(ring.buffers.update(1, [d, null])).toBe(2);
  expect(held[0] === a && held[1] === d && held[2] === undefined).toBe(true);
  ring.buffers.unregister();
  expect(held).toEqual([]);
  ring.buffers.registerTagged([c, d], [1, 2]);
  expect(held[0] === c && held[1] === d && held.length === 2).toBe(true);
});

test('a ring without a descriptor has buffer rings in its arena', () => {
  const { ring } = open({ flags: ['REGISTERED_FD_ONLY'], memory: 'shared' });
  expect(ring.bufferRings.create({ group: 1, entries: 2, bufferSize: 64 }).entries).toBe(2);
  expect(() => ring.bufferRings.create({ group: 2, entries: 2, memory: 'mapped' })).toThrow('nothing to map from');
});

test('an invalid minimum wait is reported by its name', () => {
  const { kernel, ring } = open();
  // The simulated kernel has no wait regions.
  const { register } = kernel;
  kernel.register = () => 0;
  ring.settings.registerWaitRegion(1);
  kernel.register = register;
  expect(() => ring.settings.setRegisteredWait(0, 1, -1)).toThrow('minWaitMicroseconds');
});

test('buffers that the kernel did not take are not held', () => {
  const { kernel, ring, held } = open();
  const [a, b, c] = views(3) as [Uint8Array, Uint8Array, Uint8Array];
  ring.buffers.registerSparse(4);
  const register = kernel.register.bind(kernel);
  kernel.register = (fd, operation, address, count) =>
    (operation & 0xff) === RegisterOp.BUFFERS_UPDATE ? 2 : register(fd, operation, address, count);
  expect(ring.buffers.update(1, [a, b, c])).toBe(2);
  kernel.register = register;
  expect([held[0], held[1] === a, held[2] === b, held[3]]).toEqual([undefined, true, true, undefined]);
});

test('buffers that are cloned from another ring are held by both', () => {
  const source = open();
  const all = views(4);
  source.ring.buffers.register(all);
  for (const [options, expected] of [
    [{}, all],
    [{ sourceOffset: 1 }, all.slice(1)],
    [{ sourceOffset: 1, count: 2 }, all.slice(1, 3)],
    [{ sourceOffset: 2, count: 1 }, all.slice(2, 3)],
    [{ sourceOffset: 1, count: 2, offset: 3 }, [undefined, undefined, undefined, ...all.slice(1, 3)]],
  ] as const) {
    const { kernel, ring, held } = open();
    // The simulated kernel cannot clone buffers.
    kernel.register = () => 0;
    ring.buffers.cloneFrom(source.ring, options);
    expect(held).toHaveLength(expected.length);
    expect(Array.from(held).every((view, index) => view === expected[index])).toBe(true);
    // A source that is known only by its descriptor holds its buffers itself.
    const other = open();
    other.kernel.register = () => 0;
    other.ring.buffers.cloneFrom({ fd: 5 }, options);
    other.ring.buffers.cloneFrom({ fd: 5, buffers: undefined } as never, options);
    expect(other.held).toEqual([]);
  }
});

test('registering buffers allocates room for all arguments', () => {
  const { ring } = open();
  const { arena } = ring;
  const allocate = jest.spyOn(arena, 'allocate');
  ring.buffers.register(views(10));
  expect(allocate.mock.calls).toEqual([[160]]);
  ring.buffers.unregister();
  const one = new Uint8Array(8);
  ring.buffers.register(new Array(16_384).fill(one));
  ring.buffers.unregister();
  expect(() => ring.buffers.register(new Array(16_385).fill(one))).toThrow('"views.length"');
  ring.buffers.register([new Uint8Array(new SharedArrayBuffer(2 ** 30))]);
  expect(() => ring.buffers.update(0, [new Uint8Array(new SharedArrayBuffer(2 ** 30 + 1))])).toThrow('"views[0].byteLength"');
});

test('a wait refuses registered arguments that do not exist', () => {
  const { ring } = open();
  Object.assign(ring.settings, { waitArguments: 2, waitRegion: {} });
  for (const bad of [2, 3, -1, 0.5]) expect(() => ring.submitAndWaitRegistered(1, bad)).toThrow('The value of "index"');
});

test('the probe reports which operations the kernel supports', () => {
  const { kernel, ring } = open();
  const { arena } = ring;
  const scratch = jest.spyOn(arena, 'scratch');
  const register = kernel.register.bind(kernel);
  kernel.register = (fd, code, address, count) => {
    if ((code & 0xff) !== RegisterOp.PROBE) return register(fd, code, address, count);
    const bytes = kernel.memory.bytes(address, 16 + 8 * 256) as Uint8Array;
    bytes.fill(0);
    bytes[0] = 9;
    bytes[1] = 3;
    for (const [index, [opcode, flags]] of [
      [7, 1],
      [8, 0],
      [9, 1],
      [10, 1],
    ].entries()) {
      bytes[16 + 8 * index] = opcode as number;
      bytes[16 + 8 * index + 2] = flags as number;
    }
    return 0;
  };
  const probe = probeOpcodes(kernel, arena, ring.fd, 0);
  expect([probe.lastOpcode, ...[0, 7, 8, 9, 10].map((opcode) => probe.supports(opcode))]).toEqual([
    9,
    false,
    true,
    false,
    true,
    false,
  ]);
  expect(scratch.mock.calls[0]?.[0]).toBe(16 + 8 * 256);
});

test('a query that the kernel does not know returns undefined', () => {
  const { kernel, ring } = open();
  expect(queryKernel(kernel, ring.arena)?.opcodes).toBeGreaterThan(0);
  kernel.register = (_fd, _code, address) => {
    kernel.memory.data(address, 40)?.setInt32(24, -95, true);
    return 0;
  };
  expect(queryKernel(kernel, ring.arena)).toBeUndefined();
});

test('queues have the size that the kernel computes', () => {
  const { ring } = open();
  const sizesOf = (sq: number, cq: number, flags = 0) => {
    const { ringsSize, sqesSize } = allocateQueues(ring.arena, sq, cq, flags);
    return [ringsSize, sqesSize];
  };
  expect(sizesOf(4096, 8192)).toEqual([37 * 4096, 64 * 4096]);
  expect(sizesOf(16_384, 16_384)).toEqual([81 * 4096, 256 * 4096]);
  const allocate = jest.spyOn(ring.arena, 'allocate');
  expect(() => ring.settings.resize(4096)).toThrow();
  expect(allocate.mock.calls[0]).toEqual([37 * 4096]);
});

test('workers get a mask as long as the highest CPU needs', () => {
  const { kernel, ring } = open();
  const masks: [string, number][] = [];
  const register = kernel.register.bind(kernel);
  kernel.register = (fd, code, address, count) => {
    if ((code & 0xff) !== RegisterOp.IOWQ_AFF) return register(fd, code, address, count);
    masks.push([Buffer.from(kernel.memory.bytes(address, count) as Uint8Array).toString('hex'), count]);
    return 0;
  };
  ring.workers.setAffinity([1, 70]);
  ring.workers.setAffinity([9, 10]);
  expect(masks).toEqual([
    ['02000000000000004000000000000000', 16],
    ['0006000000000000', 8],
  ]);
});

test('a buffer ring in the kernel’s memory is mapped, and unmapped on release', () => {
  const { kernel, ring } = open();
  kernel.register = () => 0;
  const mapped = () => kernel.calls.mmap;
  const before = mapped();
  const mmap = jest.spyOn(kernel, 'mmap').mockImplementation(() => 0x7000_0000);
  jest.spyOn(kernel, 'viewOf').mockImplementation((_address, length) => new ArrayBuffer(length));
  const buffers = ring.bufferRings.create({ group: 1, entries: 4, memory: 'mapped' });
  expect(mmap).toHaveBeenCalledTimes(1);
  buffers.release();
  expect([mmap.mock.calls.length, mapped()]).toEqual([2, before]);
  kernel.register = () => -Errno.EINVAL;
  expect(() => ring.bufferRings.create({ group: 1, entries: 4, memory: 'mapped' })).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
  expect(mmap).toHaveBeenCalledTimes(2);
});

test('zero-copy receive allocates its refill ring, and room for its arguments', () => {
  const { kernel, ring } = open();
  const { arena } = ring;
  const [block, scratch] = [jest.spyOn(arena, 'block'), jest.spyOn(arena, 'scratch')];
  kernel.register = (_fd, _code, address) => {
    const data = kernel.memory.data(address, 96 + 48 + 64) as DataView;
    data.setBigUint64(96 + 16, 0x0102_0304_0506_0708n, true);
    return 0;
  };
  const area = new Uint8Array(4096);
  const queue = ring.zeroCopy.registerQueue({ interfaceIndex: 2, receiveQueue: 1, entries: 1024, area });
  expect([block.mock.calls, scratch.mock.calls.map(([size]) => size)]).toEqual([[[5 * 4096]], [96 + 48 + 64]]);
  expect(queue.areaToken).toBe(0x0102_0304_0506_0708n);
});
