/** Bad input: every public function says what is wrong, in Node's words, and nothing has changed. */

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { URingContext } from '../../src/index.js';
import * as ops from '../../src/ops/index.js';
import { Ring, type Sqe } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { run } from '../helpers/ring.js';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const RANGE = 'ERR_OUT_OF_RANGE';
const VALUE = 'ERR_INVALID_ARG_VALUE';

const kernel = new SimulatedKernel();
let ring: Ring;
let context: URingContext;
beforeEach(() => {
  ring = Ring.open({ entries: 8, syscalls: kernel });
  context = new URingContext(8, { syscalls: kernel });
});
afterEach(() => {
  ring.close();
  context.close();
});

/** Any value, whatever the types say. */
const any = (value: unknown) => value as never;

const detached = () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return view;
};

function expectError(use: () => unknown, code: string): void {
  let thrown: { code?: string; name?: string } | undefined;
  try {
    use();
  } catch (error) {
    thrown = error as { code: string; name: string };
  }
  expect(thrown).toMatchObject({ code, name: code === RANGE ? 'RangeError' : 'TypeError' });
}

describe('opening', () => {
  const open = (options: object) => () => Ring.open(any({ entries: 8, syscalls: kernel, ...options }));
  test.each<[string, () => unknown, string]>([
    ['no options', () => Ring.open(any(undefined)), TYPE],
    ['entries 0', open({ entries: 0 }), RANGE],
    ['entries 32769', open({ entries: 32769 }), RANGE],
    ['entries 1.5', open({ entries: 1.5 }), RANGE],
    ['entries NaN', open({ entries: Number.NaN }), RANGE],
    ['entries as a string', open({ entries: '8' }), TYPE],
    ['entries -1', open({ entries: -1 }), RANGE],
    ['fewer CQ than SQ entries', open({ cqEntries: 4 }), RANGE],
    ['cqEntries 65537', open({ cqEntries: 65537 }), RANGE],
    ['a misspelled option', open({ cqentries: 16 }), VALUE],
    ['a misspelled flag', open({ flags: ['SQPOL'] }), VALUE],
    ['flags that are no array', open({ flags: 'SQPOLL' }), TYPE],
    ['a flag that is no string', open({ optionalFlags: [1] }), TYPE],
    ['another kind of memory', open({ memory: 'heap' }), VALUE],
    ['contradicting memory', open({ memory: 'mapped', flags: ['NO_MMAP'] }), VALUE],
    ['CQSIZE without a size', open({ flags: ['CQSIZE'] }), TYPE],
    ['ATTACH_WQ without a ring', open({ flags: ['ATTACH_WQ'] }), TYPE],
    ['a small arena', open({ arenaSize: 1024 }), RANGE],
    ['a negative idle time', open({ sqThreadIdle: -1 }), RANGE],
    ['attaching to nothing', () => Ring.attach(any({})), TYPE],
    ['attaching to half a handle', () => Ring.attach(any({ signature: 'uring:ring:1' })), TYPE],
    ['attaching to a string', () => URingContext.attach(any('x')), TYPE],
  ])('%s', (_, use, code) => expectError(use, code));

  test('a misspelling is told with the right name', () => {
    expect(open({ cqentries: 16 })).toThrow('did you mean "cqEntries"?');
    expect(open({ flags: ['DEFER_TASK_RUN'] })).toThrow('did you mean "DEFER_TASKRUN"?');
    expect(() => new URingContext(8, any({ restriction: [] }))).toThrow('did you mean "restrictions"?');
  });
});

