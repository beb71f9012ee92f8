/**
 * The kinds of multishot operations: readiness, intervals, data, connections.
 *
 * @module
 */

import { SO_TYPE, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET } from '../../linux.js';
import {
  prepAccept,
  prepMultishotAccept,
  prepPollAdd,
  prepReadMultishot,
  prepReadSelect,
  prepRecvmsg,
  prepRecvSelect,
  prepTimeout,
} from '../../ops/index.js';
import { PollFlag, RecvSendFlag, type Sqe, TimeoutFlag } from '../../ring/index.js';
import { Errno, explainMissing, UringUnavailableError } from '../../syscalls/index.js';
import { checkInteger, checkOptions, outOfRange } from '../../validate.js';
import { BufferGroup } from '../memory/buffer-group.js';
import { Chunk, type ChunkKind } from '../memory/chunk.js';
import { MESSAGE_OVERHEAD, Message, NAME_SIZE } from '../memory/message.js';
import { Msghdr, writeMessageHeader } from '../memory/message-header.js';
import { MultishotIterator } from './multishot.js';
import { type Engine, type File, fdOf, type RunOptions } from './operation.js';
import type { Scope } from './scope.js';

/** The maximum size of a buffer, 1 GiB, and the maximum number of buffers of a group. */
const MAX_BUFFER_SIZE = 0x4000_0000;
const MAX_BUFFERS = 32_768;

/** Options of iterators: `signal` ends them. */
export type IteratorOptions = Pick<RunOptions, 'signal'>;

/** Options of `uring.interval`. */
export interface IntervalOptions extends IteratorOptions {
  /** The number of ticks after which it ends. Default: never. */
  readonly count?: number | undefined;
}

/** Options of `uring.readMany`, `uring.recvMany` and `uring.recvmsgMany`. */
export interface ReadManyOptions extends IteratorOptions {
  /**
   * Bytes of each buffer; default 16,384, and 65,536 for messages. Longer messages are truncated.
   */
  readonly bufferSize?: number | undefined;
  /** The number of buffers, a power of two up to 32,768; default 16. */
  readonly buffers?: number | undefined;
}

/** Watches a file for readiness; events are merged until they are taken. */
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

/** Counts ticks: how many have passed since the last value was taken. */
export function interval(engine: Engine, milliseconds: number, options: IntervalOptions = {}): MultishotIterator<number> {
  checkOptions(options, ['signal', 'count']);
  if (!(milliseconds > 0 && milliseconds <= Number.MAX_SAFE_INTEGER)) {
    throw outOfRange('milliseconds', '> 0 && <= 2 ** 53 - 1', milliseconds);
  }
  const { count } = options;
  if (count !== undefined) checkInteger('options.count', count, 1, 0xffff_ffff);
  // A timer that expires again before the kernel has handled it keeps the kernel busy indefinitely,
  // so several very short ticks are combined.
  const together = Math.max(1, Math.ceil(SHORTEST_TIMER_MS / milliseconds));
  const limit = count === undefined ? undefined : Math.ceil(count / together);
  let left = count ?? Number.POSITIVE_INFINITY;
  return new MultishotIterator<number>(
    engine,
    {
      name: 'TIMEOUT',
      encode(sqe, scope, single) {
        const timespec = scope.timespec(milliseconds * together);
        prepTimeout(sqe, timespec, single ? 0 : (limit ?? 0), single ? 0 : TimeoutFlag.MULTISHOT);
      },
      decode() {
        const value = Math.min(together, left);
        left -= value;
        return { value };
      },
      success: -Errno.ETIME,
      merge: (waiting, next) => waiting + next,
      limit,
    },
    options,
  );
}

const SHORTEST_TIMER_MS = 1;

/** Reads from a pipe, a tty or another file that can be polled, piece by piece. */
export function readMany(engine: Engine, file: File, options: ReadManyOptions = {}): MultishotIterator<Chunk> {
  return withBuffers(engine, file, options, {
    name: 'READ_MULTISHOT',
    kind: Chunk,
    encode: (sqe, group, single) =>
      single ? prepReadSelect(sqe, fdOf(file), group, 0, -1) : prepReadMultishot(sqe, fdOf(file), 0, -1, group),
  });
}

