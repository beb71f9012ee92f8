/**
 * The two queues: the rules of the ring protocol (section 16 of the interface's description), each
 * by name.
 */

import { afterEach, describe, expect, test } from '@jest/globals';
import { prepNop, prepNopWith, prepPollAdd, prepRead, prepReadSelect } from '../../src/ops/index.js';
import {
  type Cqe,
  CqeFlag,
  CqRingFlag,
  NopFlag,
  PollEvent,
  PollFlag,
  Ring,
  type SetupFlagName,
  type Sqe,
  SqeFlag,
  SqRingFlag,
} from '../../src/ring/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { describeOnBothKernels, testWithFlags } from '../helpers/kernels.js';
import { nops, sqeOf, take, takeAll } from '../helpers/ring.js';

describeOnBothKernels('the queues', (kernel, name) => {
  test('hold exactly `entries` SQEs, and hand out none when full', () => {
    const ring = kernel().open({ entries: 4 });
    for (let i = 0; i < 4; i++) {
      expect(ring.sq.spaceLeft).toBe(4 - i);
      expect(ring.getSqe()).not.toBeNull();
    }
    expect(ring.getSqe()).toBeNull();
    expect(ring.sq.ready).toBe(4);
  });

  test('take a NOP to the kernel and back', () => {
    const ring = kernel().open({ entries: 8 });
    nops(ring, 42);
    expect(ring.submitAndWait(1)).toBe(1);
    expect(takeAll(ring)).toEqual([{ userData: 42, res: 0, flags: 0 }]);
    expect(ring.cq.ready).toBe(0);
    expect(ring.sq.ready).toBe(0);
  });

  test('keep all 64 bits of user data', () => {
    const ring = kernel().open({ entries: 8 });
    const values = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 63n, 2n ** 64n - 1n];
    for (const value of values) {
      const sqe = ring.getSqe();
      prepNop(sqe as never);
      sqe?.setUserData(value);
    }
    ring.submitAndWait(values.length);
    const seen: bigint[] = [];
    ring.forEachCqe((cqe) => {
      seen.push(cqe.userData64);
      if (cqe.userData64 < 2n ** 53n) expect(BigInt(cqe.userData)).toBe(cqe.userData64);
    });
    expect(seen).toEqual(values);
  });

  test('submit from head to tail: a bad SQE leaves the remainder for the next call', () => {
    const ring = kernel().open({ entries: 8 });
    for (let i = 1; i <= 5; i++) {
      const sqe = ring.getSqe();
      sqe?.prepare(i === 3 ? 200 : 0, -1, 0, 0, 0, 0);
      sqe?.setUserData(i);
    }
    expect(ring.submit()).toBe(3);
    expect(ring.sq.ready).toBe(2);
    expect(ring.submit()).toBe(2);
    // Older kernels post the refusal before what completed in the same submission.
    const results = takeAll(ring).map(({ userData, res }) => [userData, res] as const);
    expect(results.sort(([a], [b]) => a - b)).toEqual([
      [1, 0],
      [2, 0],
      [3, -22],
      [4, 0],
      [5, 0],
    ]);
  });

  test('submit everything with SUBMIT_ALL, despite a bad SQE', () => {
    const ring = kernel().open({ entries: 8, flags: ['SUBMIT_ALL'] });
    for (let i = 1; i <= 5; i++) {
      const sqe = ring.getSqe();
      sqe?.prepare(i === 3 ? 200 : 0, -1, 0, 0, 0, 0);
      sqe?.setUserData(i);
    }
    expect(ring.submit()).toBe(5);
  });

  test('lose nothing in an overflow, and keep the order', () => {
    const ring = kernel().open({ entries: 4 });
    expect(ring.cq.entries).toBe(8);
    for (let round = 0; round < 6; round++) {
      nops(ring, ...[1, 2, 3, 4].map((i) => round * 4 + i));
      expect(ring.submit()).toBe(4);
    }
    expect(ring.sq.flags & SqRingFlag.CQ_OVERFLOW).toBe(SqRingFlag.CQ_OVERFLOW);
    expect(ring.cq.overflow).toBe(0);
    const seen: number[] = [];
    while (seen.length < 24) {
      expect(ring.forEachCqe((cqe) => seen.push(cqe.userData))).toBeGreaterThan(0);
    }
    expect(seen).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(ring.peekCqe()).toBeNull();
    expect(ring.sq.flags & SqRingFlag.CQ_OVERFLOW).toBe(0);
  });

  test('are flushed after an overflow by a peek and by a batch, too', () => {
    const ring = kernel().open({ entries: 4 });
    for (let round = 0; round < 3; round++) {
      nops(ring, 0, 1, 2, 3);
      ring.submit();
    }
    const batch: Cqe[] = [];
    expect(ring.peekBatch(batch)).toBe(0);
    expect(ring.peekBatch(batch, 64)).toBe(8);
    ring.advance(8);
    expect(ring.peekCqe()).not.toBeNull();
    expect(ring.peekBatch(batch, 64)).toBe(4);
    ring.advance(4);
    expect(ring.peekBatch(batch, 64)).toBe(0);
  });

  test('keep a completion during a peek, and release it with advance', () => {
    const ring = kernel().open({ entries: 4 });
    nops(ring, 1, 2);
    ring.submitAndWait(2);
    expect(ring.peekCqe()?.userData).toBe(1);
    expect(ring.peekCqe()?.userData).toBe(1);
    ring.advance(1);
    expect(ring.peekCqe()?.userData).toBe(2);
    expect(() => ring.advance(2)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(ring.cq.ready).toBe(1);
    ring.advance(1);
    expect(ring.peekCqe()).toBeNull();
  });

  test('end a for-each where the completions end, whatever its maximum', () => {
    const ring = kernel().open({ entries: 4 });
    nops(ring, 1, 2, 3);
    ring.submit();
    expect(takeAll(ring)).toHaveLength(3);
    nops(ring, 4);
    ring.submit();
    // Fewer than have passed through the queue, and more than there are.
    const seen: number[] = [];
    expect(ring.forEachCqe(({ userData }) => seen.push(Number(userData)), 3)).toBe(1);
    expect(seen).toEqual([4]);
  });

  test('end a for-each at its maximum, and release what it has shown even if the callback throws', () => {
    const ring = kernel().open({ entries: 8 });
    nops(ring, 1, 2, 3, 4, 5);
    ring.submitAndWait(5);
    const seen: number[] = [];
    expect(ring.forEachCqe((cqe) => seen.push(cqe.userData), 2)).toBe(2);
    expect(() =>
      ring.forEachCqe(() => {
        throw new Error('from the callback');
      }),
    ).toThrow('from the callback');
    expect(() => ring.forEachCqe(() => ring.forEachCqe(() => undefined))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE' }),
    );
    ring.forEachCqe((cqe) => seen.push(cqe.userData));
    // 3 was shown to the callback that threw, 4 to the one that nested.
    expect(seen).toEqual([1, 2, 5]);
  });

  const KINDS: SetupFlagName[][] = [
    ['NO_SQARRAY'],
    ['SQE128'],
    ['CQE32'],
    ['SQE128', 'CQE32', 'NO_SQARRAY'],
    ['CQE_MIXED'],
    ['SQPOLL'],
    ['SQPOLL', 'NO_SQARRAY'],
    ['IOPOLL'],
    ['IOPOLL', 'HYBRID_IOPOLL'],
    ['COOP_TASKRUN', 'TASKRUN_FLAG'],
    ['SINGLE_ISSUER', 'DEFER_TASKRUN', 'CQE32'],
  ];
  for (const flags of KINDS) {
    testWithFlags(name, flags, `work with ${flags.join(', ')}, for more rounds than entries`, () => {
      const ring = kernel().open({ entries: 8, flags });
      for (let i = 0; i < 50; i++) {
        nops(ring, i);
        ring.submitAndWait(1);
        expect(takeAll(ring)).toEqual([{ userData: i, res: 0, flags: 0 }]);
      }
    });
  }

  testWithFlags(name, ['CQE_MIXED'], 'deliver 16-byte and 32-byte completions of a mixed ring, and never its fillers', () => {
    const ring = kernel().open({ entries: 4, flags: ['CQE_MIXED'] });
    for (let i = 0; i < 40; i++) {
      const big = i % 3 !== 0;
      const sqe = ring.getSqe();
      prepNopWith(sqe as never, big ? NopFlag.CQE32 : 0);
      if (big) {
        // A NOP passes off and addr on as the two extra values.
        sqe?.set64(2, 1000 + i);
        sqe?.set64(4, 2000 + i);
      }
      sqe?.setUserData(i);
      ring.submitAndWait(1);
      const cqe = take(ring);
      expect(cqe.userData).toBe(i);
      expect(cqe.res).toBe(0);
      expect(cqe.flags & CqeFlag.BIG).toBe(big ? CqeFlag.BIG : 0);
      if (big) expect([cqe.extra1, cqe.extra2]).toEqual([BigInt(1000 + i), BigInt(2000 + i)]);
    }
    expect(ring.cq.ready).toBe(0);
  });

  testWithFlags(name, ['CQE_MIXED'], 'advance by a batch over both sizes and the fillers of a mixed ring', () => {
    const ring = kernel().open({ entries: 8, flags: ['CQE_MIXED'] });
    let next = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 5; i++) {
        const sqe = ring.getSqe();
        prepNopWith(sqe as never, (round + i) % 2 ? NopFlag.CQE32 : 0);
        sqe?.setUserData(next + i);
      }
      ring.submitAndWait(5);
      const batch: Cqe[] = [];
      expect(ring.peekBatch(batch, 5)).toBe(5);
      expect(batch.map((cqe) => cqe.userData)).toEqual([0, 1, 2, 3, 4].map((i) => next + i));
      ring.advance(5);
      next += 5;
    }
    expect(ring.cq.ready).toBe(0);
  });

  testWithFlags(name, ['CQE_MIXED'], 'ignore a filler of an earlier round: an empty mixed ring stays empty', () => {
    const ring = kernel().open({ entries: 2, flags: ['CQE_MIXED'] });
    const { cq } = (ring as unknown as { state: { cq: object } }).state as { cq: Record<'ring' | 'cqesIndex' | 'mask', never> };
    const words = cq.ring as Int32Array;
    for (let entry = 0; entry <= (cq.mask as number); entry++) words[(cq.cqesIndex as number) + 4 * entry + 3] = CqeFlag.SKIP;
    expect([ring.peekCqe(), ring.peekBatch([], 4), ring.forEachCqe(() => undefined), ring.cq.ready]).toEqual([null, 0, 0, 0]);
  });

  testWithFlags(name, ['CQE_MIXED'], 'count completions, not entries, in a mixed ring', () => {
    const ring = kernel().open({ entries: 8, flags: ['CQE_MIXED'] });
    const put = (...userData: number[]) => {
      for (const value of userData) {
        const sqe = sqeOf(ring);
        prepNopWith(sqe, NopFlag.CQE32);
        sqe.setUserData(value);
      }
      ring.submitAndWait(userData.length);
    };
    for (let round = 0; round < 9; round++) {
      put(1, 2, 3);
      const seen: number[] = [];
      expect(ring.forEachCqe((cqe) => seen.push(cqe.userData), 2)).toBe(2);
      expect(() =>
        ring.forEachCqe(() => {
          ring.peekCqe();
          ring.forEachCqe(() => undefined);
        }),
      ).toThrow('completions are being iterated');
      expect(ring.forEachCqe(() => undefined)).toBe(0);
      put(4, 5);
      expect(() => ring.advance(3)).toThrow('at most the completions in the queue');
      ring.advance(1);
      expect(ring.peekCqe()?.userData).toBe(5);
      ring.advance(1);
      // One more entry each time: the queue becomes empty at every entry, even where a filler was.
      nops(ring, 6);
      ring.submitAndWait(1);
      expect(ring.peekCqe()?.userData).toBe(6);
      ring.advance(1);
      expect([ring.peekCqe(), ring.cq.ready, seen]).toEqual([null, 0, [1, 2]]);
    }
  });

  // NOPs have extra values since mixed rings exist.
  testWithFlags(name, ['CQE_MIXED'], 'deliver completions with extra values, flags and buffer ids', () => {
    const big = kernel().open({ entries: 4, flags: ['CQE32'] });
    const sqe = sqeOf(big);
    prepNopWith(sqe, NopFlag.CQE32);
    sqe.set64(2, 1000);
    sqe.set64(4, 2000);
    big.submitAndWait(1);
    expect(big.peekCqe()).toMatchObject({ isBig: true, extra1: 1000n, extra2: 2000n, more: false, bufferId: -1 });
    const plain = kernel().open({ entries: 4 });
    nops(plain, 7);
    plain.submitAndWait(1);
    expect(plain.peekCqe()).toMatchObject({ isBig: false, extra1: 0n, extra2: 0n, userData64: 7n, more: false, bufferId: -1 });
    plain.advance(1);
    const [reader, writer] = kernel().pipe();
    prepPollAdd(sqeOf(plain), reader, PollEvent.IN, PollFlag.ADD_MULTI);
    plain.submit();
    kernel().write(writer, Buffer.from('x'));
    expect(plain.waitCqe()?.more).toBe(true);
    plain.advance(1);
    plain.bufferRings.create({ group: 3, entries: 2, bufferSize: 64 });
    prepReadSelect(sqeOf(plain), reader, 3, 64, 0);
    plain.submitAndWait(1);
    expect(plain.waitCqe()).toMatchObject({ res: 1, bufferId: 0 });
  });

  test('reuse the objects of an earlier batch, but only those of their own ring', () => {
    const ring = kernel().open({ entries: 4 });
    const other = kernel().open({ entries: 4 });
    const batch: Cqe[] = [];
    nops(ring, 1, 2);
    ring.submitAndWait(2);
    ring.peekBatch(batch, 2);
    const [first, second] = batch;
    ring.advance(2);
    nops(ring, 3, 4);
    ring.submitAndWait(2);
    expect(ring.peekBatch(batch)).toBe(2);
    expect([batch[0] === first, batch[1] === second]).toEqual([true, true]);
    nops(other, 5, 6);
    other.submitAndWait(2);
    expect(other.peekBatch(batch)).toBe(2);
    expect(batch.map(({ userData }) => userData)).toEqual([5, 6]);
    expect([first?.userData, second?.userData]).toEqual([3, 4]);
  });

  test('do not let small user data overwrite that of the entry before', () => {
    const ring = kernel().open({ entries: 4 });
    nops(ring, 2 ** 40, 1);
    ring.submitAndWait(2);
    expect(takeAll(ring).map(({ userData }) => userData)).toEqual([2 ** 40, 1]);
  });

  test('have flags that the program can set, and count no drops at first', () => {
    const ring = kernel().open({ entries: 4 });
    expect([ring.cq.flags, ring.cq.overflow, ring.sq.dropped]).toEqual([0, 0, 0]);
    ring.cq.flags = CqRingFlag.EVENTFD_DISABLED;
    expect(ring.cq.flags).toBe(CqRingFlag.EVENTFD_DISABLED);
  });

  test('deliver a read of a pipe when there is something to read', () => {
    const ring = kernel().open({ entries: 4 });
    const [reader, writer] = kernel().pipe();
    const buffer = new Uint8Array(8);
    const sqe = ring.getSqe();
    prepRead(sqe as never, reader, ring.pin(buffer), 8, 0);
    ring.submit();
    expect(ring.peekCqe()).toBeNull();
    kernel().write(writer, Buffer.from('abc'));
    expect(ring.waitCqe()?.res).toBe(3);
    expect(Buffer.from(buffer.subarray(0, 3)).toString()).toBe('abc');
  });

  test('are empty, without an error, after a wait with a time limit', () => {
    const ring = kernel().open({ entries: 4 });
    expect(ring.submitAndWait(1, 5)).toBe(0);
    expect(ring.cq.ready).toBe(0);
    expect(ring.waitCqe(5)).toBeNull();
    // The kernel reports what was submitted instead of the timeout. The wait ends in either case.
    const [reader] = kernel().pipe();
    prepRead(ring.getSqe() as never, reader, ring.pin(new Uint8Array(8)), 8, 0);
    expect(ring.submitAndWait(1, 5)).toBe(1);
    expect(ring.waitCqe(5)).toBeNull();
  });

  test('show a completion with DEFER_TASKRUN after the next look, not before', () => {
    const ring = kernel().open({ entries: 4, flags: ['SINGLE_ISSUER', 'DEFER_TASKRUN', 'TASKRUN_FLAG'] });
    const [reader, writer] = kernel().pipe();
    // Not a read: before 6.4 a read of a pipe ends in a worker.
    prepPollAdd(ring.getSqe() as never, reader, PollEvent.IN);
    ring.submit();
    kernel().write(writer, Buffer.from('x'));
    expect(ring.cq.ready).toBe(0);
    expect(ring.sq.flags & SqRingFlag.TASKRUN).toBe(SqRingFlag.TASKRUN);
    expect(ring.peekCqe()?.res).toBe(1);
    expect(ring.sq.flags & SqRingFlag.TASKRUN).toBe(0);
  });
});

