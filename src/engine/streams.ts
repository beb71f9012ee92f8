/**
 * The kinds of multishot operations: readiness, intervals, data, connections.
 *
 * @module
 */

import {
  prepAccept,
  prepMultishotAccept,
  prepPollAdd,
  prepReadMultishot,
  prepReadSelect,
  prepRecvSelect,
  prepTimeout,
} from '../ops/index.js';
import { type BufferRing, CQE_BUFFER_SHIFT, CqeFlag, PollFlag, RecvSendFlag, type Sqe, TimeoutFlag } from '../ring/index.js';
import { Errno } from '../syscalls/index.js';
import { checkInteger, checkOptions, outOfRange } from '../validate.js';
import { MultishotIterator } from './multishot.js';
import { type Engine, type File, fdOf, type RunOptions } from './operation.js';
import type { Block } from './pool.js';

const SOCK_CLOEXEC = 0o2000000;

/** Most bytes of a buffer: 1 GiB. And most buffers of a group. */
const MAX_BUFFER_SIZE = 0x4000_0000;
const MAX_BUFFERS = 32_768;

/** Options of iterators: `signal` ends them. */
export type IteratorOptions = Pick<RunOptions, 'signal'>;

/** Options of `uring.interval`. */
export interface IntervalOptions extends IteratorOptions {
  /** Ends after so many ticks; default: never. */
  readonly count?: number | undefined;
}

/** Options of `uring.readMany` and `uring.recvMany`. */
export interface ReadManyOptions extends IteratorOptions {
  /** Bytes of each buffer; default 16,384. */
  readonly bufferSize?: number | undefined;
  /** How many buffers, a power of two up to 32,768; default 16. */
  readonly buffers?: number | undefined;
}

/**
 * A piece of data, in a buffer that is the reader's until it is released: at the latest when the next one is asked for.
 */
export class Chunk {
  private live = true;

  /** @internal */
  constructor(
    /** The data, on shared memory. Not to be used after {@link release}. */
    readonly bytes: Uint8Array,
    private readonly giveBack: () => void,
  ) {}

