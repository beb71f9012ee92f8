/**
 * Sending on a stream socket: in order, one operation at a time, until everything is sent.
 *
 * Data written while a send is in flight goes with the next one: small pieces of ordinary memory
 * are copied one after another into a block of the pool, and memory that the kernel can use in
 * place (chunks, pooled and shared buffers) becomes a part of a vector.
 *
 * @module
 */

import { IOVEC_SIZE, MSG_NOSIGNAL, MSG_WAITALL } from '../../linux.js';
import { prepSend, prepSendmsg } from '../../ops/index.js';
import { Errno, UringError, withoutFrames } from '../../syscalls/index.js';
import { isDetached } from '../../validate.js';
import type { Chunk } from '../memory/chunk.js';
import { detachedError, type Lease } from '../memory/lease.js';
import { Msghdr, type Part, writeIovec, writeMessageHeader } from '../memory/message-header.js';
import type { Block } from '../memory/pool.js';
import type { Engine } from '../operations/operation.js';
import type { SubmitHook } from '../queue/pacing.js';
import { Request } from '../queue/request.js';
import { rightsMessage } from './rights.js';

/** The most pieces of a vector, and the most bytes that are copied for one send. */
const MOST_PIECES = 128;
const MOST_COPIED = 256 * 1024;

/** The most bytes of one part of a vector. */
const MOST_BYTES = 0x4000_0000;

/** Errors caused by a descriptor: it is not open, or too many are in flight. */
const OF_DESCRIPTORS = new Set([-Errno.EBADF, -Errno.ETOOMANYREFS]);

/** Data that can be sent. */
export type Sendable = Uint8Array | Chunk;

type Done = (error: Error | undefined) => void;

class Piece {
  constructor(
    /** `undefined` for a reservation: the data after it waits until it is closed. */
    readonly data: Sendable | undefined,
    readonly length: number,
    readonly done: Done | undefined,
    /** Descriptors that go with its first byte. */
    readonly descriptors?: readonly number[] | undefined,
    /** Set if the kernel may use the memory in place. */
    public lease?: Lease | undefined,
  ) {}
}

/** A place in the order of what is sent, for data that is still to come. */
export interface Reservation {
  /** Sends data in this place, after the data written there before. As {@link Sender.write}. */
  write(data: Sendable, done?: Done): void;
  /** Closes the place: no more data follows here. Idempotent. */
  close(): void;
}

/** Sends for one socket. */
export class Sender extends Request implements SubmitHook {
  private queue: Piece[] = [];
  /** Bytes of the first piece that have been sent. */
  private sent = 0;
  private pending = 0;
  /** A send is in flight, or about to be. */
  private busy = false;
  private error: Error | undefined;
  private readonly blocks: Block[] = [];
  private drained: (() => void)[] = [];

  constructor(
    private readonly engine: Engine,
    private readonly fd: number,
  ) {
    super();
  }

  /** Bytes that were written and have not been sent. */
  get queued(): number {
    return this.pending;
  }

  /** The reason why nothing is sent any more. */
  get failure(): Error | undefined {
    return this.error;
  }

  /**
   * Sends data after the data written before.
   *
   * @param done called when the kernel has taken all of it, or with the error. Not before `write`
   * has returned, unless there is nothing to send.
   */
  write(data: Sendable, done?: Done): void {
    this.insert(data, done);
  }

  /**
   * Sends data, and descriptors with its first byte, over a Unix socket. A descriptor that the
   * kernel refuses (EBADF) does not affect other data.
   *
   * @param data at least one byte.
   */
  pass(data: Sendable, descriptors: readonly number[], done: Done): void {
    this.insert(data, done, undefined, descriptors);
  }

  /**
   * Reserves a place for later data: data written meanwhile is sent after it.
   *
   * @param failed called when nothing is sent any more.
   */
  reserve(failed: (error: Error) => void): Reservation {
    const reservation = new Piece(undefined, 0, (error) => {
      if (error !== undefined) failed(error);
    });
    this.queue.push(reservation);
    if (this.error !== undefined && !this.busy) this.fail();
    return {
      write: (data, done) => this.insert(data, done, reservation),
      close: () => this.closeReservation(reservation),
    };
  }

