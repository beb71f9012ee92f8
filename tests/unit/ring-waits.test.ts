/**
 * Waiting: in slices (as in workers, so that they can be terminated), interrupted, with too little
 * room. Time is that of the simulated kernel.
 */

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { prepPollAdd } from '../../src/ops/index.js';
import { type Cqe, PollEvent, Ring, type RingOptions } from '../../src/ring/index.js';
import type { RingState } from '../../src/ring/state.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { nops, sqeOf, takeAll } from '../helpers/ring.js';

let kernel: SimulatedKernel;
const cleanUp: (() => void)[] = [];
beforeEach(() => {
  kernel = new SimulatedKernel();
  cleanUp.push(kernel.clock.install());
});
afterEach(() => {
  for (const step of cleanUp.splice(0).reverse()) step();
});

function open(options: Partial<RingOptions> = {}) {
  const ring = Ring.open({ entries: 4, syscalls: kernel, ...options });
  cleanUp.push(() => ring.close());
  return ring;
}

/** Measures how often the kernel is entered, and for how long in milliseconds. */
function measure<T>(body: () => T): { result: T; enters: number; ms: number } {
  const [enters, start] = [kernel.calls.enter, kernel.clock.now];
  const result = body();
  return { result, enters: kernel.calls.enter - enters, ms: Math.round((kernel.clock.now - start) / 1e6) };
}

const later = (milliseconds: number, body: () => void) => kernel.clock.at(kernel.clock.now + milliseconds * 1e6, body);

describe('a wait in slices', () => {
  /** Opens a ring as in a worker. */
  const openSliced = (options?: Partial<RingOptions>) => {
    const ring = open(options);
    Object.assign(ring, { sliced: true, general: true });
    return ring;
  };

  test('returns from the kernel every 250 ms, and continues', () => {
    const ring = openSliced();
    const [reader, writer] = kernel.createPipe();
    prepPollAdd(sqeOf(ring), reader, PollEvent.IN);
    later(600, () => kernel.writeFile(writer, Buffer.from('x')));
    expect(measure(() => ring.submitAndWait(1))).toEqual({ result: 1, enters: 3, ms: 600 });
    expect(takeAll(ring)).toHaveLength(1);
  });

  test('ends when a completion arrives in the middle of a slice', () => {
    const ring = openSliced();
    const [reader, writer] = kernel.createPipe();
    prepPollAdd(sqeOf(ring), reader, PollEvent.IN);
    later(100, () => kernel.writeFile(writer, Buffer.from('x')));
    expect(measure(() => ring.waitCqe()?.res)).toEqual({ result: PollEvent.IN, enters: 1, ms: 100 });
    ring.advance(1);
  });

  test('keeps a time limit', () => {
    const ring = openSliced();
    for (const [limit, enters] of [
      [600, 3],
      [250, 1],
      [100, 1],
      [0, 1],
    ] as const) {
      expect(measure(() => ring.submitAndWait(1, limit))).toEqual({ result: 0, enters, ms: limit });
      expect(measure(() => ring.waitCqe(limit))).toEqual({ result: null, enters, ms: limit });
    }
    nops(ring, 1);
    expect(measure(() => ring.submitAndWait(2, 600))).toMatchObject({ result: 1, ms: 600 });
  });

  test('has no slices if there is nothing to wait for', () => {
    const ring = openSliced();
    nops(ring, 1, 2);
    expect(measure(() => ring.submitAndWait(0))).toEqual({ result: 2, enters: 1, ms: 0 });
    expect(measure(() => ring.submitAndWait(2))).toMatchObject({ result: 0, ms: 0 });
  });
});

test('arguments of waits and cancellations lie in the block that was allocated for them', () => {
  const ring = open();
  const { state } = ring as unknown as { state: RingState };
  const { argumentsAt } = state as unknown as { argumentsAt: number };
  // After the argument of a wait and its timespec.
  expect(state.cancelArgument - argumentsAt).toBe(64);
  const { enter } = kernel;
  const blocks: [number, number][] = [];
  kernel.enter = (fd, toSubmit, minComplete, flags, argument, size) => {
    const timespec = state.arena.data.getBigUint64(argumentsAt + 16, true);
    blocks.push([argument - state.arena.address(argumentsAt), Number(timespec) - argument]);
    return enter.call(kernel, fd, toSubmit, minComplete, flags, argument, size);
  };
  ring.submitAndWait(1, 1);
  kernel.enter = enter;
  expect(blocks).toEqual([[0, 24]]);
});

