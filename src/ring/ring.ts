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
 * As in liburing, the ring itself is not locked: threads that share one use {@link Ring.exclusive}
 * or `URingContext`.
 *
 * @module
 */

import { type InspectOptionsStylized, types } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { INSPECT, summary } from '../summary.js';
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

/**
 * The handle that `ring.share()` returns: plain data that `postMessage` transfers to another thread
 * of the process.
 */
export interface RingHandle {
  readonly signature: typeof HANDLE_SIGNATURE;
  readonly memory: SharedArrayBuffer;
  readonly layout: RingLayout;
  readonly rings: number;
  readonly sqes: number;
}

/** The operations to cancel, for {@link Ring.cancelSync}. */
export interface CancelTarget {
  /** The operation with this user data. */
  readonly userData?: number | bigint;
  /**
   * Operations on this descriptor (`CancelFlag.FD`). Together with `userData`, those that match
   * both (since 6.6).
   */
  readonly fd?: number;
  /** Additional `CancelFlag` bits: ALL, ANY, FD_FIXED. */
  readonly flags?: number;
  /** Operations with this opcode (`CancelFlag.OP`, since 6.6). */
  readonly opcode?: number;
  /** How long to wait for running operations to end, in milliseconds. Default: indefinitely. */
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
  /** The groups of buffers from which the kernel selects. */
  readonly bufferRings: BufferRings;
  /** The kernel's worker threads. */
  readonly workers: Workers;
  /**
   * The eventfd, restrictions, credentials, registered ring descriptor, clock, busy polling, wait
   * region, and size.
   */
  readonly settings: Settings;
  /** Zero-copy receive. */
  readonly zeroCopy: ZeroCopy;
  /** Optional setup flags that the kernel refused. */
  readonly droppedFlags: readonly SetupFlagName[];
  private readonly state: RingState;
  private readonly sqpoll: boolean;
  /** Whether waiting takes more than one plain `enter`: SQPOLL, or a worker thread. */
  private readonly general: boolean;
  private readonly iopoll: boolean;
  private readonly queueLock: SharedLock;
  private readonly room: Pick<QueueRoom, 'rings' | 'sqes'>;
  /**
   * Whether waits return from the kernel periodically, so that this thread can be terminated: V8
   * checks for termination only between calls.
   */
  private readonly sliced: boolean;
  /** Whether the last wait with a time limit has expired. */
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
   * Opens a ring. io_uring_setup(2), `io_uring_queue_init_params`. Since Linux 5.1; 5.11 or later
   * is recommended.
   *
   * @throws UringUnavailableError when io_uring is not available, with the reason and the remedy.
   * @throws UringError ENOMEM, EMFILE, ENFILE; EINVAL or EPERM with the name of the flag that the
   *   kernel refuses.
   * @throws TypeError or RangeError for invalid options.
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
   * Attaches to the ring of another thread of this process, by its {@link Ring.share} handle.
   *
   * @param handle as delivered by `postMessage`.
   * @param options `syscalls` as for {@link Ring.open}.
   * @throws Error ERR_INVALID_STATE when all other threads have closed the ring.
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

  /**
   * The ring's descriptor, which is readable for poll(2) and epoll(7) when there are completions.
   * -1 with REGISTERED_FD_ONLY, and after {@link close}.
   */
  get fd(): number {
    return this.closed || this.hasFlag('REGISTERED_FD_ONLY') ? -1 : this.state.fd;
  }

  /** The submission queue. */
  get sq(): SubmissionQueue {
    return this.state.sq;
  }

  /** The completion queue. */
  get cq(): CompletionQueue {
    return this.state.cq;
  }

  /**
   * The memory for data that is passed to the kernel. It stays in place until the ring is at rest,
   * even if this thread is terminated.
   */
  get arena(): Arena {
    return this.state.arena;
  }

  /** The `Feature` bits that the kernel has reported. */
  get features(): number {
    return this.state.layout.features;
  }

  /** The `SetupFlag` bits of the ring. */
  get setupFlags(): number {
    return this.state.layout.setupFlags;
  }

  /** Returns whether the kernel has reported a feature. */
  hasFeature(name: FeatureName): boolean {
    return (this.features & Feature[name]) !== 0;
  }

  /** Returns whether the ring has a setup flag. */
  hasFlag(name: SetupFlagName): boolean {
    return (this.setupFlags & SetupFlag[name]) !== 0;
  }

