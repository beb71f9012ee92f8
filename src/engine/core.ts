/**
 * The engine's heart: one ring, the table of what is in flight, and the moments at which the kernel is entered.
 *
 * ```text
 *   begin() -> encoder fills the SQE -> commit(request)      any number of times in a turn of the program
 *                                            |
 *                            process.nextTick: flush()       one io_uring_enter for all of them
 *                                            |
 *                  completions there are: request.complete()   and the program goes on in the same turn of the event loop
 *                                            |
 *            something is left in flight: arm the doorbell    the kernel signals an eventfd, the loop wakes, flush()
 * ```
 *
 * Invariants: the user data of an SQE is slot and generation, so a completion or a cancellation can never meet the next user of a
 * slot. The doorbell's eventfd is enabled only while nobody looks at the queue. A burst that goes on for long yields to the loop.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import { prepCancel, prepNop } from '../ops/index.js';
import {
  type Cqe,
  CqeFlag,
  CqRingFlag,
  EnterFlag,
  Ring,
  type SetupFlagName,
  type Sqe,
  SqeFlag,
  SqRingFlag,
} from '../ring/index.js';
import {
  type Doorbell,
  type DoorbellKind,
  Errno,
  type HostFacts,
  type SocketCalls,
  type Syscalls,
  UringError,
} from '../syscalls/index.js';
import { timers } from '../timers.js';
import { invalidState, outOfRange } from '../validate.js';
import { Backlog } from './backlog.js';
import { AbortError } from './errors.js';
import { Observer } from './observe.js';
import { Pool } from './pool.js';
import { Request } from './request.js';
import { tellsEventfd } from './wakeups.js';

/** How long the engine goes on without letting the event loop turn. */
const BURST_MS = 4;

/** How many completions may pass between two looks at the clock. */
const COMPLETIONS_PER_LOOK = 16;

/** After the kernel was short of memory. */
const RETRY_MS = 1;

/** How often the kernel is entered at most for the end of what was cancelled: once is enough, unless it is short of memory. */
const MOST_TRIES = 100;

const FIRST_SLOTS = 256;

/** How soon a cancellation that found nothing is tried again, at first and at last. */
const FIRST_CANCEL_RETRY_MS = 1;
const LAST_CANCEL_RETRY_MS = 100;

/** No operation has this user data: slots end far below it. */
const NOBODY = 0xffff_ffff_ffff_ffffn;

/** What is remembered of a slot's operation: what became of it before the kernel saw it, and whether the process may end without it. */
const WITHDRAWN = 1;
const USER_MEMORY = 2;
const UNREFERENCED = 4;

const OPTIONAL_FLAGS = ['SINGLE_ISSUER', 'COOP_TASKRUN', 'TASKRUN_FLAG', 'SUBMIT_ALL', 'NO_SQARRAY'] as const;

/** See {@link Core.later}. */
export interface Latecomer {
  /** Commits its operation. Must not throw. */
  commit(): void;
}

export interface CoreOptions {
  readonly entries: number;
  readonly cqEntries: number;
  readonly syscalls: Syscalls;
  readonly eventLoop: DoorbellKind | undefined;
}

/** The context in which the library was loaded. */
const nobodysContext = new AsyncResource('URING');

/** Engines with something in flight. All others can be collected when nobody refers to them. */
const busy = new Set<Core>();

/** An engine that was collected has a ring, which closes itself with a warning, and a doorbell. */
const collected = new FinalizationRegistry<Doorbell>((doorbell) => doorbell.close());

/** A cancellation in flight. */
class CancelRequest extends Request {
  constructor(private readonly answered: (res: number) => void) {
    super();
  }

  complete(res: number): void {
    this.answered(res);
  }

  abandon(): void {}
}

/** A ring with everything that is in flight on it, for one thread. */
export class Core {
  readonly ring: Ring;
  readonly pool: Pool;
  readonly observer = new Observer();
  /** Nothing new may be started: neither by users nor to finish what is incomplete. */
  closing = false;
  /** Called when the ring has failed for good. */
  onBroken: ((error: Error) => void) | undefined;
  /** Set when the ring has failed for good. */
  broken: Error | undefined;
  private readonly syscalls: Syscalls;
  private readonly sq: Ring['sq'];
  private readonly cq: Ring['cq'];
  private readonly doorbell: Doorbell;
  private readonly backlog = new Backlog();

