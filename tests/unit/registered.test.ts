/** Registered memory stays alive as long as a slot of the table refers to it; and what is given to the kernel is of the right size. */

import { afterEach, expect, jest, test } from '@jest/globals';
import { RegisterOp, Ring, type RingOptions } from '../../src/ring/index.js';
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

test('a table holds what is in its slots', () => {
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

test('what the kernel did not take is not held', () => {
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

test('what another ring has registered is held by both', () => {
  const source = open();
  const all = views(4);
  source.ring.buffers.register(all);
  for (const [options, expected] of [
    [{}, all],
    [{ sourceOffset: 1 }, all.slice(1)],
    [{ sourceOffset: 1, count: 2 }, all.slice(1, 3)],
    [{ sourceOffset: 1, count: 2, offset: 3 }, [undefined, undefined, undefined, ...all.slice(1, 3)]],
  ] as const) {
    const { kernel, ring, held } = open();
    // The simulated kernel has no such operation.
    kernel.register = () => 0;
    ring.buffers.cloneFrom(source.ring, options);
    expect(held).toHaveLength(expected.length);
    expect(Array.from(held).every((view, index) => view === expected[index])).toBe(true);
    // One that is known by its descriptor only holds its own.
    const other = open();
    other.kernel.register = () => 0;
    other.ring.buffers.cloneFrom({ fd: 5 }, options);
    other.ring.buffers.cloneFrom({ fd: 5, buffers: undefined } as never, options);
    expect(other.held).toEqual([]);
  }
});

test('has room for all of the arguments', () => {
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

test('waits with registered arguments: of those that there are', () => {
  const { ring } = open();
  Object.assign(ring.settings, { waitArguments: 2, waitRegion: {} });
  for (const bad of [2, 3, -1, 0.5]) expect(() => ring.submitAndWaitRegistered(1, bad)).toThrow('The value of "index"');
});
