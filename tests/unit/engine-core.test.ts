/**
 * The engine's core alone: the table of operations in flight, order, cancellation, memory that is
 * detached, bursts, and the end.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import { KernelMemory } from '../../src/engine/memory/kernel-memory.js';
import { Core } from '../../src/engine/queue/core.js';
import { Request } from '../../src/engine/queue/request.js';
import { type OperationEvent, op, Uring } from '../../src/index.js';
import { prepMsgRing, prepNop, prepPollAdd } from '../../src/ops/index.js';
import { EnterFlag, Opcode, PollEvent, Ring, SqeFlag, SqRingFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { LINUX_6_1, SimulatedKernel } from '../../src/testing/index.js';
import { run } from '../helpers/ring.js';
import { catchWarnings } from '../helpers/warnings.js';

const cleanUp: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async (count = 4) => {
  for (let i = 0; i < count; i++) await turn();
};

/** A request that remembers its results. */
class Remembering extends Request {
  readonly results: number[] = [];
  abandoned: Error | undefined;
  intact = true;
  onComplete: (() => void) | undefined;

  complete(res: number): void {
    this.results.push(res);
    this.onComplete?.();
  }

  abandon(error: Error): void {
    this.abandoned = error;
  }

  override memoryIsIntact(): boolean {
    return this.intact;
  }
}

function setUp({
  entries = 8,
  cqEntries = 64,
  ...kernelOptions
}: Record<string, unknown> & { entries?: number; cqEntries?: number } = {}) {
  const kernel = new SimulatedKernel(kernelOptions);
  cleanUp.push(kernel.clock.install());
  const core = new Core({ entries, cqEntries, syscalls: kernel, eventLoop: undefined });
  cleanUp.push(() => core.close());
  const submitted: bigint[] = [];
  kernel.interceptOperations(({ userData }) => {
    submitted.push(userData & 0xffff_ffffn);
    return undefined;
  });
  const nop = (flags = 0, usesUserMemory = false) => {
    const request = new Remembering();
    const sqe = core.begin();
    prepNop(sqe);
    sqe.setFlags(flags);
    core.commit(request, usesUserMemory);
    return request;
  };
  const poll = (fd: number) => {
    const request = new Remembering();
    prepPollAdd(core.begin(), fd, PollEvent.IN);
    core.commit(request);
    return request;
  };
  return { kernel, core, nop, poll, submitted };
}

test('a stale TASKRUN flag does not keep the engine busy', async () => {
  const { core, kernel } = setUp();
  const [reader] = kernel.createPipe();
  const request = new Remembering();
  prepPollAdd(core.begin(), reader, PollEvent.IN);
  core.commit(request);
  await turns();
  // The kernel sets the flag after it has queued the work. By then the work may be done, and the
  // flag stays until the next work arrives.
  const sq = core.ring.sq as unknown as { ring: Int32Array; flagsIndex: number };
  const { enter } = kernel;
  let enters = 0;
  kernel.enter = (...args) => {
    const result = enter.apply(kernel, args);
    if (++enters > 1000) throw new Error('busy');
    return result;
  };
  Atomics.or(sq.ring, sq.flagsIndex, SqRingFlag.TASKRUN);
  core.flush();
  await turns();
  expect([enters, Atomics.load(sq.ring, sq.flagsIndex) & SqRingFlag.TASKRUN]).toEqual([1, 0]);
  // An enter that fails is made up for later.
  Atomics.or(sq.ring, sq.flagsIndex, SqRingFlag.TASKRUN);
  kernel.fail('enter', Errno.EAGAIN);
  core.flush();
  expect(enters).toBe(2);
  kernel.advance(10);
  await turns();
  expect(enters).toBe(3);
  kernel.enter = enter;
});

