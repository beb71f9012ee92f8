/**
 * Reading and writing of open files: the hot path of `uring/fs`.
 *
 * An ordinary ArrayBuffer can be detached while the kernel works on it, or freed with its worker;
 * its memory then gets another owner. So the kernel touches it only while this thread waits in a
 * system call:
 *
 * ```text
 *   engine memory, shared memory     the operation works in place
 *   other memory, reading            1. RWF_NOWAIT: cached data is copied within io_uring_enter
 *                                    2. otherwise (EAGAIN): into a block of the pool, and copied
 *                                       from there on completion
 *   other memory, writing            through a block
 * ```
 *
 * Transfers run to the end: a short result of a file with offsets is continued, EINTR and EAGAIN
 * are retried. Files that have offsets are always read and written at an explicit offset, as the
 * kernel does not advance a file's position when a call completes asynchronously: a call at the
 * file's own position first claims its part of the file.
 *
 * This thread copies cached data, so the bytes moved in one turn of the event loop are limited:
 * transfers that exceed the limit wait for the next turn.
 *
 * @module
 */

import { RWF_NOWAIT } from '../../linux.js';
import { CURRENT_POSITION, prepRead, prepReadFixed, prepWrite } from '../../ops/index.js';
import { SqeFlag } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import { timers } from '../../timers.js';
import { pendingPromise, reject, type Settle, settleOfLast } from '../errors.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import { type CopyLease, detachedError, type Lease } from '../memory/lease.js';
import type { Core } from '../queue/core.js';
import { Request } from '../queue/request.js';
import { RangeReader, type Ranges } from './ranges.js';
import { NO_FILE, type TransferFile } from './transfer-file.js';

/** The most bytes that the kernel moves in one call. */
const MAX_RW_COUNT = 0x7fff_f000;

/** The bytes that go through the pool at once, for a file with offsets. */
const PIECE = 512 * 1024;

/** The bytes that go through the pool at once when a call cannot be continued: a pipe, a device. */
const WHOLE_PIECE = 64 * 1024 * 1024;

/** The most bytes of one call that can be continued. */
const CALL_BYTES = 4 * 1024 * 1024;

/** The bytes moved in one turn of the event loop: two or three milliseconds of copying. */
const TURN_BYTES = 8 * 1024 * 1024;

/** Creates the result of a transfer, in the form that its caller expects. */
export type Shape<Result> = (count: number, view: ArrayBufferView) => Result;

/** Steps of a read. */
const ReadStep = { TRY: 0, DIRECT: 1, PIECE: 2 } as const;

/** Limits the bytes moved in one turn of the event loop. */
class Turn {
  private number = -1;
  private left = 0;
  private waiting: Transfer[] = [];

  constructor(private readonly core: Core) {}

  /**
   * Returns whether a call of this many bytes may start in this turn; otherwise the transfer is
   * resumed in a later one.
   */
  admits(transfer: Transfer, bytes: number): boolean {
    if (this.core.pacing.turn !== this.number) {
      this.number = this.core.pacing.turn;
      this.left = TURN_BYTES;
    }
    if (this.left <= 0) {
      if (this.waiting.length === 0) timers.setImmediate(this.resume);
      this.waiting.push(transfer);
      return false;
    }
    this.left -= bytes;
    return true;
  }

  private readonly resume = (): void => {
    this.left = TURN_BYTES;
    this.number = this.core.pacing.turn;
    const all = this.waiting;
    this.waiting = [];
    // Transfers that exceed the limit again queue up in the same order.
    for (const transfer of all) transfer.resume();
  };
}

