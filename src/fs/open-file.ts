/**
 * An open file, below `FileHandle` and the streams.
 *
 * It counts who uses it: its owner, until `close()`, and every call in flight. The descriptor is closed when the count comes to nothing, so it
 * can never be somebody else's while the kernel works on it.
 *
 * @module
 */

import fs, { constants } from 'node:fs';
import { promisify } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { op, type TransferFile, type Uring } from '../engine/index.js';
import { Errno, linuxSyscalls } from '../syscalls/index.js';
import { invalidState } from '../validate.js';
import { ring } from './backend.js';
import { call } from './call.js';
import { systemError } from './errors.js';

/** Node's own calls, for files on which the ring would wait. */
const node = {
  read: promisify(fs.read) as (...args: unknown[]) => Promise<{ bytesRead: number }>,
  write: promisify(fs.write) as (...args: unknown[]) => Promise<{ bytesWritten: number }>,
  readv: promisify(fs.readv) as (...args: unknown[]) => Promise<{ bytesRead: number }>,
  writev: promisify(fs.writev) as (...args: unknown[]) => Promise<{ bytesWritten: number }>,
};

/** Most pieces of one readv or writev: IOV_MAX. */
const MAX_PIECES = 1024;

const counted = (count: number) => count;

const withContent = (views: readonly ArrayBufferView[]) => views.filter(({ byteLength }) => byteLength > 0);

const lengthOf = (views: readonly ArrayBufferView[]) => views.reduce((sum, { byteLength }) => sum + byteLength, 0);

const SEEK_SET = 0;
const SEEK_CUR = 1;

/** A file's descriptor, with what is known of it. */
export class OpenFile implements TransferFile {
  /** The descriptor; -1 once it is closed. */
  fd: number;
  canTry: boolean;
  regular: boolean | undefined;
  /** O_NONBLOCK, where it means something: io_uring would wait all the same, so reads and writes are Node's. */
  readonly nonBlocking: boolean;
  private users = 1;
  private closed: Promise<void> | undefined;
  private onClosed: { resolve(): void; reject(error: unknown): void } | undefined;
  private readonly cancelThreadEnd: (() => void) | undefined;

  /**
   * @param flags as of open(2).
   * @param own it was opened by the ring; else the descriptor is Node's, and Node closes it.
   */
  constructor(
    fd: number,
    readonly flags: number,
    private readonly own: boolean,
  ) {
    this.fd = fd;
    // What goes past the page cache does not end within the call.
    this.canTry = (flags & constants.O_DIRECT) === 0;
    this.nonBlocking = (flags & constants.O_NONBLOCK) !== 0 && !this.isRegular();
    // As Node does with its own: a worker leaves nothing open.
    if (own && !isMainThread) this.cancelThreadEnd = ring()?.closeAtThreadEnd(fd);
  }

  /** Closing, or closed. */
  get ending(): boolean {
    return this.closed !== undefined || this.fd < 0;
  }

  get appends(): boolean {
    return (this.flags & constants.O_APPEND) !== 0;
  }

  isRegular(): boolean {
    if (this.regular === undefined) {
      try {
        this.regular = fs.fstatSync(this.fd).isFile();
      } catch {
        // Not open any more: whoever uses it will be told.
        this.regular = false;
      }
    }
    return this.regular;
  }

  /** Whether the file system says how large it is. */
  hasSize(): boolean {
    try {
      return fs.fstatSync(this.fd).size > 0;
    } catch {
      return false;
    }
  }

  /** fsync(2). */
  sync(): Promise<void> {
    return this.use((uring) => call(uring, op.fsync(this.fd), 'fsync'));
  }

  /** One more who uses it. */
  addUser(): void {
    this.users++;
  }

  unref(): void {
    if (--this.users > 0) return;
    const { fd } = this;
    this.fd = -1;
    this.cancelThreadEnd?.();
    this.closeNow(fd).then(this.onClosed?.resolve, this.onClosed?.reject);
  }

  /** Closes it when all that is in flight is over. One promise for all who ask. */
  close(): Promise<void> {
    if (this.closed !== undefined) return this.closed;
    if (this.fd < 0) return Promise.resolve();
    this.closed = new Promise<void>((resolve, reject) => {
      this.onClosed = { resolve, reject };
    }).finally(() => {
      this.closed = undefined;
    });
    const { closed } = this;
    this.unref();
    return closed;
  }

  /** Nobody can close it any more. */
  forget(): void {
    if (this.closed === undefined && this.fd >= 0) this.close().catch(() => undefined);
  }

  error(res: number, syscall: 'read' | 'write'): Error {
    return systemError(res, syscall);
  }

  // Reading and writing, as often as it takes