describe('the table', () => {
  test('grows, and gives each operation its own row', async () => {
    const { core, kernel, poll } = setUp({ entries: 64, cqEntries: 4096 });
    const [reader, writer] = kernel.createPipe();
    const requests = Array.from({ length: 1200 }, () => poll(reader));
    expect(new Set(requests.map(({ id }) => id)).size).toBe(1200);
    expect(Math.min(...requests.map(({ id }) => id))).toBe(0);
    await turns();
    expect(core.inFlight).toBe(1200);
    const seen: [number, Request, number, number][] = [];
    core.operations.visit((id, request, opcode, fd) => seen.push([id, request, opcode, fd]));
    expect(seen).toHaveLength(1200);
    for (const [id, request, opcode, fd] of seen) {
      expect([request.id, opcode, fd]).toEqual([id, Opcode.POLL_ADD, reader]);
    }
    kernel.writeFile(writer, Buffer.from('x'));
    await turns(200);
    expect(core.inFlight).toBe(0);
    expect(requests.every(({ results, id }) => results.length === 1 && id === -1)).toBe(true);
    const again = Array.from({ length: 1200 }, () => poll(reader));
    expect(new Set(again.map(({ id }) => id)).size).toBe(1200);
    expect(Math.max(...again.map(({ id }) => id))).toBeLessThan(2048);
    await turns(200);
  });

  test('can reuse a row while its request completes', async () => {
    const { core, nop } = setUp();
    const first = nop();
    let second: Remembering | undefined;
    first.onComplete = () => {
      second = nop();
    };
    await turns();
    expect([first.results, first.id, second?.results, second?.id, core.inFlight]).toEqual([[0], -1, [0], -1, 0]);
  });

  test('ignores completions with unknown user data', async () => {
    const { core, kernel, nop, poll } = setUp();
    const [reader] = kernel.createPipe();
    nop();
    await turns();
    const waiting = poll(reader);
    await turns();
    const other = Ring.open({ entries: 4, syscalls: kernel });
    cleanUp.push(() => other.close());
    const { id } = waiting;
    // Rows without an operation, and other generations of the row that has one.
    for (const token of [
      0n,
      5n,
      (1n << 32n) | 5n,
      BigInt(id),
      (1n << 32n) | BigInt(id),
      (9n << 32n) | BigInt(id),
      2n ** 64n - 1n,
    ]) {
      run(other, (sqe) => prepMsgRing(sqe, core.ring.fd, 0, token));
    }
    await turns();
    expect([waiting.results, core.inFlight, core.observer.completedCount]).toEqual([[], 1, 1]);
  });

  test('records when operations were started', async () => {
    const { core, kernel, nop, poll } = setUp();
    const [reader] = kernel.createPipe();
    const since = () => {
      const times: number[] = [];
      core.operations.visit((_id, _request, _opcode, _fd, time) => times.push(time));
      return times;
    };
    kernel.clock.now = 5e6;
    poll(reader);
    nop();
    expect(since()).toEqual([0, 0]);
    kernel.clock.now = 7e6;
    await turns();
    // Stamped at the flush, if the operation is still in flight then.
    expect(since()).toEqual([7]);
    kernel.clock.now = 9e6;
    poll(reader);
    await turns();
    expect(since().sort()).toEqual([7, 9]);
    // Stamped at the start, if latencies are measured.
    core.observer.latency.reset();
    kernel.clock.now = 11e6;
    const measured = poll(reader);
    const quick = nop();
    kernel.clock.now = 14e6;
    await turns();
    expect(since().sort((a, b) => a - b)).toEqual([7, 9, 11]);
    expect(quick.results).toEqual([0]);
    expect(core.observer.latency.max).toBeGreaterThan(2.9e6);
    core.cancel(measured);
    await turns();
    expect(measured.results).toEqual([-Errno.ECANCELED]);
  });
});