  // The table of what is in flight, in columns: reference and numbers apart, so that a slot costs no object.
  private requests: (Request | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);
  /** From 1 on: whatever else posts completions here, with small numbers as user data, meets no operation. */
  private generations = new Int32Array(FIRST_SLOTS).fill(1);
  private opcodes = new Uint8Array(FIRST_SLOTS);
  private marks = new Uint8Array(FIRST_SLOTS);
  private fds = new Int32Array(FIRST_SLOTS);
  private startTimes = new Float64Array(FIRST_SLOTS);
  private freeSlots = new Int32Array(FIRST_SLOTS);
  private freeCount = 0;

  /** Operations that are started and not over. */
  inFlight = 0;
  /** How many of them do not keep the process alive. */
  private unreferenced = 0;
  /** Slots committed since the last flush, of which the kernel has not seen anything. */
  private batch: number[] = [];
  /** Those of them that the kernel has not been shown, and that it was given memory of the user's own for. */
  private untried: number[] = [];
  private queued: Sqe | null = null;
  private inBacklog = false;
  /** Of a chain that is being started, how many are still to come. */
  private together = 0;
  /** Of what waits to be shown to the kernel, how many operations `enter` waits for. */
  private expected = 0;
  /** Started, and the listeners do not know it yet. */
  private readonly unannounced: number[] = [];
  /** A chain that finds no room is being started. */
  private roomIsShort = false;
  /** Those who want to add something before the kernel is entered. */
  private latecomers: Latecomer[] = [];
  private scheduled = false;
  private armed = false;
  /** The doorbell knows that something is awaited. */
  private watched = false;
  private wantsReference = true;
  /** The doorbell keeps the process alive. */
  private referenced = false;
  /** GETEVENTS, from when the kernel has asked for it until an `enter` with it has succeeded. */
  private owedEvents = 0;
  /** Counts turns of the event loop in which the engine was at work. */
  turn = 0;
  private burstStart = 0;
  private inBurst = false;
  /** The kernel is to be entered, but only after a turn of the event loop. */
  private isPatient = false;
  private unlookedCompletions = 0;
  /** Completions of the last flush, and whether the engine looks once more before it goes to rest. */
  private reaped = 0;
  private lingering = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(options: CoreOptions) {
    const { syscalls } = options;
    this.syscalls = syscalls;
    this.ring = openRing(options);
    try {
      this.sq = this.ring.sq;
      this.cq = this.ring.cq;
      this.pool = new Pool(syscalls, (region) => this.ring.holdUntilRest(region));
      const ring = flushOf(new WeakRef(this));
      // Not in the context of whoever comes first, whose AsyncLocalStorage would be kept for as long as the engine is there.
      this.doorbell = nobodysContext.runInAsyncScope(() => syscalls.openDoorbell(ring, options.eventLoop));
      try {
        // Off until the program has nothing else to do but to wait for the kernel.
        this.cq.flags = CqRingFlag.EVENTFD_DISABLED;
        this.ring.settings.registerEventfd(this.doorbell.fd);
      } catch (error) {
        this.doorbell.close();
        throw error;
      }
    } catch (error) {
      this.ring.close();
      throw error;
    }
    for (let slot = FIRST_SLOTS - 1; slot >= 0; slot--) this.freeSlots[this.freeCount++] = slot;
    collected.register(this, this.doorbell, this);
  }

  /** Nothing gets to the kernel any more. */
  private get isDead(): boolean {
    return this.ring.closed || this.broken !== undefined;
  }

  /** How the event loop is woken. */
  get eventLoop(): DoorbellKind {
    return this.doorbell.kind;
  }

  /** What is asked about sockets without the ring. */
  get sockets(): SocketCalls {
    return this.syscalls.sockets;
  }

  /** What is known of the machine. */
  get host(): HostFacts {
    return this.syscalls.host();
  }