/** The part common to both directions. */
abstract class Transfer extends Request {
  protected settle: Settle<unknown> | undefined;
  protected file!: TransferFile;
  protected view!: ArrayBufferView;
  protected shape!: Shape<unknown>;
  /** The start in the view, the length, and the bytes done. */
  protected offset = 0;
  protected length = 0;
  protected done = 0;
  /** The position in the file; CURRENT_POSITION for the file's own. */
  protected position: number | bigint = 0;
  /** The lease of the view itself, where the kernel may use it in place. */
  protected direct: Lease | undefined;
  /** Otherwise, the pool's memory in its place. */
  protected copy: CopyLease | undefined;
  protected retried = false;
  /** Whether the position was claimed. */
  private claimed = false;

  constructor(
    protected readonly core: Core,
    protected readonly memory: KernelMemory,
    protected readonly turn: Turn,
    /** The list where it waits for reuse. */
    private readonly idle: Transfer[],
  ) {
    super();
  }

  start(
    settle: Settle<unknown>,
    file: TransferFile,
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
    shape: Shape<unknown>,
  ): void {
    this.settle = settle;
    this.file = file;
    this.view = view;
    this.offset = offset;
    this.length = length;
    this.done = 0;
    this.position = position;
    this.shape = shape;
    try {
      if (position === CURRENT_POSITION && this.takesOffset(file)) {
        const at = file.claim(length);
        this.claimed = at >= 0;
        if (this.claimed) this.position = at;
      }
      this.begin();
    } catch (error) {
      this.finish(error as Error);
    }
  }

  /** Whether a call at the file's own position must pass an explicit offset. */
  protected abstract takesOffset(file: TransferFile): boolean;

  /** Starts the first call. May throw: then nothing has happened. */
  protected abstract begin(): void;

  /** Continues in a new turn of the event loop. */
  resume(): void {
    try {
      if (this.core.closing) this.finish(this.core.closingError());
      else if (this.memoryIsIntact()) this.again(0);
      else this.finish(detachedError(`${this.done} bytes were transferred`));
    } catch (error) {
      this.finish(error as Error);
    }
  }

  /** Starts a call for the remainder. */
  protected abstract again(sqeFlags: number): void;

  override memoryIsIntact(): boolean {
    return this.offset + this.length <= this.view.byteLength;
  }

  abandon(error: Error): void {
    // Nothing is released: the kernel may still use it, and this object is kept for that.
    if (this.settle !== undefined) reject(this.settle, error);
    this.file.unref();
  }

  /** The position of the remainder. */
  protected get here(): number | bigint {
    const { position, done } = this;
    if (position === CURRENT_POSITION) return position;
    return typeof position === 'number' ? position + done : position + BigInt(done);
  }

  /**
   * Returns the pool's memory in place of the view. Its size is that of the first piece, which is
   * the largest.
   */
  protected copyOf(size: number): CopyLease {
    this.copy ??= this.memory.leaseCopy(this.view, size);
    return this.copy;
  }

  /**
   * Makes a call by other means that the kernel would give to a worker but cannot: it has none, and
   * cannot create one (a limit on processes). Nothing has been done in that case.
   *
   * @returns whether there are other means.
   */
  protected elsewhere(way: 'read' | 'write'): boolean {
    const { file, view, offset, done } = this;
    const counted = file.elsewhere(way, view, offset + done, this.length - done, this.here);
    counted?.then(
      (count) => {
        this.done += count;
        this.finish();
      },
      (error) => this.finish(error),
    );
    return counted !== undefined;
  }

  /** Settles with the bytes done, or with an error if there are none. */
  protected finish(error?: Error): void {
    const { settle, file, view, done, shape } = this;
    if (this.claimed) file.unclaim(this.position as number, this.length, done);
    this.copy?.release();
    this.copy = undefined;
    this.direct?.release();
    this.direct = undefined;
    this.settle = undefined;
    this.view = NOTHING;
    // This object is kept for the next transfer; it must not retain the file.
    this.file = NO_FILE;
    this.retried = false;
    this.claimed = false;
    this.idle.push(this);
    file.unref();
    if (settle === undefined) return;
    if (error !== undefined && done === 0) reject(settle, error);
    else settle(shape(done, view));
  }
}