/**
 * Receives from a socket, piece by piece. An empty datagram is delivered as such; on a stream, an
 * empty result is the end.
 */
export function recvMany(engine: Engine, file: File, options: ReadManyOptions = {}): MultishotIterator<Chunk> {
  return withBuffers(engine, file, options, {
    name: 'RECV',
    kind: Chunk,
    mayBeEmpty: () => typeof file === 'number' && isForDatagrams(engine, file),
    encode: (sqe, group, single) => prepRecvSelect(sqe, fdOf(file), group, 0, 0, single ? 0 : RecvSendFlag.RECV_MULTISHOT),
  });
}

function isForDatagrams(engine: Engine, fd: number): boolean {
  const type = new Uint8Array(4);
  return engine.core.syscalls.sockets.getsockopt(fd, SOL_SOCKET, SO_TYPE, type) > 0 && type[0] === SOCK_DGRAM;
}

/** Creates an empty chunk, which has no buffer of the kernel. */
function emptyChunk<Kind extends Chunk>(engine: Engine, kind: ChunkKind<Kind>): Kind {
  const { pool } = engine.memory;
  const block = pool.take(1);
  return new kind({ giveBack: () => pool.give(block) }, 0, block, 0, 0);
}

/** Receives messages from a socket, with their senders. */
export function recvmsgMany(engine: Engine, file: File, options: ReadManyOptions = {}): MultishotIterator<Message> {
  // The largest UDP message. Memory that is never reached is never touched.
  return withBuffers(
    engine,
    file,
    { bufferSize: 65_536, ...options },
    {
      name: 'RECVMSG',
      kind: Message,
      overhead: MESSAGE_OVERHEAD,
      encode(sqe, group, single, scope) {
        if (single)
          throw new UringUnavailableError(
            explainMissing('messages received again and again', '6.0', engine.core.syscalls.host()),
          );
        // The header requests only room for the sender.
        const header = scope.block(Msghdr.SIZE);
        writeMessageHeader(header, { name: { address: 0, length: NAME_SIZE } });
        prepRecvmsg(sqe, fdOf(file), header.address, 0, RecvSendFlag.RECV_MULTISHOT, group);
      },
    },
  );
}

/** Accepts connections, as descriptors. Accepted connections that are never taken are closed. */
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

/** An operation that reads into buffers that the kernel selects. */
interface BufferedRecipe<Kind extends Chunk> {
  readonly name: 'READ_MULTISHOT' | 'RECV' | 'RECVMSG';
  readonly kind: ChunkKind<Kind>;
  /** Bytes of a buffer that the kernel needs for itself. */
  readonly overhead?: number;
  /** Whether a result without data is a value and not the end. */
  mayBeEmpty?(): boolean;
  encode(sqe: Sqe, group: number, single: boolean, scope: Scope): void;
}

function withBuffers<Kind extends Chunk>(
  engine: Engine,
  file: File,
  options: ReadManyOptions,
  recipe: BufferedRecipe<Kind>,
): MultishotIterator<Kind> {
  checkOptions(options, ['bufferSize', 'buffers', 'signal']);
  const { bufferSize = 16_384, buffers = 16 } = options;
  checkInteger('options.bufferSize', bufferSize, 1, MAX_BUFFER_SIZE);
  checkInteger('options.buffers', buffers, 1, MAX_BUFFERS);
  if ((buffers & (buffers - 1)) !== 0) throw outOfRange('options.buffers', 'a power of two', buffers);
  let group: BufferGroup | undefined;
  const iterator = new MultishotIterator<Kind>(
    engine,
    {
      name: recipe.name,
      file,
      encode(sqe, scope, single) {
        group ??= new BufferGroup(engine.memory, {
          count: buffers,
          size: bufferSize + (recipe.overhead ?? 0),
          replenished: () => iterator.replenished(),
        });
        recipe.encode(sqe, group.id, single, scope);
      },
      decode(res, flags) {
        const from = group as BufferGroup;
        if (res > 0) return { value: from.take(res, flags, recipe.kind) };
        from.unused(flags);
        return recipe.mayBeEmpty?.() ? { value: emptyChunk(engine, recipe.kind) } : 'end';
      },
      copy: (chunk) => chunk.copy(),
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
