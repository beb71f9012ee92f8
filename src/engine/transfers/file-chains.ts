import { AT_FDCWD } from '../../linux.js';
import { prepCloseDirect, prepFsync, prepOpenat, prepRead, prepWrite } from '../../ops/index.js';
import { SqeFlag } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import { pendingPromise, reject, type Settle, settleOfLast } from '../errors.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import type { Block } from '../memory/pool.js';
import { closeFile, fsync, type Path, write } from '../operations/op/index.js';
import { type Engine, runOperation, textOfPath } from '../operations/operation.js';
import type { Core } from '../queue/core.js';
import { Request, type Subject } from '../queue/request.js';
import type { FileSlots } from './file-slots.js';

/** The size of the first read: files up to this size are read by a chain alone. */
const FIRST_SIZE = 60 * 1024;

/** The size of the second read, which serves to detect the end of the file. */
const SECOND_SIZE = 4 * 1024;

/**
 * How much a chain has read when there is more. It is less if the file returns less than it holds,
 * as FIFOs and files in /proc do.
 */
export const CHAIN_SIZE = FIRST_SIZE + SECOND_SIZE;

/** The results of a chain that writes: non-negative, or `-errno`. */
export interface FileChain {
  readonly open: number;
  readonly transfer: number;
  readonly sync: number;
  readonly close: number;
}

/** Handles the outcome of a chain that reads a file. */
export interface ReadSink<T> {
  /**
   * Called with the whole content: the first `length` bytes of a block that is reused afterwards.
   * May throw.
   */
  content(block: Block, length: number): T;
  /**
   * Called when a call has failed; the file is closed, or was never open. Returns the error, or a
   * promise of the content by other means.
   */
  failed(res: number, syscall: 'open' | 'read' | 'close'): Error | Promise<T>;
  /**
   * Called when the file has more than this. It is still open in its slot, which now belongs to the
   * sink.
   */
  more(slot: number, start: FileStart): Promise<T>;
}

/** The start of a file, in memory of the engine that must be released. */
export interface FileStart {
  readonly length: number;
  /** Copies it to the start of an array. Not after {@link release}. */
  copyTo(target: Uint8Array): void;
  /** Releases it. Idempotent. */
  release(): void;
}

/** Runs chains; `uring.chains`. */
export class FileChains {
  private readonly idle: ReadChain[] = [];

  constructor(
    private readonly engine: Engine,
    private readonly slots: FileSlots,
  ) {}

  /**
   * Reads a file of up to 60 KiB.
   *
   * @param slot a free slot; the chain releases it, unless there is more to read.
   * @param isPatient whether it may be continued together with others, after a turn of the event
   * loop.
   */
  read<T>(slot: number, path: Path, flags: number, sink: ReadSink<T>, isPatient = false): Promise<T> {
    const promise = pendingPromise<T>();
    const settle = settleOfLast<unknown>();
    const reader = this.idle.pop() ?? new ReadChain(this.engine, this.slots, this.idle);
    const start = () => reader.start(slot, path, flags, sink, settle);
    if (isPatient) this.engine.core.pacing.defer(start);
    else start();
    this.engine.core.submitNow();
    return promise;
  }

  /** Writes a file. @param slot a free slot; the chain releases it. */
  async write(slot: number, path: Path, flags: number, mode: number, bytes: Uint8Array, sync: boolean): Promise<FileChain> {
    const { engine } = this;
    const chain = await new Promise<number[]>((resolve, reject) => {
      new WriteChain(engine, resolve, reject).start(slot, path, flags, mode, bytes, sync);
    });
    const [open = 0, transfer = 0, synced = 0, close = 0] = chain;
    try {
      if (open < 0 || close !== -Errno.ECANCELED) return { open, transfer, sync: synced, close };
      return { open, ...(await this.finish(slot, bytes, transfer, synced, sync)) };
    } finally {
      this.slots.give(slot);
    }
  }

