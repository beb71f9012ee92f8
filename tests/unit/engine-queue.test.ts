/**
 * The parts of the engine's core, each alone: the table, the pacing, the completion signal, the
 * submitter's assertions.
 */

import { afterEach, describe, expect, test } from '@jest/globals';
import { CompletionSignal } from '../../src/engine/queue/completion-signal.js';
import { InFlight, Mark } from '../../src/engine/queue/in-flight.js';
import { Pacing } from '../../src/engine/queue/pacing.js';
import { Request } from '../../src/engine/queue/request.js';
import { Submitter } from '../../src/engine/queue/submitter.js';
import { prepNop, prepRead } from '../../src/ops/index.js';
import { CqRingFlag, Ring } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { timers } from '../../src/timers.js';

class Noted extends Request {
  readonly results: number[] = [];

  complete(res: number): void {
    this.results.push(res);
  }

  abandon(): void {}
}

const own = { ...timers };
const rings: Ring[] = [];
afterEach(() => {
  Object.assign(timers, own);
  for (const ring of rings.splice(0)) ring.close();
});

function openRing(kernel = new SimulatedKernel()) {
  const ring = Ring.open({ entries: 8, syscalls: kernel });
  rings.push(ring);
  return ring;
}

/** Replaces the timers of the library; `run` calls everything that was scheduled. */
function takeTimers() {
  const scheduled: [way: 'tick' | 'immediate' | 'timeout', callback: () => void][] = [];
  let now = 1000;
  const add = (way: 'tick' | 'immediate' | 'timeout') => (callback: () => void) => {
    scheduled.push([way, callback]);
    return { unref: () => undefined } as never;
  };
  Object.assign(timers, { nextTick: add('tick'), setImmediate: add('immediate'), setTimeout: add('timeout'), now: () => now });
  return {
    get ways() {
      return scheduled.map(([way]) => way);
    },
    run() {
      for (const [, callback] of scheduled.splice(0)) callback();
    },
    pass(milliseconds: number) {
      now += milliseconds;
    },
  };
}

describe('the table of operations in flight', () => {
  const setUp = () => {
    const table = new InFlight();
    const ring = openRing();
    const add = (request = new Noted(), mark = 0) => {
      const sqe = ring.getSqe();
      if (sqe === null) throw new Error('no room');
      prepRead(sqe, 7, 64, 1, 0);
      return { request, id: table.add(request, sqe, mark, 0), sqe };
    };
    return { table, add };
  };

  test('finds an operation by its id and generation, until it is removed', () => {
    const { table, add } = setUp();
    const { request, id, sqe } = add();
    const generation = table.generation(id);
    expect([request.id, sqe.isFor(id, generation), table.opcode(id), table.fd(id)]).toEqual([id, true, 22, 7]);
    expect([table.find(id, generation), table.find(id, generation + 1), table.find(id + 1, generation)]).toEqual([
      request,
      undefined,
      undefined,
    ]);
    table.remove(id);
    expect([request.id, table.count, table.has(request), table.find(id, generation), table.find(id, generation + 1)]).toEqual([
      -1,
      0,
      false,
      undefined,
      undefined,
    ]);
  });

  test('counts the operations that keep the process alive', () => {
    const { table, add } = setUp();
    const idle = new Noted();
    idle.keepsAlive = false;
    const [one, other] = [add(), add(idle)];
    expect([table.count, table.referencedCount]).toEqual([2, 1]);
    table.reference(other.id, true);
    table.reference(one.id, false);
    table.withdraw(one.id);
    expect([table.referencedCount, table.isMarked(one.id, Mark.WITHDRAWN), table.isMarked(one.id, Mark.UNREFERENCED)]).toEqual([
      1,
      true,
      true,
    ]);
    table.remove(other.id);
    expect([table.count, table.referencedCount]).toEqual([1, 0]);
    table.remove(one.id);
    expect([table.count, table.referencedCount]).toEqual([0, 0]);
  });

  test('keeps the id of a request that has started its next operation before the last one is removed', () => {
    const { table, add } = setUp();
    const first = add();
    const second = add(first.request);
    table.remove(first.id);
    expect([first.request.id, table.has(first.request)]).toEqual([second.id, true]);
    table.remove(second.id);
    expect([first.request.id, table.has(first.request)]).toEqual([-1, false]);
  });

  test('knows the place in the backlog of those that wait there', () => {
    const { table, add } = setUp();
    const [one, other] = [add(), add()];
    table.putInBacklog(other.id, 5);
    expect([table.backlogPlace(one.id), table.backlogPlace(other.id)]).toEqual([-1, 5]);
  });

  test('stamps the operations that are still in flight', () => {
    const clock = takeTimers();
    const { table, add } = setUp();
    const [gone, first] = [add(), add()];
    table.remove(gone.id);
    table.stamp();
    expect([table.startTime(gone.id), table.startTime(first.id)]).toEqual([0, 1000]);
    clock.pass(5);
    const second = add();
    table.stamp();
    expect([table.startTime(first.id), table.startTime(second.id)]).toEqual([1000, 1005]);
  });

  test('asserts that an operation is removed once, and that a new row is free', () => {
    const { table, add } = setUp();
    const { id, sqe } = add();
    table.remove(id);
    expect(() => table.remove(id)).toThrow('an operation is over once');
    const { free } = table as unknown as { free: Int32Array; freeCount: number };
    const taken = add().id;
    (table as unknown as { freeCount: number }).freeCount++;
    expect(free[(table as unknown as { freeCount: number }).freeCount - 1]).toBe(taken);
    expect(() => table.add(new Noted(), sqe, 0, 0)).toThrow('a row has one operation at a time');
  });
});