const NOTHING = new Uint8Array(0);

/** Reads and writes of one engine. */
export class Transfers {
  private readonly reads: Transfer[] = [];
  private readonly writes: Transfer[] = [];
  private readonly turn: Turn;

  constructor(
    private readonly core: Core,
    private readonly memory: KernelMemory,
  ) {
    this.turn = new Turn(core);
  }

  /**
   * Reads into a part of a view, as much as there is, once the kernel is entered. The arguments
   * must have been checked. The caller references the file; `file.unref()` releases it.
   */
  read<Result>(
    file: TransferFile,
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
    shape: Shape<Result>,
  ): Promise<Result> {
    const promise = pendingPromise<Result>();
    const transfer = this.reads.pop() ?? new ReadTransfer(this.core, this.memory, this.turn, this.reads);
    transfer.start(settleOfLast<unknown>(), file, view, offset, length, position, shape);
    return promise;
  }

  /**
   * Reads many ranges into a view, one after another. The arguments must have been checked. The
   * caller references the file.
   *
   * @returns the bytes of each range, or the kernel's error as a negative number.
   * @throws AbortError.
   */
  readRanges(file: TransferFile, view: Uint8Array, ranges: Ranges, signal: AbortSignal | undefined): Promise<Int32Array> {
    return new RangeReader(this.core, this.memory, this, file, view, ranges).read(signal);
  }

  /** Writes all of a part of a view, in the same way. */
  write<Result>(
    file: TransferFile,
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
    shape: Shape<Result>,
  ): Promise<Result> {
    const promise = pendingPromise<Result>();
    const transfer = this.writes.pop() ?? new WriteTransfer(this.core, this.memory, this.turn, this.writes);
    transfer.start(settleOfLast<unknown>(), file, view, offset, length, position, shape);
    return promise;
  }
}

class ReadTransfer extends Transfer {
  private step: number = ReadStep.TRY;
  /** The bytes requested by the call in flight. */
  private asked = 0;

  protected takesOffset(file: TransferFile): boolean {
    return file.hasOffsets;
  }

  protected begin(): void {
    const { file } = this;
    this.direct = this.memory.leaseInPlace(this.view);
    if (this.direct !== undefined) this.step = ReadStep.DIRECT;
    else this.step = file.hasOffsets && file.canTry ? ReadStep.TRY : ReadStep.PIECE;
    this.again(0);
  }

  /** Starts a call for the remainder. Data that must be waited for goes through the pool. */
  protected again(sqeFlags: number): void {
    const { core, step, file } = this;
    const isPiece = step === ReadStep.PIECE;
    const most = file.hasOffsets ? (isPiece ? PIECE : CALL_BYTES) : isPiece ? WHOLE_PIECE : MAX_RW_COUNT;
    const length = Math.min(most, this.length - this.done);
    if (!this.turn.admits(this, length)) return;
    const address = isPiece ? this.copyOf(length).address : this.base() + this.offset + this.done;
    const flags = step === ReadStep.TRY ? RWF_NOWAIT : 0;
    const index = step === ReadStep.DIRECT ? this.memory.buffers.registeredIndex(this.view) : -1;
    const sqe = core.begin();
    if (index < 0) prepRead(sqe, file.fd, address, length, this.here, flags);
    else prepReadFixed(sqe, file.fd, address, length, this.here, index, flags);
    const all = sqeFlags | file.sqeFlags;
    if (all !== 0) sqe.setFlags(all);
    this.asked = length;
    core.commit(this, step === ReadStep.TRY);
  }

  /** Returns the address of the view. */
  private base(): number {
    return this.direct?.address ?? this.core.ring.addressOf(this.view);
  }

  complete(res: number): void {
    try {
      if (res >= 0) this.received(res);
      else this.failed(res);
    } catch (error) {
      this.finish(error as Error);
    }
  }