  /** Gives the buffer back to the kernel. Idempotent. */
  release(): void {
    if (!this.live) return;
    this.live = false;
    this.giveBack();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Readiness, again and again: what is there each time, merged while nobody looks. */
export function pollMany(engine: Engine, file: File, events: number, options: IteratorOptions = {}): MultishotIterator<number> {
  checkOptions(options, ['signal']);
  return new MultishotIterator<number>(
    engine,
    {
      name: 'POLL_ADD',
      file,
      encode: (sqe, _scope, single) => prepPollAdd(sqe, fdOf(file), events, single ? 0 : PollFlag.ADD_MULTI),
      decode: (res) => ({ value: res }),
      merge: (waiting, next) => waiting | next,
    },
    options,
  );
}

/** Ticks: how many have passed since the last one was taken. */
export function interval(engine: Engine, milliseconds: number, options: IntervalOptions = {}): MultishotIterator<number> {
  checkOptions(options, ['signal', 'count']);
  if (!(milliseconds > 0 && milliseconds <= Number.MAX_SAFE_INTEGER)) {
    throw outOfRange('milliseconds', '> 0 && <= 2 ** 53 - 1', milliseconds);
  }
  const { count } = options;
  if (count !== undefined) checkInteger('options.count', count, 1, 0xffff_ffff);
  return new MultishotIterator<number>(
    engine,
    {
      name: 'TIMEOUT',
      encode(sqe, scope, single) {
        prepTimeout(sqe, scope.timespec(milliseconds), single ? 0 : (count ?? 0), single ? 0 : TimeoutFlag.MULTISHOT);
      },
      decode: () => ({ value: 1 }),
      success: -Errno.ETIME,
      merge: (waiting, next) => waiting + next,
      limit: count,
    },
    options,
  );
}

/** What comes out of a pipe, a tty or another file that can be polled, piece by piece. */
export function readMany(engine: Engine, file: File, options: ReadManyOptions = {}): MultishotIterator<Chunk> {
  return withBuffers(engine, 'READ_MULTISHOT', file, options, (sqe, group, single) =>
    single ? prepReadSelect(sqe, fdOf(file), group, 0, -1) : prepReadMultishot(sqe, fdOf(file), 0, -1, group),
  );
}

/** What a socket receives, piece by piece. */
export function recvMany(engine: Engine, file: File, options: ReadManyOptions = {}): MultishotIterator<Chunk> {
  return withBuffers(engine, 'RECV', file, options, (sqe, group, single) =>
    prepRecvSelect(sqe, fdOf(file), group, 0, 0, single ? 0 : RecvSendFlag.RECV_MULTISHOT),
  );
}

/** Connections, as descriptors. Those that were accepted and never taken are closed. */
export function acceptMany(
  engine: Engine,
  file: File,
  close: (fd: number) => void,
  options: IteratorOptions = {},
): MultishotIterator<number> {
  checkOptions(options, ['signal']);
  return new MultishotIterator<number>(
    engine,
    {
      name: 'ACCEPT',
      file,
      encode: (sqe, _scope, single) =>
        single ? prepAccept(sqe, fdOf(file), 0, 0, SOCK_CLOEXEC) : prepMultishotAccept(sqe, fdOf(file), SOCK_CLOEXEC),
      decode: (res) => ({ value: res }),
      dropped: close,
    },
    options,
  );
}

function withBuffers(
  engine: Engine,
  name: 'READ_MULTISHOT' | 'RECV',
  file: File,
  options: ReadManyOptions,
  encode: (sqe: Sqe, group: number, single: boolean) => void,
): MultishotIterator<Chunk> {
  checkOptions(options, ['bufferSize', 'buffers', 'signal']);
  const { bufferSize = 16_384, buffers = 16 } = options;
  checkInteger('options.bufferSize', bufferSize, 1, MAX_BUFFER_SIZE);
  checkInteger('options.buffers', buffers, 1, MAX_BUFFERS);
  if ((buffers & (buffers - 1)) !== 0) throw outOfRange('options.buffers', 'a power of two', buffers);
  let group: BufferGroup | undefined;
  /** The kernel has taken a buffer, and put nothing into it. */
  const unused = (flags: number) => {
    if (flags & CqeFlag.BUFFER) group?.giveBack(flags >>> CQE_BUFFER_SHIFT);
  };
  const iterator = new MultishotIterator<Chunk>(
    engine,
    {
      name,
      file,
      encode(sqe, _scope, single) {
        group ??= new BufferGroup(engine, buffers, bufferSize, () => iterator.replenished());
        encode(sqe, group.id, single);
      },
      decode(res, flags) {
        if (res === 0) {
          unused(flags);
          return 'end';
        }
        const from = group as BufferGroup;
        const id = flags >>> CQE_BUFFER_SHIFT;
        from.lend(id);
        return { value: new Chunk(from.bytes(id, res), () => from.giveBack(id)) };
      },
      unused,
      taken: (chunk) => chunk.release(),
      hasBuffers: () => group?.hasFree === true,
      release() {
        group?.end();
        group = undefined;
      },
    },
    options,
  );
  return iterator;
}

/** The buffers of one iterator, and the group that the kernel knows them by. */
class BufferGroup {
  readonly id: number;
  private readonly ring: BufferRing;
  private readonly blocks: Block[];
  /** Those that the consumer has. */
  private readonly out = new Set<number>();
  private ended = false;

  constructor(
    private readonly engine: Engine,
    count: number,
    private readonly size: number,
    private readonly replenished: () => void,
  ) {
    const { core, groups } = engine;
    this.id = groups.take();
    try {
      this.ring = core.ring.bufferRings.create({ group: this.id, entries: count });
    } catch (error) {
      groups.give(this.id);
      throw error;
    }
    this.blocks = Array.from({ length: count }, () => core.pool.take(size));
    for (let id = 0; id < count; id++) this.ring.add(this.bytes(id, size), id, id);
    this.ring.advance(count);
  }

  /** Whether the kernel has one. */
  get hasFree(): boolean {
    return this.out.size < this.blocks.length;
  }

  bytes(id: number, length: number): Uint8Array {
    const { region, offset } = this.blocks[id] as Block;
    return region.bytes.subarray(offset, offset + length);
  }

  /** One is the consumer's. */
  lend(id: number): void {
    this.out.add(id);
  }

  /** One is free again: for the kernel, or after the end for the pool. */
  giveBack(id: number): void {
    this.out.delete(id);
    if (this.ended) {
      this.engine.core.pool.give(this.blocks[id] as Block);
      return;
    }
    // A ring that has failed was closed without its iterators having come to an end.
    if (this.engine.core.ring.closed) return;
    this.ring.provide(this.bytes(id, this.size), id);
    this.replenished();
  }

  /** The kernel is done with the group. What the consumer still has stays its own. */
  end(): void {
    const { engine } = this;
    this.ended = true;
    if (!engine.core.ring.closed) this.ring.release();
    engine.groups.give(this.id);
    this.blocks.forEach((block, id) => {
      if (!this.out.has(id)) engine.core.pool.give(block);
    });
  }
}

/** Ids of buffer groups, one for each iterator. */
export class GroupIds {
  private readonly free: number[] = [];
  private next = 0;

  take(): number {
    return this.free.pop() ?? this.next++;
  }

  give(id: number): void {
    this.free.push(id);
  }
}
