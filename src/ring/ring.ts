/**
 * `Ring`: one io_uring, as close to the kernel as liburing is.
 *
 * ```text
 *   getSqe() -> prepRead(sqe, ...) -> submit()                 Ring, SubmissionQueue, src/ops
 *                                        |
 *                                 io_uring_enter(2)            Syscalls
 *                                        |
 *   forEachCqe(cqe => ...)  <------------+                     Ring, CompletionQueue
 * ```
 *
 * The ring itself is not locked, as liburing's is not: threads that share one use {@link Ring.exclusive}, or `URingContext`.
 *
 * @module
 */

import { types } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { Errno, linuxSyscalls, type Syscalls, UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import {
  checkBuffer,
  checkFunction,
  checkInteger,
  checkOptions,
  checkTimeout,
  checkUint32,
  checkUint64,
  invalidArgType,
  invalidState,
  outOfRange,
} from '../validate.js';
import { EnterFlag, RegWait } from './abi/enter.js';
import { CancelFlag, MsgRingCommand } from './abi/op-flags.js';
import { Opcode } from './abi/opcodes.js';
import { RegisterOp, SyncCancel } from './abi/register.js';
import { Feature, type FeatureName, SetupFlag, type SetupFlagName } from './abi/setup.js';
import { SQE_SIZE, SQE_WORDS, SqeWord } from './abi/sqe.js';
import { Arena, ArenaWord } from './arena.js';
import type { CompletionQueue } from './completion-queue.js';
import type { Cqe } from './cqe.js';
import type { RingLayout } from './layout.js';
import { SharedLock } from './lock.js';
import { isShared, mapMemory, type QueueRoom, sharedMemory } from './memory.js';
import { checkRingOptions, type RingOptions, setupFlagNames } from './options.js';
import { type KernelQuery, type OpcodeProbe, probeOpcodes, queryKernel } from './query.js';
import { BufferRings } from './register/buffer-rings.js';
import { BufferTable } from './register/buffers.js';
import { closedError, registerStruct } from './register/call.js';
import { FileTable } from './register/files.js';
import { Settings } from './register/settings.js';
import { Workers } from './register/workers.js';
import { ZeroCopy } from './register/zero-copy.js';
import { openRing } from './setup.js';
import type { Accounting } from './shutdown.js';
import { Sqe } from './sqe.js';
import { RingState } from './state.js';
import type { SubmissionQueue } from './submission-queue.js';
import { ThreadTable } from './threads.js';

/** What `ring.share()` gives: plain data that `postMessage` carries to another thread of the process. */
export interface RingHandle {
  readonly signature: typeof HANDLE_SIGNATURE;
  readonly memory: SharedArrayBuffer;
  readonly layout: RingLayout;
  readonly rings: number;
  readonly sqes: number;
}

/** What to cancel, for {@link Ring.cancelSync}. */
export interface CancelTarget {
  /** The operation with this user data. */
  readonly userData?: number | bigint;
  /** Operations on this fd (`CancelFlag.FD`); with `userData`, those that match both (since 6.6). */
  readonly fd?: number;
  /** More `CancelFlag`s: ALL, ANY, FD_FIXED. */
  readonly flags?: number;
  /** Operations with this opcode (`CancelFlag.OP`, since 6.6). */
  readonly opcode?: number;
  /** How long to wait for the end of what is running, in milliseconds; default: for ever. */
  readonly timeoutMs?: number;
}

const HANDLE_SIGNATURE = 'uring:ring:1';

const SLICE_MS = 250;

const collected = new FinalizationRegistry<RingState>((state) => {
  process.emitWarning('A ring was collected without having been closed; it is closed now.', { code: 'URING_NOT_CLOSED' });
  state.close();
});

/**
 * An io_uring.
 *
 * @example
 * ```ts
 * import { prepNop, Ring } from 'uring/ring';
 *
 * const ring = Ring.open({ entries: 8 });
 * const sqe = ring.getSqe();
 * if (sqe === null) throw new Error('the submission queue is full');
 * prepNop(sqe);
 * sqe.setUserData(42);
 * ring.submitAndWait(1);
 * ring.forEachCqe((cqe) => console.log(cqe.userData, cqe.res)); // 42 0
 * ring.close();
 * ```
 */
export class Ring {
  /** The table of registered files. */
  readonly files: FileTable;
  /** The table of registered buffers. */
  readonly buffers: BufferTable;
  /** Groups of buffers that the kernel selects from. */
  readonly bufferRings: BufferRings;
  /** The kernel's worker threads. */
  readonly workers: Workers;
  /** eventfd, restrictions, credentials, registered ring fd, clock, busy polling, wait region, size. */
  readonly settings: Settings;
  /** Zero-copy receive. */
  readonly zeroCopy: ZeroCopy;
  /** Optional setup flags that the kernel refused. */
  readonly droppedFlags: readonly SetupFlagName[];
  private readonly state: RingState;
  private readonly sqpoll: boolean;
  /** Waiting is not one plain `enter`: SQPOLL, or a worker thread. */
  private readonly general: boolean;
  private readonly iopoll: boolean;
  private readonly queueLock: SharedLock;
  private readonly room: Pick<QueueRoom, 'rings' | 'sqes'>;
  /** Waits come back now and then, so that this thread can be terminated: V8 looks for that between calls only. */
  private readonly sliced: boolean;
  /** The last wait with a time limit came to its end. */
  private waitExpired = false;

  private constructor(state: RingState, dropped: number, room: Pick<QueueRoom, 'rings' | 'sqes'>) {
    this.state = state;
    this.room = room;
    this.droppedFlags = setupFlagNames(dropped);
    this.sqpoll = (state.layout.setupFlags & SetupFlag.SQPOLL) !== 0;
    this.iopoll = (state.layout.setupFlags & SetupFlag.IOPOLL) !== 0 && !this.sqpoll;
    this.sliced = !isMainThread && (state.layout.features & Feature.EXT_ARG) !== 0;
    this.general = this.sqpoll || this.sliced;
    this.queueLock = new SharedLock(state.arena.words, state.arena.control + ArenaWord.QUEUE_LOCK, state.syscalls);
    this.files = new FileTable(state);
    this.buffers = new BufferTable(state);
    this.bufferRings = new BufferRings(state);
    this.workers = new Workers(state);
    this.settings = new Settings(state);
    this.zeroCopy = new ZeroCopy(state);
    collected.register(this, state, state);
  }

  /**
   * Opens a ring. io_uring_setup(2), `io_uring_queue_init_params`. Since Linux 5.1; 5.11 or later is recommended.
   *
   * @throws UringUnavailableError when there is none to be had, with the reason and the remedy.
   * @throws UringError ENOMEM, EMFILE, ENFILE; EINVAL or EPERM with the name of the flag that the kernel refuses.
   * @throws TypeError, RangeError for options that make no sense.
   */
  static open(options: RingOptions): Ring {
    const request = checkRingOptions(options);
    const syscalls = options.syscalls ?? linuxSyscalls();
    const opened = openRing(request, syscalls);
    const state = new RingState(syscalls, opened.arena, opened.fd, opened.layout, opened.memory);
    state.sq.initialize(opened.memory, opened.layout);
    const { memory } = opened;
    return new Ring(state, opened.dropped, { rings: memory.sqBase << 2, sqes: memory.sqesBase << 2 });
  }

  /**
   * The ring of another thread of this process, from its {@link Ring.share} handle.
   *
   * @param handle as `postMessage` delivered it.
   * @param options `syscalls` as for {@link Ring.open}.
   * @throws Error ERR_INVALID_STATE when the ring has been closed by all others.
   */
  static attach(handle: RingHandle, options: { readonly syscalls?: Syscalls } = {}): Ring {
    if (typeof handle !== 'object' || handle === null || handle.signature !== HANDLE_SIGNATURE) {
      throw invalidArgType('handle', 'a handle made by ring.share()', handle);
    }
    if (!types.isSharedArrayBuffer(handle.memory) || typeof handle.layout !== 'object' || handle.layout === null) {
      throw invalidArgType('handle', 'a handle made by ring.share(), whole and unchanged', handle);
    }
    checkOptions(options, ['syscalls']);
    const syscalls = options.syscalls ?? linuxSyscalls();
    const arena = new Arena(handle.memory, syscalls);
    const threads = new ThreadTable(arena, syscalls);
    const fd = threads.attach();
    if (fd < 0) throw new UringError(fd, 'fcntl', 'F_DUPFD_CLOEXEC');
    const { layout } = handle;
    try {
      const memory = isShared(layout)
        ? sharedMemory(arena, { ...handle, ringsSize: 0, sqesSize: 0 })
        : mapMemory(syscalls, fd, layout);
      const state = new RingState(syscalls, arena, fd, layout, memory).joined(threads);
      return new Ring(state, 0, handle);
    } catch (error) {
      threads.leave(fd);
      syscalls.close(fd);
      throw error;
    }
  }

  /** The ring's fd: readable for poll(2) and epoll(7) when there are completions. -1 with REGISTERED_FD_ONLY. */
  get fd(): number {
    return this.state.layout.setupFlags & SetupFlag.REGISTERED_FD_ONLY ? -1 : this.state.fd;
  }

  /** The submission queue. */
  get sq(): SubmissionQueue {
    return this.state.sq;
  }

  /** The completion queue. */
  get cq(): CompletionQueue {
    return this.state.cq;
  }

  /** Memory for what the kernel is given: it stays in place until the ring is at rest, whatever happens to this thread. */
  get arena(): Arena {
    return this.state.arena;
  }

  /** `Feature` bits that the kernel reported. */
  get features(): number {
    return this.state.layout.features;
  }

  /** `SetupFlag` bits that the ring has. */
  get setupFlags(): number {
    return this.state.layout.setupFlags;
  }

  /** Whether the kernel reported a feature. */
  hasFeature(name: FeatureName): boolean {
    return (this.features & Feature[name]) !== 0;
  }

  /** Whether the ring has a setup flag. */
  hasFlag(name: SetupFlagName): boolean {
    return (this.setupFlags & SetupFlag[name]) !== 0;
  }

  /** Whether the ring is closed, on this thread. */
  get closed(): boolean {
    return this.state.closed;
  }

  // Submission

  /**
   * The next free entry of the submission queue, to be filled by one of the `prep` functions and sent by {@link submit}.
   * `io_uring_get_sqe`. It is always the same object: fill one SQE before taking the next.
   *
   * @returns `null` when the queue is full: submit, and try again.
   */
  getSqe(): Sqe | null {
    const sqe = this.state.sq.reserve();
    // A closed ring gives none; asking here saves the look at every other one.
    if (sqe === null && this.state.closed) throw closedError();
    return sqe;
  }

  /**
   * Sends what was filled to the kernel. `io_uring_submit`.
   *
   * The kernel may take fewer: it stops after a bad SQE (unless SUBMIT_ALL is set), and when memory is short. The rest goes
   * with the next call.
   *
   * @returns how many the kernel took; with SQPOLL, how many it has been shown.
   * @throws UringError EAGAIN or EBUSY (consume completions, then again), EBADR (a completion was lost for lack of memory),
   *   EBADFD (the ring is not enabled), EEXIST (another thread's, with SINGLE_ISSUER), EINTR, ENXIO, EOWNERDEAD.
   */
  submit(): number {
    const { state } = this;
    if (state.closed) throw closedError();
    if (this.sqpoll) return this.submitToThread(0, 0, undefined);
    const toSubmit = state.sq.publish();
    const flags = state.pendingFlags() | (this.iopoll ? EnterFlag.GETEVENTS : 0);
    if (toSubmit === 0 && flags === 0) return 0;
    const result = state.syscalls.enter(state.enterFd, toSubmit, 0, flags | state.enterFlags, 0, 0);
    if (result < 0) throw new UringError(result, 'io_uring_enter');
    return result;
  }

  /**
   * Sends what was filled and waits until at least `count` completions are in the queue, or the time is over: look at
   * `ring.cq.ready`. One system call. `io_uring_submit_and_wait_timeout`.
   *
   * That the time was over is no error, nor is an interruption by a signal: the wait goes on.
   *
   * The kernel may come back with fewer: an error while submitting comes first, and any TIMEOUT operation that fires wakes all
   * waiters.
   *
   * @param count completions to wait for; more than the queue has entries is an error, as it would never end.
   * @param timeoutMs milliseconds, fractions allowed. Since 5.11.
   * @returns as {@link submit}.
   */
  submitAndWait(count: number, timeoutMs?: number): number {
    const { state } = this;
    if (state.closed) throw closedError();
    // One test for the common case; `checkWait` finds out what is wrong with the others.
    if (!(count >>> 0 === count && count <= state.cq.entries) || timeoutMs !== undefined || this.general) {
      this.checkWait(count, timeoutMs);
      return this.submitAndWaitSlow(count, timeoutMs);
    }
    const toSubmit = state.sq.publish();
    const result = state.syscalls.enter(state.enterFd, toSubmit, count, EnterFlag.GETEVENTS | state.enterFlags, 0, 0);
    if (result >= 0) return result;
    if (result === -Errno.EINTR) return this.submitAndWaitSlow(count, timeoutMs);
    throw new UringError(result, 'io_uring_enter');
  }

  /**
   * As {@link submitAndWait}, with the time limit of a registered wait argument (`settings.registerWaitRegion`).
   * `io_uring_submit_and_wait_reg`. Since 6.13.
   *
   * @throws UringError ETIME when the time was over before anything was submitted or completed.
   */
  submitAndWaitRegistered(count: number, index: number): number {
    const { state } = this;
    if (state.closed) throw closedError();
    this.checkWait(count, undefined);
    if (!this.settings.waitRegion) throw invalidState('there is no wait region');
    // The kernel's region is a whole page: beyond what was set there are waits without an end.
    checkInteger('index', index, 0, this.settings.waitArguments - 1);
    const flags = EnterFlag.GETEVENTS | EnterFlag.EXT_ARG | EnterFlag.EXT_ARG_REG | state.enterFlags | state.pendingFlags();
    const toSubmit = state.sq.publish();
    const result = state.syscalls.enter(state.enterFd, toSubmit, count, flags, index * RegWait.SIZE, RegWait.SIZE);
    if (result < 0) throw new UringError(result, 'io_uring_enter');
    return result;
  }

  /**
   * Waits until the SQPOLL thread has made room in the submission queue. `io_uring_sqring_wait`. Since 5.10.
   */
  waitForSqSpace(): void {
    const { state } = this;
    if (state.closed) throw closedError();
    if (!this.sqpoll) throw invalidState('only a ring with SQPOLL can wait for room in the submission queue');
    // Deferred work ends the kernel's wait as a signal does, without an error and without room.
    while (state.sq.spaceLeft === 0) {
      const result = state.enter(0, 0, EnterFlag.SQ_WAIT | state.pendingFlags());
      if (result < 0 && result !== -Errno.EINTR) throw new UringError(result, 'io_uring_enter');
    }
  }

  /** The general way: SQPOLL, time limits, and what is left of a wait that a signal interrupted. */
  private submitAndWaitSlow(count: number, timeoutMs: number | undefined): number {
    if (this.sqpoll) return this.submitToThread(count, EnterFlag.GETEVENTS, timeoutMs);
    return this.enterUntil(count, timeoutMs, () => EnterFlag.GETEVENTS);
  }

  /** With SQPOLL, publishing is submitting; `enter` is for waking the thread up, and for waiting. */
  private submitToThread(count: number, wanted: number, timeoutMs: number | undefined): number {
    const { state } = this;
    const shown = state.sq.unpublished;
    state.sq.publish();
    if ((wanted | state.pendingFlags()) !== 0) this.enterUntil(count, timeoutMs, () => wanted | state.pendingFlags());
    return shown;
  }

  /** One `enter`; again after EINTR, and after each slice of a wait that is sliced, with the time that is left. */
  private enterUntil(count: number, timeoutMs: number | undefined, flags: () => number): number {
    const { state } = this;
    const deadline = timers.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
    const sliced = this.sliced && count > 0;
    let submitted = 0;
    this.waitExpired = false;
    for (;;) {
      const left = Math.max(0, deadline - timers.now());
      const limit = sliced ? Math.min(left, SLICE_MS) : left;
      const before = timers.now();
      const result = state.enter(state.sq.publish(), count, flags(), limit === Number.POSITIVE_INFINITY ? undefined : limit);
      if (result > 0) submitted += result;
      // What was submitted hides that the slice is over; so does a timeout that fires, but sooner.
      const sliceOver = sliced && limit < left && timers.now() - before >= limit && state.cq.ready < count;
      if (result >= 0 && !sliceOver) return submitted;
      this.waitExpired = result === -Errno.ETIME && !sliceOver;
      if (this.waitExpired) return submitted;
      if (result < 0 && result !== -Errno.EINTR && result !== -Errno.ETIME) throw new UringError(result, 'io_uring_enter');
      if (state.cq.ready >= count) return submitted;
    }
  }

  private checkWait(count: number, timeoutMs: number | undefined): void {
    checkUint32('count', count);
    if (count > this.state.cq.entries)
      throw outOfRange('count', `<= ${this.state.cq.entries}, the completion queue's size`, count);
    if (timeoutMs === undefined) return;
    checkTimeout(timeoutMs);
    if (!this.hasFeature('EXT_ARG')) {
      throw new UringError(Errno.EOPNOTSUPP, 'io_uring_enter', 'waiting with a time limit needs EXT_ARG, since Linux 5.11');
    }
  }

  // Completion

  /**
   * The oldest completion, or `null` if there is none; it stays in the queue until {@link advance}. Asks the kernel only when
   * its flags tell that something waits there (an overflow, deferred work). `io_uring_peek_cqe`.
   */
  peekCqe(): Cqe | null {
    if (this.state.closed) throw closedError();
    const cqe = this.state.cq.peek();
    if (cqe !== null || !this.flush()) return cqe;
    return this.state.cq.peek();
  }

  /**
   * The oldest completion; waits for it. `io_uring_wait_cqe`, `io_uring_wait_cqe_timeout`. Submits what was filled, too.
   *
   * @param timeoutMs at most this long; then `null`.
   */
  waitCqe(timeoutMs?: number): Cqe | null {
    checkTimeout(timeoutMs);
    const deadline = timeoutMs === undefined ? 0 : timers.now() + timeoutMs;
    for (let cqe = this.peekCqe(); ; cqe = this.state.cq.peek()) {
      if (cqe !== null) return cqe;
      const left = timeoutMs === undefined ? undefined : Math.max(0, deadline - timers.now());
      // A wait can come back empty-handed although its time is not over, or be over without saying so, when it has submitted
      // something: so it is asked again.
      this.submitAndWait(1, left);
      if (timeoutMs !== undefined && this.waitExpired) return this.state.cq.peek();
    }
  }

  /**
   * The oldest completions, up to `max`, put into `target`; they stay in the queue until {@link advance}.
   * `io_uring_peek_batch_cqe`.
   *
   * @returns how many.
   */
  peekBatch(target: Cqe[], max: number = target.length): number {
    if (this.state.closed) throw closedError();
    checkUint32('max', max);
    const count = this.state.cq.peekBatch(target, max);
    if (count > 0 || !this.flush()) return count;
    return this.state.cq.peekBatch(target, max);
  }

  /**
   * Calls `callback` with each completion there is, and gives them all back at the end. Allocates nothing.
   * `io_uring_for_each_cqe`.
   *
   * @param callback must not consume completions itself.
   * @param max stops after this many.
   * @returns how many.
   */
  forEachCqe(callback: (cqe: Cqe) => void, max?: number): number {
    if (this.state.closed) throw closedError();
    checkFunction('callback', callback);
    const count = this.state.cq.forEach(callback, max);
    if (count > 0 || !this.flush()) return count;
    return this.state.cq.forEach(callback, max);
  }

  /** Gives the oldest `count` completions back to the kernel, which may overwrite them at once. `io_uring_cq_advance`. */
  advance(count: number): void {
    if (this.state.closed) throw closedError();
    checkUint32('count', count);
    this.state.cq.advance(count);
  }

  /**
   * Has the kernel make visible what is ready: deferred completion work, and completions that found the queue full.
   * `io_uring_get_events`.
   */
  getEvents(): void {
    const { state } = this;
    if (state.closed) throw closedError();
    const result = state.enter(0, 0, EnterFlag.GETEVENTS);
    if (result < 0) throw new UringError(result, 'io_uring_enter');
  }

  /** @returns whether the kernel was asked. */
  private flush(): boolean {
    const { state } = this;
    if (!this.iopoll && (state.pendingFlags() & EnterFlag.GETEVENTS) === 0) return false;
    const result = state.enter(0, 0, EnterFlag.GETEVENTS);
    // EBUSY: an old kernel (before NODROP) that wants room first. There is none to be had here but by consuming.
    if (result < 0 && result !== -Errno.EBUSY && result !== -Errno.EINTR) throw new UringError(result, 'io_uring_enter');
    return true;
  }

  // The rest

  /**
   * The address of a view, which stays referenced until {@link unpin} or the end of the ring: for buffers of the caller's own.
   *
   * @param view not empty; its memory must not be detached or transferred while it is pinned.
   */
  pin(view: ArrayBufferView): number {
    if (this.state.closed) throw closedError();
    checkBuffer('view', view);
    this.state.holds.add(view);
    return this.state.syscalls.addressOf(view);
  }

  /** The address of a view that the caller keeps alive. @internal */
  addressOf(view: ArrayBufferView): number {
    return this.state.syscalls.addressOf(view);
  }

  /** Keeps an object alive until the kernel is done with the ring, however it ends. @internal */
  holdUntilRest(object: object): void {
    this.state.holds.add(object);
  }

  /** io_uring_enter(2) as it is: what is published, the kernel's own answer. @internal */
  enter(toSubmit: number, minComplete: number, flags: number, timeoutMs?: number): number {
    if (this.state.closed) throw closedError();
    return this.state.enter(toSubmit, minComplete, flags, timeoutMs);
  }

  /** Lets go of a view; not before the last CQE of the last operation that uses it. */
  unpin(view: ArrayBufferView): void {
    this.state.holds.delete(view);
  }

  /** Which operations the kernel supports. `io_uring_get_probe_ring`. Since 5.6. */
  probe(): OpcodeProbe {
    if (this.state.closed) throw closedError();
    return probeOpcodes(this.state.syscalls, this.state.arena, this.state.registerFd, this.state.registerFlag);
  }

  /** What the kernel says of itself. Since 6.18; `undefined` before. */
  query(): KernelQuery | undefined {
    if (this.state.closed) throw closedError();
    return queryKernel(this.state.syscalls, this.state.arena);
  }

  /**
   * Cancels operations and waits until they are cancelled. `io_uring_register_sync_cancel`. Since 6.0.
   *
   * @returns how many were cancelled where the flags ask for all, else 0.
   * @throws UringError ENOENT when nothing matches, ETIME.
   */
  cancelSync(target: CancelTarget): number {
    checkOptions(target, ['userData', 'fd', 'flags', 'opcode', 'timeoutMs'], 'target');
    const { userData = 0, fd = -1, opcode = 0, timeoutMs } = target;
    checkUint64('target.userData', userData);
    checkInteger('target.fd', fd, -1, 0x7fff_ffff);
    checkUint32('target.flags', target.flags ?? 0);
    checkInteger('target.opcode', opcode, 0, 255);
    if (timeoutMs !== undefined) checkInteger('target.timeoutMs', timeoutMs, 0, Number.MAX_SAFE_INTEGER);
    // What is named is looked for: without its flag the kernel would take no notice of it.
    let flags = target.flags ?? 0;
    if (target.fd !== undefined) flags |= CancelFlag.FD;
    if (target.opcode !== undefined) flags |= CancelFlag.OP;
    if (target.userData !== undefined && flags & (CancelFlag.FD | CancelFlag.OP)) flags |= CancelFlag.USERDATA;
    return registerStruct(this.state, 'SYNC_CANCEL', SyncCancel.SIZE, 1, (data, at) => {
      data.setBigUint64(at + SyncCancel.ADDR, BigInt(userData), true);
      data.setInt32(at + SyncCancel.FD, fd, true);
      data.setUint32(at + SyncCancel.FLAGS, flags, true);
      data.setUint8(at + SyncCancel.OPCODE, opcode);
      const seconds = timeoutMs === undefined ? -1 : Math.floor(timeoutMs / 1000);
      const nanoseconds = timeoutMs === undefined ? -1 : (timeoutMs % 1000) * 1e6;
      data.setBigInt64(at + SyncCancel.TIMEOUT, BigInt(seconds), true);
      data.setBigInt64(at + SyncCancel.TIMEOUT + 8, BigInt(nanoseconds), true);
    });
  }

  /**
   * Posts a completion to another ring, without an operation of this one. `io_uring_register_sync_msg`. Since 6.13.
   *
   * @param target the other ring's fd.
   * @param userData the completion's user data.
   * @param result the completion's `res`.
   * @param flags `MsgRingFlag`s.
   */
  sendMessage(target: number, userData: number | bigint, result = 0, flags = 0): void {
    if (this.state.closed) throw closedError();
    checkInteger('target', target, 0, 0x7fff_ffff);
    checkUint64('userData', userData);
    checkUint32('result', result);
    checkUint32('flags', flags);
    const { arena, syscalls } = this.state;
    arena.scratch(SQE_SIZE, (offset, address) => {
      const sqe = new Sqe(arena.words, arena.doubles, offset >> 2, SQE_WORDS);
      sqe.prepare(Opcode.MSG_RING, target, MsgRingCommand.DATA, result, 0, flags);
      sqe.set64(SqeWord.OFF, userData);
      const answer = syscalls.register(-1, RegisterOp.SEND_MSG_RING, address, 1);
      if (answer < 0) throw new UringError(answer, 'io_uring_register', 'SEND_MSG_RING');
    });
  }

  /**
   * A handle that `postMessage` carries to a worker, where {@link Ring.attach} gives the same ring. The ring lives until the
   * last thread has closed it (or has ended).
   *
   * @throws Error ERR_INVALID_STATE for a ring that only one thread can use (SINGLE_ISSUER, REGISTERED_FD_ONLY).
   */
  share(): RingHandle {
    if (this.state.closed) throw closedError();
    for (const name of ['SINGLE_ISSUER', 'REGISTERED_FD_ONLY'] as const) {
      if (this.hasFlag(name)) throw invalidState(`a ring with ${name} belongs to one thread`);
    }
    this.state.share();
    const { memory } = this.state.arena;
    return { signature: HANDLE_SIGNATURE, memory, layout: this.state.layout, ...this.room };
  }

  /** Runs `body` under the lock that all threads sharing the ring agree on. Not recursive; `body` must not wait. */
  exclusive<T>(body: () => T): T {
    return this.queueLock.with(body);
  }

  /** @internal */
  get lock(): SharedLock {
    return this.queueLock;
  }

  /**
   * Cancels what is in flight, waits for its end, releases all memory, and closes the fd. Completions that were not
   * consumed are discarded. Idempotent. On a shared ring, only the last thread to close does all this; the others just leave.
   *
   * An operation that does not end within 5 s (a device that hangs) is left to the kernel, and the ring's memory is kept for ever,
   * with a warning.
   */
  close(): void {
    this.closeWith(undefined);
  }

  /** For owners that know what is in flight. @internal */
  closeWith(accounting: Accounting | undefined): void {
    this.state.close(accounting);
    collected.unregister(this.state);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
