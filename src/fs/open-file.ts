/**
 * An open file, as the transfers see it: its descriptor, and what is known about it.
 *
 * The owner of a file counts its users. It closes the descriptor only when no operation is pending
 * on it, so the number is never reused while the kernel works on the file.
 *
 * @module
 */

import { promisify } from 'node:util';
import type { TransferFile } from '../engine/internal.js';
import { node } from '../node-fs.js';
import { currentUring } from './backend.js';
import { cached, describe, hasAttributesInMemory } from './cached.js';
import { systemError } from './errors.js';
import { type Positions, positionsOf } from './positions.js';
import { isForRing, MOST_COPIED, type Writer, writerOf } from './who-writes.js';

type Call = (fd: number, view: ArrayBufferView, offset: number, length: number, position: unknown) => Promise<unknown>;

const nodeCalls = {
  read: promisify(node.read) as unknown as Call,
  write: promisify(node.write) as unknown as Call,
};

/** The maximum number of buffers of one readv or writev: IOV_MAX. */
const MAX_PIECES = 1024;

const READ_AND_APPENDED = node.constants.O_RDWR | node.constants.O_APPEND;

const { S_IFMT, S_IFBLK } = node.constants;

const SEEK_SET = 0;
const SEEK_CUR = 1;

/** The owner of a file, which counts its users. */
export interface FileOwner {
  ref(): void;
  unref(): void;
}

/** A file's descriptor, and what is known about the file. */
export class OpenFile implements TransferFile {
  readonly sqeFlags = 0;
  private known: Positions | undefined;
  private inMemory: boolean | undefined;
  private writer: Writer | undefined;
  private triable: boolean;

  /**
   * @param flags as of open(2).
   * @param isCached whether this is known to be a regular file whose attributes are in memory.
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
    // A read that bypasses the page cache does not complete within the call.
    this.triable = (flags & node.constants.O_DIRECT) === 0;
  }

  /** The positions at which the file is read and written. */
  get positions(): Positions {
    this.known ??= positionsOf(this.fd);
    return this.known;
  }

  /** Whether querying the file's attributes never waits. */
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

  /**
   * Returns whether the ring reads at a position; otherwise Node does. io_uring would wait in spite
   * of O_NONBLOCK, and would accept a position where there are none.
   */
  isReadByRing(position: number): boolean {
    const { positions } = this;
    return positions === 'offsets' || (positions === 'none' && position === -1 && !this.isNonblocking);
  }

  /**
   * Returns whether the ring writes this many bytes at a position; otherwise Node does. To be
   * called once for each write. A write that appends leaves the position at the end, where reading
   * continues, unless it completes asynchronously.
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

  /** Does nothing if another user has moved the position back to before the unused part. */
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

/** Returns the total length of several views in bytes. */
export function lengthOf(views: readonly ArrayBufferView[]): number {
  let length = 0;
  for (const { byteLength } of views) length += byteLength;
  return length;
}

/** Returns whether the buffers are views that can be read or written in one call. */
export function areViews(buffers: unknown): buffers is ArrayBufferView[] {
  if (!Array.isArray(buffers) || buffers.length === 0 || buffers.length > MAX_PIECES) return false;
  return buffers.every((item) => ArrayBuffer.isView(item) && item.byteLength > 0) && lengthOf(buffers) <= MOST_COPIED;
}

/** Concatenates several views. */
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
