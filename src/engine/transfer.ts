/**
 * Reading and writing open files: the hot path of `uring/fs`.
 *
 * An ordinary ArrayBuffer can be detached while the kernel works on it, or freed with its worker; then somebody else owns the memory. So
 * the kernel touches it only while this thread stands still:
 *
 * ```text
 *   memory of the engine's, or shared        the operation works on it directly
 *   the user's own, reading                  1. RWF_NOWAIT: what is in the page cache is copied within io_uring_enter itself
 *                                            2. what is not (EAGAIN): into a block of the pool, and from there at completion
 *   the user's own, writing                  by way of a block, piece by piece
 * ```
 *
 * Transfers finish their job: a short result of a regular file is continued, EINTR and EAGAIN are tried again.
 *
 * @module
 */

import { CURRENT_POSITION, prepRead, prepReadFixed, prepWrite } from '../ops/index.js';
import { SqeFlag } from '../ring/index.js';
import { Errno } from '../syscalls/index.js';
import type { BufferPool } from './buffers.js';
import type { Core } from './core.js';
import { pendingPromise, Rejection, type Settle, settleOfLast } from './errors.js';
import type { Block } from './pool.js';
import { Request } from './request.js';
import { detachedError, outlivesThread } from './scope.js';

const RWF_NOWAIT = 8;

/** Most bytes that the kernel moves in one call. */
const MAX_RW_COUNT = 0x7fff_f000;

/** What goes through the pool at once. */
const PIECE = 512 * 1024;

/** A file as the transfers know it. */
export interface TransferFile {
  readonly fd: number;
  /** Whether reads that must not wait can be tried: not with O_DIRECT, where they do not end within the call. */
  canTry: boolean;
  /** Whether it is a regular file; `undefined` until somebody asks. */
  regular: boolean | undefined;
  /** The error of a failed call, in the words of whoever opened the file. */
  error(res: number, syscall: 'read' | 'write'): Error;
  /** The transfer is over. */
  unref(): void;
}

/** How a transfer's promise is settled: with what, in the words of its caller. */
export type Shape<Result> = (count: number, view: ArrayBufferView) => Result;

/** What goes through the pool at once when the order of pieces is not ours to keep: a file's own position, appending. */
const WHOLE_PIECE = 64 * 1024 * 1024;

/** Steps of a read. */
const Step = { TRY: 0, DIRECT: 1, PIECE: 2 } as const;

/** What both directions share. */
abstract class Transfer extends Request {
  protected settle: Settle<unknown> | undefined;
  protected file!: TransferFile;
  protected view!: ArrayBufferView;
  protected shape!: Shape<unknown>;
  /** Where in the view, how much of it, and how much is done. */
  protected offset = 0;
  protected length = 0;
  protected done = 0;
  /** In the file; CURRENT_POSITION for its own. */
  protected position: number | bigint = 0;
  protected block: Block | undefined;
  protected hold: (() => void) | undefined;
  protected retried = false;