describe('order', () => {
  test('is kept: the backlog goes first', async () => {
    const { kernel, nop, submitted } = setUp({ entries: 4 });
    kernel.fail('enter', Errno.EAGAIN);
    const requests = Array.from({ length: 7 }, () => nop());
    const slots = requests.map(({ id }) => BigInt(id));
    // There is room again, but earlier operations are still in the backlog.
    await turns();
    requests.push(nop());
    slots.push(BigInt(requests[7]?.id as number));
    kernel.advance(5);
    await turns();
    expect(submitted).toEqual(slots);
    expect(requests.every(({ results }) => results[0] === 0)).toBe(true);
  });

  test('is kept: the backlog moves on as soon as there is room, even if nothing completes', async () => {
    const { kernel, core, poll, submitted } = setUp({ entries: 4 });
    const [reader] = kernel.createPipe();
    kernel.fail('enter', Errno.EAGAIN);
    const polls = Array.from({ length: 11 }, () => poll(reader));
    await turns();
    kernel.advance(5);
    await turns();
    expect(submitted).toEqual(polls.map(({ id }) => BigInt(id)));
    expect([core.inFlight, core.ring.sq.ready]).toEqual([11, 0]);
  });

  test('is kept: a chain without room waits as a whole, and so do the operations after it', async () => {
    const { core, nop, submitted } = setUp({ entries: 4 });
    const all: Remembering[] = [];
    for (let i = 0; i < 3; i++) all.push(nop());
    core.beginTogether(3);
    for (const flags of [SqeFlag.IO_LINK, SqeFlag.IO_LINK, 0]) all.push(nop(flags));
    all.push(nop());
    const slots = all.map(({ id }) => BigInt(id));
    await turns();
    expect(submitted).toEqual(slots);
    expect(all.map(({ results }) => results)).toEqual(new Array(7).fill([0]));
  });

  test('is kept: a chain is not torn when the kernel takes nothing', async () => {
    const { core, kernel, nop } = setUp({ entries: 4 });
    kernel.fail('enter', Errno.EAGAIN);
    const before = [nop(), nop()];
    core.beginTogether(3);
    const flags: (number | undefined)[] = [];
    const chain = [SqeFlag.IO_LINK, SqeFlag.IO_LINK, 0].map((flag) => nop(flag));
    for (const { id } of chain) flags.push(core.ring.sq.findUnsubmitted(id, 1)?.flags);
    // All of it is in the backlog.
    expect([flags, core.ring.sq.ready]).toEqual([[undefined, undefined, undefined], 2]);
    await turns();
    kernel.advance(5);
    await turns();
    expect([...before, ...chain].map(({ results }) => results)).toEqual(new Array(5).fill([0]));
  });

  test('is kept by chains as long as the queue, and longer ones never fit', () => {
    const { core } = setUp({ entries: 4 });
    core.beginTogether(4);
    expect(() => core.beginTogether(5)).toThrow("It must be <= 4, the submission queue's size. Received 5");
  });

  test('is kept for listeners, which are notified of whole chains and may start operations', async () => {
    const { core, nop } = setUp();
    const heard: string[] = [];
    let nested = 0;
    const onSubmit = (message: unknown) => {
      heard.push(`${(message as OperationEvent).operation} ${(message as OperationEvent).id}, ${core.inFlight} in flight`);
      if (nested++ === 0) nop();
    };
    subscribe('uring:submit', onSubmit);
    try {
      core.beginTogether(3);
      for (const flags of [SqeFlag.IO_LINK, SqeFlag.IO_LINK, 0]) nop(flags);
      expect(heard).toEqual(['NOP 0, 3 in flight', 'NOP 3, 4 in flight', 'NOP 1, 4 in flight', 'NOP 2, 4 in flight']);
      nop();
      expect(heard.at(-1)).toBe('NOP 4, 5 in flight');
      // A chain that is never completed is reported at the next flush.
      core.beginTogether(3);
      nop(SqeFlag.IO_LINK);
      expect(heard).toHaveLength(5);
      await turns();
      expect(heard).toHaveLength(6);
      // From then on, operations are reported when they are started again.
      nop();
      expect(heard).toHaveLength(7);
    } finally {
      unsubscribe('uring:submit', onSubmit);
    }
    await turns();
    expect(core.inFlight).toBe(0);
  });
});

