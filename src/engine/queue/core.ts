/**
 * The engine's core: one ring, the operations in flight on it, and the moments at which the kernel
 * is entered.
 *
 * ```text
 *   begin() -> encoder fills the SQE -> commit(request)      Submitter: ring or backlog
 *                                            |               InFlight: the request's row
 *                                  end of this turn          Pacing
 *                                            |
 *                     flush(): one io_uring_enter for all of them
 *                                            |
 *   completions: request.complete()                   the program continues in the same
 *                                            |        turn of the event loop
 *   still in flight: arm the eventfd                  CompletionSignal: the kernel signals,
 *                                                     the loop wakes, flush()
 * ```
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import { type Cqe, CqeFlag, type Ring, type Sqe, SqRingFlag } from '../../ring/index.js';
import { Errno, type EventLoopWaker, type Syscalls } from '../../syscalls/index.js';
import { invalidState } from '../../validate.js';
import { AbortError } from '../errors.js';
import { CancelRequest } from './cancel.js';
import { CompletionSignal } from './completion-signal.js';
import { InFlight, Mark } from './in-flight.js';
import { Observer } from './observer.js';
import { type CoreOptions, openRing } from './open-ring.js';
import { Pacing } from './pacing.js';
import type { Request } from './request.js';
import { Submitter } from './submitter.js';

/**
 * How often the kernel is entered at most to wait for a cancelled operation. Once is enough, unless
 * the kernel is short of memory.
 */
const MOST_TRIES = 100;

/**
 * The context in which the library was loaded. The context of the first caller would retain its
 * AsyncLocalStorage.
 */
const rootContext = new AsyncResource('URING');

/** Engines with operations in flight. All others can be collected when they are not referenced. */
const busy = new Set<Core>();

/** Closes the wakers of collected engines. Their rings close themselves, with a warning. */
const collected = new FinalizationRegistry<EventLoopWaker>((waker) => waker.close());

/** A ring with everything that is in flight on it, for one thread. */
export class Core {
  readonly ring: Ring;
  /** System calls outside the ring: on sockets, descriptors, the machine. */
  readonly syscalls: Syscalls;
  readonly operations = new InFlight();
  readonly observer = new Observer();
  /** No operation may be started, neither by users nor to continue an incomplete one. */
  closing = false;
  /** Set when the ring has failed for good. */
  broken: Error | undefined;
  /** Called when the ring has failed for good. */
  onBroken: ((error: Error) => void) | undefined;
  readonly submitter: Submitter;
  readonly pacing: Pacing;
  readonly signal: CompletionSignal;
  /** The number of completions in the current flush. */
  private reaped = 0;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(options: CoreOptions) {
    const { syscalls } = options;
    this.syscalls = syscalls;
    this.ring = openRing(options);
    this.pacing = new Pacing(this.flush);
    this.submitter = new Submitter(this.ring, this.operations, {
      entered: () => this.observer.entered(),
      stoppedEarly: () => this.pacing.retryLater(),
      failed: (error) => this.fail(error),
    });
    try {
      const wake = flushOf(new WeakRef(this));
      const waker = rootContext.runInAsyncScope(() => syscalls.openWaker(wake, options.eventLoop));
      this.signal = new CompletionSignal(this.ring, waker, this.operations);
    } catch (error) {
      this.ring.close();
      throw error;
    }
    collected.register(this, this.signal.waker, this);
  }

  /** The number of operations in flight. */
  get inFlight(): number {
    return this.operations.count;
  }

  /** Returns the error of operations that were in flight when the engine was closed. */
  closingError(): AbortError {
    return new AbortError(this.broken ?? invalidState('the engine was closed'));
  }

  // Starting

  /**
   * Returns the next SQE, for an encoder to fill. It is queued by {@link commit}. Never `null`: an
   * SQE that finds no room in the ring waits in the backlog.
   */
  begin(): Sqe {
    return this.submitter.begin();
  }