  constructor(
    protected readonly core: Core,
    protected readonly buffers: BufferPool,
    /** Where it waits for its next use. */
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
      this.begin();
    } catch (error) {
      this.finish(error as Error);
    }
  }

  /** The first call. May throw: then nothing has happened. */
  protected abstract begin(): void;

  override memoryIsIntact(): boolean {
    return this.offset + this.length <= this.view.byteLength;
  }

  abandon(error: Error): void {
    // Nothing is given back: the kernel may still use it, and this object is kept for that.
    this.settle?.(new Rejection(error));
    this.file.unref();
  }

  /** The position of what is left. */
  protected get here(): number | bigint {
    const { position, done } = this;
    if (position === CURRENT_POSITION) return position;
    return typeof position === 'number' ? position + done : position + BigInt(done);
  }

  /** The address of memory that the kernel may use directly, or `undefined`. */
  protected inPlace(): number | undefined {
    const { view } = this;
    const owned = this.buffers.hold(view as Uint8Array);
    if (owned !== undefined) {
      this.hold = owned.release;
      return owned.address;
    }
    return outlivesThread(view.buffer) ? this.core.ring.addressOf(view) : undefined;
  }

  protected isRegular(): boolean {
    const { file } = this;
    file.regular ??= this.core.isRegularFile(file.fd);
    return file.regular;
  }

  /** Settles with what is done; or with an error, if nothing is. */
  protected finish(error?: Error): void {
    if (error !== undefined && this.done === 0) this.end(new Rejection(error));
    else this.end(this.shape(this.done, this.view));
  }

  private end(value: unknown): void {
    const { settle, file } = this;
    if (this.block !== undefined) this.core.pool.give(this.block);
    this.block = undefined;
    this.hold?.();
    this.hold = undefined;
    this.settle = undefined;
    this.view = NOTHING;
    // The object is kept for the next transfer; the file is not to be kept with it.
    this.file = NO_FILE;
    this.retried = false;
    this.idle.push(this);
    file.unref();
    settle?.(value);
  }
}

const NOTHING = new Uint8Array(0);

const NO_FILE: TransferFile = {
  fd: -1,
  canTry: false,
  regular: undefined,
  error: () => new Error('no file'),
  unref: () => undefined,
};

/** Reads and writes of one engine. */
export class Transfers {
  private readonly reads: Transfer[] = [];
  private readonly writes: Transfer[] = [];

  constructor(
    private readonly core: Core,
    private readonly buffers: BufferPool,
  ) {}

  /**
   * Reads into a part of a view, as much as there is, once the kernel is entered. The arguments are checked already; the file is
   * referenced by the caller and given back by `file.unref()`.
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
    const transfer = this.reads.pop() ?? new ReadTransfer(this.core, this.buffers, this.reads);
    transfer.start(settleOfLast<unknown>(), file, view, offset, length, position, shape);
    return promise;
  }

  /** Writes a part of a view, all of it, in the same way. */
  write<Result>(
    file: TransferFile,
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
    shape: Shape<Result>,
  ): Promise<Result> {
    const promise = pendingPromise<Result>();
    const transfer = this.writes.pop() ?? new WriteTransfer(this.core, this.buffers, this.writes);
    transfer.start(settleOfLast<unknown>(), file, view, offset, length, position, shape);
    return promise;
  }
}

class ReadTransfer extends Transfer {
  private step: number = Step.TRY;
  /** Bytes asked for by the call in flight. */
  private asked = 0;

  protected begin(): void {
    const { core, view } = this;
    const inPlace = this.inPlace();
    if (inPlace !== undefined) {
      this.step = Step.DIRECT;
      this.issue(inPlace, this.length, 0, false);
    } else if (this.file.canTry) {
      this.step = Step.TRY;
      this.issue(core.ring.addressOf(view), this.length, RWF_NOWAIT, true);
    } else {
      this.piece();
    }
  }

  /** One call for `wanted` bytes at most, to the place in memory where the view starts (or the block). */
  private issue(base: number, wanted: number, flags: number, usersOwn: boolean, sqeFlags = 0): void {
    const { core, step } = this;
    const length = Math.min(wanted, MAX_RW_COUNT);
    const sqe = core.begin();
    const address = step === Step.PIECE ? base : base + this.offset + this.done;
    const index = step === Step.DIRECT ? this.buffers.registeredIndex(this.view as Uint8Array) : -1;
    if (index < 0) prepRead(sqe, this.file.fd, address, length, this.here, flags);
    else prepReadFixed(sqe, this.file.fd, address, length, this.here, index, flags);
    if (sqeFlags !== 0) sqe.setFlags(sqeFlags);
    this.asked = length;
    core.commit(this, usersOwn);
  }

