/**
 * Bad input: every public function reports what is wrong, in the form of Node's errors, and changes
 * nothing.
 */

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { URingContext } from '../../src/index.js';
import * as ops from '../../src/ops/index.js';
import { Ring, type Sqe } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { golden } from '../helpers/golden.js';
import { run } from '../helpers/ring.js';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const RANGE = 'ERR_OUT_OF_RANGE';
const VALUE = 'ERR_INVALID_ARG_VALUE';
const STATE = 'ERR_INVALID_STATE';

const kernel = new SimulatedKernel();
let ring: Ring;
let context: URingContext;

const ZERO_COPY = { interfaceIndex: 1, receiveQueue: 0, entries: 8, area: new Uint8Array(4096) };

function withRing(): void {
  beforeEach(() => {
    ring = Ring.open({ entries: 8, syscalls: kernel });
  });
  afterEach(() => ring.close());
}

const buffers = () => ring.bufferRings.create({ group: 9, entries: 2 });

const released = () => {
  const group = buffers();
  group.release();
  return group;
};

const withoutDescriptor = () => {
  const other = Ring.open({ entries: 2, flags: ['REGISTERED_FD_ONLY'], memory: 'shared', syscalls: kernel });
  try {
    other.bufferRings.create({ group: 1, entries: 2, memory: 'mapped' });
  } finally {
    other.close();
  }
};

/** Passes any value, whatever the types allow. */
const any = (value: unknown) => value as never;

const detached = () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return view;
};

const message = golden('bad-input');

function expectError(title: string, use: () => unknown, code: string): void {
  let thrown: { code?: string; name?: string; message?: string } | undefined;
  try {
    use();
  } catch (error) {
    thrown = error as { code: string; name: string };
  }
  const names: Record<string, string> = { [RANGE]: 'RangeError', [STATE]: 'Error' };
  expect(thrown).toMatchObject({ code, name: names[code] ?? 'TypeError' });
  message(title, String(thrown?.message));
}

describe('opening', () => {
  withRing();

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
    ['the CQ as a string', open({ cqEntries: '8' }), TYPE],
    ['a CPU of the SQ thread that there cannot be', open({ sqThreadCpu: -1 }), RANGE],
    ['attaching to fd -1', open({ attachTo: -1 }), RANGE],
    ['attaching to null', open({ attachTo: null }), TYPE],
    ['optional flags that are no array', open({ optionalFlags: 'x' }), TYPE],
    ['an arena that is no number', open({ arenaSize: '40' }), TYPE],
    ['an arena of 4 GiB', open({ arenaSize: 2 ** 32 }), RANGE],
    ['more entries than the kernel rounds', open({ entries: 2 ** 32, flags: ['CLAMP'] }), RANGE],
    ['a larger CQ than the kernel rounds', open({ cqEntries: 2 ** 32, flags: ['CLAMP'] }), RANGE],
    ['attaching to nothing at all', () => Ring.attach(any(null)), TYPE],
    [
      'attaching to a handle with another signature',
      () => Ring.attach({ ...ring.share(), signature: any('uring:ring:0') }),
      TYPE,
    ],
    ['attaching to a handle without a layout', () => Ring.attach({ ...ring.share(), layout: any(null) }), TYPE],
    ['attaching to a handle without memory', () => Ring.attach({ ...ring.share(), memory: any(new ArrayBuffer(8)) }), TYPE],
    ['a small arena', open({ arenaSize: 1024 }), RANGE],
    ['a negative idle time', open({ sqThreadIdle: -1 }), RANGE],
    ['attaching to nothing', () => Ring.attach(any({})), TYPE],
    ['attaching to half a handle', () => Ring.attach(any({ signature: 'uring:ring:1' })), TYPE],
    ['attaching to a string', () => URingContext.attach(any('x')), TYPE],
  ])('refuses %s', expectError);

  test('suggests the right name for a misspelled one', () => {
    expect(open({ cqentries: 16 })).toThrow('did you mean "cqEntries"?');
    expect(open({ flags: ['DEFER_TASK_RUN'] })).toThrow('did you mean "DEFER_TASKRUN"?');
    expect(() => new URingContext(8, any({ restriction: [] }))).toThrow('did you mean "restrictions"?');
  });
});