  /** Continues where a chain was cut off. */
  private async finish(
    slot: number,
    bytes: Uint8Array,
    first: number,
    synced: number,
    sync: boolean,
  ): Promise<Omit<FileChain, 'open'>> {
    const file = { slot };
    // Cut off before the write began: the kernel, short of memory, took only a part of the chain.
    let transfer = first === -Errno.ECANCELED ? 0 : first;
    let done = Math.max(0, first);
    const answer = async (promise: Promise<unknown>) => {
      try {
        return Number((await promise) ?? 0);
      } catch (error) {
        return (error as { errno?: number }).errno ?? -Errno.EIO;
      }
    };
    while ((transfer >= 0 && done < bytes.length) || transfer === -Errno.EINTR) {
      // Not at the file's position, which the kernel does not advance when a write stops halfway.
      transfer = await answer(runOperation(this.engine, write(file, bytes.subarray(done), { offset: done })));
      if (transfer === 0) transfer = -Errno.EIO;
      done += Math.max(0, transfer);
    }
    let result = synced;
    if (sync && transfer >= 0 && synced === -Errno.ECANCELED) result = await answer(runOperation(this.engine, fsync(file)));
    const close = await answer(runOperation(this.engine, closeFile(file)));
    return { transfer, sync: transfer < 0 ? 0 : result, close };
  }
}

/** One operation of a chain. */
class ChainOperation extends Request {
  constructor(
    private readonly owner: { stepDone(index: number, res: number): void; stepAbandoned(error: Error): void },
    private readonly index: number,
  ) {
    super();
  }

  /** The path that it opens. */
  path: Path | undefined;

