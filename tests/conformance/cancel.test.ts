/** liburing's cases for cancellation. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CancelFlag, Opcode, PollEvent, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { Stage } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const CANCELED = -Errno.ECANCELED;
const { ALL, ANY, FD, FD_FIXED, USERDATA } = CancelFlag;

const poll = (stage: Stage, userData: number, fd: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepPollAdd(sqe, fd, PollEvent.IN), flags);
const read = (stage: Stage, userData: number, fd: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepRead(sqe, fd, stage.block(8).address, 8, -1), flags);

/** Returns a probe for the kernel's support of these match flags. */
const knows = (flags: number) => (stage: Stage) => {
  const [reader] = stage.kernel.pipe();
  const answer = stage.run((sqe) => ops.prepCancelFd(sqe, reader, flags));
  return answer === -Errno.EINVAL ? 'the kernel cannot match so' : undefined;
};

cases('cancellation', (test) => {
  test('io-cancel', 'an operation of another ring is not found', { kinds: ALL_KINDS }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const other = Stage.open(stage.kernel, { entries: 4 });
    read(other, 7, reader, SqeFlag.ASYNC).submit();
    stage.add(1, (sqe) => ops.prepCancel(sqe, 7));
    expect(stage.results(1)).toEqual([[1, -Errno.ENOENT]]);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(other.results(1)).toEqual([[7, 1]]);
  });

  test('io-cancel (half)', 'operations that were not cancelled continue', { kinds: ALL_KINDS }, (stage) => {
    const pipes = Array.from({ length: 16 }, () => stage.kernel.pipe());
    pipes.forEach(([reader], index) => {
      read(stage, index, reader);
    });
    stage.submit();
    for (let index = 0; index < 16; index += 2) stage.add(100 + index, (sqe) => ops.prepCancel(sqe, index));
    expect(stage.sorted(16)).toEqual([
      ...Array.from({ length: 8 }, (_, index) => [2 * index, CANCELED]),
      ...Array.from({ length: 8 }, (_, index) => [100 + 2 * index, 0]),
    ]);
    for (let index = 1; index < 16; index += 2) stage.kernel.write((pipes[index] as [number, number])[1], Buffer.from('xy'));
    expect(stage.sorted(8)).toEqual(Array.from({ length: 8 }, (_, index) => [2 * index + 1, 2]));
  });

  for (const [name, flags] of [
    ['', 0],
    [', by workers', SqeFlag.ASYNC],
  ] as const) {
    test(`sync-cancel (one${name})`, 'a synchronous cancellation waits for completion', { probe: knowsSync }, (stage) => {
      const [reader] = stage.kernel.pipe();
      read(stage, 0x89, reader, flags).submit();
      expect(stage.ring.cancelSync({ userData: 0x89, timeoutMs: 10_000 })).toBeGreaterThanOrEqual(0);
      const [[userData, res]] = stage.results(1) as [[number, number]];
      expect(userData).toBe(0x89);
      expect([CANCELED, -Errno.EINTR]).toContain(res);
      expect(() => stage.ring.cancelSync({ userData: 0x89, timeoutMs: 100 })).toThrow('ENOENT');
    });

    test(`sync-cancel (all of a file${name})`, 'all operations on a file are cancelled', { probe: knowsSync }, (stage) => {
      const [reader] = stage.kernel.pipe();
      for (let index = 0; index < 4; index++) read(stage, index, reader, flags);
      stage.submit();
      // An operation that is on its way to a worker is not found: look for it again.
      const seen: number[] = [];
      for (let round = 0; seen.length < 4 && round < 1000; round++) {
        try {
          stage.ring.cancelSync({ fd: reader, flags: ALL, timeoutMs: 10_000 });
        } catch (error) {
          expect((error as { code: string }).code).toBe('ENOENT');
        }
        stage.ring.forEachCqe(({ res }) => seen.push(res));
      }
      expect(seen.length).toBe(4);
      for (const res of seen) expect([CANCELED, -Errno.EINTR]).toContain(res);
    });
  }

  test('cancel-race', 'a poll and its cancellation, submitted together, each complete once', { kinds: ALL_KINDS }, (stage) => {
    const [reader] = stage.kernel.pipe();
    for (let round = 0; round < 200; round++) {
      poll(stage, 1, reader).add(2, (sqe) => ops.prepCancel(sqe, 1));
      expect(stage.sorted(2)).toEqual([
        [1, CANCELED],
        [2, 0],
      ]);
    }
    stage.quiet();
  });

  test('cancel-race (two rings)', 'cancelling everything of one ring does not affect another ring', (stage) => {
    const other = Stage.open(stage.kernel, { entries: 8 });
    const [reader, writer] = stage.kernel.pipe();
    for (let index = 0; index < 4; index++) poll(stage, index, reader);
    stage.submit();
    expect(other.run((sqe) => ops.prepCancel(sqe, 0, ANY))).toBe(0);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.sorted(4)).toEqual([0, 1, 2, 3].map((index) => [index, PollEvent.IN]));
  });

  test('cancel-fd-userdata', 'the descriptor and the user data must both match', { probe: knows(FD | USERDATA) }, (stage) => {
    const [a] = stage.kernel.pipe();
    const [b] = stage.kernel.pipe();
    poll(stage, 1, a);
    poll(stage, 1, b);
    poll(stage, 2, a).submit();
    stage.add(9, (sqe) => {
      ops.prepCancelFd(sqe, a, USERDATA);
      sqe.set64(4, 1);
    });
    expect(stage.sorted(2)).toEqual([
      [1, CANCELED],
      [9, 0],
    ]);
    stage.add(9, (sqe) => ops.prepCancel(sqe, 0, ANY));
    expect(stage.sorted(3)).toEqual([
      [1, CANCELED],
      [2, CANCELED],
      [9, 2],
    ]);
  });

  test('poll-cancel', 'a removed poll is cancelled, and is not found again', { kinds: ALL_KINDS }, (stage) => {
    const [reader] = stage.kernel.pipe();
    poll(stage, 1, reader).submit();
    stage.add(2, (sqe) => ops.prepPollRemove(sqe, 1));
    expect(stage.sorted(2)).toEqual([
      [1, CANCELED],
      [2, 0],
    ]);
    stage.add(3, (sqe) => ops.prepPollRemove(sqe, 1));
    expect(stage.results(1)).toEqual([[3, -Errno.ENOENT]]);
  });

  test('poll-cancel-all', 'all polls of a file or ring are cancelled', { kinds: ALL_KINDS, probe: knows(ALL) }, (stage) => {
    const [a] = stage.kernel.pipe();
    const [b] = stage.kernel.pipe();
    for (let index = 0; index < 8; index++) poll(stage, index, index % 2 ? a : b);
    stage.submit();
    stage.add(100, (sqe) => ops.prepCancelFd(sqe, a, ALL));
    expect(stage.sorted(5)).toEqual([
      [1, CANCELED],
      [3, CANCELED],
      [5, CANCELED],
      [7, CANCELED],
      [100, 4],
    ]);
    for (let index = 1; index < 8; index += 2) poll(stage, index, a);
    stage.submit();
    stage.add(101, (sqe) => ops.prepCancel(sqe, 0, ANY));
    expect(stage.sorted(9)).toEqual([...[0, 1, 2, 3, 4, 5, 6, 7].map((index) => [index, CANCELED]), [101, 8]]);
  });

  test('poll-cancel-all (slots)', 'all polls of a registered file are cancelled', { probe: knows(ALL | FD_FIXED) }, (stage) => {
    const [a] = stage.kernel.pipe();
    stage.ring.files.register([a]);
    for (let index = 0; index < 4; index++) poll(stage, index, 0, SqeFlag.FIXED_FILE);
    stage.submit();
    stage.add(100, (sqe) => ops.prepCancelFd(sqe, 0, ALL | FD_FIXED));
    expect(stage.sorted(5)).toEqual([
      [0, CANCELED],
      [1, CANCELED],
      [2, CANCELED],
      [3, CANCELED],
      [100, 4],
    ]);
  });

  test(
    'poll-cancel-ton',
    'thousands of polls are removed in another order',
    { ring: { entries: 512, cqEntries: 16384 }, kinds: WITHOUT_THREAD },
    (stage) => {
      const [reader] = stage.kernel.pipe();
      const count = 3000;
      for (let index = 0; index < count; index++) {
        if (index % 512 === 0) stage.submit();
        poll(stage, index, reader);
      }
      stage.submit();
      let left = count;
      let wrong = 0;
      const take = () =>
        stage.ring.forEachCqe(({ userData, res }) => {
          if (userData < count) left--;
          if (res !== (userData < count ? CANCELED : 0)) wrong++;
        });
      for (let step = 0; step < count; step++) {
        if (step % 512 === 0) {
          stage.submit();
          take();
        }
        const target = (step * 1009) % count;
        stage.add(count + step, (sqe) => ops.prepPollRemove(sqe, target));
      }
      stage.submit();
      // A ring with DEFER_TASKRUN does part of the work on each call.
      for (let before = -1; before !== left; ) {
        before = left;
        stage.ring.getEvents();
        take();
      }
      expect([left, wrong]).toEqual([0, 0]);
    },
  );

  test('cancel by opcode', 'all operations with the same opcode are cancelled', { probe: matchesOpcodes }, (stage) => {
    const [reader] = stage.kernel.pipe();
    poll(stage, 1, reader);
    read(stage, 2, reader).submit();
    stage.add(3, (sqe) => ops.prepCancelOpcode(sqe, Opcode.POLL_ADD, ALL));
    expect(stage.sorted(2)).toEqual([
      [1, CANCELED],
      [3, 1],
    ]);
    stage.add(4, (sqe) => ops.prepCancel(sqe, 2));
    expect(stage.sorted(2)).toEqual([
      [2, CANCELED],
      [4, 0],
    ]);
  });
});

function knowsSync(stage: Stage): string | undefined {
  try {
    stage.ring.cancelSync({ userData: 4711, timeoutMs: 10 });
    return undefined;
  } catch (error) {
    return (error as { code: string }).code === 'ENOENT' ? undefined : 'the kernel cannot cancel at once';
  }
}

function matchesOpcodes(stage: Stage): string | undefined {
  const [reader] = stage.kernel.pipe();
  poll(stage, 1, reader).submit();
  stage.add(2, (sqe) => ops.prepCancelOpcode(sqe, Opcode.POLL_ADD, ALL)).submit();
  // The CQE of the cancelled poll, or of the refused cancellation.
  const { userData, res } = stage.take();
  return userData === 1 || res > 0 ? undefined : 'the kernel cannot match by opcode';
}