describe('encoders and setters of an SQE', () => {
  withRing();
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
  test.each(cases)('refuse %s, and leave the SQE unchanged', (title, encode, code) => {
    const sqe = ring.getSqe() as Sqe;
    ops.prepNop(sqe);
    const before = Buffer.from(sqe.bytes());
    expectError(title, () => encode(sqe), code);
    expect(Buffer.compare(before, sqe.bytes())).toBe(0);
    ring.submit();
    ring.forEachCqe(() => undefined);
  });

  test('refuse user data and flags out of range or of the wrong type', () => {
    const sqe = ring.getSqe() as Sqe;
    ops.prepNop(sqe);
    for (const value of [-1, 1.5, Number.NaN, 2 ** 53]) expectError(`user data ${value}`, () => sqe.setUserData(value), RANGE);
    expectError('user data 2^64', () => sqe.setUserData(2n ** 64n), RANGE);
    expectError('user data as a string', () => sqe.setUserData(any('1')), TYPE);
    expectError('flags of -1', () => sqe.setFlags(-1), RANGE);
    expectError('flags that there are not', () => sqe.setFlags(0x80), RANGE);
    expectError('a buffer index beyond u16', () => sqe.setBufferIndex(70_000), RANGE);
    expectError('a personality beyond u16', () => sqe.setPersonality(65_537), RANGE);
    expectError('an ioprio that is no number', () => sqe.setIoprio(any('x')), TYPE);
    ring.submit();
    ring.forEachCqe(() => undefined);
  });
});