describe('an interrupted wait', () => {
  test('continues, and counts what was submitted', () => {
    const ring = open();
    kernel.fail('enter', Errno.EINTR, Errno.EINTR);
    nops(ring, 1);
    expect(measure(() => ring.submitAndWait(1))).toEqual({ result: 1, enters: 3, ms: 0 });
    kernel.fail('enter', Errno.EINTR);
    nops(ring, 2);
    expect(ring.submitAndWait(2, 100)).toBe(1);
    expect(takeAll(ring)).toHaveLength(2);
  });

  test('ends if all completions are there', () => {
    const ring = open();
    nops(ring, 1);
    ring.submit();
    kernel.fail('enter', Errno.EINTR);
    expect(measure(() => ring.submitAndWait(1, 100))).toEqual({ result: 0, enters: 1, ms: 0 });
    kernel.fail('enter', Errno.EINTR);
    expect(measure(() => ring.submitAndWait(2, 100))).toMatchObject({ result: 0, ms: 100 });
  });

  test('throws errors other than EINTR', () => {
    const ring = open();
    for (const wait of [
      () => ring.submitAndWait(1),
      () => ring.submitAndWait(1, 5),
      () => ring.waitCqe(),
      () => ring.getEvents(),
    ]) {
      kernel.fail('enter', Errno.EBADF);
      expect(wait).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'io_uring_enter' }));
    }
  });
});

describe('a spurious wake-up', () => {
  test.each([undefined, 500])('does not end a wait for the next completion (limit %p)', (limit) => {
    const ring = open();
    const [reader, writer] = kernel.createPipe();
    prepPollAdd(sqeOf(ring), reader, PollEvent.IN);
    ring.submit();
    const enter = kernel.enter.bind(kernel);
    let spurious = 3;
    kernel.enter = (...args) => (spurious-- > 0 ? 0 : enter(...args));
    later(50, () => kernel.writeFile(writer, Buffer.from('x')));
    expect(ring.waitCqe(limit)?.res).toBe(PollEvent.IN);
    ring.advance(1);
  });

  test('ends a wait for several completions, as it does in the kernel', () => {
    const ring = open();
    const enter = kernel.enter.bind(kernel);
    let calls = 0;
    kernel.enter = (...args) => (calls++ === 0 ? 0 : enter(...args));
    expect([ring.submitAndWait(2, 100), calls]).toEqual([0, 1]);
    kernel.enter = enter;
  });
});

test('a wait for room throws the kernel’s error', () => {
  const ring = open({ entries: 1, flags: ['SQPOLL'] });
  nops(ring, 1);
  const publish = kernel.runSqThreads.bind(kernel);
  kernel.runSqThreads = () => undefined;
  ring.sq.publish();
  kernel.fail('enter', Errno.EBADF);
  expect(() => ring.waitForSqSpace()).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'io_uring_enter' }));
  kernel.runSqThreads = publish;
});

describe('overflowed completions', () => {
  const overflowing = () => {
    const ring = open({ entries: 2, cqEntries: 2 });
    for (let i = 0; i < 2; i++) {
      nops(ring, 1, 2);
      ring.submit();
    }
    ring.advance(2);
    return ring;
  };
  const looks: [string, (ring: Ring) => unknown][] = [
    ['peekCqe', (ring) => ring.peekCqe()],
    ['peekBatch', (ring) => ring.peekBatch([] as Cqe[], 2)],
    ['forEachCqe', (ring) => ring.forEachCqe(() => undefined)],
  ];

  test.each(looks)('are not lost if %s meets EINTR or EBUSY', (_name, look) => {
    for (const errno of [Errno.EINTR, Errno.EBUSY]) {
      const ring = overflowing();
      kernel.fail('enter', errno);
      expect(() => look(ring)).not.toThrow();
      // Nothing was lost.
      expect(takeAll(ring)).toHaveLength(2);
    }
  });

  test('are part of the batch when peekBatch flushes them', () => {
    const ring = open({ entries: 2, cqEntries: 2 });
    for (let i = 0; i < 2; i++) {
      nops(ring, 2 * i + 1, 2 * i + 2);
      ring.submit();
    }
    ring.advance(2);
    const batch: Cqe[] = [];
    expect([ring.peekBatch(batch, 2), batch.map(({ userData }) => userData)]).toEqual([2, [3, 4]]);
    ring.advance(2);
    expect(ring.peekBatch(batch, 2)).toBe(0);
  });

  test.each(looks)('let %s throw any other error', (_name, look) => {
    const ring = open({ entries: 2, cqEntries: 2 });
    for (let i = 0; i < 2; i++) {
      nops(ring, 1, 2);
      ring.submit();
    }
    ring.advance(2);
    kernel.fail('enter', Errno.EBADF);
    expect(() => look(ring)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'io_uring_enter' }));
  });

  test('do not occur in a wait for as many as the queue holds, which is the maximum', () => {
    const ring = open({ entries: 4, cqEntries: 4 });
    nops(ring, 1, 2, 3, 4);
    expect(ring.submitAndWait(4)).toBe(4);
    expect(takeAll(ring)).toHaveLength(4);
    expect(() => ring.submitAndWait(5)).toThrow("<= 4, the completion queue's size");
    nops(ring, 1, 2, 3, 4);
    expect(ring.submitAndWait(4, 10)).toBe(4);
  });
});