  private closeReservation(reservation: Piece): void {
    const place = this.queue.indexOf(reservation);
    if (place < 0) return;
    this.queue.splice(place, 1);
    if (this.busy) return;
    if (this.isReady()) this.sendLater();
    else if (this.queue.length === 0) this.tellDrained();
  }

  private insert(data: Sendable, done: Done | undefined, reservation?: Piece, descriptors?: readonly number[]): void {
    if (this.error !== undefined) {
      done?.(this.error);
      return;
    }
    const { length } = data;
    if (length === 0 && this.queue.length === 0) {
      done?.(undefined);
      return;
    }
    // Leased from here on: memory that is released meanwhile is not reused.
    let lease: Lease | undefined;
    try {
      if (length > 0) lease = this.engine.memory.leaseInPlace(data);
    } catch (error) {
      done?.(error as Error);
      return;
    }
    const piece = new Piece(data, length, done, descriptors, lease);
    if (reservation === undefined) this.queue.push(piece);
    else this.queue.splice(this.queue.indexOf(reservation), 0, piece);
    this.pending += length;
    if (!this.busy && this.isReady()) this.sendLater();
  }

  /** Calls back when everything is sent, or nothing will be. */
  whenDrained(callback: () => void): void {
    if (this.queue.length === 0 && !this.busy) callback();
    else this.drained.push(callback);
  }

  /** Stops sending: queued data fails. */
  abort(error: Error): void {
    this.error ??= error;
    if (this.id >= 0) this.engine.core.cancel(this);
    else if (!this.busy) this.fail();
  }

  complete(res: number): void {
    this.releaseMemory();
    const [first] = this.queue;
    if (res < 0 && this.sent === 0 && first?.descriptors !== undefined && OF_DESCRIPTORS.has(res)) {
      this.pending -= first.length;
      this.queue.shift();
      finish(first, new UringError(res, 'sendmsg', 'descriptors'));
    } else if (res < 0) {
      const { core } = this.engine;
      if (res === -Errno.ECANCELED && core.closing) this.error ??= core.closingError();
      else if (res !== -Errno.EINTR && res !== -Errno.EAGAIN) this.error ??= withoutFrames(() => new UringError(res, 'send'));
    } else {
      // Callbacks may write more at once: it stays busy until they have returned.
      this.advance(res);
    }
    if (this.error === undefined && this.isReady()) {
      this.sendLater();
      return;
    }
    this.busy = false;
    if (this.error !== undefined) this.fail();
    else if (this.queue.length === 0) this.tellDrained();
  }

  abandon(error: Error): void {
    // Nothing is released: the kernel may still read it.
    for (const piece of this.queue) piece.lease = undefined;
    this.busy = false;
    this.error = error;
    this.fail();
  }

  /** Advances by the number of bytes sent. */
  private advance(count: number): void {
    this.pending -= count;
    let left = this.sent + count;
    let index = 0;
    for (; index < this.queue.length; index++) {
      const piece = this.queue[index] as Piece;
      if (left < piece.length || piece.data === undefined) break;
      left -= piece.length;
    }
    this.sent = left;
    for (const piece of index === this.queue.length ? this.takeAll() : this.queue.splice(0, index)) finish(piece, undefined);
  }

  /** Whether there is something to send now. */
  private isReady(): boolean {
    return this.queue[0]?.data !== undefined;
  }

  private sendLater(): void {
    this.busy = true;
    this.engine.core.pacing.beforeSubmit(this);
  }

  /** Sends what was written until now. */
  commit(): void {
    const { engine, fd } = this;
    if (this.error !== undefined) {
      this.busy = false;
      this.fail();
      return;
    }
    const { core } = engine;
    try {
      const segments = this.segments();
      const flags = MSG_NOSIGNAL | MSG_WAITALL;
      const [first] = segments;
      const descriptors = this.sent === 0 ? this.queue[0]?.descriptors : undefined;
      if (segments.length === 1 && first !== undefined && descriptors === undefined) {
        prepSend(core.begin(), fd, first.address, first.length, flags);
      } else {
        const message = this.message(segments, descriptors);
        prepSendmsg(core.begin(), fd, message, flags);
      }
    } catch (error) {
      this.releaseMemory();
      this.busy = false;
      this.error = error as Error;
      this.fail();
      return;
    }
    core.commit(this);
  }