  /**
   * Makes sure that the next `count` SQEs go to the kernel together.
   *
   * @param arePrompt none of them waits in the kernel, so `enter` waits for all of them, and the
   * chain has completed when it returns. Otherwise a chain takes an `enter` for each link.
   */
  beginTogether(count: number, arePrompt = false): void {
    this.submitter.beginTogether(count, arePrompt);
  }

  /**
   * Puts the SQE of {@link begin} into the queue.
   *
   * @param usesUserMemory the kernel is given memory that the user could take away before the SQE
   * is submitted.
   * @returns its id.
   */
  commit(request: Request, usesUserMemory = false): number {
    const { observer, submitter } = this;
    const id = submitter.commit(request, usesUserMemory, observer.startTime());
    observer.submittedCount++;
    this.pacing.schedule();
    if (observer.hasListeners) {
      observer.started(id);
      // Listeners may start operations themselves, which must not get into a chain.
      if (!submitter.isInChain) observer.announce(this.operations);
    }
    return id;
  }

  /**
   * Cancels an operation: with certainty if the kernel has not taken it, otherwise by a request to
   * the kernel. Its end is reported by a completion.
   */
  cancel(request: Request): void {
    const { operations } = this;
    const { id } = request;
    if (!operations.has(request) || this.broken !== undefined || this.submitter.withdraw(id)) return;
    new CancelRequest(this, request, id, operations.generation(id)).start();
  }

  // Entering the kernel

  /**
   * Submits now what was committed. Completed operations are settled at the end of the turn, as
   * usual. For operations whose meaning the caller's next statement could change: a path, by
   * renaming; a mode, by umask.
   */
  submitNow(): void {
    if (!this.submitter.isDead) this.submitter.submit();
  }

  /** Enters the kernel repeatedly until a cancelled operation has completed. */
  settleNow(request: Request): void {
    for (let tries = 0; tries < MOST_TRIES && request.id >= 0 && !this.submitter.isDead; tries++) {
      if (tries > 0) this.submitter.oweEvents();
      this.submitter.submit();
      this.reap();
    }
  }

  /** Submits what was committed, and settles what has completed. */
  readonly flush = (): void => {
    const { submitter, pacing } = this;
    pacing.begin();
    if (submitter.isDead) {
      this.abandonAll(this.closingError());
      return;
    }
    pacing.enterBurst();
    submitter.endChain();
    this.observer.announce(this.operations);
    this.signal.disarm();
    this.reaped = 0;
    do {
      submitter.submit();
      this.reap();
    } while (submitter.hasBacklog && submitter.unsubmitted === 0 && this.broken === undefined);
    this.operations.stamp();
    if (submitter.unsubmitted > 0 && !pacing.isScheduled && !pacing.isRetrying && this.broken === undefined) pacing.schedule();
    this.settle();
  };

  /** Calls the request of every completion. */
  private reap(): void {
    const count = this.ring.cq.forEach(this.onCqe);
    this.pacing.completed(count);
    this.reaped += count;
  }

  private readonly onCqe = (cqe: Cqe): void => {
    const id = cqe.tokenLow;
    const request = this.operations.find(id, cqe.tokenHigh);
    // Not an operation of this engine: a message from another ring, or the tag of a registered
    // resource.
    if (request === undefined) return;
    this.complete(id, request, this.operations.isMarked(id, Mark.WITHDRAWN) ? -Errno.ECANCELED : cqe.res, cqe.flags);
  };

  private complete(id: number, request: Request, res: number, flags: number): void {
    if ((flags & CqeFlag.MORE) === 0) {
      const { operations } = this;
      this.observer.completed(id, operations, res);
      operations.remove(id);
    }
    request.complete(res, flags);
  }

