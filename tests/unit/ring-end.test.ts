/**
 * The end of a ring: what is kept, for how long, and by which thread. Time is that of the simulated
 * kernel.
 */

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { URingContext } from '../../src/index.js';
import { prepNop } from '../../src/ops/index.js';
import { ArenaState, ArenaWord } from '../../src/ring/arena.js';
import { Ring, type RingOptions } from '../../src/ring/index.js';
import type { RingState } from '../../src/ring/state.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { timers } from '../../src/timers.js';
import { nops } from '../helpers/ring.js';
import { catchWarnings } from '../helpers/warnings.js';

let kernel: SimulatedKernel;
let warnings: unknown[];
const cleanUp: (() => void)[] = [];
beforeEach(() => {
  kernel = new SimulatedKernel();
  cleanUp.push(kernel.clock.install());
  const caught = catchWarnings();
  ({ warnings } = caught);
  cleanUp.push(caught.restore);
});
afterEach(() => {
  for (const step of cleanUp.splice(0).reverse()) step();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

const coreOf = (ring: Ring) => (ring as unknown as { state: RingState }).state;

function open(options: Partial<RingOptions> = {}) {
  const ring = Ring.open({ entries: 4, syscalls: kernel, ...options });
  cleanUp.push(() => ring.close());
  const view = new Uint8Array(8);
  ring.pin(view);
  const core = coreOf(ring);
  const isHeld = () => core.holds.has(view);
  const state = () => core.arena.words[core.arena.control + ArenaWord.STATE];
  return { ring, core, view, isHeld, state };
}

/** Opens a ring that refuses drains: it cannot be proved that nothing is in flight. */
function openUnprovable(options?: Partial<RingOptions>) {
  const opened = open(options);
  kernel.interceptOperations(({ userData }) => (userData === 0xffff_ffff_dead_0fffn ? -Errno.EINVAL : undefined));
  return opened;
}

describe('closing', () => {
  test('releases everything at once if the ring is at rest', () => {
    const { ring, isHeld, state } = open();
    expect([isHeld(), state()]).toEqual([true, ArenaState.OPEN]);
    ring.close();
    expect([isHeld(), state(), warnings]).toEqual([false, ArenaState.AT_REST, []]);
  });

  test('is not needed to release pinned memory, which can be unpinned', () => {
    const { ring, view, isHeld } = open();
    ring.unpin(view);
    expect(isHeld()).toBe(false);
  });

  test('releases objects that were held until rest', () => {
    const { ring, core } = open();
    const held = {};
    ring.holdUntilRest(held);
    expect(core.holds.has(held)).toBe(true);
    ring.close();
    expect(core.holds.has(held)).toBe(false);
  });

  test('keeps memory for another minute if the ring is only quiet', async () => {
    const { ring, isHeld, state } = openUnprovable();
    const before = kernel.clock.now;
    ring.close();
    const took = (kernel.clock.now - before) / 1e6;
    expect(took).toBeGreaterThanOrEqual(100);
    expect(took).toBeLessThan(1000);
    expect([isHeld(), state(), warnings]).toEqual([true, ArenaState.OPEN, []]);
    kernel.advance(59_999);
    await turn();
    expect(isHeld()).toBe(true);
    kernel.advance(2);
    await turn();
    expect([isHeld(), state()]).toEqual([false, ArenaState.OPEN]);
  });

  test('keeps everything, with a warning, if operations do not end', () => {
    const { ring, isHeld } = open();
    const enter = kernel.enter.bind(kernel);
    // The kernel takes nothing, and time goes on.
    kernel.enter = () => {
      kernel.advance(10);
      return -Errno.EAGAIN;
    };
    const before = kernel.clock.now;
    ring.close();
    kernel.enter = enter;
    expect((kernel.clock.now - before) / 1e9).toBeCloseTo(5, 0);
    expect(warnings).toEqual([
      ['A ring was closed with operations that would not end; their memory is kept.', { code: 'URING_LEAKED' }],
    ]);
    kernel.advance(600_000);
    expect(isHeld()).toBe(true);
  });

  test('takes a cancelled marker that was alone as proof of rest: the kernel makes it cancellable only once its turn has come', () => {
    const { ring, isHeld } = open();
    let caught = 0;
    kernel.interceptOperations(({ userData }) => {
      if (userData !== 0xffff_ffff_dead_0fffn) return undefined;
      caught++;
      return -Errno.ECANCELED;
    });
    ring.close();
    expect([caught, isHeld(), warnings]).toEqual([1, false, []]);
  });

  test('places the marker again if it was cancelled behind another operation', () => {
    const { ring, isHeld } = open();
    const unsubmitted = ring.getSqe();
    if (unsubmitted !== null) prepNop(unsubmitted);
    let caught = 0;
    kernel.interceptOperations(({ userData }) => {
      if (userData !== 0xffff_ffff_dead_0fffn || caught === 1) return undefined;
      caught++;
      return -Errno.ECANCELED;
    });
    ring.close();
    expect([caught, isHeld(), warnings]).toEqual([1, false, []]);
  });

  test('is refused while completions are being iterated', () => {
    const { ring } = open();
    nops(ring, 1);
    ring.submitAndWait(1);
    expect(() => ring.forEachCqe(() => ring.close())).toThrow(
      'Invalid state: completions are being iterated; the callback must not close the ring',
    );
    expect(ring.closed).toBe(false);
  });
});

test('a closed ring makes no system calls, and throws that it is closed', () => {
  const { ring } = open();
  const { view } = open();
  const block = ring.arena.block(64);
  ring.close();
  const calls = JSON.stringify(kernel.calls);
  for (const use of [
    () => ring.getSqe(),
    () => ring.submit(),
    () => ring.submitAndWait(1),
    () => ring.submitAndWait(1, 5),
    () => ring.submitAndWaitRegistered(1, 0),
    () => ring.waitForSqSpace(),
    () => ring.getEvents(),
    () => ring.peekCqe(),
    () => ring.waitCqe(),
    () => ring.peekBatch([], 1),
    () => ring.forEachCqe(() => undefined),
    () => ring.advance(1),
    () => ring.pin(view),
    () => ring.enter(0, 0, 0),
    () => ring.share(),
    () => ring.cancelSync({ userData: 1 }),
    () => ring.buffers.register([view]),
    () => ring.files.registerSparse(4),
    () => ring.settings.registerRingFd(),
    () => ring.workers.clearAffinity(),
  ])
    expect(use).toThrow('Invalid state: the ring is closed');
  ring.close();
  expect(JSON.stringify(kernel.calls)).toBe(calls);
  block.free();
  expect(() => block.free()).toThrow('Invalid state: the block was already freed');
});

describe('a shared ring', () => {
  const attach = (ring: Ring, thread: number) => {
    const handle = ring.share();
    kernel.currentThread = thread;
    const other = Ring.attach(handle, { syscalls: kernel });
    kernel.currentThread = 1;
    cleanUp.push(() => other.close());
    return other;
  };

  test('keeps the memory of a thread that leaves until the last thread has left', () => {
    const { ring, isHeld, state } = open();
    const other = attach(ring, 2);
    const intervals = jest.spyOn(timers, 'setInterval');
    const cleared = jest.spyOn(timers, 'clearInterval');
    cleanUp.push(() => jest.restoreAllMocks());
    ring.close();
    const [[look, milliseconds]] = intervals.mock.calls as unknown as [[() => void, number]];
    look();
    expect([milliseconds, isHeld(), state(), cleared.mock.calls.length]).toEqual([1000, true, ArenaState.OPEN, 0]);
    kernel.currentThread = 2;
    other.close();
    expect([isHeld(), state(), intervals.mock.calls.length]).toEqual([true, ArenaState.AT_REST, 1]);
    look();
    expect([isHeld(), cleared.mock.calls.length]).toEqual([false, 1]);
  });

  test('cannot be attached to after it was closed only quiet', () => {
    const { ring, state } = openUnprovable();
    const handle = ring.share();
    ring.close();
    expect(state()).toBe(ArenaState.CLOSED);
    expect(() => Ring.attach(handle, { syscalls: kernel })).toThrow('the shared ring is closed');
  });

  test('is closed by the remaining thread if the others have ended', () => {
    const { ring, isHeld, state } = open();
    const other = attach(ring, 2);
    kernel.endThread(2);
    kernel.close(other.fd);
    ring.close();
    expect([isHeld(), state()]).toEqual([false, ArenaState.AT_REST]);
  });

  test('is not attached to by the descriptor of a thread that has ended, which may be reused', () => {
    const { ring } = open();
    const handle = ring.share();
    attach(ring, 2);
    kernel.endThread(1);
    const duplicated: number[] = [];
    const duplicate = kernel.duplicate.bind(kernel);
    kernel.duplicate = (fd) => {
      duplicated.push(fd);
      return duplicate(fd);
    };
    kernel.currentThread = 3;
    const third = Ring.attach(handle, { syscalls: kernel });
    cleanUp.push(() => third.close());
    expect(duplicated).toHaveLength(1);
    expect(duplicated).not.toContain(ring.fd);
  });

  test('has room for 128 threads', () => {
    const { ring } = open();
    const attached: Ring[] = [];
    expect(() => {
      for (let thread = 2; thread < 200; thread++) attached.push(attach(ring, thread));
    }).toThrow('too many threads share the ring');
    expect(attached).toHaveLength(127);
  });

  test('does not trust the counts of threads that have ended', () => {
    const context = new URingContext(4, { syscalls: kernel });
    const handle = context.share();
    kernel.currentThread = 2;
    const other = URingContext.attach(handle, { syscalls: kernel });
    // The thread ended between two steps: it has counted an operation that does not exist.
    (other as unknown as { operations: { commit(): void } }).operations.commit();
    kernel.endThread(2);
    kernel.close(other.fd);
    kernel.currentThread = 1;
    const before = kernel.clock.now;
    context.close();
    expect((kernel.clock.now - before) / 1e6).toBeLessThan(1000);
    expect(warnings).toEqual([]);
  });
});
