/**
 * Whole small files in one submission, on a slot of the registered files instead of a descriptor.
 *
 * ```text
 *   reading   OPENAT -> READ => READ            and CLOSE, once it is known that the file has ended
 *   writing   OPENAT -> WRITE -> FSYNC -> CLOSE
 *             -> linked: cut off by a failure or a short result;  => hard-linked: goes on
 * ```
 *
 * Why two reads: a short read is the end of a regular file, but not of a fifo, a tty or a file of /proc; a second one that finds nothing is
 * the end of any. Only then may the file be closed, as what was not read of a fifo cannot be read again.
 *
 * @module
 */

import { AT_FDCWD, prepCloseDirect, prepFsync, prepOpenat, prepRead, prepWrite } from '../ops/index.js';
import { SqeFlag } from '../ring/index.js';
import { Errno } from '../syscalls/index.js';
import type { Core } from './core.js';
import { pendingPromise, Rejection, type Settle, settleOfLast } from './errors.js';
import { type Engine, runOperation } from './operation.js';
import { closeFile, fsync, type Path, write } from './operations/index.js';
import type { Block } from './pool.js';
import { Request } from './request.js';
import type { FileSlots } from './slots.js';

/** What each of the two reads can take. */
const HALF = 32 * 1024;

/** Offset of reads and writes: the file's position. */
const HERE = -1;

/** The kernel's answers to a chain that writes: 0 or more, or `-errno`. */
export interface FileChain {
  readonly open: number;
  readonly transfer: number;
  readonly sync: number;
  readonly close: number;
}

/** A file that was read by a chain. */
export interface ReadChain<T> {
  /** The answer to what failed, or 0. */
  readonly error: number;
  readonly syscall: 'open' | 'read' | 'close' | undefined;
  /** What was made of the content. */
  readonly value: T | undefined;
  /** There is more than this: the file is still open in its slot, which is the caller's now. */
  readonly more: Buffer | undefined;
}

/** Runs chains; `uring.chains`. */
export class FileChains {
  private readonly idle: Reader[] = [];

  constructor(
    private readonly engine: Engine,
    private readonly slots: FileSlots,
  ) {}

  /**
   * Reads a file of up to 64 KiB.
   *
   * @param slot a free one; the chain gives it back, unless there is more to read.
   * @param make what to make of the content, which lies in memory that is used again afterwards.
   */
  read<T>(slot: number, path: Path, flags: number, make: (content: Buffer) => T): Promise<ReadChain<T>> {
    const promise = pendingPromise<ReadChain<T>>();
    const settle = settleOfLast<ReadChain<T>>();
    const reader = this.idle.pop() ?? new Reader(this.engine.core, this.slots, this.idle);
    reader.start(slot, path, flags, make, settle as Settle<unknown>);
    return promise;
  }

  /** Writes a file. @param slot a free one; the chain gives it back. */
  async write(slot: number, path: Path, flags: number, mode: number, bytes: Uint8Array, sync: boolean): Promise<FileChain> {
    const { engine } = this;
    const chain = await new Promise<number[]>((resolve, reject) => {
      new Writer(engine.core, resolve, reject).start(slot, path, flags, mode, bytes, sync);
    });
    const [open = 0, transfer = 0, synced = 0, close = 0] = chain;
    try {
      if (open < 0 || close !== -Errno.ECANCELED) return { open, transfer, sync: synced, close };
      return { open, ...(await this.finish(slot, bytes, transfer, synced, sync)) };
    } finally {
      this.slots.give(slot);
    }
  }

  /** Goes on where a chain was cut off. */
  private async finish(
    slot: number,
    bytes: Uint8Array,
    first: number,
    synced: number,
    sync: boolean,
  ): Promise<Omit<FileChain, 'open'>> {
    const file = { slot };
    let transfer = first;
    let done = Math.max(0, first);
    const answer = async (promise: Promise<unknown>) => {
      try {
        return Number((await promise) ?? 0);
      } catch (error) {
        return (error as { errno?: number }).errno ?? -Errno.EIO;
      }
    };
    while ((transfer >= 0 && done < bytes.length) || transfer === -Errno.EINTR || transfer === -Errno.EAGAIN) {
      transfer = await answer(runOperation(this.engine, write(file, bytes.subarray(done))));
      if (transfer === 0) transfer = -Errno.EIO;
      done += Math.max(0, transfer);
    }
    let result = synced;
    if (sync && transfer >= 0 && synced === -Errno.ECANCELED) result = await answer(runOperation(this.engine, fsync(file)));
    const close = await answer(runOperation(this.engine, closeFile(file)));
    return { transfer, sync: result === -Errno.ECANCELED ? 0 : result, close };
  }
}

/** One operation of a chain. */
class Step extends Request {
  constructor(
    private readonly owner: { stepDone(index: number, res: number): void; stepAbandoned(error: Error): void },
    private readonly index: number,
  ) {
    super();
  }

  complete(res: number): void {
    this.owner.stepDone(this.index, res);
  }

  abandon(error: Error): void {
    this.owner.stepAbandoned(error);
  }
}

const OPEN = 0;
const FIRST = 1;
const SECOND = 2;
const CLOSE = 3;

/** A chain that reads; used again and again. */
class Reader {
  private readonly steps = [OPEN, FIRST, SECOND, CLOSE].map((index) => new Step(this, index));
  private readonly results = [0, 0, 0, 0];
  private readonly block: Block;
  private path: Block | undefined;
  private slot = -1;
  private left = 0;
  private make: ((content: Buffer) => unknown) | undefined;
  private settle: Settle<unknown> | undefined;
  private value: unknown;
  private failure = 0;

