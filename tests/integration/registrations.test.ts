/**
 * Every register operation, on both kernels where the simulated one has it. What this kernel does
 * not know (according to QUERY, or to EINVAL where a test needs a feature) is skipped, with the
 * reason.
 */

import { closeSync, openSync, writeSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import {
  Arena,
  Clock,
  CqeFlag,
  CqRingFlag,
  Opcode,
  PollEvent,
  RegisterOp,
  type RegisterOpName,
  Ring,
  type RingOptions,
  SqeFlag,
} from '../../src/ring/index.js';
import { queryKernel } from '../../src/ring/query.js';
import { Errno, linuxSyscalls, UringError } from '../../src/syscalls/index.js';
import { runChild } from '../helpers/child.js';
import { gapOn, gaps } from '../helpers/gaps.js';
import { describeOnBothKernels, testUnless } from '../helpers/kernels.js';
import { eventfd, pipe, readable, SIMULATED_ONLY, temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { nops, run, sqeOf, take, takeAll } from '../helpers/ring.js';

const failsWith = (code: string) => expect.objectContaining({ code });
const text = (bytes: Uint8Array, length = bytes.length) => Buffer.from(bytes.subarray(0, length)).toString();

/** Reads through a slot of the registered files. */
const readSlot = (ring: Ring, slot: number) => {
  const block = ring.arena.block(32);
  const { res } = run(ring, (sqe) => {
    ops.prepRead(sqe, slot, block.address, 32, 0);
    sqe.setFlags(SqeFlag.FIXED_FILE);
  });
  return res < 0 ? res : text(block.bytes, res);
};

describeOnBothKernels('files', (kernel, name) => {
  test('are registered, updated, skipped, emptied, and unregistered', () => {
    const ring = kernel().open({ entries: 8 });
    const [a, b] = [kernel().file(Buffer.from('file a')), kernel().file(Buffer.from('file b'))];
    ring.files.register([a, -1, b]);
    expect([0, 1, 2].map((slot) => readSlot(ring, slot))).toEqual(['file a', -Errno.EBADF, 'file b']);
    expect(() => ring.files.register([a])).toThrow(failsWith('EBUSY'));
    expect(ring.files.update(0, [-1, a, -2])).toBe(3);
    expect([0, 1, 2].map((slot) => readSlot(ring, slot))).toEqual([-Errno.EBADF, 'file a', 'file b']);
    expect(() => ring.files.update(2, [a, b])).toThrow(failsWith('EINVAL'));
    ring.files.unregister();
    expect(() => ring.files.unregister()).toThrow(failsWith('ENXIO'));
    expect(() => ring.files.update(0, [a])).toThrow(failsWith('ENXIO'));
    expect(() => ring.files.register([9999])).toThrow(failsWith('EBADF'));
  });

  testUnless(gapOn(name, gaps.tagsAtUnregistration), 'with tags report when the kernel releases them', () => {
    const ring = kernel().open({ entries: 8 });
    const [a, b] = [kernel().file(), kernel().file()];
    ring.files.registerTagged([a, b], [11, 2n ** 63n]);
    expect(ring.files.updateTagged(0, [b], [33])).toBe(1);
    expect(take(ring)).toMatchObject({ userData: 11, res: 0 });
    ring.files.unregister();
    const tags: bigint[] = [];
    for (let i = 0; i < 2; i++) {
      tags.push(ring.waitCqe(10_000)?.userData64 ?? -1n);
      ring.advance(1);
    }
    expect(tags.sort()).toEqual([33n, 2n ** 63n]);
  });

  test('are placed in a sparse table: the kernel picks slots from a range', () => {
    const ring = kernel().open({ entries: 8 });
    expect(() => ring.files.setAllocRange(0, 1)).toThrow(failsWith('EINVAL'));
    ring.files.registerSparse(8);
    ring.files.setAllocRange(4, 2);
    if (kernel().name === 'simulated') return;
    const open = () =>
      run(ring, (sqe) => ops.prepOpenat(sqe, ops.AT_FDCWD, ring.arena.cString('/dev/null').address, 0, 0, 'auto')).res;
    expect([open(), open(), open()]).toEqual([4, 5, -Errno.ENFILE]);
  });
});

describeOnBothKernels('buffers', (kernel, name) => {
  const readInto = (ring: Ring, fd: number, view: Uint8Array, index: number) =>
    run(ring, (sqe) => ops.prepReadFixed(sqe, fd, ring.pin(view), view.length, 0, index)).res;

  test('are registered, updated, emptied, and unregistered', () => {
    const ring = kernel().open({ entries: 8 });
    const fd = kernel().file(Buffer.from('content'));
    const views = [new Uint8Array(4096), new Uint8Array(4096)];
    ring.buffers.register(views);
    expect(readInto(ring, fd, views[1] as Uint8Array, 1)).toBe(7);
    expect(text(views[1] as Uint8Array, 7)).toBe('content');
    expect(() => ring.buffers.register(views)).toThrow(failsWith('EBUSY'));
    const other = new Uint8Array(4096);
    expect(ring.buffers.update(0, [other, null])).toBe(2);
    expect(readInto(ring, fd, other, 0)).toBe(7);
    expect(readInto(ring, fd, views[1] as Uint8Array, 1)).toBe(-Errno.EFAULT);
    ring.buffers.unregister();
    expect(() => ring.buffers.unregister()).toThrow(failsWith('ENXIO'));
  });

  testUnless(gapOn(name, gaps.tagsAtUnregistration), 'can have tags, and be in a sparse table', () => {
    const ring = kernel().open({ entries: 8 });
    ring.buffers.registerTagged([new Uint8Array(4096)], [77]);
    ring.buffers.unregister();
    expect(take(ring)).toMatchObject({ userData: 77, res: 0 });
    ring.buffers.registerSparse(4);
    const view = new Uint8Array(4096);
    expect(ring.buffers.update(2, [view], [88])).toBe(1);
    expect(readInto(ring, kernel().file(Buffer.from('x')), view, 2)).toBe(1);
    expect(ring.buffers.update(2, [null], [0])).toBe(1);
    expect(take(ring)).toMatchObject({ userData: 88 });
  });
});

describeOnBothKernels('buffer rings', (kernel, name) => {
  testUnless(gapOn(name, gaps.bufferStatus), 'provide buffers in order, take them back, and report how many are left', () => {
    const ring = kernel().open({ entries: 8 });
    const buffers = ring.bufferRings.create({ group: 7, entries: 4, bufferSize: 16 });
    const fd = kernel().file(Buffer.from('0123456789'));
    const read = () => run(ring, (sqe) => ops.prepReadSelect(sqe, fd, 7, 0, 0));
    expect(buffers.available).toBe(4);
    const cqes = [read(), read(), read(), read(), read()];
    expect(cqes.map(({ res }) => res)).toEqual([10, 10, 10, 10, -Errno.ENOBUFS]);
    expect(cqes.slice(0, 4).map(({ flags }) => flags)).toEqual([0, 1, 2, 3].map((id) => CqeFlag.BUFFER | (id << 16)));
    expect(buffers.available).toBe(0);
    expect(text(buffers.buffer(2) as Uint8Array, 10)).toBe('0123456789');
    buffers.recycle(2);
    const own = new Uint8Array(4);
    buffers.provide(own, 500);
    expect(buffers.available).toBe(2);
    expect(read()).toMatchObject({ res: 10, flags: CqeFlag.BUFFER | (2 << 16) });
    expect(read()).toMatchObject({ res: 4, flags: CqeFlag.BUFFER | (500 << 16) });
    expect(text(own)).toBe('0123');
    expect(() => ring.bufferRings.create({ group: 7, entries: 4 })).toThrow(failsWith('EEXIST'));
    buffers.release();
    buffers.release();
    expect(read().res).toBe(-Errno.ENOBUFS);
    expect(() => buffers.add(own, 1)).toThrow(failsWith('ERR_INVALID_STATE'));
  });

  testUnless(gapOn(name, gaps.bufferStatus), 'wrap their tail at 2^16', () => {
    const ring = kernel().open({ entries: 8 });
    const buffers = ring.bufferRings.create({ group: 1, entries: 2, bufferSize: 8 });
    const fd = kernel().file(Buffer.from('x'));
    const pass = () => {
      const { flags } = run(ring, (sqe) => ops.prepReadSelect(sqe, fd, 1, 0, 0));
      buffers.recycle(flags >>> 16);
    };
    for (let i = 0; i < 70_000; i++) pass();
    expect(buffers.available).toBe(2);
  });
});

describeOnBothKernels('settings', (kernel, name) => {
  test('signal an eventfd for completions, not for inline ones if so registered, and not while a flag disables it', () => {
    const ring = kernel().open({ entries: 8 });
    const fd = kernel().syscalls.eventfd(0, 0o4000);
    const counter = new Uint8Array(8);
    const count = () => {
      const address = ring.pin(counter);
      const own = kernel().open({ entries: 1 });
      const sqe = sqeOf(own);
      ops.prepRead(sqe, fd, address, 8, 0);
      own.submit();
      const res = own.peekCqe()?.res;
      return res === 8 ? counter[0] : 0;
    };
    ring.settings.registerEventfd(fd);
    expect(() => ring.settings.registerEventfd(fd)).toThrow(failsWith('EBUSY'));
    nops(ring, 1);
    ring.submit();
    expect(count()).toBeGreaterThan(0);
    ring.cq.flags = CqRingFlag.EVENTFD_DISABLED;
    nops(ring, 2);
    ring.submit();
    ring.cq.flags = 0;
    expect(count()).toBe(0);
    ring.settings.unregisterEventfd();
    expect(() => ring.settings.unregisterEventfd()).toThrow(failsWith('ENXIO'));
    ring.settings.registerEventfdAsync(fd);
    nops(ring, 3);
    ring.submit();
    expect(count()).toBe(0);
    ring.settings.unregisterEventfd();
    kernel().syscalls.close(fd);
  });

  test('register and unregister personalities', () => {
    const ring = kernel().open({ entries: 8 });
    const id = ring.settings.registerPersonality();
    expect(id).toBeGreaterThan(0);
    const withIt = () =>
      run(ring, (sqe) => {
        ops.prepNop(sqe);
        sqe.setPersonality(id);
      }).res;
    expect(withIt()).toBe(0);
    ring.settings.unregisterPersonality(id);
    expect(withIt()).toBe(-Errno.EINVAL);
    expect(() => ring.settings.unregisterPersonality(id)).toThrow(failsWith('EINVAL'));
  });

  test('restrict a ring to what is listed, once it is enabled', () => {
    const ring = kernel().open({ entries: 8, flags: ['R_DISABLED'] });
    nops(ring, 1);
    expect(() => ring.submit()).toThrow(failsWith('EBADFD'));
    ring.settings.restrict({
      operations: ['NOP', 'READ'],
      registrations: ['PROBE'],
      allowedSqeFlags: SqeFlag.IO_LINK,
      requiredSqeFlags: SqeFlag.ASYNC,
    });
    expect(() => ring.settings.restrict({ operations: ['NOP'] })).toThrow(failsWith('EBUSY'));
    ring.settings.enable();
    expect(() => ring.settings.enable()).toThrow(UringError);
    const flagged = (flags: number, prepare: (typeof ops)['prepNop'] = ops.prepNop) =>
      run(ring, (sqe) => {
        prepare(sqe);
        sqe.setFlags(flags);
      }).res;
    // The SQE that was filled before lacks the required flag.
    ring.submitAndWait(1);
    expect(take(ring).res).toBe(-Errno.EACCES);
    expect(flagged(SqeFlag.ASYNC)).toBe(0);
    expect(flagged(SqeFlag.ASYNC | SqeFlag.IO_DRAIN)).toBe(-Errno.EACCES);
    expect(flagged(SqeFlag.ASYNC, (sqe) => ops.prepFsync(sqe, 0))).toBe(-Errno.EACCES);
    expect(ring.probe().supports(Opcode.NOP)).toBe(true);
    expect(() => ring.files.registerSparse(1)).toThrow(failsWith('EACCES'));
  });

  test('use a registered ring fd for enter and register', () => {
    const ring = kernel().open({ entries: 8 });
    const index = ring.settings.registerRingFd();
    expect(index).toBeGreaterThanOrEqual(0);
    expect(() => ring.settings.registerRingFd()).toThrow(failsWith('ERR_INVALID_STATE'));
    expect(run(ring, ops.prepNop).res).toBe(0);
    expect(ring.probe().supports(Opcode.NOP)).toBe(true);
    ring.settings.unregisterRingFd();
    expect(() => ring.settings.unregisterRingFd()).toThrow(failsWith('ERR_INVALID_STATE'));
    expect(run(ring, ops.prepNop).res).toBe(0);
    ring.settings.registerRingFd();
    ring.close();
  });

  test('return the limits of workers, and choose their CPUs', () => {
    const ring = kernel().open({ entries: 8 });
    const before = ring.workers.setLimits();
    expect(before.bounded).toBeGreaterThan(0);
    ring.workers.setLimits({ bounded: 3, unbounded: 5 });
    expect(ring.workers.setLimits(before)).toEqual({ bounded: 3, unbounded: 5 });
    ring.workers.setAffinity([0]);
    ring.workers.clearAffinity();
  });

  test('report what the kernel knows, with probe and query', () => {
    const ring = kernel().open({ entries: 8 });
    const probe = ring.probe();
    expect(probe.supports(Opcode.NOP)).toBe(true);
    expect(probe.supports(200)).toBe(false);
    const query = ring.query();
    if (query) {
      expect(query.opcodes).toBe(probe.lastOpcode + 1);
      expect(query.setupFlags & ring.setupFlags).toBe(ring.setupFlags);
      expect(query.features).toBe(ring.features);
    }
  });

  testUnless(gapOn(name, gaps.messagesWithoutRing), 'send a message without an operation', () => {
    const ring = kernel().open({ entries: 8 });
    const other = kernel().open({ entries: 8 });
    ring.sendMessage(other.fd, 2n ** 64n - 1n, 5);
    const cqe = other.waitCqe(10_000);
    expect([cqe?.userData64, cqe?.res]).toEqual([2n ** 64n - 1n, 5]);
    expect(() => ring.sendMessage(0, 1)).toThrow(UringError);
  });

  testUnless(gapOn(name, gaps.registeredOnly), 'work for a ring without a descriptor', () => {
    const ring = kernel().open({ entries: 8, flags: ['REGISTERED_FD_ONLY'] });
    expect(ring.fd).toBe(-1);
    expect(run(ring, ops.prepNop).res).toBe(0);
    expect(ring.probe().supports(Opcode.NOP)).toBe(true);
    expect(() => ring.share()).toThrow(failsWith('ERR_INVALID_STATE'));
    ring.close();
  });
});

// Mutation runs take the newest kernel as given: code that runs outside of a test would count for
// all tests, so nothing is probed.
const reason = SIMULATED_ONLY ? undefined : whyNoRing();
const registerOps = SIMULATED_ONLY ? Number.POSITIVE_INFINITY : reason === undefined ? knownRegisterOps() : 0;

function knownRegisterOps(): number {
  const ring = Ring.open({ entries: 1 });
  const known = ring.query()?.registerOps ?? 27;
  ring.close();
  return known;
}

describe('registrations that only Linux has', () => {
  const directory = temporaryDirectory();
  const fds: number[] = [];
  const rings: Ring[] = [];
  const open = (options: RingOptions) => {
    const ring = Ring.open(options);
    rings.push(ring);
    return ring;
  };
  const registration = (name: RegisterOpName, title: string, body: () => void | Promise<void>) => {
    const why = reason ?? (RegisterOp[name] >= registerOps ? 'the kernel does not know it' : undefined);
    if (why) test.skip(`${name}: ${title} (skipped: ${why})`, () => undefined);
    else test(`${name}: ${title}`, body);
  };
  const DEFER: RingOptions['flags'] = ['SINGLE_ISSUER', 'DEFER_TASKRUN'];

  afterEach(() => {
    for (const ring of rings.splice(0)) ring.close();
    for (const fd of fds.splice(0)) closeSync(fd);
  });
  afterAll(() => directory.remove());

  registration('CLONE_BUFFERS', 'the clone works, also without the original', () => {
    const source = open({ entries: 4 });
    const ring = open({ entries: 4 });
    const views = [new Uint8Array(4096), new Uint8Array(4096)];
    source.buffers.register(views);
    ring.buffers.cloneFrom(source);
    expect(() => ring.buffers.cloneFrom(source)).toThrow(failsWith('EBUSY'));
    ring.buffers.cloneFrom(source, { replace: true });
    source.buffers.unregister();
    const fd = openSync(directory.file('cloned'), 'r');
    fds.push(fd);
    const view = views[1] as Uint8Array;
    expect(run(ring, (sqe) => ops.prepReadFixed(sqe, fd, ring.pin(view), 4096, 0, 1)).res).toBe(6);
    expect(text(view, 6)).toBe('cloned');
  });

  registration('RESIZE_RINGS', 'keeps what is queued, completed and pending', () => {
    for (const memory of ['shared', 'mapped'] as const) {
      for (const flags of [[], ['CQE32'], ['NO_SQARRAY']] as const) {
        const ring = open({ entries: 4, memory, flags: [...(DEFER as []), ...flags] });
        const [reader, writer] = pipe();
        fds.push(reader, writer);
        const read = sqeOf(ring);
        ops.prepRead(read, reader, ring.arena.block(8).address, 8, 0);
        read.setUserData(1);
        nops(ring, 2, 3);
        ring.submit();
        nops(ring, 4, 5);
        ring.settings.resize(16, 64);
        expect([ring.sq.entries, ring.cq.entries]).toEqual([16, 64]);
        ring.submit();
        writeSync(writer, 'abc');
        const seen = [take(ring), take(ring), take(ring), take(ring), take(ring)];
        expect(seen.map(({ userData, res }) => [userData, res]).sort()).toEqual([
          [1, 3],
          [2, 0],
          [3, 0],
          [4, 0],
          [5, 0],
        ]);
        for (let i = 0; i < 100; i++) {
          nops(ring, i);
          ring.submitAndWait(1);
          expect(take(ring).userData).toBe(i);
        }
        nops(ring, ...Array.from({ length: 16 }, (_, i) => i));
        ring.submitAndWait(16);
        expect(() => ring.settings.resize(1, 2)).toThrow(failsWith('EOVERFLOW'));
        expect(takeAll(ring)).toHaveLength(16);
      }
    }
    expect(() => open({ entries: 4 }).settings.resize(8)).toThrow(failsWith('EINVAL'));
  });

  registration('RESIZE_RINGS', 'again and again, refused or not, takes no more memory', () => {
    const ring = open({ entries: 4096, flags: DEFER });
    for (let i = 0; i < 60; i++) ring.settings.resize(i % 2 ? 4096 : 8192);
    nops(ring, ...Array.from({ length: 16 }, (_, i) => i));
    ring.submitAndWait(16);
    for (let i = 0; i < 60; i++) expect(() => ring.settings.resize(8, 8)).toThrow(failsWith('EOVERFLOW'));
    expect(takeAll(ring)).toHaveLength(16);
  });

  testUnless(
    reason ?? gaps.registeredOnly(),
    'UNREGISTER_RING_FDS: a restricted ring without a descriptor does not forget it',
    () => {
      for (let i = 0; i < 20; i++) {
        const ring = open({ entries: 4, flags: ['REGISTERED_FD_ONLY', 'R_DISABLED'] });
        ring.settings.restrict({ operations: ['NOP'] });
        ring.settings.enable();
        expect(() => ring.bufferRings.create({ group: 1, entries: 2, memory: 'mapped' })).toThrow(failsWith('ERR_INVALID_STATE'));
        ring.close();
      }
    },
  );

  registration('MEM_REGION', 'waits by registered arguments', () => {
    const ring = open({ entries: 4, flags: ['R_DISABLED'] });
    ring.settings.registerWaitRegion(4);
    ring.settings.enable();
    expect(() => ring.settings.registerWaitRegion(4)).toThrow(failsWith('ERR_INVALID_STATE'));
    ring.settings.setRegisteredWait(2, 20);
    const start = performance.now();
    expect(() => ring.submitAndWaitRegistered(1, 2)).toThrow(failsWith('ETIME'));
    expect(performance.now() - start).toBeGreaterThan(15);
    nops(ring, 1);
    expect(ring.submitAndWaitRegistered(1, 2)).toBe(1);
    expect(() => open({ entries: 4 }).submitAndWaitRegistered(1, 0)).toThrow(failsWith('ERR_INVALID_STATE'));
  });

  registration('CLOCK', 'takes the clocks that waits are measured by, and no other', () => {
    const ring = open({ entries: 4 });
    ring.settings.setClock(Clock.BOOTTIME);
    expect(ring.submitAndWait(1, 2)).toBe(0);
    ring.settings.setClock(Clock.MONOTONIC);
    expect(() => ring.settings.setClock(0)).toThrow(failsWith('EINVAL'));
  });

  registration('NAPI', 'gives the settings before', () => {
    const ring = open({ entries: 4 });
    ring.settings.registerNapi({ busyPollMicroseconds: 55, preferBusyPoll: true });
    expect(ring.settings.registerNapi({ busyPollMicroseconds: 66, preferBusyPoll: false })).toEqual({
      busyPollMicroseconds: 55,
      preferBusyPoll: true,
    });
    expect(ring.settings.unregisterNapi()).toEqual({ busyPollMicroseconds: 66, preferBusyPoll: false });
  });

  testUnless(
    gaps.mappedBufferRings() ?? gaps.incrementalBufferRings(),
    'PBUF_RING: rings can be in memory of the kernel, and be consumed incrementally',
    () => {
      const ring = open({ entries: 4 });
      const mapped = ring.bufferRings.create({ group: 1, entries: 4, bufferSize: 16, memory: 'mapped' });
      const fd = openSync(directory.file('mapped'), 'r');
      fds.push(fd);
      const cqe = run(ring, (sqe) => ops.prepReadSelect(sqe, fd, 1, 0, 0));
      expect([cqe.res, text(mapped.buffer(cqe.flags >>> 16) as Uint8Array, 6)]).toEqual([6, 'mapped']);
      mapped.release();
      const incremental = ring.bufferRings.create({ group: 2, entries: 2, bufferSize: 32, incremental: true });
      const [reader, writer] = pipe();
      fds.push(reader, writer);
      const cqes = [1, 2, 3].map(() => {
        writeSync(writer, 'mapped');
        return run(ring, (sqe) => ops.prepReadSelect(sqe, reader, 2, 6, 0));
      });
      expect(cqes.map(({ res, flags }) => [res, flags >>> 16, flags & CqeFlag.BUF_MORE])).toEqual(
        [0, 0, 0].map(() => [6, 0, CqeFlag.BUF_MORE]),
      );
      expect(text(incremental.buffer(0) as Uint8Array, 18)).toBe('mappedmappedmapped');
      // A ring that is closed with a mapping in use releases it, too.
      ring.bufferRings.create({ group: 3, entries: 4, memory: 'mapped' });
      ring.close();
    },
  );

  registration('IOWQ_MAX_WORKERS', 'bounds the threads, and IOWQ_AFF places them', async () => {
    type Workers = { count: number; cpus: string[] };
    // In separate processes: the limits belong to the thread, and its idle workers live on.
    expect((await runChild<Workers>('lifecycle.mjs', ['workers'])).count).toBe(4);
    expect(await runChild<Workers>('lifecycle.mjs', ['workers', 'bounded'])).toEqual({ count: 1, cpus: ['0'] });
  });

  registration('EVENTFD', 'makes the descriptor readable, also with DEFER_TASKRUN', () => {
    const ring = open({ entries: 8, flags: DEFER });
    const fd = eventfd();
    const [reader, writer] = pipe();
    fds.push(fd, reader, writer);
    ring.settings.registerEventfd(fd);
    // Not a read: before 6.4, a read of a pipe ends up in a worker.
    ops.prepPollAdd(sqeOf(ring), reader, PollEvent.IN);
    ring.submit();
    expect(readable(fd, 0)).toBe(false);
    writeSync(writer, 'x');
    expect(readable(fd, 10_000)).toBe(true);
    expect(ring.cq.ready).toBe(0);
    ring.getEvents();
    expect(ring.cq.ready).toBe(1);
  });

  registration('ZCRX_IFQ', 'needs a network card that can: loopback cannot', () => {
    const ring = open({ entries: 4, flags: [...(DEFER as []), 'CQE32'] });
    const area = ring.arena.block(16 * 4096).bytes;
    const LOOPBACK = 1;
    expect(() => ring.zeroCopy.registerQueue({ interfaceIndex: LOOPBACK, receiveQueue: 0, entries: 64, area })).toThrow(
      failsWith('EOPNOTSUPP'),
    );
    expect(() => ring.zeroCopy.registerQueue({ interfaceIndex: 9999, receiveQueue: 0, entries: 64, area })).toThrow(
      failsWith('ENODEV'),
    );
    // ZCRX_CTRL is from 6.19; older kernels know no such operation.
    expect(() => ring.zeroCopy.flush(0)).toThrow(UringError);
  });

  registration('QUERY', 'needs no ring', () => {
    const syscalls = linuxSyscalls();
    expect(queryKernel(syscalls, Arena.create(syscalls))).toEqual(open({ entries: 1 }).query());
  });
});