describe('encoders check, and leave the SQE as it was', () => {
  const cases: [string, (sqe: Sqe) => void, string][] = [
    ['a negative fd', (s) => ops.prepRead(s, -1, 1, 1, 0), RANGE],
    ['a fractional fd', (s) => ops.prepRead(s, 1.5, 1, 1, 0), RANGE],
    ['an fd of 2^31', (s) => ops.prepRead(s, 2 ** 31, 1, 1, 0), RANGE],
    ['an fd that is no number', (s) => ops.prepRead(s, any('3'), 1, 1, 0), TYPE],
    ['a length of 2 GiB', (s) => ops.prepRead(s, 3, 1, 2 ** 31, 0), RANGE],
    ['a NaN length', (s) => ops.prepWrite(s, 3, 1, Number.NaN, 0), RANGE],
    ['an offset below -1', (s) => ops.prepRead(s, 3, 1, 1, -2), RANGE],
    ['an offset of 2^63', (s) => ops.prepRead(s, 3, 1, 1, 2n ** 63n), RANGE],
    ['an offset beyond 2^53', (s) => ops.prepRead(s, 3, 1, 1, 2 ** 60), RANGE],
    ['an offset that is no number', (s) => ops.prepRead(s, 3, 1, 1, any(null)), TYPE],
    ['a negative address', (s) => ops.prepRead(s, 3, -5, 1, 0), RANGE],
    ['flags beyond u32', (s) => ops.prepRead(s, 3, 1, 1, 0, 2 ** 32), RANGE],
    ['1,025 iovecs', (s) => ops.prepReadv(s, 3, 1, 1025, 0), RANGE],
    ['a group beyond u16', (s) => ops.prepReadSelect(s, 3, 65536, 1, 0), RANGE],
    ['user data beyond u64', (s) => ops.prepCancel(s, 2n ** 64n), RANGE],
    ['negative user data', (s) => ops.prepCancel(s, -1), RANGE],
    ['a slot beyond u32', (s) => ops.prepOpenat(s, 3, 1, 0, 0, 2 ** 32), RANGE],
    ['a directory fd of -1', (s) => ops.prepOpenat(s, -1, 1, 0), RANGE],
    ['a how of 3', (s) => ops.prepShutdown(s, 3, 3), RANGE],
    ['no buffers', (s) => ops.prepProvideBuffers(s, 1, 1, 0, 1, 1), RANGE],
    ['a payload that is none', (s) => ops.prepUringCmd(s, 1, 3, 0, any('x')), TYPE],
  ];
  test.each(cases)('%s', (_, encode, code) => {
    const sqe = ring.getSqe() as Sqe;
    ops.prepNop(sqe);
    const before = Buffer.from(sqe.bytes());
    expectError(() => encode(sqe), code);
    expect(Buffer.compare(before, sqe.bytes())).toBe(0);
    ring.submit();
    ring.forEachCqe(() => undefined);
  });

  test('user data and flags', () => {
    const sqe = ring.getSqe() as Sqe;
    ops.prepNop(sqe);
    for (const value of [-1, 1.5, Number.NaN, 2 ** 53]) expectError(() => sqe.setUserData(value), RANGE);
    expectError(() => sqe.setUserData(2n ** 64n), RANGE);
    expectError(() => sqe.setUserData(any('1')), TYPE);
    expectError(() => sqe.setFlags(-1), RANGE);
    expectError(() => sqe.setFlags(0x80), RANGE);
    expectError(() => sqe.setBufferIndex(70_000), RANGE);
    expectError(() => sqe.setPersonality(65_537), RANGE);
    expectError(() => sqe.setIoprio(any('x')), TYPE);
    ring.submit();
    ring.forEachCqe(() => undefined);
  });
});