describe('cancelling', () => {
  test('does not reach the kernel for an operation that is done or was never started', async () => {
    const { core, kernel, nop, poll } = setUp();
    const [reader] = kernel.createPipe();
    const over = nop();
    await turns();
    const enters = core.observer.enterCount;
    core.cancel(over);
    core.cancel(new Remembering());
    const waiting = poll(reader);
    await turns();
    // A request that claims another request's row.
    const stranger = new Remembering();
    stranger.id = waiting.id;
    core.cancel(stranger);
    await turns();
    expect([waiting.results, core.observer.enterCount - enters, core.inFlight]).toEqual([[], 1, 1]);
  });

  test('is repeated, at growing intervals, until the operation is done', async () => {
    const { core, kernel, poll } = setUp();
    const [reader, writer] = kernel.createPipe();
    const waiting = poll(reader);
    await turns();
    const asked: number[] = [];
    kernel.interceptOperations(({ opcode }) => {
      if (opcode !== Opcode.ASYNC_CANCEL) return undefined;
      asked.push(kernel.clock.now / 1e6);
      return -Errno.EALREADY;
    });
    core.cancel(waiting);
    await turns();
    for (let i = 0; i < 500; i++) {
      kernel.advance(1);
      await turns(2);
    }
    expect(asked.slice(0, 10)).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 227, 327]);
    kernel.writeFile(writer, Buffer.from('x'));
    await turns();
    expect(waiting.results).toEqual([1]);
    const count = asked.length;
    kernel.advance(200);
    await turns();
    expect(asked).toHaveLength(count);
  });

  test('is not repeated when the row holds another operation', async () => {
    const { core, kernel, poll } = setUp();
    const [reader, writer] = kernel.createPipe();
    const waiting = poll(reader);
    await turns();
    let asked = 0;
    kernel.interceptOperations(({ opcode }) => {
      if (opcode !== Opcode.ASYNC_CANCEL) return undefined;
      asked++;
      return -Errno.ENOENT;
    });
    const { id } = waiting;
    core.cancel(waiting);
    await turns();
    kernel.writeFile(writer, Buffer.from('x'));
    await turns();
    kernel.readFile(reader, 1);
    // The same request, in the same row, for another operation.
    prepPollAdd(core.begin(), reader, PollEvent.IN);
    core.commit(waiting);
    expect(waiting.id).toBe(id);
    await turns();
    kernel.advance(100);
    await turns();
    expect([asked, waiting.results]).toEqual([1, [1]]);
  });

  test('ends everything that was started', async () => {
    const { core, kernel, poll, nop } = setUp({ entries: 4 });
    const [reader] = kernel.createPipe();
    const started = [poll(reader), poll(reader)];
    await turns();
    const unsent = [nop(), nop()];
    core.cancelAll();
    expect(core.inFlight).toBe(6);
    // Cancellations are not cancelled.
    core.cancelAll();
    await turns();
    expect([...started, ...unsent].map(({ results }) => results)).toEqual(new Array(4).fill([-Errno.ECANCELED]));
    expect(core.inFlight).toBe(0);
    await core.idle();
  });

  test('withdraws the beginning of a chain', async () => {
    const { core, nop } = setUp();
    core.beginTogether(3);
    const chain = [nop(SqeFlag.IO_LINK), nop(SqeFlag.IO_HARDLINK)];
    core.submitter.retract([...chain.map(({ id }) => id), 77]);
    const other = nop();
    await turns();
    expect([...chain, other].map(({ results }) => results)).toEqual([[-Errno.ECANCELED], [-Errno.ECANCELED], [0]]);
  });
});