  /**
   * Makes sure that the engine is woken if operations are in flight; otherwise lets the process
   * end.
   */
  private settle(): void {
    const { submitter, ring } = this;
    for (;;) {
      if (this.inFlight === 0) {
        busy.delete(this);
        this.signal.rest();
        for (const done of this.idleWaiters.splice(0)) done();
        return;
      }
      if (this.pacing.isScheduled || ring.closed) return;
      busy.add(this);
      // After completions, more may follow at once. Lingers for one turn only.
      if (this.reaped > 0) {
        this.pacing.linger();
        return;
      }
      // Arm the eventfd before the last look: whatever the kernel does in between is seen by one of
      // the two.
      this.signal.arm();
      if (ring.cq.ready === 0 && !(ring.sq.flags & (SqRingFlag.TASKRUN | SqRingFlag.CQ_OVERFLOW))) return;
      // Submit right here: promises run only after all ticks, so ticks that follow one another for
      // as long as a flag is set would keep them waiting. The task work need not have posted
      // anything, so what counts is whether the kernel sets the flag again.
      submitter.submit();
      this.reap();
      if (submitter.owesEvents || this.broken !== undefined) return;
      if (this.reaped === 0 && !(ring.sq.flags & SqRingFlag.TASKRUN)) return;
    }
  }

  /**
   * Sets whether the operations of a request keep the process alive: the current one and later
   * ones.
   */
  reference(request: Request, wanted: boolean): void {
    if (request.keepsAlive === wanted) return;
    request.keepsAlive = wanted;
    if (!this.operations.has(request)) return;
    this.operations.reference(request.id, wanted);
    this.signal.update();
  }

  // The end

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Cancels all operations. */
  cancelAll(): void {
    const all: Request[] = [];
    this.operations.visit((_id, request) => {
      if (!(request instanceof CancelRequest)) all.push(request);
    });
    for (const request of all) this.cancel(request);
  }

  /**
   * Closes the ring. Operations still in flight are cancelled once more and waited for, as in
   * `Ring.close`.
   */
  close(patienceMs?: number): void {
    if (this.ring.closed) return;
    this.closing = true;
    this.pacing.stop();
    this.pacing.runHooks();
    if (this.broken === undefined) {
      this.cancelAll();
      this.dropUnsubmitted();
      this.ring.closeWith({ completed: (cqe) => this.onCqe(cqe), idle: () => this.inFlight === 0, patienceMs });
    } else {
      // The counts are unreliable after the failure: the ring itself must prove that it is at rest,
      // or its memory is kept.
      this.ring.closeWith(undefined);
    }
    this.signal.close();
    collected.unregister(this);
    busy.delete(this);
    if (this.inFlight > 0) this.abandonAll(invalidState('the engine was closed, and the operation did not end'));
  }

  /**
   * Completes the operations that the kernel has not taken. They were withdrawn, so they do no harm
   * if the kernel takes them after all.
   */
  private dropUnsubmitted(): void {
    const unsubmitted: [id: number, request: Request][] = [];
    this.operations.visit((id, request) => {
      if (this.submitter.find(id) !== null) unsubmitted.push([id, request]);
    });
    this.submitter.dropBacklog();
    for (const [id, request] of unsubmitted) this.complete(id, request, -Errno.ECANCELED, 0);
  }

  /** Marks the ring as unusable: all requests are abandoned, nothing is released. */
  private fail(error: Error): void {
    this.broken = error;
    this.submitter.hasFailed = true;
    this.abandonAll(error);
    this.onBroken?.(error);
  }

  private abandonAll(error: Error): void {
    this.submitter.dropBacklog();
    this.operations.visit((id, request) => {
      this.operations.remove(id);
      // The kernel may still write to the memory that it was given.
      this.ring.holdUntilRest(request);
      request.abandon(error);
    });
    this.settle();
  }
}

/** Outside the constructor, where a closure would retain what the other closures there refer to. */
function flushOf(core: WeakRef<Core>): () => void {
  return () => core.deref()?.flush();
}
