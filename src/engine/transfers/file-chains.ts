import { AT_FDCWD } from '../../linux.js';
import { prepCloseDirect, prepFsync, prepOpenat, prepRead, prepWrite } from '../../ops/index.js';
import { SqeFlag } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import { pendingPromise, reject, type Settle, settleOfLast } from '../errors.js';
import type { KernelMemory } from '../memory/kernel-memory.js';
import type { Block } from '../memory/pool.js';
import { closeFile, fsync, type Path, write } from '../operations/op/index.js';
import { type Engine, runOperation } from '../operations/operation.js';
import type { Core } from '../queue/core.js';
import { Request } from '../queue/request.js';
import type { FileSlots } from './file-slots.js';

/** What the first read can take: files up to this size are read by a chain alone. */
const FIRST_SIZE = 60 * 1024;

/** What the second can, which is there to see the end. */
const SECOND_SIZE = 4 * 1024;

/** What a chain has read when there is more: all of this, unless the file answers with less than it has, as fifos and files of /proc do. */
export const CHAIN_SIZE = FIRST_SIZE + SECOND_SIZE;

/** The kernel's answers to a chain that writes: 0 or more, or `-errno`. */
export interface FileChain {
  readonly open: number;
  readonly transfer: number;
  readonly sync: number;
  readonly close: number;
}

/** Who wants to read a file by a chain, and what it makes of the outcome. */
export interface ReadSink<T> {
  /** The whole content: the first `length` bytes of a block that is used again afterwards. May throw. */
  content(block: Block, length: number): T;
  /** A call has failed; the file is closed, or was never open. Returns its error, or a promise of the content by other means. */
  failed(res: number, syscall: 'open' | 'read' | 'close'): Error | Promise<T>;
  /** There is more than this: the file is still open in its slot, which is the sink's now. */
  more(slot: number, start: Buffer): Promise<T>;
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
   * @param slot a free one; the chain gives it back, unless there is more to read.
   * @param isPatient whether it may go on together with others, after a turn of the event loop.
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

  /** Writes a file. @param slot a free one; the chain gives it back. */
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

  /** Goes on where a chain was cut off. */
  private async finish(
    slot: number,
    bytes: Uint8Array,
    first: number,
    synced: number,
    sync: boolean,
  ): Promise<Omit<FileChain, 'open'>> {
    const file = { slot };
    // Cut off before it began: the kernel, short of memory, had taken a part of the chain only.
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
      // Not at the file's position, which the kernel forgets to move when a write stops halfway.
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
  /** What the promise becomes once the file is closed: content, or how it failed. */
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
    // What can throw comes before anything is noted.
    this.path = memory.cString(path);
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

  /** The opening and the first read are over. */
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
      // The kernel, short of memory, has taken the opening only: all is still to be read.
      this.goOn(0, 0);
    } else if (res > 0) {
      const second = core.begin();
      prepRead(second, this.slot, this.block.address + FIRST_SIZE, SECOND_SIZE, res);
      second.setFlags(SqeFlag.FIXED_FILE);
      core.commit(this.secondStep);
    } else {
      // The end is the end: a terminal, asked again, would want to be told twice.
      this.finish(res);
    }
  }

  private secondDone(res: number): void {
    if (this.core.closing) this.stepAbandoned(this.core.closingError());
    else if (res > 0) this.goOn(this.first, res);
    else if (res === -Errno.ECANCELED) this.goOn(this.first, 0);
    else this.finish(res);
  }

  /** There is more than fits; the sink goes on. */
  private goOn(first: number, second: number): void {
    const pieces = [this.block.plain(0, first), this.block.plain(FIRST_SIZE, second)];
    this.end((this.sink as ReadSink<unknown>).more(this.slot, Buffer.concat(pieces)));
  }

  /** The file has ended, or cannot be read. */
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
    // With the engine everything is closed, whatever became of this.
    else if (res < 0 && !this.core.closing) this.fail(res, 'close');
    else this.end(content);
  }

  private fail(res: number, syscall: 'open' | 'read' | 'close'): void {
    this.end((this.sink as ReadSink<unknown>).failed(res, syscall));
  }

  /** @param outcome the content, a promise of it, or an error. */
  private end(outcome: unknown): void {
    const { settle } = this;
    this.settle = undefined;
    this.sink = undefined;
    this.idle.push(this);
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
    // What can throw comes before anything is committed.
    const name = memory.cString(path);
    this.blocks.push(name);
    const block = hasData ? memory.pool.take(bytes.length) : undefined;
    core.beginTogether(this.left);
    const open = core.begin();
    prepOpenat(open, AT_FDCWD, name.address, flags, mode, slot);
    open.setFlags(SqeFlag.IO_LINK);
    core.commit(new ChainOperation(this, 0));
    if (block !== undefined) {
      this.blocks.push(block);
      block.copyFrom(bytes);
      const sqe = core.begin();
      // From the start; where there is no start, or O_APPEND, the kernel ignores it.
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
