/**
 * liburing's cases for rings as a whole: resizing, messages between rings, kernel threads, futexes,
 * and child processes.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { MsgRingFlag, Ring, SqeFlag, SqRingFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { runChild } from '../helpers/child.js';
import { turn } from '../helpers/engine-stage.js';
import { dataOf, Stage } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { ASYNC, FIXED_FILE } = SqeFlag;

const codeOf = (body: () => unknown) => {
  try {
    body();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

const tried = (what: string, body: (stage: Stage) => void) => (stage: Stage) =>
  codeOf(() => body(stage)) === 'none' ? undefined : `the kernel knows no ${what}`;
const canResize = tried('resizing', ({ ring }) => ring.settings.resize(ring.sq.entries));
const DEFER = ['SINGLE_ISSUER', 'DEFER_TASKRUN'] as const;

cases('rings', (test) => {
  // Resizing

  test(
    'resize-rings',
    'a ring is made larger and smaller between operations',
    { ring: { entries: 8, flags: [...DEFER] }, probe: canResize, linuxOnly: true },
    (stage) => {
      expect(stage.nop(1).results(1)).toEqual([[1, 0]]);
      stage.ring.settings.resize(32);
      expect(stage.ring.sq.entries).toBe(32);
      expect(stage.nop(2).results(1)).toEqual([[2, 0]]);
      stage.ring.settings.resize(8);
      expect(stage.nop(3).results(1)).toEqual([[3, 0]]);
    },
  );

  test(
    'resize-rings (with completions)',
    'a resize keeps unread completions; a CQ too small for them is refused',
    { ring: { entries: 16, flags: [...DEFER] }, probe: canResize, linuxOnly: true },
    (stage) => {
      for (let index = 0; index < 16; index++) stage.nop(index);
      stage.submit();
      for (let index = 16; index < 32; index++) stage.nop(index);
      stage.submit();
      expect(codeOf(() => stage.ring.settings.resize(4, 8))).toBe('EOVERFLOW');
      stage.ring.settings.resize(64, 128);
      expect(stage.results(32).map(([userData]) => userData)).toEqual(Array.from({ length: 32 }, (_, index) => index));
    },
  );

  test(
    'resize-rings (in flight)',
    'operations in flight survive a resize',
    { ring: { entries: 16, flags: [...DEFER] }, probe: canResize, linuxOnly: true },
    (stage) => {
      const pipes = Array.from({ length: 8 }, () => stage.kernel.pipe());
      pipes.forEach(([reader], index) => {
        stage.add(index, (sqe) => ops.prepRead(sqe, reader, stage.block(8).address, 8, -1));
      });
      stage.submit();
      for (const [index, [, writer]] of pipes.entries()) {
        stage.ring.settings.resize(index % 2 ? 16 : 64);
        stage.kernel.write(writer, Buffer.from('x'));
        expect(stage.results(1)).toEqual([[index, 1]]);
      }
    },
  );

  for (const flags of [['CQE32'], ['SQE128']] as const) {
    test(
      `large-resize (${flags[0]})`,
      'entries of twice the size are moved, too',
      { ring: { entries: 8, flags: [...DEFER, ...flags] }, probe: canResize, linuxOnly: true },
      (stage) => {
        for (let index = 0; index < 4; index++) stage.nop(index);
        stage.ring.settings.resize(16);
        expect(stage.results(4)).toEqual([0, 1, 2, 3].map((index) => [index, 0]));
        for (let index = 0; index < 16; index++) stage.nop(index);
        expect(stage.results(16).length).toBe(16);
      },
    );
  }

  // Which thread may submit

  test(
    'single-issuer',
    'a ring of one thread refuses submissions by another',
    { ring: { entries: 8, flags: ['SINGLE_ISSUER'] } },
    (stage) => {
      expect(stage.nop(1).results(1)).toEqual([[1, 0]]);
      const { simulated } = stage.kernel;
      // On the real kernel, another thread needs a worker: see tests/integration/lifecycle.test.ts.
      if (simulated === undefined) return;
      simulated.currentThread = 2;
      stage.nop(2);
      expect(codeOf(() => stage.submit())).toBe('EEXIST');
      simulated.currentThread = 1;
      expect(stage.results(1)).toEqual([[2, 0]]);
    },
  );

  test(
    'defer-taskrun',
    'a completion waits until the program enters the kernel for it',
    { ring: { entries: 8, flags: [...DEFER, 'TASKRUN_FLAG'] } },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      stage.add(1, (sqe) => ops.prepPollAdd(sqe, reader, 1)).submit();
      stage.kernel.write(writer, Buffer.from('x'));
      expect(stage.ring.cq.ready).toBe(0);
      expect(stage.ring.sq.flags & SqRingFlag.TASKRUN).toBe(SqRingFlag.TASKRUN);
      stage.ring.getEvents();
      expect(stage.ring.cq.ready).toBe(1);
      expect(stage.ring.sq.flags & SqRingFlag.TASKRUN).toBe(0);
      expect(stage.results(1)).toEqual([[1, 1]]);
    },
  );

  test(
    'defer-taskrun (closed)',
    'a ring can be closed while task work is pending',
    { ring: { entries: 8, flags: [...DEFER] } },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      stage.add(1, (sqe) => ops.prepPollAdd(sqe, reader, 1)).submit();
      stage.kernel.write(writer, Buffer.from('x'));
      stage.ring.close();
      expect(stage.ring.closed).toBe(true);
    },
  );

  // Messages

  test('msg-ring', 'a ring can message itself and others', { ops: ['MSG_RING'], kinds: WITHOUT_THREAD }, (stage) => {
    stage.add(1, (sqe) => ops.prepMsgRing(sqe, stage.ring.fd, 0x10, 0x1234));
    expect(stage.sorted(2)).toEqual([
      [1, 0],
      [0x1234, 0x10],
    ]);
    const other = Stage.open(stage.kernel, { entries: 4 });
    expect(stage.run((sqe) => ops.prepMsgRing(sqe, other.ring.fd, 0x20, 0x5aa5))).toBe(0);
    expect(other.wait(1)).toEqual([{ userData: 0x5aa5, res: 0x20, flags: 0 }]);
    expect(stage.run((sqe) => ops.prepMsgRing(sqe, stage.kernel.file(), 1, 1))).toBe(-Errno.EBADFD);
  });

  test(
    'msg-ring (without a ring)',
    'a message can be sent without a ring',
    { probe: tried('messages without a ring', ({ ring }) => ring.sendMessage(ring.fd, 1)) },
    (stage) => {
      stage.ring.sendMessage(stage.ring.fd, 0x77, 0x30);
      expect(stage.results(1)).toEqual([[0x77, 0x30]]);
    },
  );

  test('msg-ring-flags', 'the sender can choose the flags of the CQE', { ops: ['MSG_RING'], probe: passesFlags }, (stage) => {
    const other = Stage.open(stage.kernel, { entries: 2, cqEntries: 4 });
    for (let index = 0; index < 8; index++) {
      expect(stage.run((sqe) => ops.prepMsgRing(sqe, other.ring.fd, 0x20, index, MsgRingFlag.FLAGS_PASS, 0x42))).toBe(0);
    }
    expect(other.wait(8)).toEqual(Array.from({ length: 8 }, (_, index) => ({ userData: index, res: 0x20, flags: 0x42 })));
  });

  test('msg-ring-overflow', 'messages that overflow the CQ are delivered later', { ops: ['MSG_RING'] }, (stage) => {
    const other = Stage.open(stage.kernel, { entries: 2, cqEntries: 4 });
    for (let index = 0; index < 8; index++) stage.add(index, (sqe) => ops.prepMsgRing(sqe, other.ring.fd, 0x10, index));
    expect(stage.sorted(8)).toEqual(Array.from({ length: 8 }, (_, index) => [index, 0]));
    expect(other.sorted(8)).toEqual(Array.from({ length: 8 }, (_, index) => [index, 0x10]));
  });

  test('msg-ring-fd', 'a registered file can be sent to another ring', { ops: ['MSG_RING'], probe: sendsFiles }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const other = Stage.open(stage.kernel, { entries: 4 });
    stage.ring.files.register([reader]);
    other.ring.files.registerSparse(2);
    expect(stage.run((sqe) => ops.prepMsgRingFd(sqe, other.ring.fd, 0, 1, 10))).toBeGreaterThanOrEqual(0);
    expect(other.results(1)).toEqual([[10, 0]]);
    stage.kernel.write(writer, Buffer.from('sent'));
    const block = other.block(4);
    expect(other.run((sqe) => ops.prepRead(sqe, 1, block.address, 4, -1), FIXED_FILE)).toBe(4);
    expect(Buffer.from(block.bytes).toString()).toBe('sent');
  });

  test(
    'fd-pass',
    'a file that was sent stays open when its first slot is closed',
    { ops: ['MSG_RING'], probe: sendsFiles },
    (stage) => {
      const other = Stage.open(stage.kernel, { entries: 4 });
      stage.ring.files.register([stage.kernel.file(Buffer.from('passed'))]);
      other.ring.files.registerSparse(2);
      stage.run((sqe) => ops.prepMsgRingFd(sqe, other.ring.fd, 0, 'auto', 10));
      const [[, slot]] = other.results(1) as [[number, number]];
      expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 0))).toBe(0);
      const block = other.block(6);
      expect(other.run((sqe) => ops.prepRead(sqe, slot, block.address, 6, 0), FIXED_FILE)).toBe(6);
      expect(stage.run((sqe) => ops.prepRead(sqe, 0, block.address, 6, 0), FIXED_FILE)).toBe(-Errno.EBADF);
    },
  );

  test('shared-wq', 'a ring can share the workers of another ring, and of nothing else', ({ kernel, ring }) => {
    expect(codeOf(() => kernel.open({ entries: 4, attachTo: kernel.file() }))).not.toBe('none');
    const other = Stage.open(kernel, { entries: 4, attachTo: ring });
    expect(other.nop(1, ASYNC).results(1)).toEqual([[1, 0]]);
  });

  // Kernel threads

  test(
    'sqpoll-sleep',
    'an idle thread goes to sleep, and sets NEED_WAKEUP',
    { ring: { entries: 4, flags: ['SQPOLL'], sqThreadIdle: 10 } },
    (stage) => {
      expect(stage.nop(1).results(1)).toEqual([[1, 0]]);
      sleepy(stage);
      expect(stage.nop(2).results(1)).toEqual([[2, 0]]);
    },
  );

  test(
    'd77a67ed5f27',
    'a submission wakes a thread that sleeps',
    { ring: { entries: 4, flags: ['SQPOLL'], sqThreadIdle: 1 } },
    (stage) => {
      sleepy(stage);
      stage.nop(42);
      stage.ring.submitAndWait(1);
      expect(stage.results(1)).toEqual([[42, 0]]);
    },
  );

  test('empty-eownerdead', 'entering for nothing succeeds', { ring: { entries: 4, flags: ['SQPOLL'] } }, ({ kernel, ring }) => {
    expect(kernel.syscalls.enter(ring.fd, 0, 0, 0, 0, 0)).toBe(0);
  });

  test('sqwait', 'a wait for room in the SQ ends when there is room', { ring: { entries: 8, flags: ['SQPOLL'] } }, (stage) => {
    const fd = stage.kernel.file(Buffer.alloc(4096));
    const block = stage.block(64);
    let done = 0;
    let bad = 0;
    const take = () =>
      stage.ring.forEachCqe(({ res }) => {
        done++;
        if (res !== 64) bad++;
      });
    for (let index = 0; index < 500; index++) {
      if (stage.ring.sq.spaceLeft === 0) {
        stage.ring.submit();
        stage.ring.waitForSqSpace();
        take();
      }
      stage.add(index, (sqe) => ops.prepRead(sqe, fd, block.address, 64, 0));
    }
    stage.submit();
    while (done < 500) {
      if (stage.ring.waitCqe(10_000) === null) throw new Error(`${done} of 500`);
      take();
    }
    expect(bad).toBe(0);
  });

  test(
    'sq-poll-share',
    'one thread takes the submissions of several rings',
    { ring: { entries: 16, flags: ['SQPOLL'] }, linuxOnly: true },
    (stage) => {
      const stages = [
        stage,
        ...Array.from({ length: 3 }, () => Stage.open(stage.kernel, { entries: 16, flags: ['SQPOLL'], attachTo: stage.ring })),
      ];
      const fd = stage.kernel.file(Buffer.alloc(4096));
      for (const each of stages) {
        for (let index = 0; index < 16; index++)
          each.add(index, (sqe) => ops.prepRead(sqe, fd, each.block(256).address, 256, 256 * index));
        each.submit();
      }
      for (const each of stages) expect(each.sorted(16)).toEqual(Array.from({ length: 16 }, (_, index) => [index, 256]));
    },
  );

  // In a separate process: an idle worker of another test would take the work, and stay on its CPU.
  test('wq-aff', 'workers run on the CPUs that were set for them', { linuxOnly: true }, async () => {
    expect(await runChild('lifecycle.mjs', ['workers', 'bounded'])).toEqual({ count: 1, cpus: ['0'] });
  });

  test(
    'iopoll',
    'operations of an IOPOLL ring complete, each exactly once',
    { ring: { entries: 16, flags: ['IOPOLL'] }, linuxOnly: true },
    (stage) => {
      const fd = stage.kernel.file(Buffer.alloc(4096));
      for (let index = 0; index < 4; index++) stage.add(index, (sqe) => ops.prepRead(sqe, fd, stage.block(512).address, 512, 0));
      const seen = stage.sorted(4);
      expect(seen.map(([userData]) => userData)).toEqual([0, 1, 2, 3]);
      // Files that were not opened with O_DIRECT cannot be polled.
      for (const [, res] of seen) expect([512, -Errno.EOPNOTSUPP]).toContain(res);
    },
  );

  test('fdinfo', 'the fdinfo of a ring can be read while it works', { linuxOnly: true, kinds: ALL_KINDS }, async (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    stage.add(1, (sqe) => ops.prepRead(sqe, reader, stage.block(8).address, 8, -1)).submit();
    // The kernel only tries to take the ring's lock, and prints nothing of the ring while its thread has it.
    const read = () => readFileSync(`/proc/self/fdinfo/${stage.ring.fd}`, 'utf8');
    let info = read();
    for (; !info.includes('SqMask'); info = read()) await turn();
    expect(info).toMatch(/^SqMask:\t0x1f$/m);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.results(1)).toEqual([[1, 1]]);
  });

  test('917257daa0fe', 'a large ring with a thread is opened and closed at once', { linuxOnly: true }, ({ kernel }) => {
    const ring = kernel.open({ entries: 1958, flags: ['SQPOLL'], sqThreadCpu: 0, sqThreadIdle: 943 });
    expect(ring.sq.entries).toBe(2048);
    ring.close();
  });

  // Waiting for futexes and child processes

  test(
    'futex',
    'as many waiters are woken as requested, in order',
    { ops: ['FUTEX_WAIT', 'FUTEX_WAKE'], kinds: WITHOUT_THREAD },
    (stage) => {
      const word = stage.block(4);
      const wait = (userData: number, value = 0) => stage.add(userData, (sqe) => ops.prepFutexWait(sqe, word.address, value));
      const wake = (count: number) => stage.add(9, (sqe) => ops.prepFutexWake(sqe, word.address, count));
      expect(wait(1, 5).results(1)).toEqual([[1, -Errno.EAGAIN]]);
      wait(1);
      wait(2).submit();
      stage.quiet();
      expect(wake(1).sorted(2)).toEqual([
        [1, 0],
        [9, 1],
      ]);
      wait(3).submit();
      expect(wake(5).sorted(3)).toEqual([
        [2, 0],
        [3, 0],
        [9, 2],
      ]);
      expect(wake(1).results(1)).toEqual([[9, 0]]);
    },
  );

  test('futex (cancelled)', 'a waiter can be cancelled', { ops: ['FUTEX_WAIT'] }, (stage) => {
    const word = stage.block(4);
    stage.add(1, (sqe) => ops.prepFutexWait(sqe, word.address, 0)).submit();
    stage.add(2, (sqe) => ops.prepCancel(sqe, 1));
    const [waiter, cancel] = stage.sorted(2) as [[number, number], [number, number]];
    expect(waiter).toEqual([1, -Errno.ECANCELED]);
    // For futexes, the kernel can return a count, where it otherwise returns 0.
    expect([0, 1]).toContain(cancel[1]);
  });

  test('futex (vectors)', 'a waiter for several words reports the one woken', { ops: ['FUTEX_WAITV', 'FUTEX_WAKE'] }, (stage) => {
    const words = stage.block(32);
    const waiters = stage.block(8 * 24);
    for (let index = 0; index < 8; index++) {
      stage.ring.arena.writeUint64(waiters.offset + 24 * index + 8, words.address + 4 * index);
      dataOf(waiters).setUint32(24 * index + 16, 0x82, true);
    }
    stage.add(1, (sqe) => ops.prepFutexWaitv(sqe, waiters.address, 8)).submit();
    stage.quiet();
    stage.add(2, (sqe) => ops.prepFutexWake(sqe, words.address + 4 * 5, 1));
    expect(stage.sorted(2)).toEqual([
      [1, 5],
      [2, 1],
    ]);
  });

  test('waitid', 'a wait for a child completes when the child has ended', { ops: ['WAITID'] }, async (stage) => {
    const [P_PID, WEXITED, WNOWAIT] = [1, 4, 0x0100_0000];
    const info = stage.block(128);
    const { simulated } = stage.kernel;
    const child = simulated === undefined ? spawn('sleep', ['60']) : undefined;
    const exited = child && new Promise((resolve) => child.once('exit', resolve));
    const pid = simulated?.createChild() ?? (child?.pid as number);
    stage.add(1, (sqe) => ops.prepWaitid(sqe, P_PID, pid, info.address, WEXITED | WNOWAIT)).submit();
    stage.quiet();
    if (simulated) simulated.endChild(pid, 15, true);
    else child?.kill('SIGTERM');
    expect(stage.results(1)).toEqual([[1, 0]]);
    expect([dataOf(info).getInt32(16, true), dataOf(info).getInt32(24, true)]).toEqual([pid, 15]);
    await exited;
    expect(stage.run((sqe) => ops.prepWaitid(sqe, P_PID, 999_999, info.address, WEXITED))).toBe(-Errno.ECHILD);
  });

  test('waitid (cancelled)', 'a wait for a running child can be cancelled', { ops: ['WAITID'] }, async (stage) => {
    const [P_PID, WEXITED, WNOWAIT] = [1, 4, 0x0100_0000];
    const info = stage.block(128);
    const { simulated } = stage.kernel;
    const child = simulated === undefined ? spawn('sleep', ['60']) : undefined;
    const exited = child && new Promise((resolve) => child.once('exit', resolve));
    const pid = simulated?.createChild() ?? (child?.pid as number);
    stage.add(1, (sqe) => ops.prepWaitid(sqe, P_PID, pid, info.address, WEXITED | WNOWAIT)).submit();
    stage.add(2, (sqe) => ops.prepCancel(sqe, 1));
    expect(stage.sorted(2)[0]).toEqual([1, -Errno.ECANCELED]);
    child?.kill();
    await exited;
  });

  // Closing

  test('ring-leak', 'registered files are released when the ring is closed', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    stage.ring.files.register([writer]);
    stage.add(1, (sqe) => ops.prepPollAdd(sqe, reader, 1)).submit();
    stage.kernel.close(writer);
    stage.ring.close();
    const other = Stage.open(stage.kernel, { entries: 4 });
    const block = other.block(8);
    expect(other.run((sqe) => ops.prepRead(sqe, reader, block.address, 8, -1))).toBe(0);
  });

  test('io-wq-unused-exit', 'workers exit when their ring is closed', { linuxOnly: true }, ({ kernel }) => {
    const stage = Stage.open(kernel, { entries: 8 });
    const [reader, writer] = kernel.pipe();
    stage.add(1, (sqe) => ops.prepRead(sqe, reader, stage.block(8).address, 8, -1), ASYNC).submit();
    kernel.write(writer, Buffer.from('x'));
    expect(stage.results(1)).toEqual([[1, 1]]);
    stage.close();
    expect(() => Ring.open({ entries: 1 }).close()).not.toThrow();
  });
});

/** Waits until the thread of an SQPOLL ring sleeps. */
function sleepy(stage: Stage): void {
  stage.kernel.simulated?.advance(5000);
  const deadline = performance.now() + 10_000;
  while (!(stage.ring.sq.flags & SqRingFlag.NEED_WAKEUP) && performance.now() < deadline);
  expect(stage.ring.sq.flags & SqRingFlag.NEED_WAKEUP).toBe(SqRingFlag.NEED_WAKEUP);
}

function passesFlags(stage: Stage): string | undefined {
  const res = stage.run((sqe) => ops.prepMsgRing(sqe, stage.kernel.open({ entries: 1 }).fd, 1, 1, MsgRingFlag.FLAGS_PASS, 1));
  return res === 0 ? undefined : 'the kernel passes no flags';
}

function sendsFiles(stage: Stage): string | undefined {
  const other = stage.kernel.open({ entries: 2 });
  other.files.registerSparse(1);
  stage.ring.files.register([stage.kernel.file()]);
  const res = stage.run((sqe) => ops.prepMsgRingFd(sqe, other.fd, 0, 0, 1));
  return res >= 0 ? undefined : 'the kernel sends no files';
}