  constructor(
    private readonly core: Core,
    private readonly slots: FileSlots,
    private readonly idle: Reader[],
  ) {
    this.block = core.pool.take(2 * HALF);
  }

  start(slot: number, path: Path, flags: number, make: (content: Buffer) => unknown, settle: Settle<unknown>): void {
    const { core, block, steps } = this;
    this.slot = slot;
    this.make = make;
    this.settle = settle;
    this.failure = 0;
    this.value = undefined;
    this.path = cString(core, path);
    this.left = 3;
    core.beginTogether(3);
    const open = core.begin();
    prepOpenat(open, AT_FDCWD, this.path.address, flags, 0o666, slot);
    open.setFlags(SqeFlag.IO_LINK);
    core.commit(steps[OPEN] as Step);
    const first = core.begin();
    prepRead(first, slot, block.address, HALF, HERE);
    first.setFlags(SqeFlag.FIXED_FILE | SqeFlag.IO_HARDLINK);
    core.commit(steps[FIRST] as Step);
    const second = core.begin();
    prepRead(second, slot, block.address + HALF, HALF, HERE);
    second.setFlags(SqeFlag.FIXED_FILE);
    core.commit(steps[SECOND] as Step);
  }

  stepDone(index: number, res: number): void {
    this.results[index] = res;
    if (--this.left > 0) return;
    if (index === CLOSE) this.closed(res);
    else this.readBoth();
  }

  stepAbandoned(error: Error): void {
    this.settle?.(new Rejection(error));
    this.settle = undefined;
  }

  private readBoth(): void {
    const [open = 0, first = 0, second = 0] = this.results;
    if (this.path !== undefined) this.core.pool.give(this.path);
    this.path = undefined;
    if (open < 0) {
      this.slots.give(this.slot);
      this.end({ error: open, syscall: 'open', value: undefined, more: undefined });
    } else if (this.core.closing) {
      this.stepAbandoned(this.core.closingError());
    } else if (first < 0 || second < 0) {
      this.failure = first < 0 ? first : second;
      this.closeSlot();
    } else if (second > 0) {
      const content = Buffer.concat([this.block.plain(0, first), this.block.plain(HALF, second)]);
      this.end({ error: 0, syscall: undefined, value: undefined, more: content });
    } else {
      try {
        this.value = this.make?.(this.block.plain(0, first));
      } catch (error) {
        this.value = new Rejection(error as Error);
      }
      this.closeSlot();
    }
  }

  private closeSlot(): void {
    const { core } = this;
    this.left = 1;
    prepCloseDirect(core.begin(), this.slot);
    core.commit(this.steps[CLOSE] as Step);
  }

  private closed(res: number): void {
    this.slots.give(this.slot);
    const { failure, value } = this;
    if (failure < 0) this.end({ error: failure, syscall: 'read', value: undefined, more: undefined });
    else if (res < 0) this.end({ error: res, syscall: 'close', value: undefined, more: undefined });
    else if (value instanceof Rejection) this.end(value);
    else this.end({ error: 0, syscall: undefined, value, more: undefined });
  }

  private end(result: ReadChain<unknown> | Rejection): void {
    const { settle } = this;
    this.settle = undefined;
    this.make = undefined;
    this.value = undefined;
    this.idle.push(this);
    settle?.(result);
  }
}

/** A chain that writes. */
class Writer {
  private readonly results: number[] = [0, 0, 0, 0];
  private readonly blocks: Block[] = [];
  private left = 0;

  constructor(
    private readonly core: Core,
    private readonly resolve: (results: number[]) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  start(slot: number, path: Path, flags: number, mode: number, bytes: Uint8Array, sync: boolean): void {
    const { core } = this;
    const hasData = bytes.length > 0;
    this.left = 2 + Number(hasData) + Number(sync);
    core.beginTogether(this.left);
    const name = cString(core, path);
    this.blocks.push(name);
    const open = core.begin();
    prepOpenat(open, AT_FDCWD, name.address, flags, mode, slot);
    open.setFlags(SqeFlag.IO_LINK);
    core.commit(new Step(this, 0));
    if (hasData) {
      const block = core.pool.take(bytes.length);
      this.blocks.push(block);
      block.plain(0, bytes.length).set(bytes);
      const sqe = core.begin();
      prepWrite(sqe, slot, block.address, bytes.length, HERE);
      sqe.setFlags(SqeFlag.FIXED_FILE | SqeFlag.IO_LINK);
      core.commit(new Step(this, 1));
    }
    if (sync) {
      const sqe = core.begin();
      prepFsync(sqe, slot);
      sqe.setFlags(SqeFlag.FIXED_FILE | SqeFlag.IO_LINK);
      core.commit(new Step(this, 2));
    }
    prepCloseDirect(core.begin(), slot);
    core.commit(new Step(this, 3));
  }

  stepDone(index: number, res: number): void {
    this.results[index] = res;
    if (--this.left > 0) return;
    for (const block of this.blocks) this.core.pool.give(block);
    this.resolve(this.results);
  }

  stepAbandoned(error: Error): void {
    this.reject(error);
  }
}

function cString(core: Core, text: Path): Block {
  // No character takes more than three bytes for each of its UTF-16 units.
  const most = typeof text === 'string' ? 3 * text.length : text.length;
  const block = core.pool.take(most + 1);
  const target = block.plain(0, most + 1);
  const length = typeof text === 'string' ? target.write(text, 'utf8') : text.length;
  if (typeof text !== 'string') target.set(text);
  target[length] = 0;
  return block;
}