describe('the ring', () => {
  test.each<[string, () => unknown, string]>([
    ['waiting for more than fit', () => ring.submitAndWait(1000), RANGE],
    ['waiting for -1', () => ring.submitAndWait(-1), RANGE],
    ['waiting for a string', () => ring.submitAndWait(any('1')), TYPE],
    ['a negative time', () => ring.submitAndWait(1, -1), RANGE],
    ['a NaN time', () => ring.submitAndWait(1, Number.NaN), RANGE],
    ['a time that is no number', () => ring.waitCqe(any('1')), TYPE],
    ['advancing too far', () => ring.advance(1), RANGE],
    ['advancing by -1', () => ring.advance(-1), RANGE],
    ['no callback', () => ring.forEachCqe(any(undefined)), TYPE],
    ['pinning a string', () => ring.pin(any('x')), TYPE],
    ['pinning nothing', () => ring.pin(new Uint8Array(0)), VALUE],
    ['pinning a detached buffer', () => ring.pin(detached()), VALUE],
    ['registering no files', () => ring.files.register([]), RANGE],
    ['registering a string', () => ring.files.register(any('x')), TYPE],
    ['registering fd -2', () => ring.files.register([-2]), RANGE],
    ['as many tags as files', () => ring.files.registerTagged([3], []), RANGE],
    ['no slots', () => ring.files.registerSparse(0), RANGE],
    ['registering no buffers', () => ring.buffers.register([]), RANGE],
    ['registering an empty buffer', () => ring.buffers.register([new Uint8Array(0)]), VALUE],
    ['registering a string as a buffer', () => ring.buffers.register(any(['x'])), TYPE],
    ['a buffer ring of 3', () => ring.bufferRings.create({ group: 0, entries: 3 }), RANGE],
    ['a misspelled buffer ring', () => ring.bufferRings.create(any({ group: 0, entry: 2 })), VALUE],
    ['a CPU of -1', () => ring.workers.setAffinity([-1]), RANGE],
    ['no CPUs', () => ring.workers.setAffinity([]), RANGE],
    ['a limit of -1', () => ring.workers.setLimits({ bounded: -1 }), RANGE],
    ['a misspelled limit', () => ring.workers.setLimits(any({ bound: 3 })), VALUE],
    ['no limits at all', () => ring.workers.setLimits(any(null)), TYPE],
    ['a misspelled part of a clone', () => ring.buffers.cloneFrom(ring, any({ ofset: 3 })), VALUE],
    ['visiting a negative number', () => ring.cq.forEach(() => {}, -1), RANGE],
    ['advancing by NaN', () => ring.cq.advance(Number.NaN), RANGE],
    ['an unknown operation', () => ring.settings.restrict({ operations: any(['RAED']) }), VALUE],
    ['cancelling by a misspelled field', () => ring.cancelSync(any({ userdata: 1 })), VALUE],
    ['a message to nobody', () => ring.sendMessage(-1, 1), RANGE],
    ['resizing to 0', () => ring.settings.resize(0), RANGE],
    ['an arena block of 0', () => ring.arena.allocate(0), RANGE],
    ['an arena block that is too large', () => ring.arena.allocate(2 ** 29), RANGE],
  ])('%s', (_, use, code) => expectError(use, code));

  test("an fd that is not open is the operation's own result", () => {
    expect(run(ring, (sqe) => ops.prepRead(sqe, 9999, ring.arena.block(8).address, 8, 0)).res).toBe(-Errno.EBADF);
  });

  test('a buffer ring that does not fit leaves nothing behind', () => {
    for (let i = 0; i < 3; i++) {
      expectError(() => ring.bufferRings.create({ group: 5, entries: 64, bufferSize: 1 << 20 }), RANGE);
    }
    const buffers = ring.bufferRings.create({ group: 5, entries: 4, bufferSize: 64 });
    buffers.release();
    expect(() => buffers.advance(1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  test('freeing a block twice is an error', () => {
    const block = ring.arena.block(64);
    block.free();
    expect(() => block.free()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });
});

describe('the context', () => {
  const buffer = new Uint8Array(8);
  // Never touched, so it takes no memory.
  const huge = new Uint8Array(2 ** 31);
  test.each<[string, () => unknown, string]>([
    ['no buffer', () => context.addRead(any(undefined), 3, 0, 1), TYPE],
    ['an array', () => context.addRead(any([1]), 3, 0, 1), TYPE],
    ['an empty buffer', () => context.addRead(new Uint8Array(0), 3, 0, 1), VALUE],
    ['a detached buffer', () => context.addWrite(detached(), 3, 0, 1), VALUE],
    ['a buffer of 2 GiB', () => context.addRead(huge, 3, 0, 1), RANGE],
    ['2 GiB in two buffers', () => context.addReadv([huge.subarray(2 ** 30), huge.subarray(2 ** 30)], 3, 0, 1), RANGE],
    ['a negative fd', () => context.addRead(buffer, -1, 0, 1), RANGE],
    ['a negative offset', () => context.addRead(buffer, 3, -5, 1), RANGE],
    ['no user data', () => context.addNop(any(undefined)), TYPE],
    ['fractional user data', () => context.addNop(1.5), RANGE],
    ['user data beyond u64', () => context.addNop(2n ** 64n), RANGE],
    ['no buffers', () => context.addReadv([], 3, 0, 1), RANGE],
    ['1,025 buffers', () => context.addReadv(new Array(1025).fill(buffer), 3, 0, 1), RANGE],
    ['one bad buffer among them', () => context.addWritev([buffer, new Uint8Array(0)], 3, 0, 1), VALUE],
    ['no iterable', () => context.addReadvIter(any(5), 3, 0, 1), TYPE],
    ['a negative length', () => context.addFallocate(3, 0, -1, 0, 1), RANGE],
    ['events beyond u32', () => context.addPollFd(3, 2 ** 32, 1), RANGE],
    ['a target that is no number', () => context.removePollFd(any('1'), 1), TYPE],
    ['a negative time', () => context.wait(-1), RANGE],
    ['restrictions that are no array', () => new URingContext(8, any({ restrictions: 'NOP' })), TYPE],
    ['an unknown restriction', () => new URingContext(8, any({ restrictions: ['NOPE'], syscalls: kernel })), VALUE],
    ['entries 0', () => new URingContext(0), RANGE],
  ])('%s', (_, use, code) => {
    expectError(use, code);
    // Nothing was added, and there is room for all that fits.
    for (let i = 0; i < 8; i++) context.addNop(i);
    expect(context.submit()).toBe(8);
    expect([...context.wait()].map(({ userData }) => userData)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  });
});