  override get subject(): Subject | undefined {
    return this.path === undefined ? undefined : { path: textOfPath(this.path) };
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

/** A chain that reads. It is reused. */
class ReadChain {
  private readonly core: Core;
  private readonly memory: KernelMemory;
  private readonly openStep = new ChainOperation(this, OPEN);
  private readonly firstStep = new ChainOperation(this, FIRST);
  private readonly secondStep = new ChainOperation(this, SECOND);
  private readonly closeStep = new ChainOperation(this, CLOSE);
  private readonly block: Block;
  private path: Block | undefined;
  private slot = -1;
  private left = 0;
  private opened = 0;
  /** Bytes of the first read, or its error. */
  private first = 0;
  private sink: ReadSink<unknown> | undefined;
  private settle: Settle<unknown> | undefined;
  /** The outcome of the promise once the file is closed: the content, or the failure. */
  private content: unknown;
  private failure: Error | undefined;
  private failed = 0;

  constructor(
    { core, memory }: Engine,
    private readonly slots: FileSlots,
    private readonly idle: ReadChain[],
  ) {
    this.core = core;
    this.memory = memory;
    this.block = memory.pool.take(CHAIN_SIZE);
  }

  start(slot: number, path: Path, flags: number, sink: ReadSink<unknown>, settle: Settle<unknown>): void {
    const { core, memory, block } = this;
    // Whatever can throw precedes any change of state.
    this.path = memory.cString(path);
    this.openStep.path = path;
    this.slot = slot;
    this.sink = sink;
    this.settle = settle;
    this.failed = 0;
    this.failure = undefined;
    this.left = 2;
    core.beginTogether(2);
    const open = core.begin();
    prepOpenat(open, AT_FDCWD, this.path.address, flags, 0o666, slot);
    open.setFlags(SqeFlag.IO_LINK);
    core.commit(this.openStep);
    const first = core.begin();
    prepRead(first, slot, block.address, FIRST_SIZE, 0);
    first.setFlags(SqeFlag.FIXED_FILE);
    core.commit(this.firstStep);
  }

  stepDone(index: number, res: number): void {
    if (index === SECOND) this.secondDone(res);
    else if (index === CLOSE) this.closed(res);
    else {
      if (index === OPEN) this.opened = res;
      else this.first = res;
      if (--this.left === 0) this.firstDone();
    }
  }

  stepAbandoned(error: Error): void {
    if (this.settle !== undefined) reject(this.settle, error);
    this.settle = undefined;
  }

  /** Continues when the open and the first read have completed. */
  private firstDone(): void {
    const { core, opened, first: res } = this;
    this.memory.pool.give(this.path as Block);
    this.path = undefined;
    if (core.closing) {
      this.stepAbandoned(core.closingError());
    } else if (opened < 0) {
      this.slots.give(this.slot);
      this.fail(opened, 'open');
    } else if (res === -Errno.ECANCELED) {
      // The kernel, short of memory, took only the open: everything is still to be read.
      this.goOn(0, 0);
    } else if (res > 0) {
      const second = core.begin();
      prepRead(second, this.slot, this.block.address + FIRST_SIZE, SECOND_SIZE, res);
      second.setFlags(SqeFlag.FIXED_FILE);
      core.commit(this.secondStep);
    } else {
      // Do not read again after the end of a file: a terminal would want a second end-of-file
      // character.
      this.finish(res);
    }
  }

  private secondDone(res: number): void {
    if (this.core.closing) this.stepAbandoned(this.core.closingError());
    else if (res > 0) this.goOn(this.first, res);
    else if (res === -Errno.ECANCELED) this.goOn(this.first, 0);
    else this.finish(res);
  }

  /** Hands over to the sink: there is more than fits. */
  private goOn(first: number, second: number): void {
    const { sink, block } = this;
    let isReleased = false;
    const start: FileStart = {
      length: first + second,
      copyTo(target) {
        target.set(block.plain(0, first));
        target.set(block.plain(FIRST_SIZE, second), first);
      },
      release: () => {
        if (!isReleased) this.idle.push(this);
        isReleased = true;
      },
    };
    this.answer((sink as ReadSink<unknown>).more(this.slot, start));
  }

  /** Closes the file, which has ended or cannot be read. */
  private finish(res: number): void {
    const { core, slot } = this;
    this.failed = Math.min(0, res);
    if (res === 0) {
      try {
        this.content = (this.sink as ReadSink<unknown>).content(this.block, this.first);
      } catch (error) {
        this.failure = error as Error;
      }
    }
    prepCloseDirect(core.begin(), slot);
    core.commit(this.closeStep);
  }

  private closed(res: number): void {
    this.slots.give(this.slot);
    const { failed, failure, content } = this;
    this.content = undefined;
    if (failure !== undefined) this.end(failure);
    else if (failed < 0) this.fail(failed, 'read');
    // When the engine closes, all its files are closed, whatever the result here.
    else if (res < 0 && !this.core.closing) this.fail(res, 'close');
    else this.end(content);
  }

  private fail(res: number, syscall: 'open' | 'read' | 'close'): void {
    this.end((this.sink as ReadSink<unknown>).failed(res, syscall));
  }

  /** Settles the promise, and is free for another file. @param outcome as of {@link answer}. */
  private end(outcome: unknown): void {
    this.answer(outcome);
    this.idle.push(this);
  }

  /** Settles the promise. @param outcome the content, a promise of it, or an error. */
  private answer(outcome: unknown): void {
    const { settle } = this;
    this.settle = undefined;
    this.sink = undefined;
    if (settle === undefined) return;
    if (outcome instanceof Error) reject(settle, outcome);
    else settle(outcome);
  }
}

/** A chain that writes. */
class WriteChain {
  private readonly results: number[] = [0, 0, 0, 0];
  private readonly blocks: Block[] = [];
  private left = 0;

  constructor(
    private readonly engine: Engine,
    private readonly resolve: (results: number[]) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  start(slot: number, path: Path, flags: number, mode: number, bytes: Uint8Array, sync: boolean): void {
    const { core, memory } = this.engine;
    const hasData = bytes.length > 0;
    this.left = 2 + Number(hasData) + Number(sync);
    // Whatever can throw precedes the first commit.
    const name = memory.cString(path);
    this.blocks.push(name);
    const block = hasData ? memory.pool.take(bytes.length) : undefined;
    core.beginTogether(this.left);
    const open = core.begin();
    prepOpenat(open, AT_FDCWD, name.address, flags, mode, slot);
    open.setFlags(SqeFlag.IO_LINK);
    const opening = new ChainOperation(this, OPEN);
    opening.path = path;
    core.commit(opening);
    if (block !== undefined) {
      this.blocks.push(block);
      block.copyFrom(bytes);
      const sqe = core.begin();
      // At the start. The kernel ignores the offset for files without offsets and with O_APPEND.
      prepWrite(sqe, slot, block.address, bytes.length, 0);
      sqe.setFlags(SqeFlag.FIXED_FILE | SqeFlag.IO_LINK);
      core.commit(new ChainOperation(this, 1));
    }
    if (sync) {
      const sqe = core.begin();
      prepFsync(sqe, slot);
      sqe.setFlags(SqeFlag.FIXED_FILE | SqeFlag.IO_LINK);
      core.commit(new ChainOperation(this, 2));
    }
    prepCloseDirect(core.begin(), slot);
    core.commit(new ChainOperation(this, 3));
    core.submitNow();
  }

  stepDone(index: number, res: number): void {
    this.results[index] = res;
    if (--this.left > 0) return;
    for (const block of this.blocks) this.engine.memory.pool.give(block);
    this.resolve(this.results);
  }

  stepAbandoned(error: Error): void {
    this.reject(error);
  }
}