  /** Returns the text that `util.inspect` shows. @internal */
  [INSPECT](depth: number, options: InspectOptionsStylized): string {
    if (this.closed) return summary('Ring', { closed: true }, depth, options);
    const { fd, sq, cq } = this;
    const queues = { sq: { entries: sq.entries, ready: sq.ready }, cq: { entries: cq.entries, ready: cq.ready } };
    return summary('Ring', { fd, flags: setupFlagNames(this.setupFlags), ...queues }, depth, options);
  }

  /** Whether this thread has closed the ring. */
  get closed(): boolean {
    return this.state.closed;
  }

  // Submission

  /**
   * Returns the next free entry of the submission queue, to be filled by one of the `prep`
   * functions and sent by {@link submit}. `io_uring_get_sqe`. It is always the same object: fill
   * one SQE before getting the next.
   *
   * @returns `null` when the queue is full: submit, and try again.
   */
  getSqe(): Sqe | null {
    const sqe = this.state.sq.reserve();
    // A closed ring has no free entries. Checking here saves the check on every successful call.
    if (sqe === null && this.state.closed) throw closedError();
    return sqe;
  }

  /**
   * Submits the filled SQEs to the kernel. `io_uring_submit`.
   *
   * The kernel may take fewer: it stops after a bad SQE (unless SUBMIT_ALL is set), and when memory
   * is short. The remainder is submitted by the next call.
   *
   * @returns the number of SQEs that the kernel took; with SQPOLL, the number made visible to it.
   * @throws UringError EAGAIN or EBUSY (consume completions, then retry), EBADR (a completion was
   *   lost for lack of memory), EBADFD (the ring is not enabled), EEXIST (the ring belongs to
   *   another thread, with SINGLE_ISSUER), EINTR, ENXIO, EOWNERDEAD.
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
   * Submits the filled SQEs and waits until at least `count` completions are in the queue or the
   * time limit has expired; `ring.cq.ready` shows which. One system call.
   * `io_uring_submit_and_wait_timeout`.
   *
   * An expired time limit is not an error. An interruption by a signal is not one either: the wait
   * continues.
   *
   * The kernel may return with fewer completions: submission errors take precedence, and any
   * TIMEOUT operation that fires wakes all waiters.
   *
   * @param count the number of completions to wait for. More than the queue has entries is an
   *   error, because the wait would never end.
   * @param timeoutMs in milliseconds, which may be fractional. Since 5.11.
   * @returns as {@link submit}.
   */
  submitAndWait(count: number, timeoutMs?: number): number {
    const { state } = this;
    if (state.closed) throw closedError();
    // One test for the common case; `checkWait` determines what is wrong in the other cases.
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
   * Submits and waits like {@link submitAndWait}, with the time limit of a registered wait argument
   * (`settings.registerWaitRegion`). `io_uring_submit_and_wait_reg`. Since 6.13.
   *
   * @throws UringError ETIME when the time limit expired before anything was submitted or
   *   completed.
   */
  submitAndWaitRegistered(count: number, index: number): number {
    const { state } = this;
    if (state.closed) throw closedError();
    this.checkWait(count, undefined);
    if (!this.settings.waitRegion) throw invalidState('no wait region is registered');
    // The kernel's region is a whole page: the arguments beyond those that were set wait
    // indefinitely.
    checkInteger('index', index, 0, this.settings.waitArguments - 1);
    const flags = EnterFlag.GETEVENTS | EnterFlag.EXT_ARG | EnterFlag.EXT_ARG_REG | state.enterFlags | state.pendingFlags();
    const toSubmit = state.sq.publish();
    const result = state.syscalls.enter(state.enterFd, toSubmit, count, flags, index * RegWait.SIZE, RegWait.SIZE);
    if (result < 0) throw new UringError(result, 'io_uring_enter');
    return result;
  }

  /**
   * Waits until the SQPOLL thread has freed space in the submission queue. `io_uring_sqring_wait`.
   * Since 5.10.
   */
  waitForSqSpace(): void {
    const { state } = this;
    if (state.closed) throw closedError();
    if (!this.sqpoll) throw invalidState('only a ring with SQPOLL can wait for room in the submission queue');
    // Deferred work ends the kernel's wait as a signal does, without an error and without free
    // space.
    while (state.sq.spaceLeft === 0) {
      const result = state.enter(0, 0, EnterFlag.SQ_WAIT | state.pendingFlags());
      if (result < 0 && result !== -Errno.EINTR) throw new UringError(result, 'io_uring_enter');
    }
  }

  /**
   * The general case: SQPOLL, time limits, and the remainder of a wait that a signal interrupted.
   */
  private submitAndWaitSlow(count: number, timeoutMs: number | undefined): number {
    if (this.sqpoll) return this.submitToThread(count, EnterFlag.GETEVENTS, timeoutMs);
    return this.enterUntil(count, timeoutMs, () => EnterFlag.GETEVENTS);
  }

  /**
   * With SQPOLL, publishing is submitting; `enter` is only for waking the thread and for waiting.
   */
  private submitToThread(count: number, wanted: number, timeoutMs: number | undefined): number {
    const { state } = this;
    const shown = state.sq.unpublished;
    state.sq.publish();
    if ((wanted | state.pendingFlags()) !== 0) this.enterUntil(count, timeoutMs, () => wanted | state.pendingFlags());
    return shown;
  }

  /**
   * Enters the kernel once; again after EINTR, and after each slice of a sliced wait, with the
   * remaining time.
   */
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
      // When SQEs were submitted, the result does not show that the slice has expired. A TIMEOUT
      // operation that fires looks the same, but returns earlier.
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
   * Returns the oldest completion, or `null` if there is none. It stays in the queue until
   * {@link advance}. Enters the kernel only when its flags indicate pending work (an overflow,
   * deferred work). `io_uring_peek_cqe`.
   */
  peekCqe(): Cqe | null {
    if (this.state.closed) throw closedError();
    const cqe = this.state.cq.peek();
    if (cqe !== null || !this.flush()) return cqe;
    return this.state.cq.peek();
  }

  /**
   * Waits for the oldest completion and returns it. Also submits the filled SQEs.
   * `io_uring_wait_cqe`, `io_uring_wait_cqe_timeout`.
   *
   * @param timeoutMs the maximum time to wait; `null` is returned when it expires.
   */
  waitCqe(timeoutMs?: number): Cqe | null {
    checkTimeout(timeoutMs);
    const deadline = timeoutMs === undefined ? 0 : timers.now() + timeoutMs;
    for (let cqe = this.peekCqe(); ; cqe = this.state.cq.peek()) {
      if (cqe !== null) return cqe;
      const left = timeoutMs === undefined ? undefined : Math.max(0, deadline - timers.now());
      // When a wait has submitted something, it can return without a completion before the time
      // limit has expired, or not report that it has expired. So it is repeated.
      this.submitAndWait(1, left);
      if (timeoutMs !== undefined && this.waitExpired) return this.state.cq.peek();
    }
  }

  /**
   * Puts the oldest completions, up to `max`, into `target`. They stay in the queue until
   * {@link advance}. `io_uring_peek_batch_cqe`.
   *
   * @returns the number of completions.
   */
  peekBatch(target: Cqe[], max: number = target.length): number {
    if (this.state.closed) throw closedError();
    checkUint32('max', max);
    const count = this.state.cq.peekBatch(target, max);
    if (count > 0 || !this.flush()) return count;
    return this.state.cq.peekBatch(target, max);
  }

  /**
   * Calls `callback` with each completion in the queue, and returns them all to the kernel at the
   * end. Allocates nothing. `io_uring_for_each_cqe`.
   *
   * @param callback must not consume completions itself.
   * @param max stops after this many.
   * @returns the number of completions.
   */
  forEachCqe(callback: (cqe: Cqe) => void, max?: number): number {
    if (this.state.closed) throw closedError();
    checkFunction('callback', callback);
    const count = this.state.cq.forEach(callback, max);
    if (count > 0 || !this.flush()) return count;
    return this.state.cq.forEach(callback, max);
  }

  /**
   * Returns the oldest `count` completions to the kernel, which may overwrite them immediately.
   * `io_uring_cq_advance`.
   */
  advance(count: number): void {
    if (this.state.closed) throw closedError();
    checkUint32('count', count);
    this.state.cq.advance(count);
  }

  /**
   * Makes the kernel post what is ready: deferred completion work, and completions that found the
   * queue full. `io_uring_get_events`.
   */
  getEvents(): void {
    const { state } = this;
    if (state.closed) throw closedError();
    const result = state.enter(0, 0, EnterFlag.GETEVENTS);
    if (result < 0) throw new UringError(result, 'io_uring_enter');
  }

  /** @returns whether the kernel was entered. */
  private flush(): boolean {
    const { state } = this;
    if (!this.iopoll && (state.pendingFlags() & EnterFlag.GETEVENTS) === 0) return false;
    const result = state.enter(0, 0, EnterFlag.GETEVENTS);
    // EBUSY: a kernel before NODROP requires space in the queue first, which only consuming
    // completions can provide.
    if (result < 0 && result !== -Errno.EBUSY && result !== -Errno.EINTR) throw new UringError(result, 'io_uring_enter');
    return true;
  }

  // The rest

  /**
   * Returns the address of a view and keeps the view referenced until {@link unpin} or until the
   * ring is at rest: for buffers that the caller provides.
   *
   * @param view must not be empty; its memory must not be detached or transferred while it is
   *   pinned.
   */
  pin(view: ArrayBufferView): number {
    if (this.state.closed) throw closedError();
    checkBuffer('view', view);
    this.state.holds.add(view);
    return this.state.syscalls.addressOf(view);
  }

  /** Returns the address of a view that the caller keeps alive. @internal */
  addressOf(view: ArrayBufferView): number {
    return this.state.syscalls.addressOf(view);
  }

  /**
   * Keeps an object alive until the kernel is done with the ring, however the ring ends. @internal
   */
  holdUntilRest(object: object): void {
    this.state.holds.add(object);
  }

  /**
   * Calls io_uring_enter(2) directly: it submits only what is published, and returns the kernel's
   * result. @internal
   */
  enter(toSubmit: number, minComplete: number, flags: number, timeoutMs?: number): number {
    if (this.state.closed) throw closedError();
    return this.state.enter(toSubmit, minComplete, flags, timeoutMs);
  }

  /**
   * Releases a pinned view. Must not be called before the last CQE of the last operation that uses
   * it.
   */
  unpin(view: ArrayBufferView): void {
    this.state.holds.delete(view);
  }

  /** Probes which operations the kernel supports. `io_uring_get_probe_ring`. Since 5.6. */
  probe(): OpcodeProbe {
    if (this.state.closed) throw closedError();
    return probeOpcodes(this.state.syscalls, this.state.arena, this.state.registerFd, this.state.registerFlag);
  }

  /** Queries the kernel's capabilities. Since 6.18; `undefined` before. */
  query(): KernelQuery | undefined {
    if (this.state.closed) throw closedError();
    return queryKernel(this.state.syscalls, this.state.arena);
  }

  /**
   * Cancels operations and waits until they are canceled. `io_uring_register_sync_cancel`. Since
   * 6.0.
   *
   * @returns the number of canceled operations if the flags request all, otherwise 0.
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
    // Every given criterion sets its flag: without the flag, the kernel would ignore it.
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
   * Posts a completion to another ring without an operation on this one.
   * `io_uring_register_sync_msg`. Since 6.13.
   *
   * @param target the descriptor of the other ring.
   * @param userData the completion's user data.
   * @param result the completion's `res`.
   * @param flags `MsgRingFlag` bits.
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
   * Returns a handle that `postMessage` transfers to a worker, where {@link Ring.attach} opens the
   * same ring. The ring lives until the last thread has closed it or has ended.
   *
   * @throws Error ERR_INVALID_STATE for a ring that only one thread can use (SINGLE_ISSUER,
   *   REGISTERED_FD_ONLY).
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

  /**
   * Runs `body` under the lock that is common to all threads that share the ring. Not recursive;
   * `body` must not wait.
   */
  exclusive<T>(body: () => T): T {
    return this.queueLock.with(body);
  }

  /** @internal */
  get lock(): SharedLock {
    return this.queueLock;
  }

  /**
   * Cancels the operations in flight, waits for them to complete, releases all memory, and closes
   * the descriptor. Unconsumed completions are discarded. Idempotent. On a shared ring, only the
   * last thread to close does all this; the others only detach.
   *
   * An operation that does not complete within 5 s (a device that hangs) is left to the kernel, and
   * the ring's memory is kept indefinitely, with a warning.
   */
  close(): void {
    this.closeWith(undefined);
  }

  /** Closes the ring for an owner that tracks the operations in flight. @internal */
  closeWith(accounting: Accounting | undefined): void {
    this.state.close(accounting);
    collected.unregister(this.state);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