  private received(res: number): void {
    if (this.step === ReadStep.PIECE) this.copy?.copyBack(res, this.offset + this.done);
    this.done += res;
    // All of it, or the end, or as much as a pipe had.
    if (res === 0 || this.done === this.length || !this.file.hasOffsets) this.finish();
    // The kernel itself continues to the end of the file, unless it must not wait.
    else if ((this.step !== ReadStep.TRY && res < this.asked) || this.core.closing) this.finish();
    else this.again(0);
  }

  private failed(res: number): void {
    const { step, file, core } = this;
    if (core.closing) {
      this.finish(core.closingError());
    } else if (res === -Errno.EINTR) {
      this.again(0);
    } else if (step === ReadStep.TRY && (res === -Errno.EAGAIN || res === -Errno.EOPNOTSUPP)) {
      // EOPNOTSUPP: this file system does not support RWF_NOWAIT.
      if (res === -Errno.EOPNOTSUPP) file.canTry = false;
      this.step = ReadStep.PIECE;
      this.again(0);
    } else if (step === ReadStep.TRY && res === -Errno.ECANCELED && !this.memoryIsIntact()) {
      this.finish(detachedError('nothing was read'));
    } else if (res === -Errno.EAGAIN && !this.retried) {
      // A file that the kernel cannot wait for in the usual way: a kernel worker can.
      this.retried = true;
      this.again(SqeFlag.ASYNC);
    } else if (res !== -Errno.ECANCELED || !this.elsewhere('read')) {
      this.finish(file.error(res, 'read'));
    }
  }
}

class WriteTransfer extends Transfer {
  /** Whether the copy holds the data to be written next. */
  private filled = false;

  /** The kernel itself finds the end of the file when it appends. */
  protected takesOffset(file: TransferFile): boolean {
    return file.hasOffsets && !file.appends;
  }

  protected begin(): void {
    this.direct = this.memory.leaseInPlace(this.view);
    this.filled = false;
    this.again(0);
  }

  /** Writes the remainder, or the next piece of it. */
  protected again(sqeFlags: number): void {
    const { core, direct, file } = this;
    const left = this.length - this.done;
    // In one call if possible where the pieces of two writers could be interleaved.
    const canSplit = file.hasOffsets && this.position !== CURRENT_POSITION;
    const asked = Math.min(left, direct === undefined ? (canSplit ? PIECE : WHOLE_PIECE) : canSplit ? CALL_BYTES : MAX_RW_COUNT);
    if (!this.turn.admits(this, asked)) return;
    const address = direct === undefined ? this.fill(asked) : direct.address + this.offset + this.done;
    const sqe = core.begin();
    prepWrite(sqe, file.fd, address, asked, this.here);
    const all = sqeFlags | file.sqeFlags;
    if (all !== 0) sqe.setFlags(all);
    core.commit(this);
  }

  /** Copies the next piece. @returns the copy's address. */
  private fill(length: number): number {
    const copy = this.copyOf(length);
    if (!this.filled) {
      if (!this.memoryIsIntact()) throw detachedError(`${this.done} bytes were written`);
      copy.copyIn(length, this.offset + this.done);
    }
    this.filled = true;
    return copy.address;
  }

  complete(res: number): void {
    try {
      this.proceed(res);
    } catch (error) {
      this.finish(error as Error);
    }
  }

  private proceed(res: number): void {
    const { core, file } = this;
    if (res > 0) {
      this.done += res;
      this.filled = false;
      if (this.done === this.length || core.closing) this.finish();
      else this.again(0);
    } else if (res === 0) {
      this.finish();
    } else if (core.closing) {
      this.finish(core.closingError());
    } else if (res === -Errno.EINTR) {
      this.again(0);
    } else if (res === -Errno.EAGAIN && !this.retried) {
      this.retried = true;
      this.again(SqeFlag.ASYNC);
    } else if (res !== -Errno.ECANCELED || !this.elsewhere('write')) {
      this.finish(file.error(res, 'write'));
    }
  }
}