describe('memory that is detached', () => {
  test('is checked only for requests that use it, and only before they are submitted', async () => {
    const { core, kernel, nop } = setUp();
    const requests = [nop(0, true), nop(0, false), nop(0, true), nop(0, true)];
    const [a, b, c, d] = requests as [Remembering, Remembering, Remembering, Remembering];
    a.intact = false;
    b.intact = false;
    kernel.limitSubmissions(3);
    a.onComplete = () => kernel.limitSubmissions(0);
    await turns();
    expect(d.results).toEqual([]);
    d.intact = false;
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    kernel.advance(5);
    await turns();
    expect([a, b, c, d].map(({ results }) => results)).toEqual([[-Errno.ECANCELED], [0], [0], [-Errno.ECANCELED]]);
    const later = nop(0, true);
    await turns();
    expect([later.results, core.inFlight]).toEqual([[0], 0]);
  });

  test('is not checked once the kernel has taken the request', async () => {
    const { core, kernel, nop } = setUp();
    const [reader, writer] = kernel.createPipe();
    const taken = new Remembering();
    prepPollAdd(core.begin(), reader, PollEvent.IN);
    core.commit(taken, true);
    const [b, c] = [nop(0, true), nop(0, true)];
    kernel.limitSubmissions(2);
    b.onComplete = () => kernel.limitSubmissions(0);
    await turns();
    taken.intact = false;
    c.intact = false;
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    kernel.advance(5);
    await turns();
    expect([taken.results, b.results, c.results]).toEqual([[], [0], [-Errno.ECANCELED]]);
    kernel.writeFile(writer, Buffer.from('x'));
    await turns();
    expect(taken.results).toEqual([1]);
    for (let i = 0; i < 100; i++) {
      nop(0, true);
      await turns(1);
    }
    expect((core.submitter as unknown as { withUserMemory: number[] }).withUserMemory).toEqual([]);
  });

  test('is checked for requests in the backlog, too', async () => {
    const { kernel, nop } = setUp({ entries: 4 });
    kernel.fail('enter', Errno.EBUSY);
    const requests = Array.from({ length: 7 }, () => nop(0, true));
    for (const index of [1, 5, 6]) (requests[index] as Remembering).intact = false;
    kernel.advance(5);
    await turns();
    const expected = [0, 1, 2, 3, 4, 5, 6].map((index) => ([1, 5, 6].includes(index) ? [-Errno.ECANCELED] : [0]));
    expect(requests.map(({ results }) => results)).toEqual(expected);
  });

  test('is not checked for a request that was cancelled meanwhile', async () => {
    const { core, kernel, nop } = setUp();
    kernel.fail('enter', Errno.EAGAIN);
    const [a, b] = [nop(0, true), nop(0, true)];
    await turns();
    core.cancel(a);
    a.memoryIsIntact = () => {
      throw new Error('it was cancelled');
    };
    b.intact = false;
    kernel.advance(5);
    // Called while the request is still to be submitted: the result no longer matters.
    a.memoryIsIntact = () => false;
    await turns();
    expect([a.results, b.results]).toEqual([[-Errno.ECANCELED], [-Errno.ECANCELED]]);
  });
});

describe('bursts', () => {
  test('give way to the event loop if they are long', async () => {
    const { kernel, nop } = setUp();
    const perTurn: number[] = [];
    let count = 0;
    let over = false;
    const look = () => {
      perTurn.push(count);
      count = 0;
      if (!over) setImmediate(look);
    };
    setImmediate(look);
    await new Promise<void>((resolve) => {
      let left = 200;
      const next = () => {
        count++;
        kernel.clock.now += 0.5e6;
        if (--left === 0) return resolve();
        nop().onComplete = () => queueMicrotask(next);
      };
      next();
    });
    over = true;
    // The clock is read every 16 completions of half a millisecond each. The limit is four
    // milliseconds.
    expect(perTurn.filter((each) => each > 0).slice(1, 8)).toEqual([16, 16, 16, 16, 16, 16, 16]);
  });

  test('do not give way if their operations are quick', async () => {
    const { nop } = setUp();
    let turned = 0;
    let over = false;
    const look = () => {
      turned++;
      if (!over) setImmediate(look);
    };
    setImmediate(look);
    await new Promise<void>((resolve) => {
      let left = 200;
      const next = () => {
        if (--left === 0) return resolve();
        nop().onComplete = () => queueMicrotask(next);
      };
      next();
    });
    over = true;
    expect(turned).toBeLessThan(3);
  });
});