describe('the pacing', () => {
  test('flushes once at the end of the turn, however many operations were started', () => {
    const clock = takeTimers();
    let flushes = 0;
    const pacing = new Pacing(() => {
      pacing.begin();
      flushes++;
    });
    pacing.schedule();
    pacing.schedule();
    expect([clock.ways, pacing.isScheduled]).toEqual([['tick'], true]);
    clock.run();
    expect([flushes, pacing.isScheduled]).toEqual([1, false]);
  });

  test('lets the event loop turn in a long burst', () => {
    const clock = takeTimers();
    const pacing = new Pacing(() => pacing.begin());
    pacing.enterBurst();
    expect(clock.ways).toEqual(['immediate']);
    pacing.completed(16);
    clock.pass(3);
    pacing.schedule();
    expect(clock.ways).toEqual(['immediate', 'tick']);
    pacing.begin();
    pacing.completed(16);
    clock.pass(2);
    pacing.schedule();
    expect(clock.ways).toEqual(['immediate', 'tick', 'immediate']);
    const { turn } = pacing;
    clock.run();
    expect(pacing.turn).toBe(turn + 1);
  });

  test('waits a turn for deferred operations, but not for others', () => {
    const clock = takeTimers();
    const pacing = new Pacing(() => undefined);
    pacing.defer(() => pacing.schedule());
    expect(clock.ways).toEqual(['immediate']);
    pacing.schedule();
    expect(clock.ways).toEqual(['immediate', 'tick']);
    pacing.defer(() => undefined);
    pacing.beforeSubmit({ commit: () => undefined });
    expect(clock.ways).toEqual(['immediate', 'tick']);
  });

  test('does not look once more where a flush follows anyway', () => {
    const clock = takeTimers();
    let flushes = 0;
    const pacing = new Pacing(() => flushes++);
    pacing.linger();
    pacing.schedule();
    clock.run();
    // That of the schedule.
    expect(flushes).toBe(1);
  });

  test('does not retry once it was stopped', async () => {
    let flushes = 0;
    const pacing = new Pacing(() => flushes++);
    const cleared: unknown[] = [];
    const clock = takeTimers();
    Object.assign(timers, { clearTimeout: (timer: unknown) => cleared.push(timer) });
    pacing.retryLater();
    pacing.stop();
    expect([cleared.length, cleared[0] !== undefined, pacing.isRetrying, clock.ways]).toEqual([1, true, false, ['timeout']]);
    expect(flushes).toBe(0);
  });

  test('schedules no flush for operations that are started as one begins', () => {
    const clock = takeTimers();
    const pacing = new Pacing(() => undefined);
    pacing.beforeSubmit({ commit: () => pacing.schedule() });
    pacing.begin();
    expect([clock.ways, pacing.isScheduled]).toEqual([['tick'], false]);
  });

  test('looks once more after completions, and retries once', () => {
    const clock = takeTimers();
    let flushes = 0;
    const pacing = new Pacing(() => flushes++);
    pacing.linger();
    pacing.linger();
    pacing.retryLater();
    pacing.retryLater();
    expect([clock.ways, pacing.isRetrying]).toEqual([['immediate', 'timeout'], true]);
    clock.run();
    expect([flushes, pacing.isRetrying]).toEqual([2, false]);
  });
});