describe('counters', () => {
  test.each([0, 0x7fff_fff8, 0xffff_fff0, 0xffff_ffff])('start at %i and wrap without losing anything', (counterStart) => {
    for (const flags of [[], ['NO_SQARRAY'], ['SQPOLL'], ['CQE_MIXED']] as const) {
      const kernel = new SimulatedKernel({ counterStart });
      const ring = Ring.open({ entries: 4, flags, syscalls: kernel });
      for (let round = 0; round < 30; round++) {
        const count = 1 + (round % 4);
        nops(ring, ...Array.from({ length: count }, (_, i) => round * 10 + i));
        expect(ring.sq.ready).toBe(count);
        expect(ring.sq.spaceLeft).toBe(4 - count);
        ring.submitAndWait(count);
        expect(ring.sq.ready).toBe(0);
        expect(ring.cq.ready).toBe(count);
        expect(takeAll(ring).map((cqe) => cqe.userData)).toEqual(Array.from({ length: count }, (_, i) => round * 10 + i));
      }
      ring.close();
    }
  });

  test('may wrap during an overflow', () => {
    const kernel = new SimulatedKernel({ counterStart: 0xffff_fffe });
    const ring = Ring.open({ entries: 2, syscalls: kernel });
    for (let i = 0; i < 10; i += 2) {
      nops(ring, i, i + 1);
      ring.submit();
    }
    const seen: number[] = [];
    while (seen.length < 10) ring.forEachCqe((cqe) => seen.push(cqe.userData));
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

test('the TASKRUN flag is taken once, and no other flag with it', () => {
  const { sq } = Ring.open({ entries: 2, syscalls: new SimulatedKernel() });
  const { ring, flagsIndex } = sq as unknown as { ring: Int32Array; flagsIndex: number };
  expect([sq.takeTaskrun(), sq.flags]).toEqual([false, 0]);
  ring[flagsIndex] = SqRingFlag.CQ_OVERFLOW;
  expect([sq.takeTaskrun(), sq.flags]).toEqual([false, SqRingFlag.CQ_OVERFLOW]);
  ring[flagsIndex] = SqRingFlag.CQ_OVERFLOW | SqRingFlag.TASKRUN;
  expect([sq.takeTaskrun(), sq.flags]).toEqual([true, SqRingFlag.CQ_OVERFLOW]);
  ring[flagsIndex] = 0;
});

describe('SQEs that the kernel has not taken', () => {
  const setUp = (flags: number[], taken: number) => {
    const kernel = new SimulatedKernel({ counterStart: 0xffff_fffe });
    const ring = Ring.open({ entries: 8, syscalls: kernel });
    cleanUp.push(() => ring.close());
    flags.forEach((flag, index) => {
      nops(ring, index);
      const sqe = ring.sq.findUnsubmitted(index, 0) as Sqe;
      sqe.setFlags(flag);
      sqe.setToken(index, 5);
    });
    kernel.limitSubmissions(taken);
    ring.submit();
    const rest: number[] = [];
    for (const sqe of ring.sq.restOfCutChain()) rest.push(sqe.tokenLow);
    return { ring, rest };
  };
  const cleanUp: (() => void)[] = [];
  afterEach(() => {
    for (const step of cleanUp.splice(0)) step();
  });
  const { IO_LINK, IO_HARDLINK } = SqeFlag;

  test.each([
    ['nothing of a chain', [0, IO_LINK, IO_LINK, 0], 1, []],
    ['the rest of a chain', [IO_LINK, IO_LINK, IO_LINK, 0, 0], 1, [1, 2, 3]],
    ['the rest of a hard chain', [IO_HARDLINK, IO_HARDLINK, 0, IO_LINK, 0], 2, [2]],
    ['what comes after a chain', [IO_LINK, 0, IO_LINK, 0], 2, []],
    ['a chain that has no end yet', [IO_LINK, IO_LINK], 1, [1]],
    ['nothing at all', [IO_LINK, 0], 2, []],
  ])('are found by token, and include the rest of a cut chain: %s', (_, flags, taken, expected) => {
    const { ring, rest } = setUp(flags, taken);
    expect(rest).toEqual(expected);
    const found = flags.map((_flag, index) => ring.sq.findUnsubmitted(index, 5)?.tokenLow);
    expect(found).toEqual(flags.map((_flag, index) => (index < taken ? undefined : index)));
    expect([ring.sq.findUnsubmitted(flags.length - 1, 4), ring.sq.findUnsubmitted(77, 5)]).toEqual([null, null]);
  });

  test('are out of reach in a closed queue', () => {
    const { ring } = setUp([0, 0], 1);
    const { sq } = ring;
    ring.close();
    expect([sq.reserve(), sq.next(), sq.publish()]).toEqual([null, null, 0]);
  });
});

describe('old kernels', () => {
  test('return EBUSY while completions wait for room, and nothing is lost', () => {
    const kernel = new SimulatedKernel({ busyOnOverflow: true });
    const ring = Ring.open({ entries: 2, syscalls: kernel });
    for (let i = 0; i < 6; i += 2) {
      nops(ring, i, i + 1);
      ring.submit();
    }
    nops(ring, 6, 7);
    expect(() => ring.submit()).toThrow(expect.objectContaining({ code: 'EBUSY', syscall: 'io_uring_enter' }));
    expect(ring.sq.ready).toBe(2);
    const seen: number[] = [];
    ring.forEachCqe((cqe) => seen.push(cqe.userData));
    expect(ring.submit()).toBe(2);
    while (seen.length < 8) ring.forEachCqe((cqe) => seen.push(cqe.userData));
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('without NODROP count what they drop in the overflow counter', () => {
    const kernel = new SimulatedKernel({ dropOnOverflow: true, features: 1 });
    const ring = Ring.open({ entries: 2, syscalls: kernel });
    for (let i = 0; i < 6; i += 2) {
      nops(ring, i, i + 1);
      ring.submit();
    }
    expect(ring.cq.overflow).toBe(2);
    expect(takeAll(ring)).toHaveLength(4);
  });
});

describe('SQPOLL', () => {
  test('has a thread that takes published SQEs, and is woken when it sleeps', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 4, flags: ['SQPOLL'], sqThreadIdle: 10, syscalls: kernel });
    nops(ring, 1, 2);
    expect(ring.sq.ready).toBe(2);
    const before = kernel.calls.enter;
    expect(ring.submit()).toBe(2);
    expect(kernel.calls.enter).toBe(before);
    kernel.runSqThreads();
    expect(takeAll(ring).map((cqe) => cqe.userData)).toEqual([1, 2]);
    kernel.advance(20);
    expect(ring.sq.flags & SqRingFlag.NEED_WAKEUP).toBe(SqRingFlag.NEED_WAKEUP);
    nops(ring, 3);
    expect(ring.submit()).toBe(1);
    expect(kernel.calls.enter).toBe(before + 1);
    expect(ring.sq.flags & SqRingFlag.NEED_WAKEUP).toBe(0);
    expect(takeAll(ring).map((cqe) => cqe.userData)).toEqual([3]);
    ring.close();
  });

  test('hides reserved SQEs from the thread until they are submitted', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 4, flags: ['SQPOLL'], syscalls: kernel });
    nops(ring, 1);
    kernel.runSqThreads();
    expect(ring.cq.ready).toBe(0);
    ring.submit();
    kernel.runSqThreads();
    expect(ring.cq.ready).toBe(1);
    ring.close();
  });

  test('lets the program wait for room', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 2, flags: ['SQPOLL'], syscalls: kernel });
    nops(ring, 1, 2);
    ring.submit();
    expect(ring.getSqe()).toBeNull();
    ring.waitForSqSpace();
    expect(ring.getSqe()).not.toBeNull();
    ring.close();
  });
});

describe('IOPOLL', () => {
  test('polls for completions when submitting and peeking', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 2, flags: ['IOPOLL'], syscalls: kernel });
    const before = kernel.calls.enter;
    ring.submit();
    expect(kernel.calls.enter).toBe(before + 1);
    ring.peekCqe();
    expect(kernel.calls.enter).toBe(before + 2);
    ring.close();
  });
});