describe('the end', () => {
  test('cancels everything in flight', async () => {
    const { core, kernel, poll, nop } = setUp();
    const [reader] = kernel.createPipe();
    const waiting = poll(reader);
    await turns();
    // More than the ring has room for, and the kernel takes nothing.
    kernel.limitSubmissions(0);
    const unsent = Array.from({ length: 11 }, () => nop());
    const time = kernel.clock.now;
    core.close();
    expect([waiting, ...unsent].map(({ results }) => results)).toEqual(new Array(12).fill([-Errno.ECANCELED]));
    expect(kernel.clock.now - time).toBeLessThan(100e6);
    expect([core.inFlight, core.closing, kernel.ownership.size]).toEqual([0, true, 0]);
    core.close();
    const late = nop();
    await turns();
    expect(late.abandoned?.message).toContain('aborted');
    expect(late.id).toBe(-1);
  });

  test('abandons operations that do not end', async () => {
    const { core, kernel } = setUp();
    const { warnings, restore } = catchWarnings();
    cleanUp.push(restore);
    const [reader] = kernel.createPipe();
    const stubborn = new Remembering();
    prepPollAdd(core.begin(), reader, PollEvent.IN);
    core.commit(stubborn);
    await turns();
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.ASYNC_CANCEL ? -Errno.ENOENT : undefined));
    kernel.fail('register', ...new Array(2000).fill(Errno.ENOENT));
    core.close();
    expect(stubborn.results).toEqual([]);
    expect(stubborn.abandoned?.message).toBe('Invalid state: the engine was closed, and the operation did not end');
    expect([core.inFlight, warnings]).toEqual([0, [[expect.any(String), { code: 'URING_LEAKED' }]]]);
  });

  test('abandons all operations when the ring has failed', async () => {
    const { core, kernel, poll, nop } = setUp();
    const [reader] = kernel.createPipe();
    const waiting = poll(reader);
    await turns();
    const broken: Error[] = [];
    core.onBroken = (error) => broken.push(error);
    kernel.fail('enter', Errno.EBADFD);
    const unsent = nop();
    await turns();
    expect(broken.map(({ message }) => message)).toEqual(['EBADFD: file descriptor in bad state, io_uring_enter']);
    expect([waiting.abandoned, unsent.abandoned]).toEqual([broken[0], broken[0]]);
    expect([waiting.id, core.inFlight, core.broken]).toEqual([-1, 0, broken[0]]);
    const late = nop();
    core.cancel(late);
    await turns();
    expect(late.abandoned?.name).toBe('AbortError');
    // The kernel may still complete what it has. Those completions belong to no request.
    await turns();
    expect(waiting.results).toEqual([]);
  });

  test('needs no handler for the failure of the ring', async () => {
    const { core, kernel, nop } = setUp();
    kernel.fail('enter', Errno.EBADFD);
    const unsent = nop();
    await turns();
    expect([unsent.abandoned, core.onBroken]).toEqual([core.broken, undefined]);
  });
});

describe('the way to the kernel', () => {
  test('wakes the event loop by polling', () => {
    const { core } = setUp();
    expect(core.signal.waker.kind).toBe('poll');
  });

  test('keeps regions of the pool until the ring is at rest', () => {
    const { core } = setUp();
    const held: object[] = [];
    const { ring } = core;
    const hold = ring.holdUntilRest.bind(ring);
    ring.holdUntilRest = (object) => {
      held.push(object);
      hold(object);
    };
    const { pool } = new KernelMemory(core.ring, core.syscalls);
    pool.take(64);
    expect(held).toEqual(pool.regions);
    expect(held).toHaveLength(1);
  });

  test('signals a watched engine once for all completions that arrive', async () => {
    const { core, kernel, poll } = setUp();
    const [reader, writer] = kernel.createPipe();
    const requests = [poll(reader), poll(reader), poll(reader)];
    await turns();
    expect(core.ring.cq.flags).toBe(0);
    kernel.writeFile(writer, Buffer.from('x'));
    await turns();
    expect(requests.map(({ results }) => results)).toEqual([[1], [1], [1]]);
    const next = poll(reader);
    await turns();
    expect(next.results).toEqual([1]);
    expect(core.ring.cq.flags).toBe(1);
  });
});

