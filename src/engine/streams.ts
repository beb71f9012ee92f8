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
import { PollFlag, RecvSendFlag, type Sqe, TimeoutFlag } from '../ring/index.js';
import { Errno } from '../syscalls/index.js';
import { checkInteger, checkOptions, outOfRange } from '../validate.js';
import { BufferGroup } from './buffer-group.js';
import type { Chunk } from './chunk.js';
import { MultishotIterator } from './multishot.js';
import { type Engine, type File, fdOf, type RunOptions } from './operation.js';

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
  const iterator = new MultishotIterator<Chunk>(
    engine,
    {
      name,
      file,
      encode(sqe, _scope, single) {
        group ??= new BufferGroup(engine, { count: buffers, size: bufferSize, replenished: () => iterator.replenished() });
        encode(sqe, group.id, single);
      },
      decode(res, flags) {
        const from = group as BufferGroup;
        if (res > 0) return { value: from.take(res, flags) };
        from.unused(flags);
        return 'end';
      },
      unused: (flags) => group?.unused(flags),
      taken: (chunk) => chunk.release(),
      hasBuffers: () => group !== undefined && group.available > 0,
      release() {
        group?.end();
        group = undefined;
      },
    },
    options,
  );
  return iterator;
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