  /** lseek(2), at once. */
  seek(fd: number, offset: number, whence: number): number {
    return this.syscalls.seek(fd, offset, whence);
  }

  /** Has a descriptor closed when this thread ends, even if it is terminated. @returns takes that back. */
  closeAtThreadEnd(fd: number): () => void {
    return this.syscalls.closeAtThreadEnd(fd);
  }

  /** A second descriptor for the same file. @returns it, or `-errno`. */
  duplicateDescriptor(fd: number): number {
    return this.syscalls.duplicate(fd);
  }

  /** close(2), at once: for descriptors that the ring has made, which Node knows nothing of. */
  closeDescriptor(fd: number): void {
    this.syscalls.close(fd);
  }

  /** Why operations end that were in flight when the engine was closed. */
  closingError(): AbortError {
    return new AbortError(this.broken ?? invalidState('the engine was closed'));
  }

  // Starting

  /**
   * The next SQE, for an encoder to fill; it counts from {@link commit} on. Never `null`: what finds no room in the ring waits
   * outside of it.
   */
  begin(): Sqe {
    if (this.backlog.length === 0 && !this.roomIsShort && !this.isDead) {
      const sqe = this.sq.next() ?? this.makeRoom();
      if (sqe !== null) {
        this.inBacklog = false;
        this.queued = sqe;
        return sqe;
      }
    }
    this.inBacklog = true;
    this.queued = this.backlog.next();
    return this.queued;
  }

  /**
   * Makes sure that the next `count` SQEs go to the kernel together.
   *
   * @param arePrompt none of them waits in the kernel, so `enter` waits for all of them: a chain is over then, which takes an `enter` for each link
   *   otherwise.
   */
  beginTogether(count: number, arePrompt = false): void {
    if (count > this.sq.entries)
      throw outOfRange('operations.length', `<= ${this.sq.entries}, the submission queue's size`, count);
    this.together = count;
    if (this.backlog.length > 0 || this.isDead) return;
    if (this.sq.spaceLeft < count) this.submit();
    // Without room even so, they wait in the backlog, from which a chain moves as a whole.
    this.roomIsShort = this.sq.spaceLeft < count;
    if (arePrompt && !this.roomIsShort) this.expected += count;
  }

  /**
   * Puts the SQE that {@link begin} gave into the queue.
   *
   * @param usesUserMemory the kernel is given memory that the user could take away before it is shown the SQE.
   * @returns its slot.
   */
  commit(request: Request, usesUserMemory = false): number {
    const sqe = this.queued as Sqe;
    if (this.freeCount === 0) this.growTable();
    const slot = this.freeSlots[--this.freeCount];
    request.slot = slot;
    this.requests[slot] = request;
    sqe.setToken(slot, this.generations[slot]);
    this.opcodes[slot] = sqe.opcode;
    this.fds[slot] = sqe.fd;
    this.marks[slot] = usesUserMemory ? USER_MEMORY : 0;
    if (!request.keepsAlive) this.unreference(slot);
    this.startTimes[slot] = this.observer.timed ? timers.now() : 0;
    if (usesUserMemory) this.untried.push(slot);
    this.batch.push(slot);
    if (this.inBacklog) this.backlog.commit();
    else this.sq.commit();
    this.inFlight++;
    this.observer.submittedCount++;
    if (this.together > 0) this.together--;
    if (!this.scheduled || this.isPatient) this.schedule();
    if (this.observer.hasListeners) {
      this.unannounced.push(slot);
      if (this.together === 0) this.announce();
    }
    return slot;
  }

  /** What becomes of what `commit` puts into the queue may wait until the event loop has turned, and go on together with what others begin until then. */
  patiently(commit: () => void): void {
    if (!this.scheduled) {
      this.scheduled = true;
      this.isPatient = true;
      timers.setImmediate(this.flush);
    }
    const wasPatient = this.isPatient;
    this.isPatient = false;
    commit();
    this.isPatient = wasPatient;
  }

  /** Has somebody asked for its operation right before the kernel is entered: what comes until then can go with it. */
  later(latecomer: Latecomer): void {
    this.latecomers.push(latecomer);
    if (!this.scheduled) this.schedule();
  }