test('operations in flight are listed oldest first, with their age', async () => {
  const kernel = new SimulatedKernel();
  cleanUp.push(kernel.clock.install());
  const uring = Uring.open({ syscalls: kernel });
  cleanUp.push(() => uring.close());
  const [reader] = kernel.createPipe();
  for (const time of [3, 5]) {
    kernel.clock.now = time * 1e6;
    uring.poll(reader, PollEvent.IN).catch(() => undefined);
    await turns();
  }
  uring.run(op.timeout(1000)).catch(() => undefined);
  kernel.clock.now = 10e6;
  const shown = uring.inspect().map(({ operation, fd, age }) => [operation, fd, age]);
  expect(shown).toEqual([
    ['POLL_ADD', reader, 7],
    ['POLL_ADD', reader, 5],
    ['TIMEOUT', -1, 0],
  ]);
});

test('a virtual clock is uninstalled once, however often that is requested', () => {
  const { setTimeout: real } = globalThis;
  const [first, second] = [new SimulatedKernel().clock, new SimulatedKernel().clock];
  const takeOffFirst = first.install();
  const takeOffSecond = second.install();
  takeOffSecond();
  takeOffFirst();
  takeOffSecond();
  expect(globalThis.setTimeout).toBe(real);
});

describe('within one call', () => {
  test('submitNow submits what was committed before the next statement, and settles it at the end of the turn', async () => {
    const { core, nop, submitted } = setUp();
    const request = nop();
    expect(submitted).toHaveLength(0);
    core.submitNow();
    expect([submitted.length, request.results]).toEqual([1, []]);
    await turns();
    expect(request.results).toEqual([0]);
  });

  test('submitNow does nothing once the ring has failed', async () => {
    const { core, nop, kernel, submitted } = setUp();
    kernel.fail('enter', Errno.EBADFD);
    const request = nop();
    await turns();
    expect(request.abandoned).toBeInstanceOf(Error);
    const { enterCount } = core.observer;
    core.submitNow();
    expect([core.observer.enterCount, submitted.length]).toEqual([enterCount, 0]);
  });

  test('settleNow returns when a cancelled operation has completed', async () => {
    const { core, kernel, poll } = setUp();
    const [reader] = kernel.createPipe();
    const first = poll(reader);
    const request = poll(reader);
    await turns();
    core.cancel(request);
    expect(request.results).toEqual([]);
    core.settleNow(request);
    expect([request.results, request.id, first.results]).toEqual([[-Errno.ECANCELED], -1, []]);
    const { enterCount } = core.observer;
    core.settleNow(request);
    expect(core.observer.enterCount).toBe(enterCount);
  });

  test('settleNow gives up on an operation that does not end', async () => {
    const { core, kernel, poll } = setUp();
    const [reader] = kernel.createPipe();
    const request = poll(reader);
    await turns();
    const flags = flagsOfEnters(kernel);
    core.settleNow(request);
    // There is nothing to submit: the first try need not enter. Each further one asks for events.
    expect([request.results, flags]).toEqual([[], new Array(99).fill([0, 0, EnterFlag.GETEVENTS])]);
  });
});

/** Records what each call of `enter` submits, waits for, and asks for. */
function flagsOfEnters(kernel: SimulatedKernel): number[][] {
  const seen: number[][] = [];
  const { enter } = kernel;
  kernel.enter = (fd, toSubmit, minComplete, flags, ...more) => {
    seen.push([toSubmit, minComplete, flags & EnterFlag.GETEVENTS]);
    return enter.call(kernel, fd, toSubmit, minComplete, flags, ...more);
  };
  return seen;
}