  /** What has to be waited for comes by way of the pool. */
  private piece(sqeFlags = 0): void {
    const length = Math.min(PIECE, this.length - this.done);
    this.block ??= this.core.pool.take(length);
    this.step = Step.PIECE;
    this.issue(this.block.address, length, 0, false, sqeFlags);
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
    if (this.step === Step.PIECE && res > 0) {
      if (!this.memoryIsIntact()) throw detachedError(`the ${res} bytes that were read are lost`);
      const { view, block } = this;
      const target = new Uint8Array(view.buffer, view.byteOffset + this.offset + this.done, res);
      (block as Block).copyTo(target, res);
    }
    this.done += res;
    // All of it; or the end; or as much as a pipe had.
    if (res === 0 || this.done === this.length || !this.isRegular()) this.finish();
    // The kernel itself goes on to the end, unless it must not wait.
    else if ((this.step !== Step.TRY && res < this.asked) || this.core.closing) this.finish();
    else this.again(0);
  }

  private failed(res: number): void {
    const { step, file, core } = this;
    if (core.closing) this.finish(core.closingError());
    else if (res === -Errno.EINTR) this.again(0);
    else if (step === Step.TRY && res === -Errno.EAGAIN) this.piece();
    else if (step === Step.TRY && res === -Errno.EOPNOTSUPP) {
      // This file system cannot tell.
      file.canTry = false;
      this.piece();
    } else if (step === Step.TRY && res === -Errno.ECANCELED && !this.memoryIsIntact()) {
      this.finish(detachedError('nothing was read'));
    } else if (res === -Errno.EAGAIN && !this.retried) {
      // A file that cannot be waited for in the usual way: a worker of the kernel's does.
      this.retried = true;
      this.again(SqeFlag.ASYNC);
    } else {
      this.finish(file.error(res, 'read'));
    }
  }

  private again(sqeFlags: number): void {
    if (this.step === Step.PIECE) {
      this.piece(sqeFlags);
    } else {
      const usersOwn = this.step === Step.TRY;
      const base = this.core.ring.addressOf(this.view);
      this.issue(base, this.length - this.done, usersOwn ? RWF_NOWAIT : 0, usersOwn, sqeFlags);
    }
  }
}

class WriteTransfer extends Transfer {
  private base: number | undefined;
  private asked = 0;

  protected begin(): void {
    this.base = this.inPlace();
    this.next(true);
  }

  /** Writes what is left, or the next piece of it. */
  private next(fresh: boolean, sqeFlags = 0): void {
    const { core, base } = this;
    let { asked } = this;
    let address: number;
    if (base !== undefined) {
      asked = Math.min(this.length - this.done, MAX_RW_COUNT);
      address = base + this.offset + this.done;
    } else if (fresh) {
      // In one call, if at all possible: two writers would find their pieces mixed.
      asked = Math.min(this.position === CURRENT_POSITION ? WHOLE_PIECE : PIECE, this.length - this.done);
      this.block ??= core.pool.take(Math.max(1, asked));
      const { view } = this;
      if (!this.memoryIsIntact()) throw detachedError(`${this.done} bytes were written`);
      if (asked > 0)
        this.block.plain(0, asked).set(new Uint8Array(view.buffer, view.byteOffset + this.offset + this.done, asked));
      address = this.block.address;
    } else {
      address = (this.block as Block).address;
    }
    const sqe = core.begin();
    prepWrite(sqe, this.file.fd, address, asked, this.here);
    if (sqeFlags !== 0) sqe.setFlags(sqeFlags);
    this.asked = asked;
    core.commit(this);
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
      if (this.done === this.length) this.finish();
      else if (core.closing) this.finish();
      else this.next(true);
    } else if (res === 0) {
      this.finish();
    } else if (core.closing) {
      this.finish(core.closingError());
    } else if (res === -Errno.EINTR) {
      this.next(false);
    } else if (res === -Errno.EAGAIN && !this.retried) {
      this.retried = true;
      this.next(false, SqeFlag.ASYNC);
    } else {
      this.finish(file.error(res, 'write'));
    }
  }
}