  /** Cancels an operation: before the kernel has seen it, for certain; afterwards, by asking. Its end comes as a completion. */
  cancel(request: Request): void {
    const { slot } = request;
    if (slot < 0 || this.requests[slot] !== request || this.broken !== undefined) return;
    const waiting = this.findUntaken(slot);
    if (waiting !== null) this.withdraw(slot, waiting);
    else this.askToCancel(request, slot, this.generations[slot], FIRST_CANCEL_RETRY_MS);
  }

  private askToCancel(request: Request, slot: number, generation: number, retryMs: number): void {
    const again = (res: number) => {
      // Not found although it is in flight: between two of the kernel's lists, on its way to start. Or it is running, and does not
      // hear. Then it is asked again.
      if (res !== -Errno.ENOENT && res !== -Errno.EALREADY) return;
      timers.setTimeout(() => {
        if (this.requests[slot] !== request || this.generations[slot] !== generation || this.ring.closed) return;
        this.askToCancel(request, slot, generation, Math.min(2 * retryMs, LAST_CANCEL_RETRY_MS));
      }, retryMs);
    };
    prepCancel(this.begin(), tokenOf(slot, generation));
    this.commit(new CancelRequest(again));
  }

  /** Takes back operations of a chain that could not be completed; the kernel has seen none of them. */
  retract(slots: readonly number[]): void {
    for (const slot of slots) {
      const sqe = this.findUntaken(slot);
      if (sqe === null) continue;
      this.withdraw(slot, sqe);
      sqe.setFlags(0);
    }
  }

  /** Makes something that is harmless of an SQE. It keeps its place in a chain, ends as cancelled, and breaks a soft chain. */
  private withdraw(slot: number, sqe: Sqe): void {
    const links = sqe.flags & (SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK);
    // Cancelling what nobody is fails.
    if (links & SqeFlag.IO_LINK) prepCancel(sqe, NOBODY);
    else prepNop(sqe);
    sqe.setFlags(links);
    sqe.setToken(slot, this.generations[slot]);
    this.marks[slot] = (this.marks[slot] & UNREFERENCED) | WITHDRAWN;
  }

  // Entering the kernel

  /** Has the kernel entered at the end of this turn of the program; of a long burst, after a turn of the event loop. */
  private schedule(): void {
    this.scheduled = true;
    this.isPatient = false;
    if (this.inBurst && this.burstIsLong()) timers.setImmediate(this.flush);
    else timers.nextTick(this.flush);
  }

  private burstIsLong(): boolean {
    // Asking the clock costs as much as a short read: not every time.
    if (this.unlookedCompletions < COMPLETIONS_PER_LOOK) return false;
    this.unlookedCompletions = 0;
    return timers.now() - this.burstStart > BURST_MS;
  }

  private startBurst(): void {
    this.inBurst = true;
    this.burstStart = timers.now();
    this.unlookedCompletions = 0;
    timers.setImmediate(this.endBurst);
  }

  /** The event loop has turned. */
  private readonly endBurst = () => {
    this.inBurst = false;
    this.turn++;
  };

  /**
   * Shows the kernel now what was committed; what is complete by then is settled at the end of the turn, as ever. For what the caller's next
   * statement could change the meaning of: a path, by renaming; a mode, by umask.
   */
  submitNow(): void {
    if (!this.isDead) this.submit();
  }

  /** Enters the kernel until an operation that was cancelled is over. */
  settleNow(request: Request): void {
    for (let tries = 0; tries < MOST_TRIES && request.slot >= 0 && !this.isDead; tries++) {
      if (tries > 0) this.owedEvents = EnterFlag.GETEVENTS;
      this.submit();
      this.reap();
    }
  }