  /** Returns the parts of the next send, from the start of the queue. */
  private segments(): Part[] {
    const [first] = this.queue;
    if (this.queue.length === 1 && first !== undefined) return [this.whole(first)];
    const pieces = this.queue.slice(0, MOST_PIECES);
    const segments: Part[] = [];
    let room = MOST_COPIED;
    let start = this.sent;
    let copies: { data: Uint8Array; start: number; length: number }[] = [];
    const flushCopies = () => {
      if (copies.length === 0) return;
      segments.push(this.copy(copies));
      copies = [];
    };
    for (const piece of pieces) {
      const { data, length, descriptors } = piece;
      // Descriptors go with their own piece, so that they arrive with it and not before.
      if (data === undefined || (descriptors !== undefined && piece !== first)) break;
      const rest = length - start;
      if (rest === 0) continue;
      const address = this.addressOf(piece);
      if (address !== undefined) {
        flushCopies();
        segments.push({ address: address + start, length: Math.min(rest, MOST_BYTES) });
        if (rest > MOST_BYTES || descriptors !== undefined) break;
      } else {
        const count = Math.min(rest, room);
        copies.push({ data: data as Uint8Array, start, length: count });
        room -= count;
        if (count < rest || room === 0 || descriptors !== undefined) break;
      }
      start = 0;
    }
    flushCopies();
    return segments;
  }

  /** Returns the remainder of the only piece, which is the case in nearly all sends. */
  private whole(piece: Piece): Part {
    const { data, length } = piece;
    const start = this.sent;
    const address = this.addressOf(piece);
    if (address !== undefined) return { address: address + start, length: Math.min(length - start, MOST_BYTES) };
    return this.copy([{ data: data as Uint8Array, start, length: Math.min(length - start, MOST_COPIED) }]);
  }

  /** Returns the address of memory that the kernel can use in place. */
  private addressOf({ data, length, lease }: Piece): number | undefined {
    if (lease !== undefined) return lease.address;
    const isGone = data instanceof Uint8Array && (data.length !== length || isDetached(data.buffer));
    if (isGone) throw detachedError('what was written after it is not sent');
    return undefined;
  }

  private copy(parts: readonly { data: Uint8Array; start: number; length: number }[]): Part {
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    const block = this.take(Math.max(1, total));
    const target = block.plain(0, total);
    let at = 0;
    for (const { data, start, length } of parts) {
      target.set(length === data.length ? data : data.subarray(start, start + length), at);
      at += length;
    }
    return { address: block.address, length: total };
  }

  /**
   * Writes a message of several segments, or with descriptors.
   *
   * @returns the address of its header.
   */
  private message(segments: readonly Part[], descriptors: readonly number[] | undefined): number {
    const vector = { address: this.vector(segments), length: segments.length };
    const control = descriptors && this.rights(descriptors);
    const header = this.take(Msghdr.SIZE);
    writeMessageHeader(header, { vector, control });
    return header.address;
  }

  /** Writes an array of `struct iovec`. @returns its address. */
  private vector(segments: readonly Part[]): number {
    const block = this.take(IOVEC_SIZE * segments.length);
    segments.forEach(({ address, length }, index) => {
      writeIovec(block, index, address, length);
    });
    return block.address;
  }

  private rights(descriptors: readonly number[]): Part {
    const bytes = rightsMessage(descriptors);
    const block = this.take(bytes.length);
    block.copyFrom(bytes);
    return { address: block.address, length: bytes.length };
  }

  private take(size: number): Block {
    const block = this.engine.memory.pool.take(size);
    this.blocks.push(block);
    return block;
  }

  private releaseMemory(): void {
    for (const block of this.blocks) this.engine.memory.pool.give(block);
    this.blocks.length = 0;
  }

  private takeAll(): Piece[] {
    const all = this.queue;
    this.queue = [];
    return all;
  }

  private fail(): void {
    this.pending = 0;
    this.sent = 0;
    for (const piece of this.takeAll()) finish(piece, this.error);
    this.tellDrained();
  }

  private tellDrained(): void {
    if (this.drained.length === 0) return;
    for (const callback of this.drained.splice(0)) callback();
  }
}

function finish({ lease, done }: Piece, error: Error | undefined): void {
  lease?.release();
  done?.(error);
}
