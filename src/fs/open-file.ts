/**
 * An open file, as the transfers know it: its descriptor, with what is known of it.
 *
 * Who owns it counts its users: a descriptor is closed only when nothing is pending on it, so it can never be somebody else's while the kernel
 * works on it.
 *
 * @module
 */

import { promisify } from 'node:util';
import type { TransferFile } from '../engine/internal.js';
import { currentUring } from './backend.js';
import { cached, describe, hasAttributesInMemory } from './cached.js';
import { systemError } from './errors.js';
import { node } from './node.js';
import { type Positions, positionsOf } from './positions.js';
import { isForRing, MOST_COPIED, type Writer, writerOf } from './who-writes.js';

type Call = (fd: number, view: ArrayBufferView, offset: number, length: number, position: unknown) => Promise<unknown>;

const nodeCalls = {
  read: promisify(node.read) as unknown as Call,
  write: promisify(node.write) as unknown as Call,
};

/** Most pieces of one readv or writev: IOV_MAX. */
const MAX_PIECES = 1024;

const READ_AND_APPENDED = node.constants.O_RDWR | node.constants.O_APPEND;

const { S_IFMT, S_IFBLK } = node.constants;

const SEEK_SET = 0;
const SEEK_CUR = 1;

/** Who counts the users of a file. */
export interface FileOwner {
  ref(): void;
  unref(): void;
}

/** A file's descriptor, with what is known of it. */
export class OpenFile implements TransferFile {
  readonly sqeFlags = 0;
  private known: Positions | undefined;
  private inMemory: boolean | undefined;
  private writer: Writer | undefined;
  private triable: boolean;

  /**
   * @param flags as of open(2).
   * @param isCached whether it is known to be a regular file whose attributes are in memory.
   */
  constructor(
    readonly fd: number,
    private readonly flags: number,
    private readonly owner: FileOwner,
    isCached = false,
  ) {
    if (isCached) {
      this.known = 'offsets';
      this.inMemory = true;
    }
    // What goes past the page cache does not end within the call.
    this.triable = (flags & node.constants.O_DIRECT) === 0;
  }

  /** Where it is read and written. */
  get positions(): Positions {
    this.known ??= positionsOf(this.fd);
    return this.known;
  }

  /** Whether its attributes can be asked for without waiting. */
  get hasAttributesInMemory(): boolean {
    this.inMemory ??= hasAttributesInMemory(this.fd);
    return this.inMemory === true;
  }

  get hasOffsets(): boolean {
    return this.positions === 'offsets';
  }

  get canTry(): boolean {
    return this.triable;
  }

  set canTry(value: boolean) {
    this.triable = value;
  }

  get appends(): boolean {
    return (this.flags & node.constants.O_APPEND) !== 0;
  }

  /** Whether the ring reads at a position; else Node does. With O_NONBLOCK io_uring would wait all the same, and where there are no positions it would not mind one. */
  isReadByRing(position: number): boolean {
    const { positions } = this;
    return positions === 'offsets' || (positions === 'none' && position === -1 && !this.isNonblocking);
  }

  /**
   * Whether the ring writes so many bytes at a position; else Node does. To be asked once for each write. Appending leaves the position at the end, where reading goes on: unless it
   * ends asynchronously.
   */
  isWrittenByRing(position: number, bytes: number, isShared = false): boolean {
    if (bytes === 0) return false;
    if (this.positions === 'none') return position === -1 && !this.isNonblocking && (isShared || bytes <= MOST_COPIED);
    if (this.positions === 'own' || (position === -1 && (this.flags & READ_AND_APPENDED) === READ_AND_APPENDED)) return false;
    this.writer ??= this.findWriter();
    return isForRing(this.writer, bytes, isShared);
  }

  private findWriter(): Writer {
    if (this.flags & node.constants.O_DIRECT) return 'direct';
    const ours = cached();
    const description = describe(this.fd);
    if (description === undefined || (description.mode & S_IFMT) === S_IFBLK) return 'direct';
    return writerOf(ours?.mounts.typeOf(ours.calls.description.mount));
  }

  private get isNonblocking(): boolean {
    return (this.flags & node.constants.O_NONBLOCK) !== 0;
  }

  ref(): void {
    this.owner.ref();
  }

  unref(): void {
    this.owner.unref();
  }

  claim(length: number): number {
    const end = seek(this.fd, length, SEEK_CUR);
    return end < 0 ? -1 : end - length;
  }

  /** Unless somebody else has moved on from before it. */
  unclaim(position: number, length: number, done: number): void {
    if (done >= length) return;
    if (seek(this.fd, 0, SEEK_CUR) > position + done) seek(this.fd, position + done, SEEK_SET);
  }

  error(res: number, syscall: 'read' | 'write'): Error {
    return systemError(res, syscall);
  }

  elsewhere(
    way: 'read' | 'write',
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
  ): Promise<number> {
    return nodeCalls[way](this.fd, view, offset, length, position === -1 ? null : position).then(
      (result) => (result as { bytesRead?: number }).bytesRead ?? (result as { bytesWritten: number }).bytesWritten,
    );
  }
}

/** Bytes of several views. */
export function lengthOf(views: readonly ArrayBufferView[]): number {
  let length = 0;
  for (const { byteLength } of views) length += byteLength;
  return length;
}

/** Whether these are views that are read or written in one call. */
export function areViews(buffers: unknown): buffers is ArrayBufferView[] {
  if (!Array.isArray(buffers) || buffers.length === 0 || buffers.length > MAX_PIECES) return false;
  return buffers.every((item) => ArrayBuffer.isView(item) && item.byteLength > 0) && lengthOf(buffers) <= MOST_COPIED;
}

/** Several views as one. */
export function concatenated(views: readonly ArrayBufferView[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let end = 0;
  for (const view of views) {
    all.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), end);
    end += view.byteLength;
  }
  return all;
}

function seek(fd: number, offset: number, whence: number): number {
  return currentUring()?.seek(fd, offset, whence) ?? -1;
}
