/**
 * `Uring`: promises over a ring.
 *
 * @module
 */

import type { BigIntStats, Stats } from 'node:fs';
import type { RecordableHistogram } from 'node:perf_hooks';
import type { InspectOptionsStylized } from 'node:util';
import { EnterFlag, Opcode, type OpcodeName, type OpcodeProbe } from '../ring/index.js';
import { INSPECT, summary } from '../summary.js';
import { Errno, type EventLoopKind, UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { invalidArgType, invalidState } from '../validate.js';
import { AbortError } from './errors.js';
import type { BufferPool } from './memory/buffers.js';
import type { Chunk } from './memory/chunk.js';
import { KernelMemory } from './memory/kernel-memory.js';
import type { Message } from './memory/message.js';
import { type BatchOptions, runBatch } from './operations/batch.js';
import { type LinkOptions, type LinkResults, runLink } from './operations/link.js';
import { Mailbox } from './operations/mailbox.js';
import type { MultishotIterator } from './operations/multishot.js';
import * as op from './operations/op/index.js';
import { type Engine, type File, Operation, runOperation } from './operations/operation.js';
import {
  acceptMany,
  type IntervalOptions,
  type IteratorOptions,
  interval,
  pollMany,
  type ReadManyOptions,
  readMany,
  recvMany,
  recvmsgMany,
} from './operations/streams.js';
import { checkUringOptions, type UringOptions } from './options.js';
import { Core } from './queue/core.js';
import { nameOf, type UringCounters } from './queue/observer.js';
import { Sockets } from './sockets/index.js';
import { FileChains } from './transfers/file-chains.js';
import { FileSlots } from './transfers/file-slots.js';
import { Transfers } from './transfers/transfer.js';

/** An operation in flight, as {@link Uring.inspect} reports it. */
export interface InFlight {
  /** Its kernel name. */
  readonly operation: string;
  /** The file descriptor, or -1. */
  readonly fd: number;
  /** How long ago it was submitted, in milliseconds; 0 when it has not been submitted yet. */
  readonly age: number;
  /** Where it was started, with the option `callSites`. */
  readonly callSite: string | undefined;
}

/** The functions of `op` as methods that run what they describe. */
export type OperationMethods = {
  [Name in keyof typeof op]: (typeof op)[Name] extends (...args: infer Args) => Operation<infer Result>
    ? (...args: Args) => Promise<Result>
    : never;
};

/**
 * How long closing waits for cancelled operations, and how often it cancels again: the end of one
 * operation may start another.
 */
const CLOSE_LIMIT_MS = 5000;
const CLOSE_ROUND_MS = 10;

/**
 * The methods are defined on the prototype below, one for each function of `op`. Of overloaded
 * functions, a mapped type knows only the last signature.
 */
export interface Uring extends Omit<OperationMethods, 'statx'> {
  /** Runs `op.statx(target, options)`. See there. */
  statx(target: op.Path | op.OpenFile, options: op.StatOptions & { readonly bigint: true }): Promise<BigIntStats>;
  statx(target: op.Path | op.OpenFile, options?: op.StatOptions & { readonly bigint?: false | undefined }): Promise<Stats>;
  statx(target: op.Path | op.OpenFile, options?: op.StatOptions): Promise<Stats | BigIntStats>;
}

/**
 * An io_uring whose operations are promises.
 *
 * Every function of `op` is a method: `uring.read(fd, buffer, options)` runs
 * `op.read(fd, buffer, options)`. Operations started in one turn of the program are submitted in
 * one system call.
 *
 * @example
 * ```ts
 * import { Uring } from 'uring';
 *
 * await using uring = Uring.open();
 * const fd = await uring.openat('/etc/hostname');
 * using buffer = uring.buffers.allocate(4096);
 * const count = await uring.read(fd, buffer.bytes, { offset: 0, signal: AbortSignal.timeout(1000) });
 * await uring.closeFile(fd);
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface declares the operations, which are put on the prototype from one table.
export class Uring {
  /** Memory that the kernel works on without a copy. */
  readonly buffers: BufferPool;
  /** Slots for files without a descriptor. */
  readonly files: FileSlots;
  /** Reads and writes of open files. @internal */
  readonly transfers: Transfers;
  /** Sockets. @internal */
  readonly sockets: Sockets;
  /** Whole small files. @internal */
  readonly chains: FileChains;
  /** @internal */
  readonly engine: Engine;
  private closing: Promise<void> | undefined;
  private probe: OpcodeProbe | undefined;

  private constructor(options: UringOptions) {
    const checked = checkUringOptions(options);
    const core = new Core(checked);
    const memory = new KernelMemory(core.ring, checked.syscalls);
    this.buffers = memory.buffers;
    this.files = new FileSlots(core.ring);
    this.transfers = new Transfers(core, memory);
    this.engine = {
      core,
      memory,
      iterators: new Set(),
      recordsCallSites: checked.callSites,
    };
    const { iterators } = this.engine;
    core.onBroken = (error) => closeAll(iterators, error);
    this.sockets = new Sockets(this.engine);
    this.chains = new FileChains(this.engine, this.files);
  }

  /**
   * Opens an engine for this thread.
   *
   * @throws UringUnavailableError when there is no io_uring, with the reason and the remedy.
   * @throws UringError ENOMEM, EMFILE, ENFILE.
   * @throws TypeError, RangeError for invalid options.
   */
  static open(options: UringOptions = {}): Uring {
    return new Uring(options);
  }

  /**
   * Returns the shared engine of this thread, opened on first use. It closes with the thread. If it
   * was closed explicitly, the next use opens another.
   *
   * @throws as {@link Uring.open}, on each call.
   */
  static default(): Uring {
    if (shared === undefined || shared.closed) {
      // An engine that has failed is not closed by anyone else.
      void shared?.close();
      shared = new Uring({});
    }
    return shared;
  }

  /** Whether it is closed, or is about to be. */
  get closed(): boolean {
    return this.closing !== undefined || this.engine.core.broken !== undefined;
  }

  /** Whether the ring has failed: the outcome of the operations in flight is unknown. @internal */
  get failed(): boolean {
    return this.engine.core.broken !== undefined;
  }

  /** How completions wake the event loop. */
  get eventLoop(): EventLoopKind {
    return this.engine.core.signal.waker.kind;
  }

  /**
   * Runs an operation.
   *
   * @returns its result.
   * @throws AbortError when it was aborted; UringError with the kernel's error; Error
   * ERR_INVALID_STATE when the engine is closed.
   */
  run<Result>(operation: Operation<Result>): Promise<Result> {
    if (!(operation instanceof Operation)) {
      return Promise.reject(invalidArgType('operation', 'an operation, made by a function of op', operation));
    }
    const closed = this.closedError();
    return closed === undefined ? runOperation(this.engine, operation) : Promise.reject(closed);
  }

  /**
   * Runs operations one after another, from one submission: each when the one before has succeeded.
   *
   * A failure cuts off the remainder, and so does a read or write that moves less than requested;
   * with `hard`, neither does. IOSQE_IO_LINK, IOSQE_IO_HARDLINK. Since 5.3 and 5.5.
   *
   * @param operations 1 to as many as the submission queue has entries.
   * @returns the outcome of each; it does not reject because an operation failed.
   *
   * @example
   * ```ts
   * const [written, synced] = await uring.link([op.write(fd, data, { offset: 0 }), op.fsync(fd)]);
   * if (synced.status !== 'done') throw new Error('not on the disk');
   * ```
   */
  link<const Operations extends readonly Operation<unknown>[]>(
    operations: Operations,
    options: LinkOptions = {},
  ): Promise<LinkResults<Operations>> {
    const closed = this.closedError();
    return closed === undefined ? runLink(this.engine, operations, options) : Promise.reject(closed);
  }

  /**
   * Runs many operations, in any order: one promise for all of them, and a number for each.
   *
   * @param operations operations whose result is a number, or nothing. Other results (`statx`,
   * `accept` with an address) are lost.
   * @returns for each its result (0 if it has none), or the kernel's error as a negative number. It
   * does not reject because an operation failed.
   * @throws AbortError when the signal was aborted, once all of them have completed; TypeError for
   * a value that is not an operation.
   *
   * @example
   * ```ts
   * const results = await uring.batch(blocks.map(({ bytes, offset }) => op.write(fd, bytes, { offset })));
   * if (results.some((result, index) => result !== blocks[index].bytes.length)) throw new Error('not all of it was written');
   * ```
   */
  async batch(operations: readonly Operation<unknown>[], options: BatchOptions = {}): Promise<Int32Array> {
    this.checkOpen();
    return runBatch(this.engine, operations, options);
  }

  /**
   * Watches a file for readiness: an iterator over the `PollEvent`s that have occurred. Events
   * between two calls of `next()` are merged. Multishot since 5.13.
   */
  pollMany(file: File, events: number, options?: IteratorOptions): MultishotIterator<number> {
    this.checkOpen();
    return pollMany(this.engine, file, events, options);
  }

  /**
   * Ticks of the kernel's clock: an iterator over how many have passed since the last value was
   * taken. Multishot since 6.4.
   *
   * @param milliseconds may be fractional. Ticks shorter than a millisecond are delivered several
   * at a time.
   */
  interval(milliseconds: number, options?: IntervalOptions): MultishotIterator<number> {
    this.checkOpen();
    return interval(this.engine, milliseconds, options);
  }

  /**
   * Reads from a pipe, a tty, or another file that can be polled: an iterator over pieces, each in
   * a buffer that belongs to the reader until the next one is requested. Multishot since 6.7.
   *
   * @throws UringError EBADFD for a file that cannot be polled.
   */
  readMany(file: File, options?: ReadManyOptions): MultishotIterator<Chunk> {
    this.checkOpen();
    return readMany(this.engine, file, options);
  }

  /**
   * Receives from a socket, like {@link readMany}. An empty datagram is a piece of no bytes. Data
   * received ahead when the iterator is left is in its {@link MultishotIterator.rest | rest}.
   * Multishot since 6.0.
   *
   * @example
   * ```ts
   * const incoming = uring.recvMany(fd);
   * for await (const piece of incoming) if (isLastOfHead(piece)) break;
   * const startOfBody = Buffer.concat(incoming.rest);
   * ```
   */
  recvMany(file: File, options?: ReadManyOptions): MultishotIterator<Chunk> {
    this.checkOpen();
    return recvMany(this.engine, file, options);
  }

  /**
   * Receives messages and their senders: an iterator, like {@link readMany}. A message longer than
   * a buffer is truncated, and marked as such. Since 6.0.
   *
   * @throws UringUnavailableError on a kernel before 6.0.
   */
  recvmsgMany(file: File, options?: ReadManyOptions): MultishotIterator<Message> {
    this.checkOpen();
    return recvmsgMany(this.engine, file, options);
  }

  /**
   * Opens a mailbox for messages of other engines of this process, such as those of worker threads:
   * an iterator over the numbers that `op.message` sends to its address. Since 6.3.
   *
   * It keeps the process alive until it is left. Messages wait for the reader in any number.
   *
   * @example
   * ```ts
   * const mailbox = uring.mailbox();
   * new Worker('./worker.js', { workerData: { address: mailbox.address } });
   * for await (const slot of mailbox) handle(slot);
   * ```
   */
  mailbox(options: IteratorOptions = {}): Mailbox {
    this.checkOpen();
    return new Mailbox(this.engine, options);
  }

  /** Accepts connections: an iterator over descriptors. Multishot since 5.19. */
  acceptMany(file: File, options?: IteratorOptions): MultishotIterator<number> {
    this.checkOpen();
    return acceptMany(this.engine, file, (fd) => this.engine.core.syscalls.close(fd), options);
  }

  /** Makes pending operations keep the process alive, which is the default, until {@link unref}. */
  ref(): this {
    this.engine.core.signal.keepAlive(true);
    return this;
  }

  /** Lets the process end although operations are pending. */
  unref(): this {
    this.engine.core.signal.keepAlive(false);
    return this;
  }

  /** Returns whether the kernel supports an operation. The kernel is probed once. */
  supports(name: OpcodeName): boolean {
    this.probe ??= this.engine.core.ring.probe();
    return this.probe.supports(Opcode[name]);
  }

  /**
   * Enters the kernel for nothing.
   *
   * @throws UringError when that is refused.
   * @internal
   */
  checkEnter(): void {
    const result = this.engine.core.ring.enter(0, 0, EnterFlag.GETEVENTS);
    if (result < 0 && result !== -Errno.EINTR && result !== -Errno.EBUSY) throw new UringError(result, 'io_uring_enter');
  }

  /** Submits now what was started, before the caller's next statement. @internal */
  submitNow(): void {
    this.engine.core.submitNow();
  }

  /** Calls lseek(2) at once. @internal */
  seek(fd: number, offset: number, whence: number): number {
    return this.engine.core.syscalls.seek(fd, offset, whence);
  }

  /** Calls fcntl(2) F_DUPFD_CLOEXEC. @returns a second descriptor, or `-errno`. @internal */
  duplicateDescriptor(fd: number): number {
    return this.engine.core.syscalls.duplicate(fd);
  }

  /** Calls close(2) at once, on a descriptor that the ring has created. @internal */
  closeDescriptor(fd: number): void {
    this.engine.core.syscalls.close(fd);
  }

  /**
   * Closes a descriptor that the ring has created and that nothing is pending on, even if the
   * engine closes meanwhile.
   *
   * @param closing `op.closeFile` of it.
   * @throws UringError EIO, or another error of the operation: the descriptor is closed
   * nevertheless.
   * @internal
   */
  async closeOwned(fd: number, closing: Operation<void>): Promise<void> {
    if (this.closed) return this.closeDescriptor(fd);
    try {
      await this.run(closing);
    } catch (error) {
      // Cancelled before it ran, or given to a worker that the kernel could not start. After a
      // failure of the ring, the outcome is unknown.
      const undone = error instanceof AbortError || (error as { code?: unknown }).code === 'ECANCELED';
      if (!undone || this.failed) throw error;
      this.closeDescriptor(fd);
    }
  }

  /** Closes a descriptor when this thread ends. @returns a function that undoes this. @internal */
  closeAtThreadEnd(fd: number): () => void {
    return this.engine.core.syscalls.closeAtThreadEnd(fd);
  }

  /** Returns the text that `util.inspect` shows. @internal */
  [INSPECT](depth: number, options: InspectOptionsStylized): string {
    const { closed, eventLoop, counters } = this;
    return summary('Uring', { closed, eventLoop, counters }, depth, options);
  }

  /** Returns the operations in flight, the oldest first. */
  inspect(): InFlight[] {
    const now = timers.now();
    const all: InFlight[] = [];
    this.engine.core.operations.visit((_id, request, opcode, fd, since) => {
      const age = since === 0 ? 0 : now - since;
      all.push({ operation: nameOf(opcode), fd, age, callSite: request.callSite });
    });
    return all.sort((a, b) => b.age - a.age);
  }

  /** The engine's counters. */
  get counters(): UringCounters {
    const { observer, inFlight } = this.engine.core;
    return {
      submitted: observer.submittedCount,
      completed: observer.completedCount,
      failed: observer.failedCount,
      enters: observer.enterCount,
      inFlight,
      operations: observer.operations,
    };
  }

  /**
   * The latencies of operations in nanoseconds, from start to completion: a histogram of
   * `node:perf_hooks`. Recorded from the first access on, which costs about 0.4 us for each
   * operation.
   */
  get latency(): RecordableHistogram {
    return this.engine.core.observer.latency;
  }

  /**
   * Closes the engine: it accepts no more operations, cancels those in flight, waits for their end,
   * and releases everything. Cancelled operations reject with an `AbortError`. Idempotent.
   */
  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async closeNow(): Promise<void> {
    const { core } = this.engine;
    core.closing = true;
    closeAll(this.engine.iterators, core.closingError());
    const deadline = timers.now() + CLOSE_LIMIT_MS;
    while (core.inFlight > 0 && core.broken === undefined && timers.now() < deadline) {
      core.cancelAll();
      const idle = core.idle();
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        idle,
        new Promise((resolve) => {
          timer = timers.setTimeout(resolve, CLOSE_ROUND_MS);
        }),
      ]);
      timers.clearTimeout(timer);
    }
    // Operations that have not completed in that time will not complete now: do not block the event
    // loop for them.
    core.close(0);
    if (shared === this) shared = undefined;
  }

  private closedError(): Error | undefined {
    const { broken } = this.engine.core;
    if (broken !== undefined) return invalidState(`the ring has failed (${broken.message})`);
    return this.closing === undefined ? undefined : invalidState('the engine is closed');
  }

  private checkOpen(): void {
    const closed = this.closedError();
    if (closed !== undefined) throw closed;
  }
}

let shared: Uring | undefined;

for (const [name, describe] of Object.entries(op)) {
  if (typeof describe !== 'function') continue;
  Object.defineProperty(Uring.prototype, name, {
    configurable: true,
    writable: true,
    value: function run(this: Uring, ...args: never[]): Promise<unknown> {
      try {
        return this.run((describe as (...args: never[]) => Operation<unknown>)(...args));
      } catch (error) {
        return Promise.reject(error);
      }
    },
  });
}

function closeAll(iterators: Engine['iterators'], error: Error): void {
  for (const iterator of [...iterators]) iterator.engineClosed(error);
}
