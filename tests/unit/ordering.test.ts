/** Links, drains, timeouts, cancellation: the order of operations, on both kernels. */

import { expect, test } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CancelFlag, type Ring, SqeFlag, TimeoutFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { gapOn, gaps } from '../helpers/gaps.js';
import { describeOnBothKernels, testUnless } from '../helpers/kernels.js';
import { nops, run, sqeOf, take, takeAll } from '../helpers/ring.js';

const timespec = (ring: Ring, milliseconds: number) => {
  const block = ring.arena.block(16);
  ring.arena.writeUint64(block.offset, Math.floor(milliseconds / 1000));
  ring.arena.writeUint64(block.offset + 8, (milliseconds % 1000) * 1e6);
  return block.address;
};

/** Prepares a read with user data and flags. */
const read = (ring: Ring, fd: number, length: number, userData: number, flags = 0, offset = 0) => {
  const sqe = sqeOf(ring);
  ops.prepRead(sqe, fd, ring.arena.block(length).address, length, offset);
  sqe.setUserData(userData);
  sqe.setFlags(flags);
};

const nop = (ring: Ring, userData: number, flags = 0) => {
  const sqe = sqeOf(ring);
  ops.prepNop(sqe);
  sqe.setUserData(userData);
  sqe.setFlags(flags);
};

const results = (ring: Ring) => takeAll(ring).map(({ userData, res }) => [userData, res]);

describeOnBothKernels('links', (kernel) => {
  test('run in order', () => {
    const ring = kernel().open({ entries: 8 });
    const fd = kernel().file(Buffer.from('12345678'));
    read(ring, fd, 8, 1, SqeFlag.IO_LINK);
    nop(ring, 2, SqeFlag.IO_LINK);
    nop(ring, 3);
    ring.submitAndWait(3);
    expect(results(ring)).toEqual([
      [1, 8],
      [2, 0],
      [3, 0],
    ]);
  });

  test('break at a failure', () => {
    const ring = kernel().open({ entries: 8 });
    read(ring, 9999, 8, 1, SqeFlag.IO_LINK);
    nop(ring, 2, SqeFlag.IO_LINK);
    nop(ring, 3);
    nop(ring, 4);
    ring.submitAndWait(4);
    expect(results(ring).sort()).toEqual([
      [1, -Errno.EBADF],
      [2, -Errno.ECANCELED],
      [3, -Errno.ECANCELED],
      [4, 0],
    ]);
  });

  test('break at a short read', () => {
    const ring = kernel().open({ entries: 8 });
    const fd = kernel().file(Buffer.from('123'));
    read(ring, fd, 8, 1, SqeFlag.IO_LINK);
    nop(ring, 2);
    ring.submitAndWait(2);
    expect(results(ring)).toEqual([
      [1, 3],
      [2, -Errno.ECANCELED],
    ]);
  });

  test('do not break if they are hard', () => {
    const ring = kernel().open({ entries: 8 });
    read(ring, 9999, 8, 1, SqeFlag.IO_HARDLINK);
    nop(ring, 2);
    ring.submitAndWait(2);
    expect(results(ring)).toEqual([
      [1, -Errno.EBADF],
      [2, 0],
    ]);
  });

  test('with a bad SQE in them fail as a whole, and the submission continues', () => {
    const ring = kernel().open({ entries: 8 });
    nop(ring, 1, SqeFlag.IO_LINK);
    const bad = sqeOf(ring);
    bad.prepare(200, -1, 0, 0, 0, 0);
    bad.setUserData(2);
    bad.setFlags(SqeFlag.IO_LINK);
    nop(ring, 3);
    nop(ring, 4);
    expect(ring.submitAndWait(4)).toBe(4);
    expect(results(ring).sort()).toEqual([
      [1, -Errno.ECANCELED],
      [2, -Errno.EINVAL],
      [3, -Errno.ECANCELED],
      [4, 0],
    ]);
  });

  test('end with the submission', () => {
    const ring = kernel().open({ entries: 8 });
    read(ring, 9999, 8, 1, SqeFlag.IO_LINK);
    ring.submitAndWait(1);
    nop(ring, 2);
    ring.submitAndWait(1);
    expect(results(ring)).toEqual([
      [1, -Errno.EBADF],
      [2, 0],
    ]);
  });

  test('wait for pending operations', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader, writer] = kernel().pipe();
    read(ring, reader, 1, 1, SqeFlag.IO_LINK);
    nop(ring, 2);
    ring.submit();
    expect(ring.peekCqe()).toBeNull();
    kernel().write(writer, Buffer.from('x'));
    expect([take(ring), take(ring)].map(({ userData, res }) => [userData, res])).toEqual([
      [1, 1],
      [2, 0],
    ]);
  });

  test('may end with a time limit, which cancels its operation or is cancelled by it', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader] = kernel().pipe();
    read(ring, reader, 8, 1, SqeFlag.IO_LINK);
    ops.prepLinkTimeout(sqeOf(ring), timespec(ring, 5));
    ring.submit();
    // The completion of the time limit may arrive before its target's.
    expect([take(ring), take(ring)].map(({ userData, res }) => [userData, res]).sort()).toEqual([
      [0, -Errno.ETIME],
      [1, -Errno.ECANCELED],
    ]);
    nop(ring, 1, SqeFlag.IO_LINK);
    ops.prepLinkTimeout(sqeOf(ring), timespec(ring, 10_000));
    ring.submit();
    expect([take(ring), take(ring)].map(({ userData, res }) => [userData, res]).sort()).toEqual([
      [0, -Errno.ECANCELED],
      [1, 0],
    ]);
  });

  test('may post no completion on success, but always post one on failure', () => {
    const ring = kernel().open({ entries: 8 });
    nop(ring, 1, SqeFlag.CQE_SKIP_SUCCESS);
    read(ring, 9999, 8, 2, SqeFlag.CQE_SKIP_SUCCESS);
    nop(ring, 3);
    ring.submit();
    expect(results(ring)).toEqual([
      [2, -Errno.EBADF],
      [3, 0],
    ]);
    // Such a ring no longer accepts drains.
    nop(ring, 4, SqeFlag.IO_DRAIN);
    ring.submit();
    expect(results(ring)).toEqual([[4, -Errno.EOPNOTSUPP]]);
  });
});

