/**
 * An open file, as the transfers know it: its descriptor, with what is known of it.
 *
 * Who owns it counts its users: a descriptor is closed only when nothing is pending on it, so it can never be somebody else's while the kernel
 * works on it.
 *
 * @module
 */

import { promisify } from 'node:util';
import { op, type TransferFile, type Uring } from '../engine/index.js';
import { Errno } from '../syscalls/index.js';
import { ring } from './backend.js';
import { systemError } from './errors.js';
import { hasAttributesInMemory } from './lookups.js';
import { node } from './node.js';
import { type Positions, positionsOf } from './positions.js';

type Call = (fd: number, view: ArrayBufferView, offset: number, length: number, position: unknown) => Promise<unknown>;

const nodeCalls = {
  read: promisify(node.read) as unknown as Call,
  write: promisify(node.write) as unknown as Call,
};

/** Most pieces of one readv or writev: IOV_MAX. */
export const MAX_PIECES = 1024;

/** More than this is copied by a thread of Node's, which needs no copy in between, rather than by this one. */
export const MOST_COPIED = 512 * 1024;

const READ_AND_APPENDED = node.constants.O_RDWR | node.constants.O_APPEND;

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
  private triable: boolean;

  /**
   * @param flags as of open(2).
   */
  constructor(
    readonly fd: number,
    private readonly flags: number,
    private readonly owner: FileOwner,
  ) {
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
    return this.inMemory;
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
   * Whether a call at a position is for the ring; else it is Node's. With O_NONBLOCK io_uring would wait all the same, and where there are no
   * positions it would not mind one. Appending leaves the position at the end, where reading goes on: unless it ends asynchronously.
   */
  suits(position: number, way: 'read' | 'write'): boolean {
    const { positions } = this;
    const isReadAndAppended = (this.flags & READ_AND_APPENDED) === READ_AND_APPENDED;
    if (positions === 'offsets') return way === 'read' || position !== -1 || !isReadAndAppended;
    return positions === 'none' && position === -1 && (this.flags & node.constants.O_NONBLOCK) === 0;
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

  /** Reads into several views, no more than {@link MAX_PIECES}. @returns bytes, or `undefined` when the ring has no answer. */
  async readv(uring: Uring, views: readonly ArrayBufferView[], position: number): Promise<number | undefined> {
    const length = lengthOf(views);
    return this.vector(uring, position, length, this.hasOffsets, (offset) => op.readv(this.fd, views, { offset }), 'read');
  }

  /** Writes several views, no more than {@link MAX_PIECES}. @returns bytes, or `undefined` when the ring has no answer. */
  async writev(uring: Uring, views: readonly ArrayBufferView[], position: number): Promise<number | undefined> {
    const length = lengthOf(views);
    const claims = this.hasOffsets && !this.appends;
    return this.vector(uring, position, length, claims, (offset) => op.writev(this.fd, views, { offset }), 'write');
  }

  private async vector(
    uring: Uring,
    position: number,
    length: number,
    claims: boolean,
    describe: (offset: number) => ReturnType<typeof op.readv>,
    syscall: 'read' | 'write',
  ): Promise<number | undefined> {
    const at = position === -1 && claims ? this.claim(length) : position;
    const claimed = position === -1 && at >= 0;
    let done = 0;
    this.ref();
    try {
      for (;;) {
        let errno = 0;
        const named = describe(at).withError((res) => {
          errno = res;
          return systemError(res, syscall);
        });
        try {
          done = await uring.run(named);
          return done;
        } catch (error) {
          if (errno === -Errno.ECANCELED) return undefined;
          if (errno !== -Errno.EINTR) throw error;
        }
      }
    } finally {
      if (claimed) this.unclaim(at, length, done);
      this.unref();
    }
  }
}

/** Bytes of several views. */
export function lengthOf(views: readonly ArrayBufferView[]): number {
  let length = 0;
  for (const { byteLength } of views) length += byteLength;
  return length;
}

function seek(fd: number, offset: number, whence: number): number {
  return ring()?.seek(fd, offset, whence) ?? -1;
}