  /** Shows the kernel what was committed, and settles what is complete. */
  readonly flush = (): void => {
    // What they commit goes with this one.
    this.scheduled = true;
    if (this.latecomers.length > 0) this.askLatecomers();
    this.scheduled = false;
    this.isPatient = false;
    if (this.isDead) {
      this.abandonAll(this.closingError());
      return;
    }
    if (!this.inBurst) this.startBurst();
    this.together = 0;
    if (this.unannounced.length > 0) this.announce();
    if (this.armed) {
      this.armed = false;
      this.cq.flags = CqRingFlag.EVENTFD_DISABLED;
    }
    this.reaped = 0;
    do {
      this.submit();
      this.reap();
    } while (this.backlog.length > 0 && this.sq.ready === 0 && this.broken === undefined);
    this.stampBatch();
    if (this.sq.ready > 0 && !this.scheduled && this.timer === undefined && this.broken === undefined) this.schedule();
    this.settle();
  };

  private askLatecomers(): void {
    const all = this.latecomers;
    this.latecomers = [];
    for (const latecomer of all) latecomer.commit();
  }

  /** Tells of what was started. Not in the middle of a chain, as listeners may start operations themselves. */
  private announce(): void {
    for (const slot of this.unannounced.splice(0)) this.observer.submitted(slot, this.opcodes[slot], this.fds[slot]);
  }

  /** One `enter` for everything that fits into the ring. */
  private submit(): void {
    if (this.backlog.length > 0) this.backlog.moveTo(this.sq);
    const { expected } = this;
    this.expected = 0;
    this.roomIsShort = false;
    if (this.untried.length > 0) this.checkUserMemory();
    const { sq, ring } = this;
    for (;;) {
      const pending = sq.publish();
      if (sq.takeTaskrun() || sq.flags & SqRingFlag.CQ_OVERFLOW) this.owedEvents = EnterFlag.GETEVENTS;
      const events = this.owedEvents;
      if (pending === 0 && events === 0) return;
      const awaited = Math.min(expected, pending);
      const result = ring.enter(pending, awaited, awaited > 0 ? EnterFlag.GETEVENTS : events);
      this.observer.entered();
      if (result >= 0) {
        this.owedEvents = 0;
        // The kernel stops early when it is short of memory.
        if (result < pending) this.stoppedEarly();
        else if (this.backlog.length === 0) this.untried.length = 0;
        return;
      }
      if (result === -Errno.EINTR) continue;
      if (result === -Errno.EAGAIN || result === -Errno.EBUSY || result === -Errno.ENOMEM) {
        this.retryLater();
        return;
      }
      this.fail(new UringError(result, 'io_uring_enter'));
      return;
    }
  }

  private makeRoom(): Sqe | null {
    this.submit();
    return this.broken === undefined ? this.sq.next() : null;
  }

  /** Calls every completion's request. */
  private reap(): void {
    const count = this.cq.forEach(this.onCqe);
    this.unlookedCompletions += count;
    this.reaped += count;
  }

  private readonly onCqe = (cqe: Cqe): void => {
    const slot = cqe.tokenLow;
    const request = this.requests[slot];
    // Not one of ours: another ring's message, or a tag.
    if (request === undefined || this.generations[slot] !== cqe.tokenHigh) return;
    this.complete(slot, request, this.marks[slot] & WITHDRAWN ? -Errno.ECANCELED : cqe.res, cqe.flags);
  };

  private complete(slot: number, request: Request, res: number, flags: number): void {
    if ((flags & CqeFlag.MORE) === 0) {
      this.observer.completed(slot, this.opcodes[slot], this.fds[slot], res, this.startTimes[slot]);
      this.requests[slot] = undefined;
      this.generations[slot]++;
      this.freeSlots[this.freeCount++] = slot;
      this.inFlight--;
      if (this.marks[slot] & UNREFERENCED) this.unreferenced--;
      if (request.slot === slot) request.slot = -1;
    }
    request.complete(res, flags);
  }