describe('the completion signal', () => {
  const setUp = () => {
    const kernel = new SimulatedKernel();
    const ring = openRing(kernel);
    const operations = new InFlight();
    const calls: string[] = [];
    const waker = {
      fd: kernel.eventfd(0),
      kind: 'poll' as const,
      watch: (referenced: boolean) => calls.push(`watch ${referenced}`),
      rest: () => calls.push('rest'),
      close: () => calls.push('close'),
    };
    const add = (request: Noted) => {
      const sqe = ring.getSqe();
      if (sqe === null) throw new Error('no room');
      prepNop(sqe);
      return operations.add(request, sqe, 0, 0);
    };
    return { kernel, ring, operations, calls, waker, add };
  };

  test('enables the eventfd only while armed, and polls it until there is nothing to wait for', () => {
    const { ring, operations, calls, waker, add } = setUp();
    const signal = new CompletionSignal(ring, waker, operations);
    expect(ring.cq.flags).toBe(CqRingFlag.EVENTFD_DISABLED);
    add(new Noted());
    signal.arm();
    signal.arm();
    expect([ring.cq.flags, calls]).toEqual([0, ['watch true']]);
    signal.disarm();
    expect(ring.cq.flags).toBe(CqRingFlag.EVENTFD_DISABLED);
    signal.rest();
    signal.rest();
    signal.close();
    expect(calls).toEqual(['watch true', 'rest', 'close']);
  });

  test('keeps the process alive only for referenced operations', () => {
    const { ring, operations, calls, waker, add } = setUp();
    const signal = new CompletionSignal(ring, waker, operations);
    signal.keepAlive(true);
    const id = add(new Noted());
    signal.arm();
    operations.reference(id, false);
    signal.update();
    operations.reference(id, true);
    signal.update();
    signal.keepAlive(false);
    expect(calls).toEqual(['watch true', 'watch false', 'watch true', 'watch false']);
  });

  test('closes the waker when the eventfd cannot be registered', () => {
    const { kernel, ring, operations, calls, waker } = setUp();
    kernel.fail('register', Errno.ENOMEM);
    expect(() => new CompletionSignal(ring, waker, operations)).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(calls).toEqual(['close']);
  });
});

test('the submitter asserts that a commit follows a begin', () => {
  const submitter = new Submitter(openRing(), new InFlight(), {
    entered: () => undefined,
    stoppedEarly: () => undefined,
    failed: () => undefined,
  });
  expect(() => submitter.commit(new Noted(), false, 0)).toThrow('commit follows begin');
  prepNop(submitter.begin());
  submitter.commit(new Noted(), false, 0);
  expect(() => submitter.commit(new Noted(), false, 0)).toThrow('commit follows begin');
});