describeOnBothKernels('drains', (kernel) => {
  test('start when everything before them has completed, and hold back what comes after', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader, writer] = kernel().pipe();
    read(ring, reader, 1, 1);
    nop(ring, 2, SqeFlag.IO_DRAIN);
    nop(ring, 3);
    ring.submit();
    expect(ring.peekCqe()).toBeNull();
    kernel().write(writer, Buffer.from('x'));
    // Operations that were held back start when the drain ends: 6.1 does not order their
    // completions.
    const order = [take(ring), take(ring), take(ring)].map(({ userData }) => userData);
    expect([order[0], order.slice(1).sort()]).toEqual([1, [2, 3]]);
  });
});

describeOnBothKernels('timeouts', (kernel, name) => {
  test('fire with ETIME', () => {
    const ring = kernel().open({ entries: 8 });
    expect(run(ring, (sqe) => ops.prepTimeout(sqe, timespec(ring, 5))).res).toBe(-Errno.ETIME);
  });

  test('end a wait for any number of completions', () => {
    const ring = kernel().open({ entries: 8 });
    ops.prepTimeout(sqeOf(ring), timespec(ring, 5));
    expect(ring.submitAndWait(3)).toBe(1);
    expect(results(ring)).toEqual([[0, -Errno.ETIME]]);
  });

  test('complete with 0 when enough other operations have completed', () => {
    const ring = kernel().open({ entries: 8 });
    const sqe = sqeOf(ring);
    ops.prepTimeout(sqe, timespec(ring, 60_000), 2);
    sqe.setUserData(9);
    nops(ring, 1, 2);
    ring.submit();
    expect([take(ring), take(ring), take(ring)].map(({ userData, res }) => [userData, res]).sort()).toEqual([
      [1, 0],
      [2, 0],
      [9, 0],
    ]);
  });

  testUnless(gapOn(name, gaps.multishotTimeouts), 'fire as often as requested', () => {
    const ring = kernel().open({ entries: 8 });
    ops.prepTimeout(sqeOf(ring), timespec(ring, 2), 3, TimeoutFlag.MULTISHOT);
    ring.submit();
    expect([take(ring), take(ring), take(ring)].map(({ res, flags }) => [res, flags])).toEqual([
      [-Errno.ETIME, 2],
      [-Errno.ETIME, 2],
      [-Errno.ETIME, 0],
    ]);
  });

  test('can be changed and removed', () => {
    const ring = kernel().open({ entries: 8 });
    const first = sqeOf(ring);
    ops.prepTimeout(first, timespec(ring, 60_000));
    first.setUserData(5);
    ring.submit();
    expect(run(ring, (sqe) => ops.prepTimeoutUpdate(sqe, timespec(ring, 1), 5), 6).res).toBe(0);
    expect(take(ring)).toMatchObject({ userData: 5, res: -Errno.ETIME });
    expect(run(ring, (sqe) => ops.prepTimeoutRemove(sqe, 5)).res).toBe(-Errno.ENOENT);
  });
});