  /** Leaves the loop with a way to be woken, if anything is to come; else lets the process end. */
  private settle(): void {
    for (;;) {
      if (this.inFlight === 0) {
        busy.delete(this);
        if (this.watched) this.doorbell.rest();
        this.watched = false;
        for (const done of this.idleWaiters.splice(0)) done();
        return;
      }
      if (this.scheduled || this.ring.closed) return;
      busy.add(this);
      // Where something has come, more may come at once: a turn of the loop is cheaper than being woken. Only one.
      if (this.reaped > 0) {
        if (!this.lingering) timers.setImmediate(this.linger);
        this.lingering = true;
        return;
      }
      // First the eventfd, then the last look: what the kernel does in between is seen by one of the two.
      this.armed = true;
      this.cq.flags = 0;
      this.watch();
      if (this.cq.ready === 0 && !(this.sq.flags & (SqRingFlag.TASKRUN | SqRingFlag.CQ_OVERFLOW))) return;
      // Here and now: promises get their turn only after all ticks, so ticks that follow each other for as long as a flag is set keep them
      // waiting. What was run need not have posted anything, so what counts is whether the kernel asks again.
      this.submit();
      this.reap();
      if (this.owedEvents !== 0 || this.broken !== undefined) return;
      if (this.reaped === 0 && !(this.sq.flags & SqRingFlag.TASKRUN)) return;
    }
  }

  private readonly linger = () => {
    this.lingering = false;
    if (!this.scheduled) this.flush();
  };

  /** The kernel has taken a part only. What it took ends a chain for it; what is left of that chain must not run on its own. */
  private stoppedEarly(): void {
    for (const sqe of this.sq.restOfCutChain()) {
      const slot = sqe.tokenLow;
      if (this.requests[slot] !== undefined) this.withdraw(slot, sqe);
    }
    this.retryLater();
  }