  /** Reads into a part of a view. @param position -1 for the file's own. @returns bytes. */
  read(view: ArrayBufferView, offset: number, length: number, position: number | bigint): Promise<number> {
    if (this.nonBlocking) {
      return this.use(async () => (await node.read(this.fd, view, offset, length, position)).bytesRead);
    }
    return this.at('read', position, length, (uring, at) => {
      this.addUser();
      return uring.transfers.read(this, view, offset, length, at, counted);
    });
  }

  /** Writes a part of a view. @returns bytes. */
  write(view: ArrayBufferView, offset: number, length: number, position: number | bigint): Promise<number> {
    if (this.nonBlocking) {
      return this.use(async () => (await node.write(this.fd, view, offset, length, position)).bytesWritten);
    }
    return this.at('write', position, length, (uring, at) => {
      this.addUser();
      return uring.transfers.write(this, view, offset, length, at, counted);
    });
  }

  /** Reads into several views, of which the kernel takes no more than 1,024. @returns bytes. */
  async readv(buffers: readonly ArrayBufferView[], position: number): Promise<number> {
    if (this.nonBlocking) return this.use(async () => (await node.readv(this.fd, buffers, position)).bytesRead);
    // libuv refuses an empty vector; the ring does not.
    if (buffers.length === 0) throw systemError(-Errno.EINVAL, 'read');
    const views = withContent(buffers).slice(0, MAX_PIECES);
    if (views.length === 0) return 0;
    return this.at('read', position, lengthOf(views), (uring, offset) =>
      call(uring, op.readv(this.fd, views, { offset }), 'read'),
    );
  }

  /** Writes several views, as many at once as the kernel takes. @returns bytes; a short write is the end. */
  async writev(buffers: readonly ArrayBufferView[], position: number): Promise<number> {
    const all = withContent(buffers);
    let done = 0;
    for (let from = 0; from < all.length; from += MAX_PIECES) {
      const views = all.slice(from, from + MAX_PIECES);
      const start = position < 0 ? -1 : position + done;
      const written = this.nonBlocking
        ? await this.use(async () => (await node.writev(this.fd, views, start < 0 ? null : start)).bytesWritten)
        : await this.at('write', start, lengthOf(views), (uring, offset) =>
            call(uring, op.writev(this.fd, views, { offset }), 'write'),
          );
      done += written;
      if (written < lengthOf(views)) break;
    }
    return done;
  }

  /** A call during which the file stays open. */
  async use<T>(body: (uring: Uring) => Promise<T>): Promise<T> {
    const uring = ring();
    if (uring === undefined) throw invalidState('the file was opened through io_uring, which is not available any more');
    this.addUser();
    try {
      return await body(uring);
    } finally {
      this.unref();
    }
  }

  /** A call at a position, or at the file's own; where the kernel does not keep track of that, the call names it. */
  private at(
    way: 'read' | 'write',
    position: number | bigint,
    length: number,
    body: (uring: Uring, position: number | bigint) => Promise<number>,
  ): Promise<number> {
    return this.use(async (uring) => {
      if (position !== -1 || !this.namesPosition(way)) return body(uring, position);
      const at = this.claim(uring, length);
      let done = 0;
      try {
        done = await body(uring, at);
        return done;
      } finally {
        this.settle(uring, at, length, done);
      }
    });
  }

  /**
   * Whether a call at the file's own position is to name that position itself. The kernel does not move it when a write stops halfway, nor
   * for what goes past the page cache.
   */
  private namesPosition(way: 'read' | 'write'): boolean {
    return (way === 'write' ? !this.appends : !this.canTry) && this.isRegular();
  }

  /** Moves the file's position by a length. @returns where it was. */
  private claim(uring: Uring, length: number): number {
    const at = uring.seek(this.fd, 0, SEEK_CUR);
    if (at < 0) return -1;
    uring.seek(this.fd, at + length, SEEK_SET);
    return at;
  }

  /** Takes back what was claimed and not used, unless somebody else has moved on from before it. */
  private settle(uring: Uring, at: number, length: number, done: number): void {
    if (at < 0 || done >= length) return;
    if (uring.seek(this.fd, 0, SEEK_CUR) > at + done) uring.seek(this.fd, at + done, SEEK_SET);
  }

  private async closeNow(fd: number): Promise<void> {
    if (!this.own) {
      await new Promise<void>((resolve, reject) => fs.close(fd, (error) => (error ? reject(error) : resolve())));
      return;
    }
    const uring = ring();
    if (uring !== undefined)
      await uring.closeOwned(
        fd,
        op.closeFile(fd).withError((res) => systemError(res, 'close')),
      );
    else linuxSyscalls().close(fd);
  }
}