describeOnBothKernels('cancellation', (kernel) => {
  test('ends the operation with the user data, and fails if there is none', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader] = kernel().pipe();
    read(ring, reader, 8, 1);
    read(ring, reader, 8, 2);
    const cancel = sqeOf(ring);
    ops.prepCancel(cancel, 2);
    cancel.setUserData(3);
    ring.submit();
    expect([take(ring), take(ring)].map(({ userData, res }) => [userData, res]).sort()).toEqual([
      [2, -Errno.ECANCELED],
      [3, 0],
    ]);
    expect(ring.peekCqe()).toBeNull();
    expect(run(ring, (sqe) => ops.prepCancel(sqe, 99)).res).toBe(-Errno.ENOENT);
  });

  test('returns the number of operations if it ends all on a file', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader] = kernel().pipe();
    const [other] = kernel().pipe();
    read(ring, reader, 8, 1);
    read(ring, reader, 8, 2);
    read(ring, other, 8, 3);
    const cancel = sqeOf(ring);
    ops.prepCancelFd(cancel, reader, CancelFlag.ALL);
    cancel.setUserData(9);
    ring.submit();
    expect([take(ring), take(ring), take(ring)].map(({ userData, res }) => [userData, res]).sort()).toEqual([
      [1, -Errno.ECANCELED],
      [2, -Errno.ECANCELED],
      [9, 2],
    ]);
    expect(ring.peekCqe()).toBeNull();
  });

  test('can be synchronous', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader] = kernel().pipe();
    read(ring, reader, 8, 1);
    ring.submit();
    expect(ring.cancelSync({ userData: 1 })).toBe(0);
    expect(take(ring)).toMatchObject({ userData: 1, res: -Errno.ECANCELED });
    expect(() => ring.cancelSync({ userData: 1 })).toThrow(
      expect.objectContaining({ code: 'ENOENT', syscall: 'io_uring_register' }),
    );
    read(ring, reader, 8, 1);
    read(ring, reader, 8, 2);
    ring.submit();
    expect(ring.cancelSync({ flags: CancelFlag.ANY | CancelFlag.ALL })).toBe(2);
  });

  test('does not happen when a descriptor is closed: its read receives the data', () => {
    const ring = kernel().open({ entries: 8 });
    const [reader, writer] = kernel().pipe();
    read(ring, reader, 8, 1);
    ring.submit();
    kernel().close(reader);
    kernel().write(writer, Buffer.from('ab'));
    expect(take(ring)).toMatchObject({ userData: 1, res: 2 });
  });
});