  private retryLater(): void {
    this.timer ??= timers.setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, RETRY_MS);
  }

  /** Whether pending operations keep the process alive. */
  keepAlive(wanted: boolean): void {
    this.wantsReference = wanted;
    if (this.watched) this.watch();
  }

  /** Whether one request's operations keep the process alive: those it has now, and those to come. */
  reference(request: Request, wanted: boolean): void {
    if (request.keepsAlive === wanted) return;
    request.keepsAlive = wanted;
    const { slot } = request;
    if (slot < 0 || this.requests[slot] !== request) return;
    if (wanted) {
      this.marks[slot] &= ~UNREFERENCED;
      this.unreferenced--;
    } else {
      this.unreference(slot);
    }
    if (this.watched) this.watch();
  }

  private unreference(slot: number): void {
    this.marks[slot] |= UNREFERENCED;
    this.unreferenced++;
  }

  /** Has the event loop wake the engine, and the process stay alive if anything in flight is worth it. */
  private watch(): void {
    const referenced = this.wantsReference && this.inFlight > this.unreferenced;
    if (this.watched && referenced === this.referenced) return;
    this.watched = true;
    this.referenced = referenced;
    this.doorbell.watch(referenced);
  }

  /** Takes back what was committed with memory that is gone by now. Before every `enter`: the kernel may not have taken all of it. */
  private checkUserMemory(): void {
    if (this.untried.every((slot) => this.requests[slot]?.memoryIsIntact() !== false)) return;
    this.untried = this.untried.filter((slot) => {
      const request = this.requests[slot];
      if (!(this.marks[slot] & USER_MEMORY) || request === undefined) return false;
      const sqe = this.findUntaken(slot);
      if (sqe === null) return false;
      if (request.memoryIsIntact()) return true;
      this.withdraw(slot, sqe);
      return false;
    });
  }

  /** The SQE of an operation that the kernel has not taken, or `null`. */
  private findUntaken(slot: number): Sqe | null {
    const generation = this.generations[slot];
    return this.sq.findUntaken(slot, generation) ?? this.backlog.find(slot, generation);
  }

  /** What is still in flight after the flush gets its time, which what completed at once never needed. */
  private stampBatch(): void {
    const { batch } = this;
    if (batch.length === 0) return;
    if (this.inFlight > 0) {
      const now = timers.now();
      for (let index = 0; index < batch.length; index++) {
        const slot = batch[index];
        if (this.requests[slot] !== undefined && this.startTimes[slot] === 0) this.startTimes[slot] = now;
      }
    }
    batch.length = 0;
  }

  // The table

  private growTable(): void {
    const size = this.requests.length;
    const grow = <A extends Int32Array | Uint8Array | Float64Array>(old: A): A => {
      const grown = new (old.constructor as new (length: number) => A)(2 * size);
      grown.set(old);
      return grown;
    };
    this.generations = grow(this.generations);
    this.opcodes = grow(this.opcodes);
    this.marks = grow(this.marks);
    this.fds = grow(this.fds);
    this.startTimes = grow(this.startTimes);
    this.freeSlots = grow(this.freeSlots);
    this.generations.fill(1, size);
    for (let slot = 2 * size - 1; slot >= size; slot--) {
      this.requests[slot] = undefined;
      this.freeSlots[this.freeCount++] = slot;
    }
  }

  /** Visits what is in flight. */
  visit(each: (slot: number, request: Request, opcode: number, fd: number, since: number) => void): void {
    for (let slot = 0; slot < this.requests.length; slot++) {
      const request = this.requests[slot];
      if (request !== undefined) each(slot, request, this.opcodes[slot], this.fds[slot], this.startTimes[slot]);
    }
  }

  // The end

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Cancels everything there is. */
  cancelAll(): void {
    const all: Request[] = [];
    this.visit((_slot, request) => {
      if (!(request instanceof CancelRequest)) all.push(request);
    });
    for (const request of all) this.cancel(request);
  }

  /** Closes the ring; what is still in flight is cancelled once more and waited for, in the way of `Ring.close`. */
  close(patienceMs?: number): void {
    if (this.ring.closed) return;
    this.closing = true;
    timers.clearTimeout(this.timer);
    this.timer = undefined;
    this.askLatecomers();
    if (this.broken === undefined) {
      this.cancelAll();
      this.dropUntaken();
      this.ring.closeWith({
        completed: (cqe) => this.onCqe(cqe),
        idle: () => this.inFlight === 0,
        patienceMs,
      });
    } else {
      // The accounts are void since the failure: the ring proves itself that it is at rest, or its memory is kept.
      this.ring.closeWith(undefined);
    }
    this.doorbell.close();
    collected.unregister(this);
    busy.delete(this);
    if (this.inFlight > 0) this.abandonAll(invalidState('the engine was closed, and the operation would not end'));
  }

  /** What the kernel has not taken is over: it was withdrawn, so that it does no harm if the kernel takes it after all. */
  private dropUntaken(): void {
    const untaken: [slot: number, request: Request][] = [];
    this.visit((slot, request) => {
      if (this.findUntaken(slot) !== null) untaken.push([slot, request]);
    });
    this.backlog.clear();
    for (const [slot, request] of untaken) this.complete(slot, request, -Errno.ECANCELED, 0);
  }

  /** The ring is of no use any more: everybody is told, nothing is released. */
  private fail(error: Error): void {
    this.broken = error;
    this.abandonAll(error);
    this.onBroken?.(error);
  }

  private abandonAll(error: Error): void {
    this.backlog.clear();
    this.visit((slot, request) => {
      this.requests[slot] = undefined;
      this.generations[slot]++;
      this.inFlight--;
      if (this.marks[slot] & UNREFERENCED) this.unreferenced--;
      request.slot = -1;
      // The kernel may still write to what it was given.
      this.ring.holdUntilRest(request);
      request.abandon(error);
    });
    this.settle();
  }
}

/** The ring as the engine wants it; without deferred work where that would not be heard of. */
function openRing({ entries, cqEntries, syscalls }: CoreOptions): Ring {
  const open = (flags: readonly SetupFlagName[]) =>
    Ring.open({ entries, cqEntries, optionalFlags: [...flags, ...OPTIONAL_FLAGS], syscalls });
  const ring = open(['DEFER_TASKRUN']);
  if (!ring.hasFlag('DEFER_TASKRUN') || tellsEventfd(syscalls)) return ring;
  // Nothing was ever submitted.
  ring.closeWith({ completed() {}, idle: () => true });
  return open([]);
}

function tokenOf(slot: number, generation: number): bigint {
  return (BigInt(generation >>> 0) << 32n) | BigInt(slot);
}

/** Outside the constructor, where a closure would hold on to what the others there refer to. */
function flushOf(core: WeakRef<Core>): () => void {
  return () => core.deref()?.flush();
}
