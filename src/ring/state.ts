/**
 * The part of a ring that must outlive the `Ring` object: its descriptor, its memory, and every
 * buffer that the kernel may still access.
 *
 * The core never refers to its `Ring`. So an unreferenced `Ring` can be collected, and the
 * finalization registry, which holds the core, closes it: in order, with a warning, and with all
 * memory still in place.
 *
 * @module
 */

import type { Syscalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { invalidState } from '../validate.js';
import { EnterFlag, GeteventsArg, SqRingFlag } from './abi/enter.js';
import { USE_REGISTERED_RING } from './abi/register.js';
import { Feature, SetupFlag } from './abi/setup.js';
import { type Arena, ArenaState, ArenaWord } from './arena.js';
import { CompletionQueue } from './completion-queue.js';
import type { RingLayout } from './layout.js';
import { freeQueues, type RingMemory } from './memory.js';
import { closeRing, unregisterRingFd } from './setup.js';
import { type Accounting, type DrainResult, type DrainTarget, drain } from './shutdown.js';
import { SubmissionQueue } from './submission-queue.js';
import { ThreadTable } from './threads.js';

/**
 * The arguments of `enter` and of cancellation, allocated in advance: waiting and closing must not
 * fail because the arena is full.
 */
const Arguments = {
  SIZE: 128,
  /** A getevents_arg, then its timespec. */
  WAIT: 0,
  CANCEL: 64,
} as const;

/** Closed rings whose kernel side is not known to be at rest. */
const leaked = new Set<RingState>();

/**
 * How long a ring that is quiet, but cannot be proved to be at rest, keeps its memory after it was
 * closed.
 */
const LEAK_MS = 60_000;

/** How often a thread that has left a shared ring checks whether the others have left, too. */
const LINGER_MS = 1000;

/** One thread's side of a ring. */
export class RingState implements DrainTarget {
  /** For `enter`: the descriptor, or the registered index. */
  enterFd: number;
  /** For `enter`: REGISTERED_RING, if `enterFd` is an index. */
  enterFlags = 0;
  /** For `register`: the descriptor, or the index if there is no descriptor. */
  registerFd: number;
  /** For `register`: USE_REGISTERED_RING, if `registerFd` is an index. */
  registerFlag = 0;
  /** The index of the registered ring descriptor, or -1. */
  registeredIndex = -1;
  closed = false;
  /** Objects that stay referenced until the ring is closed: registered and pinned buffers. */
  readonly holds = new Set<object>();
  /** The cleanups to run when the kernel is done with the ring. */
  readonly cleanups = new Set<() => void>();
  sq: SubmissionQueue;
  cq: CompletionQueue;
  private threads: ThreadTable | undefined;
  private readonly argumentsAt: number;
  private readonly cancelThreadEnd: () => void;

  constructor(
    readonly syscalls: Syscalls,
    readonly arena: Arena,
    readonly fd: number,
    public layout: RingLayout,
    public memory: RingMemory,
  ) {
    this.enterFd = fd;
    this.registerFd = fd;
    this.sq = new SubmissionQueue(memory, layout, arena.words, arena.control + ArenaWord.RESERVED_TAIL);
    this.cq = new CompletionQueue(memory, layout);
    this.argumentsAt = arena.allocate(Arguments.SIZE);
    if (layout.setupFlags & SetupFlag.REGISTERED_FD_ONLY) {
      this.enterFlags = EnterFlag.REGISTERED_RING;
      this.registerFlag = USE_REGISTERED_RING;
      // A registered ring belongs to the thread and ends with it.
      this.cancelThreadEnd = () => undefined;
    } else {
      this.cancelThreadEnd = syscalls.closeAtThreadEnd(fd);
    }
  }

  /**
   * Switches to the index of the registered descriptor: `enter` and, where the kernel supports it,
   * `register` use it from now on.
   */
  useRegisteredIndex(index: number): void {
    this.registeredIndex = index;
    this.enterFd = index;
    this.enterFlags |= EnterFlag.REGISTERED_RING;
    if (this.layout.features & Feature.REG_REG_RING) {
      this.registerFd = index;
      this.registerFlag = USE_REGISTERED_RING;
    }
  }

  /** Switches back to the plain descriptor. @returns the kernel's result. */
  dropRegisteredIndex(): number {
    const index = this.registeredIndex;
    this.registeredIndex = -1;
    this.enterFd = this.fd;
    this.enterFlags &= ~EnterFlag.REGISTERED_RING;
    this.registerFd = this.fd;
    this.registerFlag = 0;
    return unregisterRingFd(this.syscalls, this.arena, this.fd, 0, index);
  }

  /** Creates the queues anew after they have moved (RESIZE_RINGS). */
  rebuild(layout: RingLayout, memory: RingMemory): void {
    // The kernel has moved everything and never accesses the old queues again.
    if (this.memory.room) freeQueues(this.arena, this.memory.room);
    else this.memory.release();
    this.layout = layout;
    this.memory = memory;
    this.sq = new SubmissionQueue(memory, layout, this.arena.words, this.arena.control + ArenaWord.RESERVED_TAIL);
    this.cq = new CompletionQueue(memory, layout);
    this.sq.initialize(memory, layout);
  }

  /** Makes this thread one of several that use the ring. */
  share(): void {
    if (this.threads) return;
    this.threads = new ThreadTable(this.arena, this.syscalls);
    this.threads.enter(this.fd);
    this.sq.becomeConcurrent();
  }

  /** Whether the ring has been shared with other threads. */
  get shared(): boolean {
    return this.threads !== undefined;
  }

  /** Marks this core as created for a descriptor from the thread table. */
  joined(threads: ThreadTable): this {
    this.threads = threads;
    this.sq.joinConcurrent();
    return this;
  }

  /**
   * Calls io_uring_enter(2) with the number of SQEs to submit, a minimum to wait for, and a time
   * limit.
   *
   * @param timeoutMs the maximum time to wait, or `undefined` for no limit.
   * @returns the number of SQEs taken, or `-errno`.
   */
  enter(toSubmit: number, minComplete: number, flags: number, timeoutMs?: number): number {
    if (timeoutMs === undefined) {
      return this.syscalls.enter(this.enterFd, toSubmit, minComplete, flags | this.enterFlags, 0, 0);
    }
    const { arena } = this;
    const argument = this.argumentsAt + Arguments.WAIT;
    const timespec = argument + GeteventsArg.SIZE;
    arena.writeUint64(argument + GeteventsArg.TS, arena.address(timespec));
    arena.writeUint64(timespec, Math.floor(timeoutMs / 1000));
    arena.writeUint64(timespec + 8, Math.round((timeoutMs % 1000) * 1e6));
    const all = flags | this.enterFlags | EnterFlag.GETEVENTS | EnterFlag.EXT_ARG;
    return this.syscalls.enter(this.enterFd, toSubmit, minComplete, all, arena.address(argument), GeteventsArg.SIZE);
  }

  /** Returns the `enter` flags that the kernel's flag word calls for. */
  pendingFlags(): number {
    const flags = this.sq.flags;
    let enter = 0;
    if (flags & (SqRingFlag.CQ_OVERFLOW | SqRingFlag.TASKRUN)) enter |= EnterFlag.GETEVENTS;
    if (flags & SqRingFlag.NEED_WAKEUP) enter |= EnterFlag.SQ_WAKEUP;
    return enter;
  }

  /**
   * Closes this thread's side of the ring. The last side cancels the operations in flight and waits
   * for them to end before any memory is released. Idempotent.
   */
  close(accounting?: Accounting): void {
    if (this.closed) return;
    if (this.cq.busy) throw invalidState('completions are being iterated; the callback must not close the ring');
    this.closed = true;
    const { last, threadsDied } = this.threads?.leave(this.fd) ?? { last: true, threadsDied: false };
    let state: DrainResult = 'busy';
    try {
      if (last) {
        this.sq.discard();
        // A terminated thread may have left the accounting inconsistent; the marker needs none.
        state = drain(this, threadsDied ? undefined : accounting);
      }
    } finally {
      this.sq.shut();
      this.cq.shut();
      // A registered index keeps the ring alive, as a descriptor does.
      if (this.registeredIndex >= 0) this.dropRegisteredIndex();
      this.cancelThreadEnd();
      closeRing(this.syscalls, this.arena, this.fd, this.layout.setupFlags);
      if (!last) this.linger();
      else if (state === 'busy') this.leak();
      else this.release(state);
    }
  }

  /** The offset of a block for SYNC_CANCEL's argument. */
  get cancelArgument(): number {
    return this.argumentsAt + Arguments.CANCEL;
  }

  /**
   * Releases the memory. The kernel is done with the ring, or very probably so (`'quiet'`), in
   * which case buffers are kept for a while.
   */
  private release(state: 'rest' | 'quiet'): void {
    this.memory.release();
    for (const cleanup of this.cleanups) cleanup();
    this.cleanups.clear();
    if (state === 'rest') {
      this.letGo();
      // The other threads that have left may release their buffers, too.
      Atomics.store(this.arena.words, this.arena.control + ArenaWord.STATE, ArenaState.AT_REST);
    } else {
      leaked.add(this);
      timers.setTimeout(() => this.letGo(), LEAK_MS).unref();
    }
  }

  private letGo(): void {
    leaked.delete(this);
    this.holds.clear();
  }

  /**
   * Keeps the objects that this thread has passed to the kernel until the last of the other
   * threads, which still use the ring, has brought it to rest.
   */
  private linger(): void {
    this.arena.free(this.argumentsAt, Arguments.SIZE);
    leaked.add(this);
    const timer = timers
      .setInterval(() => {
        if (Atomics.load(this.arena.words, this.arena.control + ArenaWord.STATE) !== ArenaState.AT_REST) return;
        timers.clearInterval(timer);
        this.memory.release();
        this.letGo();
      }, LINGER_MS)
      .unref();
  }

  /**
   * Keeps all memory although the ring is closed, because the kernel will still write to it.
   * Leaking is safe, releasing is not.
   */
  private leak(): void {
    leaked.add(this);
    process.emitWarning('A ring was closed with operations that would not end; their memory is kept.', {
      code: 'URING_LEAKED',
    });
  }
}
