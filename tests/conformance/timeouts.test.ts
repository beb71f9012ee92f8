/** liburing's cases for time: timeouts, linked timeouts, and waits with a time limit. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CqeFlag, PollEvent, type Ring, SqeFlag, SqRingFlag, TimeoutFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { dataOf, type Stage } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { IO_LINK, IO_DRAIN, ASYNC } = SqeFlag;
const CANCELED = -Errno.ECANCELED;
const ETIME = -Errno.ETIME;

const timeout = (
  stage: Stage,
  userData: number,
  milliseconds: number,
  options: { count?: number; flags?: number; sqe?: number } = {},
) =>
  stage.add(
    userData,
    (sqe) => ops.prepTimeout(sqe, stage.timespec(milliseconds), options.count ?? 0, options.flags ?? 0),
    options.sqe,
  );
const linkTimeout = (stage: Stage, userData: number, milliseconds: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepLinkTimeout(sqe, stage.timespec(milliseconds)), flags);
const read = (stage: Stage, userData: number, fd: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepRead(sqe, fd, stage.block(8).address, 8, -1), flags);
/**
 * Returns the milliseconds that `body` takes. The simulated kernel has its own clock: there, the
 * result is infinite.
 */
const elapsed = (stage: Stage, body: () => void) => {
  const start = performance.now();
  body();
  return stage.kernel.simulated ? Number.POSITIVE_INFINITY : performance.now() - start;
};

const tried = (what: string, body: (ring: Ring) => void) => (stage: Stage) => {
  try {
    body(stage.ring);
    return undefined;
  } catch {
    return `the kernel knows no ${what}`;
  }
};

const knowsWaitRegions = tried('registered waits', (ring) => ring.settings.registerWaitRegion(1));
const knowsClock = tried('clocks of waits', (ring) => ring.settings.setClock(1));