describe('the ring', () => {
  withRing();

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
    ['a message of a result beyond u32', () => ring.sendMessage(3, 1, 2 ** 32), RANGE],
    ['a message with user data that is none', () => ring.sendMessage(3, any('x')), TYPE],
    ['a message with flags that are none', () => ring.sendMessage(3, 1, 0, any('x')), TYPE],
    ['cancelling fd -2', () => ring.cancelSync({ fd: -2 }), RANGE],
    ['cancelling user data that is none', () => ring.cancelSync({ userData: any('x') }), TYPE],
    ['cancelling with flags that are none', () => ring.cancelSync({ flags: -1 }), RANGE],
    ['cancelling opcode 256', () => ring.cancelSync({ opcode: 256 }), RANGE],
    ['cancelling for a negative time', () => ring.cancelSync({ timeoutMs: -1 }), RANGE],
    ['cancelling nothing that is an object', () => ring.cancelSync(any(1)), TYPE],
    ['a batch of -1', () => ring.peekBatch([], -1), RANGE],
    ['visiting half a completion', () => ring.forEachCqe(() => undefined, 0.5), RANGE],
    ['a registered wait without a region', () => ring.submitAndWaitRegistered(1, 0), STATE],
    ['waiting for room without SQPOLL', () => ring.waitForSqSpace(), STATE],
    ['attaching with a misspelled option', () => Ring.attach(ring.share(), any({ syscall: kernel })), VALUE],
    ['registering a thousand million buffers', () => ring.buffers.register(new Array(16385).fill(new Uint8Array(1))), RANGE],
    ['as many tags as buffers', () => ring.buffers.registerTagged([new Uint8Array(8)], []), RANGE],
    ['tags that are no array', () => ring.buffers.registerTagged([new Uint8Array(8)], any(1)), TYPE],
    ['a tag that is no number', () => ring.buffers.registerTagged([new Uint8Array(8)], any(['x'])), TYPE],
    ['no slots for buffers', () => ring.buffers.registerSparse(0), RANGE],
    ['more slots for buffers than there can be', () => ring.buffers.registerSparse(16385), RANGE],
    ['updating buffers at -1', () => ring.buffers.update(-1, [new Uint8Array(8)]), RANGE],
    ['updating no buffers', () => ring.buffers.update(0, []), RANGE],
    ['updating buffers with too few tags', () => ring.buffers.update(0, [new Uint8Array(8)], [1, 2]), RANGE],
    ['cloning from nothing', () => ring.buffers.cloneFrom(any(undefined)), TYPE],
    ['cloning from no ring', () => ring.buffers.cloneFrom(any({})), TYPE],
    ['cloning from slot -1', () => ring.buffers.cloneFrom(ring, { sourceOffset: -1 }), RANGE],
    ['cloning to slot -1', () => ring.buffers.cloneFrom(ring, { offset: -1 }), RANGE],
    ['cloning -1 slots', () => ring.buffers.cloneFrom(ring, { count: -1 }), RANGE],
    ['more slots for files than there can be', () => ring.files.registerSparse(2 ** 31 + 1), RANGE],
    ['updating files at -1', () => ring.files.update(-1, [3]), RANGE],
    ['updating files with fd -3', () => ring.files.update(0, [-3]), RANGE],
    ['updating files with tags, at -1', () => ring.files.updateTagged(-1, [3], [1]), RANGE],
    ['updating files with tags, fd -3', () => ring.files.updateTagged(0, [-3], [1]), RANGE],
    ['updating files with too few tags', () => ring.files.updateTagged(0, [3], []), RANGE],
    ['a range that begins at -1', () => ring.files.setAllocRange(-1, 1), RANGE],
    ['a range of -1', () => ring.files.setAllocRange(0, -1), RANGE],
    ['tags that are no array, of files', () => ring.files.registerTagged([3], any('x')), TYPE],
    ['an eventfd of -1', () => ring.settings.registerEventfd(-1), RANGE],
    ['an eventfd of -1, for what is late', () => ring.settings.registerEventfdAsync(-1), RANGE],
    ['credentials 65536', () => ring.settings.unregisterPersonality(65536), RANGE],
    ['restrictions that are none', () => ring.settings.restrict(any(1)), TYPE],
    ['a restriction that is misspelled', () => ring.settings.restrict(any({ operation: [] })), VALUE],
    ['an unknown registration', () => ring.settings.restrict({ registrations: any(['BUFER']) }), VALUE],
    ['flags beyond a byte to allow', () => ring.settings.restrict({ allowedSqeFlags: 256 }), RANGE],
    ['flags beyond a byte to require', () => ring.settings.restrict({ requiredSqeFlags: 256 }), RANGE],
    ['forgetting a ring fd that is not registered', () => ring.settings.unregisterRingFd(), STATE],
    ['polling that is misspelled', () => ring.settings.registerNapi(any({ busyPoll: 1 })), VALUE],
    ['polling for -1', () => ring.settings.registerNapi({ busyPollMicroseconds: -1, preferBusyPoll: false }), RANGE],
    ['a clock of -1', () => ring.settings.setClock(-1), RANGE],
    ['resizing the CQ to 0', () => ring.settings.resize(8, 0), RANGE],
    ['a wait region of 0', () => ring.settings.registerWaitRegion(0), RANGE],
    ['a wait region beyond its page', () => ring.settings.registerWaitRegion(65), RANGE],
    ['a registered wait to be set, without a region', () => ring.settings.setRegisteredWait(0, 1), STATE],
    ['CPUs that are no array', () => ring.workers.setAffinity(any(1)), TYPE],
    ['a CPU that there cannot be', () => ring.workers.setAffinity([0, 2 ** 20]), RANGE],
    ['a limit for unbounded workers of -1', () => ring.workers.setLimits({ unbounded: -1 }), RANGE],
    ['a group beyond u16 for a buffer ring', () => ring.bufferRings.create({ group: 65536, entries: 2 }), RANGE],
    ['a buffer ring of 0', () => ring.bufferRings.create({ group: 0, entries: 0 }), RANGE],
    ['a buffer ring of 65536', () => ring.bufferRings.create({ group: 0, entries: 65536 }), RANGE],
    ['buffers of 0 bytes', () => ring.bufferRings.create({ group: 0, entries: 2, bufferSize: 0 }), RANGE],
    ['buffers of 2 GiB', () => ring.bufferRings.create({ group: 0, entries: 2, bufferSize: 2 ** 31 }), RANGE],
    ['a buffer ring in other memory', () => ring.bufferRings.create({ group: 0, entries: 2, memory: any('heap') }), VALUE],
    ['a buffer of a buffer ring that is a string', () => buffers().add(any('x'), 0), TYPE],
    ['a buffer of a buffer ring with id -1', () => buffers().add(new Uint8Array(8), -1), RANGE],
    ['a buffer beyond a buffer ring', () => buffers().add(new Uint8Array(8), 0, 2), RANGE],
    ['more buffers than a buffer ring has', () => buffers().advance(3), RANGE],
    ['a buffer that is none of a buffer ring', () => buffers().recycle(7), RANGE],
    ['a buffer for a buffer ring that was released', () => released().add(new Uint8Array(8), 0), STATE],
    ['a buffer ring that was released, on', () => released().advance(1), STATE],
    ['mapped buffers of a ring that has no descriptor', () => withoutDescriptor(), STATE],
    ['registering views that are no array', () => ring.buffers.register(any('x')), TYPE],
    ['registering fds that are no array, with tags', () => ring.files.registerTagged(any('x'), []), TYPE],
    ['registering more than 1 GiB', () => ring.buffers.register([new Uint8Array(new SharedArrayBuffer(2 ** 30 + 1))]), RANGE],
    ['cloning from null', () => ring.buffers.cloneFrom(any(null)), TYPE],
    ['a registered wait with a bad least', () => ring.settings.setRegisteredWait(0, 1, -1), STATE],
    ['zero copy without options', () => ring.zeroCopy.registerQueue(any(undefined)), TYPE],
    ['zero copy, misspelled', () => ring.zeroCopy.registerQueue(any({ interface: 1 })), VALUE],
    ['zero copy on interface -1', () => ring.zeroCopy.registerQueue({ ...ZERO_COPY, interfaceIndex: -1 }), RANGE],
    ['zero copy on queue -1', () => ring.zeroCopy.registerQueue({ ...ZERO_COPY, receiveQueue: -1 }), RANGE],
    ['zero copy with 0 entries', () => ring.zeroCopy.registerQueue({ ...ZERO_COPY, entries: 0 }), RANGE],
    ['zero copy into a string', () => ring.zeroCopy.registerQueue({ ...ZERO_COPY, area: any('x') }), TYPE],
    ['zero copy of queue -1, flushed', () => ring.zeroCopy.flush(-1), RANGE],
    ['flags of an SQE that are no number', () => ring.getSqe()?.setFlags(any('x')), TYPE],
    ['an arena block of 0', () => ring.arena.allocate(0), RANGE],
    ['an arena block that is too large', () => ring.arena.allocate(2 ** 29), RANGE],
  ])('refuses %s', expectError);

  test("reports an fd that is not open as the operation's result", () => {
    expect(run(ring, (sqe) => ops.prepRead(sqe, 9999, ring.arena.block(8).address, 8, 0)).res).toBe(-Errno.EBADF);
  });

  test('keeps nothing of a buffer ring that does not fit', () => {
    for (let i = 0; i < 3; i++) {
      const create = () => ring.bufferRings.create({ group: 5, entries: 64, bufferSize: 1 << 20 });
      expectError('a buffer ring that does not fit', create, RANGE);
    }
    const buffers = ring.bufferRings.create({ group: 5, entries: 4, bufferSize: 64 });
    buffers.release();
    expect(() => buffers.advance(1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  test('throws when a block is freed twice', () => {
    const block = ring.arena.block(64);
    block.free();
    expect(() => block.free()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });
});

describe('the context', () => {
  beforeEach(() => {
    context = new URingContext(8, { syscalls: kernel });
  });
  afterEach(() => context.close());

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
    ['a target to cancel that is no number', () => context.asyncCancel(any('1'), 1), TYPE],
    ['no iterable at all', () => context.addReadvIter(any(null), 3, 0, 1), TYPE],
    ['a context attached to null', () => URingContext.attach(any(null)), TYPE],
    ['a context attached to nothing', () => URingContext.attach(any({})), TYPE],
    ['a context attached to a ring', () => URingContext.attach(any({ signature: 'uring:ring:1' })), TYPE],
    ['a negative time', () => context.wait(-1), RANGE],
    ['restrictions that are no array', () => new URingContext(8, any({ restrictions: 'NOP' })), TYPE],
    ['an unknown restriction', () => new URingContext(8, any({ restrictions: ['NOPE'], syscalls: kernel })), VALUE],
    ['entries 0', () => new URingContext(0), RANGE],
  ])('refuses %s, and stays usable', (title, use, code) => {
    expectError(title, use, code);
    // Nothing was added, and all entries are still free.
    for (let i = 0; i < 8; i++) context.addNop(i);
    expect(context.submit()).toBe(8);
    expect([...context.wait()].map(({ userData }) => userData)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  });
});