describe('what happens while the eventfd is being armed', () => {
  /** Calls a function once, right after the eventfd was armed. */
  const whenArmed = (core: Core, act: () => void) => {
    const { signal } = core;
    const { arm } = signal;
    signal.arm = () => {
      arm.call(signal);
      signal.arm = arm;
      act();
    };
  };

  test.each([
    ['the kernel has posted', LINUX_6_1],
    ['the kernel defers', {}],
  ])('is a completion that %s, and is seen within the same flush', async (_name, options) => {
    const { core, kernel, poll } = setUp(options);
    const [reader, writer] = kernel.createPipe();
    const request = poll(reader);
    whenArmed(core, () => kernel.writeFile(writer, Buffer.from('x')));
    core.flush();
    expect(request.results).toEqual([PollEvent.IN]);
    await turns();
  });

  test('is made up for later where the kernel cannot be entered', async () => {
    const { core, kernel, poll } = setUp();
    const [reader, writer] = kernel.createPipe();
    const request = poll(reader);
    const enters = flagsOfEnters(kernel);
    whenArmed(core, () => {
      kernel.writeFile(writer, Buffer.from('x'));
      kernel.fail('enter', Errno.EAGAIN);
    });
    core.flush();
    expect([request.results, enters.length]).toEqual([[], 2]);
    kernel.advance(10);
    await turns();
    expect(request.results).toEqual([PollEvent.IN]);
  });

  test('may be the end of the ring', async () => {
    const { core, kernel, poll } = setUp();
    const [reader, writer] = kernel.createPipe();
    const request = poll(reader);
    const enters = flagsOfEnters(kernel);
    whenArmed(core, () => {
      kernel.writeFile(writer, Buffer.from('x'));
      kernel.fail('enter', Errno.EBADFD);
    });
    core.flush();
    expect(enters).toHaveLength(2);
    await turns();
    expect(request.abandoned).toBeInstanceOf(Error);
  });

  test('may be nothing that this engine is told of: it does not look again and again', async () => {
    const { core, kernel, poll } = setUp();
    const [reader] = kernel.createPipe();
    poll(reader);
    const enters = flagsOfEnters(kernel);
    const sq = core.ring.sq as unknown as { ring: Int32Array; flagsIndex: number };
    whenArmed(core, () => Atomics.or(sq.ring, sq.flagsIndex, SqRingFlag.TASKRUN));
    core.flush();
    expect(enters).toEqual([
      [1, 0, 0],
      [0, 0, EnterFlag.GETEVENTS],
    ]);
  });
});

describe('a chain whose operations are prompt', () => {
  test('is waited for by the call that submits it, and by no other', async () => {
    const { core, kernel, nop } = setUp();
    const enters = flagsOfEnters(kernel);
    core.beginTogether(2, true);
    for (const flags of [SqeFlag.IO_LINK, 0]) nop(flags);
    await turns();
    nop();
    await turns();
    expect(enters).toEqual([
      [2, 2, EnterFlag.GETEVENTS],
      [1, 0, 0],
    ]);
  });

  test('is not waited for where it finds no room', async () => {
    const { core, kernel, nop } = setUp({ entries: 4 });
    kernel.limitSubmissions(0);
    for (let index = 0; index < 3; index++) nop();
    const enters = flagsOfEnters(kernel);
    core.beginTogether(2, true);
    for (const flags of [SqeFlag.IO_LINK, 0]) nop(flags);
    kernel.limitSubmissions(8);
    await turns();
    expect(enters.map(([, wait]) => wait)).not.toContain(2);
    expect(core.inFlight).toBe(0);
  });
});

test('an operation keeps the process alive, or does not, as its request is told, now and for the next one', async () => {
  const { core, kernel, poll } = setUp();
  const [one] = kernel.createPipe();
  const request = poll(one);
  expect(core.operations.referencedCount).toBe(1);
  core.reference(request, true);
  expect(core.operations.referencedCount).toBe(1);
  core.reference(request, false);
  expect([core.operations.referencedCount, core.inFlight, request.keepsAlive]).toEqual([0, 1, false]);
  core.reference(request, false);
  expect(core.operations.referencedCount).toBe(0);
  core.reference(request, true);
  expect(core.operations.referencedCount).toBe(1);
  const idle = new Remembering();
  core.reference(idle, false);
  expect([idle.keepsAlive, core.operations.referencedCount]).toEqual([false, 1]);
  prepPollAdd(core.begin(), one, PollEvent.IN);
  core.commit(idle);
  expect([core.operations.referencedCount, core.inFlight]).toEqual([1, 2]);
  await turns();
});