cases('timeouts', (test) => {
  test('timeout', 'a timeout expires, and not before its time', { kinds: ALL_KINDS }, (stage) => {
    let results: unknown;
    expect(
      elapsed(stage, () => {
        results = timeout(stage, 1, 20).results(1);
      }),
    ).toBeGreaterThanOrEqual(19.9);
    expect(results).toEqual([[1, ETIME]]);
  });

  test('timeout (many waited for)', 'a wait for more CQEs than will arrive ends with the timeout', (stage) => {
    timeout(stage, 1, 10);
    stage.ring.submitAndWait(4);
    expect(stage.results(1)).toEqual([[1, ETIME]]);
  });

  for (const count of [1, 2]) {
    test(`timeout (count ${count})`, 'a timeout completes after so many others', { kinds: WITHOUT_THREAD }, (stage) => {
      timeout(stage, 1, 60_000, { count }).nop(2).nop(3);
      const all = stage.results(3);
      expect(all.find(([userData]) => userData === 1)).toEqual([1, 0]);
      expect(all.findIndex(([userData]) => userData === 1)).toBeGreaterThanOrEqual(count);
    });
  }

  test('timeout (order)', 'the shorter timeout expires first, even if submitted last', (stage) => {
    timeout(stage, 1, 40);
    timeout(stage, 2, 10);
    expect(stage.results(2)).toEqual([
      [2, ETIME],
      [1, ETIME],
    ]);
  });

  test('timeout (absolute)', 'a time in the past expires at once', (stage) => {
    timeout(stage, 1, 1, { flags: TimeoutFlag.ABS });
    expect(stage.results(1)).toEqual([[1, ETIME]]);
  });

  test(
    'timeout (remove)',
    'a timeout that is removed is cancelled; one that is unknown is not found',
    { kinds: ALL_KINDS },
    (stage) => {
      timeout(stage, 1, 60_000).submit();
      stage.add(2, (sqe) => ops.prepTimeoutRemove(sqe, 99));
      expect(stage.results(1)).toEqual([[2, -Errno.ENOENT]]);
      stage.add(3, (sqe) => ops.prepTimeoutRemove(sqe, 1));
      expect(stage.sorted(2)).toEqual([
        [1, CANCELED],
        [3, 0],
      ]);
    },
  );

  for (const [name, flags] of [
    ['', 0],
    [' by a worker', ASYNC],
  ] as const) {
    test(`timeout (update${name})`, 'a timeout can be given another time', (stage) => {
      timeout(stage, 1, 60_000).submit();
      stage.add(2, (sqe) => ops.prepTimeoutUpdate(sqe, stage.timespec(5), 1), flags);
      expect(stage.results(2)).toEqual([
        [2, 0],
        [1, ETIME],
      ]);
      stage.add(3, (sqe) => ops.prepTimeoutUpdate(sqe, stage.timespec(5), 99), flags);
      expect(stage.results(1)).toEqual([[3, -Errno.ENOENT]]);
    });
  }

  test('timeout (flags)', 'invalid flags and times are refused', (stage) => {
    expect(stage.run((sqe) => ops.prepTimeoutRemove(sqe, 1, TimeoutFlag.ABS))).toBe(-Errno.EINVAL);
    expect(stage.run((sqe) => ops.prepTimeout(sqe, stage.timespec(1), 0, TimeoutFlag.BOOTTIME | TimeoutFlag.REALTIME))).toBe(
      -Errno.EINVAL,
    );
    const negative = stage.block(16);
    dataOf(negative).setBigInt64(0, -1n, true);
    expect(stage.run((sqe) => ops.prepTimeout(sqe, negative.address))).toBe(-Errno.EINVAL);
  });

  test('timeout (chains)', 'a timeout that expires breaks its chain, unless ETIME_SUCCESS is set', (stage) => {
    timeout(stage, 1, 2, { sqe: IO_LINK });
    timeout(stage, 2, 2, { sqe: IO_DRAIN });
    timeout(stage, 3, 2);
    expect(stage.results(3)).toEqual([
      [1, ETIME],
      [2, CANCELED],
      [3, ETIME],
    ]);
    timeout(stage, 1, 2, { sqe: IO_LINK });
    timeout(stage, 2, 2, { sqe: IO_LINK });
    timeout(stage, 3, 2);
    expect(stage.results(3)).toEqual([
      [1, ETIME],
      [2, CANCELED],
      [3, CANCELED],
    ]);
    timeout(stage, 1, 2, { sqe: IO_LINK, flags: TimeoutFlag.ETIME_SUCCESS }).nop(2);
    expect(stage.results(2)).toEqual([
      [1, ETIME],
      [2, 0],
    ]);
  });

  test(
    'timeout (multishot)',
    'a multishot timeout fires repeatedly until its ring is closed',
    { probe: knowsMultishot, kinds: WITHOUT_THREAD },
    (stage) => {
      timeout(stage, 1, 2, { flags: TimeoutFlag.MULTISHOT });
      for (const { res, flags } of stage.wait(3)) expect([res, flags & CqeFlag.MORE]).toEqual([ETIME, CqeFlag.MORE]);
    },
  );

  test(
    'timeout (multishot, count)',
    'a multishot timeout fires as often as requested, at last without MORE',
    { probe: knowsMultishot },
    (stage) => {
      timeout(stage, 1, 2, { flags: TimeoutFlag.MULTISHOT, count: 3 });
      expect(stage.wait(3).map(({ res, flags }) => [res, flags])).toEqual([
        [ETIME, CqeFlag.MORE],
        [ETIME, CqeFlag.MORE],
        [ETIME, 0],
      ]);
      stage.quiet();
    },
  );

  test('timeout-new', 'a wait can have a time limit, with and without a completion', { kinds: ALL_KINDS }, (stage) => {
    stage.nop(1).submit();
    expect(stage.ring.waitCqe(10_000)?.userData).toBe(1);
    stage.ring.advance(1);
    expect(
      elapsed(stage, () => {
        expect(stage.ring.waitCqe(20)).toBeNull();
      }),
    ).toBeGreaterThanOrEqual(19.9);
  });

  test('7ad0e4b2f83c', 'a wait that returned early does not shorten the next timeout', (stage) => {
    stage.nop(1).submit();
    stage.ring.waitCqe(5000);
    stage.ring.advance(1);
    expect(elapsed(stage, () => timeout(stage, 2, 30).results(1))).toBeGreaterThanOrEqual(29.9);
  });

  test(
    'defer-tw-timeout',
    'a wait that times out has run the pending task work',
    { ring: { entries: 8, flags: ['SINGLE_ISSUER', 'DEFER_TASKRUN'] } },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      read(stage, 1, reader).submit();
      stage.kernel.write(writer, Buffer.from('x'));
      stage.ring.submitAndWait(2, 30);
      expect(stage.ring.cq.ready).toBe(1);
      expect(stage.results(1)).toEqual([[1, 1]]);
    },
  );

  test(
    'reg-wait',
    'waits can use times that were registered once',
    { ring: { entries: 8, flags: ['R_DISABLED'] }, probe: knowsWaitRegions, linuxOnly: true },
    ({ ring, kernel }) => {
      ring.settings.registerWaitRegion(4);
      ring.settings.enable();
      ring.settings.setRegisteredWait(0, 10);
      ring.settings.setRegisteredWait(3, 10);
      for (const index of [0, 3]) {
        const start = performance.now();
        expect(() => ring.submitAndWaitRegistered(1, index)).toThrow('ETIME');
        expect(performance.now() - start).toBeGreaterThanOrEqual(9);
      }
      expect(() => ring.submitAndWaitRegistered(1, 4)).toThrow('out of range');
      expect(kernel.name).toBe('linux');
    },
  );

  test('wait-timeout', 'the clock of waits can be chosen, and must exist', { probe: knowsClock, linuxOnly: true }, ({ ring }) => {
    const [MONOTONIC, BOOTTIME] = [1, 7];
    for (const clock of [MONOTONIC, BOOTTIME, MONOTONIC]) {
      ring.settings.setClock(clock);
      const start = performance.now();
      expect(ring.waitCqe(15)).toBeNull();
      expect(performance.now() - start).toBeGreaterThanOrEqual(14);
    }
    expect(() => ring.settings.setClock(0xffff_ffff)).toThrow('EINVAL');
  });

  // Linked timeouts

  test('link-timeout', 'a linked timeout fires, or is cancelled when its operation completes', { kinds: ALL_KINDS }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    read(stage, 1, reader, IO_LINK);
    linkTimeout(stage, 2, 5);
    expect(stage.sorted(2)).toEqual([
      [1, CANCELED],
      [2, ETIME],
    ]);
    stage.kernel.write(writer, Buffer.from('abc'));
    read(stage, 1, reader, IO_LINK);
    linkTimeout(stage, 2, 60_000);
    expect(stage.sorted(2)).toEqual([
      [1, 3],
      [2, CANCELED],
    ]);
    stage.nop(1, IO_LINK);
    linkTimeout(stage, 2, 60_000);
    expect(stage.sorted(2)).toEqual([
      [1, 0],
      [2, CANCELED],
    ]);
  });

  test('link-timeout (alone)', 'a linked timeout is refused without an operation before it', (stage) => {
    linkTimeout(stage, 1, 5);
    expect(stage.results(1)).toEqual([[1, -Errno.EINVAL]]);
  });

  test('link-timeout (chains)', 'a linked timeout that fires within a chain cancels the rest', (stage) => {
    const [reader] = stage.kernel.pipe();
    read(stage, 1, reader, IO_LINK);
    linkTimeout(stage, 2, 5, IO_LINK).nop(3);
    expect(stage.sorted(3)).toEqual([
      [1, CANCELED],
      [2, ETIME],
      [3, CANCELED],
    ]);
    stage.nop(1, IO_LINK);
    read(stage, 2, reader, IO_LINK);
    linkTimeout(stage, 3, 5);
    expect(stage.sorted(3)).toEqual([
      [1, 0],
      [2, CANCELED],
      [3, ETIME],
    ]);
  });

  test('link-timeout (two chains)', 'a linked timeout does not affect another chain', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const [other] = stage.kernel.pipe();
    read(stage, 1, reader, IO_LINK);
    linkTimeout(stage, 2, 60_000);
    read(stage, 3, other, IO_LINK);
    linkTimeout(stage, 4, 5).nop(5);
    expect(stage.sorted(3)).toEqual([
      [3, CANCELED],
      [4, ETIME],
      [5, 0],
    ]);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.sorted(2)).toEqual([
      [1, 1],
      [2, CANCELED],
    ]);
  });

  test('link-timeout (update)', 'a linked timeout that runs can be given another time', (stage) => {
    const [reader] = stage.kernel.pipe();
    read(stage, 1, reader, IO_LINK);
    linkTimeout(stage, 2, 60_000).submit();
    stage.add(3, (sqe) => ops.prepTimeoutUpdate(sqe, stage.timespec(5), 2, TimeoutFlag.LINK_UPDATE));
    expect(stage.sorted(3)).toEqual([
      [1, CANCELED],
      [2, ETIME],
      [3, 0],
    ]);
    stage.add(4, (sqe) => ops.prepTimeoutUpdate(sqe, stage.timespec(5), 99, TimeoutFlag.LINK_UPDATE));
    expect(stage.results(1)).toEqual([[4, -Errno.ENOENT]]);
  });

  test('link-timeout (behind a timeout)', 'a timeout that expires cancels the timeout linked to it', (stage) => {
    timeout(stage, 1, 5, { sqe: IO_LINK });
    linkTimeout(stage, 2, 60_000);
    expect(stage.sorted(2)).toEqual([
      [1, ETIME],
      [2, CANCELED],
    ]);
  });

  test(
    'min-timeout',
    'a wait in two stages returns after the first with the CQEs that have arrived',
    { ring: { entries: 8, flags: ['R_DISABLED'] }, probe: knowsMinimum, linuxOnly: true },
    (stage) => {
      const { ring } = stage;
      ring.settings.registerWaitRegion(2);
      ring.settings.enable();
      const pipes = Array.from({ length: 8 }, () => stage.kernel.pipe());
      pipes.forEach(([reader], index) => {
        read(stage, index, reader);
      });
      stage.submit();
      for (const [, writer] of pipes.slice(0, 6)) stage.kernel.write(writer, Buffer.from('x'));
      ring.settings.setRegisteredWait(0, 10_000, 20_000);
      const start = performance.now();
      ring.submitAndWaitRegistered(8, 0);
      const took = performance.now() - start;
      expect(took).toBeGreaterThanOrEqual(19);
      expect(took).toBeLessThan(9000);
      expect(ring.cq.ready).toBe(6);
    },
  );

  test(
    'timeout (overflow)',
    'no timeout is lost when many expire at once into a small CQ',
    { ring: { entries: 64, cqEntries: 64 } },
    (stage) => {
      for (let round = 0; round < 4; round++) {
        for (let index = 0; index < 64; index++) timeout(stage, round * 64 + index, 5);
        stage.submit();
      }
      const seen = stage.results(256);
      expect(new Set(seen.map(([userData]) => userData)).size).toBe(256);
      expect(seen.every(([, res]) => res === ETIME)).toBe(true);
      stage.ring.getEvents();
      expect(stage.ring.sq.flags & SqRingFlag.CQ_OVERFLOW).toBe(0);
    },
  );

  test('poll-link (events)', 'a poll with a linked timeout reports its events', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    stage.add(1, (sqe) => ops.prepPollAdd(sqe, reader, PollEvent.IN), IO_LINK);
    linkTimeout(stage, 2, 60_000).submit();
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.sorted(2)).toEqual([
      [1, PollEvent.IN],
      [2, CANCELED],
    ]);
  });
});

function knowsMultishot(stage: Stage): string | undefined {
  const flags = TimeoutFlag.MULTISHOT;
  const [[, res] = []] = timeout(stage, 1, 1, { flags, count: 1 }).results(1);
  return res === ETIME ? undefined : 'the kernel knows no multishot timeouts';
}

function knowsMinimum(stage: Stage): string | undefined {
  return stage.ring.hasFeature('MIN_TIMEOUT') ? knowsWaitRegions(stage) : 'the kernel lacks MIN_TIMEOUT';
}
