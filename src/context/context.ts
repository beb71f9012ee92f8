/**
 * `URingContext`: a ring that any number of threads can add to, submit to and wait on at the same
 * time.
 *
 * One lock protects both queues and the table of operations. It is never held during a system call.
 * The kernel takes the entries between its head and the published tail, whichever thread calls; so
 * threads can safely submit at the same time, and nothing is counted twice.
 *
 * @module
 */

import type { InspectOptionsStylized } from 'node:util';
import { IOV_MAX, IOVEC_SIZE } from '../linux.js';
import {
  prepCancel,
  prepFallocate,
  prepFsync,
  prepNop,
  prepPollAdd,
  prepPollRemove,
  prepRead,
  prepReadv,
  prepWrite,
  prepWritev,
} from '../ops/index.js';
import {
  EnterFlag,
  MAX_ENTRIES,
  OPCODE_NAMES,
  Opcode,
  type OpcodeName,
  Ring,
  type RingHandle,
  type RingOptions,
  type Sqe,
  SqRingFlag,
} from '../ring/index.js';
import { INSPECT, summary } from '../summary.js';
import { Errno, linuxSyscalls, type Syscalls, UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import {
  checkBuffer,
  checkBuffers,
  checkInteger,
  checkName,
  checkOptions,
  checkTimeout,
  checkUint64,
  invalidArgType,
  invalidState,
} from '../validate.js';
import { AsyncWait } from './async-wait.js';
import { Completion } from './completion.js';
import { NoSpaceError } from './errors.js';
import { Holds } from './holds.js';
import { OperationTable, Stat, tokenOf } from './operation-table.js';

/** Options of a context. */
export interface URingContextOptions {
  /**
   * The only operations that the context may run, by their kernel names; all others complete with
   * EACCES. Default: all. The methods use READ, WRITE, READV, WRITEV, NOP, FSYNC, FALLOCATE,
   * POLL_ADD, POLL_REMOVE and ASYNC_CANCEL. Since 5.10.
   */
  readonly restrictions?: readonly OpcodeName[];
  /** Entries of the completion queue. Default: twice the number of submission entries. */
  readonly cqEntries?: number;
  /** As for `Ring.open`. */
  readonly memory?: 'auto' | 'shared' | 'mapped';
  /** As for `Ring.open`. */
  readonly arenaSize?: number;
  /** As for `Ring.open`. */
  readonly syscalls?: Syscalls;
}

/** The handle that `context.share()` returns, for `postMessage`. */
export interface URingContextHandle {
  readonly signature: typeof HANDLE_SIGNATURE;
  readonly ring: RingHandle;
  readonly operations: number;
}

/** The statistics of a context, over all threads. */
export interface URingStats {
  /** How many times the kernel was entered. */
  readonly totalEnterCalls: number;
  /** Operations that the kernel took. */
  readonly totalOps: number;
  /** Completions that were taken out of the queue. */
  readonly totalComplete: number;
}

const HANDLE_SIGNATURE = 'uring:context:1';

const OPTION_NAMES = ['restrictions', 'cqEntries', 'memory', 'arenaSize', 'syscalls'] as const;

const TWO_32 = 0x1_0000_0000;

/**
 * How long `close()` waits for this thread's own operations on a ring that other threads still use.
 */
const CANCEL_LIMIT_MS = 1000;

/**
 * How often a blocked thread returns to JavaScript so that it can be terminated: V8 checks for
 * termination only between calls.
 */
const SLICE_MS = 250;

/** Closes what collected contexts have waited with. Their rings close themselves, with a warning. */
const collected = new FinalizationRegistry<AsyncWait>((asyncWait) => asyncWait.close());

/** A user data that no operation has: ids end far below it. */
const NO_OPERATION = 0xffff_ffff_ffff_fffen;

/**
 * A thread-safe context for io_uring, modeled on the type of the same name in ChromeOS' crosvm.
 *
 * Add operations with the `add` methods, then {@link submit} or {@link wait}. Every operation
 * carries a `userData` of the caller's choice, which its completion returns; it need not be unique.
 * Buffers are kept alive and in place until their operation has completed.
 *
 * @example
 * ```ts
 * import { open } from 'node:fs/promises';
 * import { URingContext } from 'uring';
 *
 * const file = await open('/etc/hostname');
 * using context = new URingContext(16);
 * const buffer = new Uint8Array(4096);
 * context.addRead(buffer, file.fd, 0, 1);
 * for (const completion of context.wait()) {
 *   console.log(completion.userData, buffer.subarray(0, completion.value())); // 1n, the file's content
 * }
 * await file.close();
 * ```
 */
export class URingContext {
  private readonly ring: Ring;
  private readonly operations: OperationTable;
  private readonly holds: Holds;
  private shared: boolean;
  private asyncWait: AsyncWait | undefined;
  private readonly syscalls: Syscalls;

  /**
   * @param entries how many operations can be added before they must be submitted, 1 to 32,768;
   *   rounded up to a power of two.
   * @throws UringUnavailableError, UringError, TypeError, RangeError, as `Ring.open`.
   */
  constructor(entries: number, options?: URingContextOptions);
  /** @internal */
  constructor(entries: number, options: URingContextOptions, attached: { ring: Ring; operations: number });
  constructor(entries: number, options: URingContextOptions = {}, attached?: { ring: Ring; operations: number }) {
    checkOptions(options, OPTION_NAMES);
    const { restrictions, ...ringOptions } = options;
    this.ring = attached?.ring ?? openRing(entries, ringOptions, restrictions);
    this.operations = new OperationTable(this.ring.arena, attached?.operations);
    this.holds = new Holds(this.operations);
    this.ring.holdUntilRest(this.holds);
    this.shared = attached !== undefined;
    this.syscalls = options.syscalls ?? linuxSyscalls();
  }

  /**
   * Attaches to the context of another thread, through its {@link share} handle.
   *
   * @throws Error ERR_INVALID_STATE when all other threads have closed it.
   */
  static attach(handle: URingContextHandle, options: { readonly syscalls?: Syscalls } = {}): URingContext {
    if (handle?.signature !== HANDLE_SIGNATURE) {
      throw invalidArgType('handle', 'a handle made by context.share()', handle);
    }
    const ring = Ring.attach(handle.ring, options);
    return new URingContext(ring.sq.entries, options, { ring, operations: handle.operations });
  }

  /**
   * The ring's fd, or -1 after {@link close}. poll(2) and epoll(7) report it as readable when there
   * are completions.
   */
  get fd(): number {
    return this.ring.fd;
  }

  /** Operations that were added, by any thread, and that the kernel has not taken yet. */
  get added(): number {
    this.checkOpen();
    return this.ring.exclusive(() => this.ring.sq.ready);
  }

  /** Completions that the next {@link wait} returns without waiting. */
  get ready(): number {
    this.checkOpen();
    return this.ring.cq.ready;
  }

  /** Returns the text that `util.inspect` shows. @internal */
  [INSPECT](depth: number, options: InspectOptionsStylized): string {
    if (this.ring.closed) return summary('URingContext', { closed: true }, depth, options);
    const { fd, added, ready, stats } = this;
    return summary('URingContext', { fd, added, ready, stats }, depth, options);
  }

  /** The statistics of all threads together. */
  get stats(): URingStats {
    return {
      totalEnterCalls: this.operations.stat(Stat.ENTER_CALLS),
      totalOps: this.operations.stat(Stat.OPS),
      totalComplete: this.operations.stat(Stat.COMPLETE),
    };
  }

  /**
   * Reads from a file into a buffer. See pread(2).
   *
   * @param buffer 1 byte to 2 GiB - 1; the completion's result is the number of bytes read.
   * @param offset where in the file; `null` for its current position.
   * @throws NoSpaceError when the ring is full.
   */
  addRead(buffer: ArrayBufferView, fd: number, offset: number | bigint | null, userData: number | bigint): void {
    checkBuffer('buffer', buffer);
    const address = this.addressOf(buffer);
    this.add(Opcode.READ, userData, [buffer], (sqe) => prepRead(sqe, fd, address, buffer.byteLength, offset ?? -1));
  }

  /** Writes a buffer to a file. See pwrite(2). Parameters as {@link addRead}. */
  addWrite(buffer: ArrayBufferView, fd: number, offset: number | bigint | null, userData: number | bigint): void {
    checkBuffer('buffer', buffer);
    const address = this.addressOf(buffer);
    this.add(Opcode.WRITE, userData, [buffer], (sqe) => prepWrite(sqe, fd, address, buffer.byteLength, offset ?? -1));
  }

  /**
   * Reads from a file into several buffers, in order. See preadv(2).
   *
   * @param buffers 1 to 1,024 of them, together at most 2 GiB - 1.
   */
  addReadv(buffers: readonly ArrayBufferView[], fd: number, offset: number | bigint | null, userData: number | bigint): void {
    this.addVector(Opcode.READV, buffers, fd, offset, userData);
  }

  /** As {@link addReadv}, with the buffers from an iterable. */
  addReadvIter(buffers: Iterable<ArrayBufferView>, fd: number, offset: number | bigint | null, userData: number | bigint): void {
    this.addReadv(collect(buffers), fd, offset, userData);
  }

  /** Writes several buffers to a file, in order. See pwritev(2). Parameters as {@link addReadv}. */
  addWritev(buffers: readonly ArrayBufferView[], fd: number, offset: number | bigint | null, userData: number | bigint): void {
    this.addVector(Opcode.WRITEV, buffers, fd, offset, userData);
  }

  /** As {@link addWritev}, with the buffers from an iterable. */
  addWritevIter(buffers: Iterable<ArrayBufferView>, fd: number, offset: number | bigint | null, userData: number | bigint): void {
    this.addWritev(collect(buffers), fd, offset, userData);
  }

  /** Does nothing; useful to wake a thread that is blocked in {@link wait}. */
  addNop(userData: number | bigint): void {
    this.add(Opcode.NOP, userData, undefined, prepNop);
  }

  /**
   * Flushes a file's data to disk. See fsync(2). Not ordered with respect to the other operations
   * in flight.
   */
  addFsync(fd: number, userData: number | bigint): void {
    this.add(Opcode.FSYNC, userData, undefined, (sqe) => prepFsync(sqe, fd));
  }

  /**
   * Allocates or deallocates space of a file. See fallocate(2).
   *
   * @param mode `FALLOC_FL_*`, 0 to allocate.
   */
  addFallocate(fd: number, offset: number | bigint, length: number | bigint, mode: number, userData: number | bigint): void {
    this.add(Opcode.FALLOCATE, userData, undefined, (sqe) => prepFallocate(sqe, fd, mode, offset, length));
  }

  /**
   * Waits once until a file is ready. See poll(2).
   *
   * @param events `PollEvent`s; the completion's result holds those that are ready.
   */
  addPollFd(fd: number, events: number, userData: number | bigint): void {
    this.add(Opcode.POLL_ADD, userData, undefined, (sqe) => prepPollAdd(sqe, fd, events));
  }

  /**
   * Removes a poll, which then completes with -ECANCELED.
   *
   * @param target the `userData` that {@link addPollFd} was given; if several polls share it, the
   *   oldest.
   * @param userData of this operation itself; its result is -ENOENT when there is no such poll.
   */
  removePollFd(target: number | bigint, userData: number | bigint): void {
    checkUint64('target', target);
    this.add(Opcode.POLL_REMOVE, userData, undefined, (sqe) => {
      prepPollRemove(sqe, this.findToken(target, Opcode.POLL_ADD));
    });
  }

  /**
   * Requests the cancellation of an operation, which then completes with -ECANCELED, or with its
   * result if that was faster.
   *
   * @param target the operation's `userData`; if several operations share it, the oldest.
   * @param userData of this operation itself; its result is 0, -ENOENT, or -EALREADY when the
   *   target is running.
   */
  asyncCancel(target: number | bigint, userData: number | bigint): void {
    checkUint64('target', target);
    this.add(Opcode.ASYNC_CANCEL, userData, undefined, (sqe) => {
      prepCancel(sqe, this.findToken(target, undefined));
    });
  }

  /**
   * Submits the added operations to the kernel. Does not wait.
   *
   * When the kernel is too busy to take all of them (EBUSY, before Linux 5.19), the remainder stays
   * in the queue until the next `submit()` or `wait()`.
   *
   * @returns how many operations the kernel took.
   * @throws UringError EAGAIN (no memory), and the other errors of io_uring_enter(2).
   */
  submit(): number {
    this.checkOpen();
    let taken = 0;
    for (;;) {
      const pending = this.publish();
      if (pending === 0) return taken;
      const result = this.enter(pending, 0, 0);
      // Another thread may have taken them all in the meantime; then this thread is done, too.
      if (result === -Errno.EBUSY || result === 0) return taken;
      if (result === -Errno.EINTR) continue;
      if (result < 0) throw new UringError(result, 'io_uring_enter');
      taken += result;
    }
  }

  /**
   * Submits the added operations to the kernel, and blocks until there is at least one completion.
   *
   * @param timeoutMs wait at most this long; then the iterator is empty. 0 takes what is there, and
   *   does not wait.
   * @returns the completions that are available. Each is taken out of the queue when the iterator
   *   reaches it: when the loop ends early, the remainder is available to the next `wait()` of any
   *   thread. The first step of the iterator waits again if another thread was faster.
   * @throws Error ERR_INVALID_STATE when nothing is in flight, no other thread can add anything, and
   *   there is no time limit.
   */
  wait(timeoutMs?: number): IterableIterator<Completion> {
    this.checkOpen();
    checkTimeout(timeoutMs);
    const deadline = timeoutMs === undefined ? undefined : timers.now() + timeoutMs;
    this.block(deadline);
    return this.completions(deadline);
  }

  /**
   * Submits the added operations to the kernel, and waits until there is at least one completion,
   * without blocking the thread. Any number of calls may wait at the same time, in any thread.
   *
   * @param timeoutMs wait at most this long; then the iterator is empty.
   * @returns the completions that are available, as those of {@link wait}. There is none if other
   *   waiters were faster.
   * @throws Error ERR_INVALID_STATE when nothing is in flight, no other thread can add anything, and
   *   there is no time limit; and when the context is closed meanwhile.
   */
  async waitAsync(timeoutMs?: number): Promise<IterableIterator<Completion>> {
    this.checkOpen();
    checkTimeout(timeoutMs);
    const deadline = timeoutMs === undefined ? undefined : timers.now() + timeoutMs;
    for (;;) {
      this.submit();
      const left = deadline === undefined ? undefined : Math.ceil(deadline - timers.now());
      const isOver = left !== undefined && (left <= 0 || this.isIdle);
      if (isOver || this.ring.cq.ready > 0 || this.hasOverflow) return this.completions(0);
      if (this.isIdle) throw neverEnds('waitAsync');
      await this.openAsyncWait().wait(left);
      this.checkOpen();
    }
  }

  /**
   * Iterates over the completions, without blocking the thread. Ends when nothing is in flight, or
   * when the context is closed; if other threads share the context, only then.
   *
   * @throws UringError as {@link submit}.
   *
   * @example
   * ```ts
   * import { URingContext } from 'uring';
   *
   * using context = new URingContext(8);
   * context.addNop(1);
   * context.addNop(2);
   * for await (const { userData } of context) console.log(userData); // 1n, then 2n
   * ```
   */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Completion> {
    while (!this.ring.closed && !this.isIdle) {
      try {
        yield* await this.waitAsync();
      } catch (error) {
        if (this.ring.closed) return;
        throw error;
      }
    }
  }

  /**
   * Returns a handle that `postMessage` can send to a worker, where {@link URingContext.attach}
   * returns the same context.
   */
  share(): URingContextHandle {
    this.checkOpen();
    this.shared = true;
    return { signature: HANDLE_SIGNATURE, ring: this.ring.share(), operations: this.operations.header };
  }

  /**
   * Closes the context on this thread, and cancels this thread's operations that use buffers. The
   * last thread to close it cancels everything, waits until it has completed, and releases the
   * ring; operations that are still unsubmitted are dropped. Idempotent.
   */
  close(): void {
    if (this.ring.closed) return;
    const { ring, operations, asyncWait } = this;
    if (this.shared) this.cancelOwn();
    // Operations that the kernel has not taken are dropped with the queue.
    const unsubmitted = ring.exclusive(() => ring.sq.ready);
    ring.closeWith({
      completed: (cqe) => {
        const id = cqe.tokenLow;
        if (!cqe.more && operations.has(id, cqe.tokenHigh)) operations.free(id);
      },
      idle: () => operations.inUse <= unsubmitted,
    });
    collected.unregister(this);
    // Last: those who wait see that the context is closed.
    asyncWait?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // Adding

  private addVector(
    opcode: number,
    buffers: readonly ArrayBufferView[],
    fd: number,
    offset: number | bigint | null,
    userData: number | bigint,
  ): void {
    checkBuffers('buffers', buffers, IOV_MAX);
    this.checkOpen();
    const copy = [...buffers];
    const { arena } = this.ring;
    const size = copy.length * IOVEC_SIZE;
    const iovecs = arena.allocate(size);
    try {
      copy.forEach((buffer, index) => {
        arena.writeUint64(iovecs + index * IOVEC_SIZE, this.addressOf(buffer));
        arena.writeUint64(iovecs + index * IOVEC_SIZE + 8, buffer.byteLength);
      });
      this.add(opcode, userData, copy, (sqe, id) => {
        const prepare = opcode === Opcode.READV ? prepReadv : prepWritev;
        prepare(sqe, fd, arena.address(iovecs), copy.length, offset ?? -1);
        this.operations.attachIovecs(id, iovecs, size);
      });
    } catch (error) {
      arena.free(iovecs, size);
      throw error;
    }
  }

  /** Fills an SQE under the lock. On failure, nothing has changed. */
  private add(
    opcode: number,
    userData: number | bigint,
    buffers: readonly ArrayBufferView[] | undefined,
    prepare: (sqe: Sqe, id: number) => void,
  ): void {
    checkUint64('userData', userData);
    this.checkOpen();
    const { ring, operations } = this;
    const [low, high] = split(userData);
    ring.lock.acquire();
    try {
      const sqe = ring.sq.next();
      if (sqe === null) throw new NoSpaceError();
      const id = operations.take(low, high, opcode);
      try {
        prepare(sqe, id);
      } catch (error) {
        operations.abandon(id);
        throw error;
      }
      sqe.setToken(id, operations.generation(id));
      if (buffers) this.holds.keep(id, buffers);
      // The operation exists only from here on. A thread that ends before this leaks a record, and
      // changes nothing else.
      operations.commit();
      ring.sq.commit();
    } finally {
      ring.lock.release();
    }
  }

  private findToken(userData: number | bigint, opcode: number | undefined): bigint {
    const [low, high] = split(userData);
    const id = this.operations.find(low, high, opcode);
    return id < 0 ? NO_OPERATION : tokenOf(id, this.operations.generation(id));
  }

  private addressOf(buffer: ArrayBufferView): number {
    this.checkOpen();
    return this.ring.addressOf(buffer);
  }

  // Entering

  /**
   * Publishes the added operations to the kernel.
   *
   * @returns how many the kernel has yet to take.
   */
  private publish(): number {
    const { ring } = this;
    ring.lock.acquire();
    try {
      return ring.sq.publish();
    } finally {
      ring.lock.release();
    }
  }

  private enter(toSubmit: number, minComplete: number, flags: number, timeoutMs?: number): number {
    const result = this.ring.enter(toSubmit, minComplete, flags, timeoutMs);
    this.operations.count(Stat.ENTER_CALLS, 1);
    if (result > 0) this.operations.count(Stat.OPS, result);
    return result;
  }

  /**
   * Submits, and waits until a completion is in the queue or the time has elapsed.
   *
   * @returns whether there may be a completion.
   */
  private block(deadline: number | undefined): boolean {
    const { ring } = this;
    for (;;) {
      if (ring.cq.ready > 0) {
        this.submit();
        return true;
      }
      const pending = this.publish();
      if (this.isIdle) {
        // Nothing can arrive in whatever time is given.
        if (deadline !== undefined) return false;
        throw neverEnds('wait');
      }
      const left = Math.min(deadline === undefined ? SLICE_MS : deadline - timers.now(), SLICE_MS);
      if (left <= 0) return false;
      const result = this.enter(pending, 1, EnterFlag.GETEVENTS, ring.hasFeature('EXT_ARG') ? left : undefined);
      if (result >= 0 || result === -Errno.EINTR || result === -Errno.ETIME) continue;
      if (result !== -Errno.EBUSY) throw new UringError(result, 'io_uring_enter');
      // An old kernel with a full queue takes no submissions until completions are taken out: wait
      // for those without submitting.
      const waited = this.enter(0, 1, EnterFlag.GETEVENTS, ring.hasFeature('EXT_ARG') ? left : undefined);
      if (waited < 0 && waited !== -Errno.EINTR && waited !== -Errno.ETIME && waited !== -Errno.EBUSY) {
        throw new UringError(waited, 'io_uring_enter');
      }
    }
  }

  /** Whether nothing is in flight, and no other thread can add anything. */
  private get isIdle(): boolean {
    return this.operations.inUse === 0 && !this.shared;
  }

  /** Returns what waits without blocking, which is made when it is first needed. */
  private openAsyncWait(): AsyncWait {
    if (this.asyncWait === undefined) {
      this.asyncWait = new AsyncWait(this.fd, this.syscalls);
      collected.register(this, this.asyncWait, this);
    }
    return this.asyncWait;
  }

  // Completing

  /** Whether the kernel keeps completions that found the queue full. */
  private get hasOverflow(): boolean {
    return (this.ring.sq.flags & SqRingFlag.CQ_OVERFLOW) !== 0;
  }

  private *completions(deadline: number | undefined): IterableIterator<Completion> {
    let first = true;
    for (;;) {
      const completion = this.pop();
      if (completion) {
        first = false;
        yield completion;
        continue;
      }
      // Another thread took the completion that woke this one, but the caller was promised one.
      if (!first || (deadline !== undefined && timers.now() >= deadline)) return;
      if (!this.block(deadline)) return;
    }
  }

  /** Takes the oldest completion out of the queue. */
  private pop(): Completion | undefined {
    const { ring } = this;
    if (ring.closed) return undefined;
    for (;;) {
      const completion = this.popQueued();
      if (completion !== undefined) return completion;
      if (ring.cq.ready > 0) continue;
      // The kernel delivers them on request.
      if (!this.hasOverflow) return undefined;
      const result = this.enter(0, 0, EnterFlag.GETEVENTS);
      if (result < 0 && result !== -Errno.EINTR && result !== -Errno.EBUSY) throw new UringError(result, 'io_uring_enter');
    }
  }

  private popQueued(): Completion | undefined {
    const { ring, operations } = this;
    ring.lock.acquire();
    try {
      const cqe = ring.cq.peek();
      if (cqe === null) return undefined;
      const id = cqe.tokenLow;
      // A thread that ended between freeing the record and advancing the queue has already returned
      // this completion.
      const isLive = operations.has(id, cqe.tokenHigh);
      const completion = isLive ? new Completion(operations.userData(id), cqe.res, cqe.flags, operations.opcode(id)) : undefined;
      if (isLive && !cqe.more) {
        operations.free(id);
        this.holds.release(id);
      }
      ring.cq.advance(1);
      if (completion) operations.count(Stat.COMPLETE, 1);
      return completion;
    } finally {
      ring.lock.release();
    }
  }

  // Closing

  /**
   * Cancels the operations that use buffers of this thread, so that the buffers can be released,
   * and waits for them.
   */
  private cancelOwn(): void {
    const deadline = timers.now() + CANCEL_LIMIT_MS;
    for (const [id, generation] of this.holds.held) {
      const left = Math.ceil(deadline - timers.now());
      if (left <= 0) return;
      try {
        this.ring.cancelSync({ userData: tokenOf(id, generation), timeoutMs: left });
      } catch (error) {
        // It has completed already (another thread has seen it), was never submitted, or cannot be
        // stopped. The buffers are held until its completion is seen.
        if (!(error instanceof UringError)) throw error;
      }
    }
  }

  private checkOpen(): void {
    if (this.ring.closed) throw invalidState('the context is closed');
  }
}

function neverEnds(method: string): Error {
  return invalidState(`${method}() would never end: nothing is in flight, and the context is not shared`);
}

function openRing(entries: number, options: Omit<RingOptions, 'entries'>, restrictions?: readonly OpcodeName[]): Ring {
  if (restrictions !== undefined) {
    if (!Array.isArray(restrictions)) throw invalidArgType('options.restrictions', 'an array of operations', restrictions);
    for (const name of restrictions) checkName('options.restrictions', name, OPCODE_NAMES, 'an operation');
  }
  checkInteger('entries', entries, 1, MAX_ENTRIES);
  const ring = Ring.open({
    ...options,
    entries,
    flags: restrictions === undefined ? [] : ['R_DISABLED'],
    // One invalid operation should not hold up the others; where the kernel lacks the flag,
    // submit() loops.
    optionalFlags: ['SUBMIT_ALL'],
  });
  if (restrictions === undefined) return ring;
  try {
    ring.settings.restrict({ operations: restrictions });
    ring.settings.enable();
    return ring;
  } catch (error) {
    ring.close();
    throw error;
  }
}

/** Splits a u64 into two words. */
function split(value: number | bigint): [low: number, high: number] {
  if (typeof value === 'number') return [value | 0, (value / TWO_32) | 0];
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

function collect(buffers: Iterable<ArrayBufferView>): ArrayBufferView[] {
  if (typeof buffers !== 'object' || buffers === null || !(Symbol.iterator in buffers)) {
    throw invalidArgType('buffers', 'an iterable of Buffer, TypedArray, or DataView', buffers);
  }
  return [...buffers];
}
