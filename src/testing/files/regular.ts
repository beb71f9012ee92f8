/**
 * Open regular files and directories.
 *
 * @module
 */

import { PollEvent } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { type Disk, MAX_FILE_SIZE } from './disk.js';
import type { SimulatedFile } from './file.js';
import type { DirectoryInode, FileInode, Inode } from './inode.js';
import { OpenFlag } from './open-flags.js';

/** A regular file. */
export class RegularFile implements SimulatedFile {
  readonly kind = 'file';
  readonly seekable = true;
  readonly watchers = new Set<() => void>();
  position = 0;

  constructor(
    readonly inode: FileInode,
    readonly flags: number,
    private readonly disk: Disk,
  ) {}

  get readable(): boolean {
    return (this.flags & OpenFlag.ACCESS_MODE) !== OpenFlag.WRONLY;
  }

  get writable(): boolean {
    return (this.flags & OpenFlag.ACCESS_MODE) !== OpenFlag.RDONLY;
  }

  read(target: Uint8Array, position = 0): number {
    if (!this.readable) return -Errno.EBADF;
    if (position < 0) return -Errno.EINVAL;
    const piece = this.inode.bytes.subarray(position, position + target.length);
    target.set(piece);
    return piece.length;
  }

  write(source: Uint8Array, position = 0): number {
    if (!this.writable) return -Errno.EBADF;
    if (position < 0) return -Errno.EINVAL;
    if (source.length === 0) return 0;
    const { inode, disk } = this;
    const start = this.flags & OpenFlag.APPEND ? inode.size : position;
    const end = disk.grow(inode, start + source.length);
    if (end < 0) return end;
    // A full disk accepts part of the data.
    const count = Math.min(source.length, end - start);
    if (count <= 0) return -Errno.ENOSPC;
    inode.bytes.set(source.subarray(0, count), start);
    inode.touch(disk.now());
    return count;
  }

  /** ftruncate(2). */
  truncate(length: number): number {
    if (!this.writable) return -Errno.EINVAL;
    if (length < 0) return -Errno.EINVAL;
    if (length > MAX_FILE_SIZE) return -Errno.EFBIG;
    // A hole takes no disk space.
    this.disk.resize(this.inode, length);
    this.inode.touch(this.disk.now());
    return 0;
  }

  /** fallocate(2). */
  allocate(mode: number, offset: number, length: number): number {
    const KEEP_SIZE = 1;
    const PUNCH_HOLE = 2;
    if (!this.writable) return -Errno.EBADF;
    if (offset < 0 || length <= 0) return -Errno.EINVAL;
    if (mode & ~(KEEP_SIZE | PUNCH_HOLE)) return -Errno.EOPNOTSUPP;
    if (mode === PUNCH_HOLE) return -Errno.EOPNOTSUPP;
    if (mode & PUNCH_HOLE) {
      this.inode.bytes.fill(0, offset, offset + length);
      return 0;
    }
    const end = offset + length;
    if (mode & KEEP_SIZE || end <= this.inode.size) return 0;
    return Math.min(0, this.disk.grow(this.inode, end, true));
  }

  poll(): number {
    return PollEvent.IN | PollEvent.OUT;
  }

  close(): void {
    this.disk.release(this.inode);
  }
}

/** A directory, or any file opened with O_PATH. */
export class NamedFile implements SimulatedFile {
  readonly seekable = false;
  readonly watchers = new Set<() => void>();
  position = 0;

  constructor(
    readonly kind: 'directory' | 'path',
    readonly inode: Inode,
  ) {}

  /** The directory; `undefined` if the inode is not a directory. */
  get directory(): DirectoryInode | undefined {
    return 'entries' in this.inode ? (this.inode as DirectoryInode) : undefined;
  }

  read(): number {
    return this.kind === 'path' ? -Errno.EBADF : -Errno.EISDIR;
  }

  write(): number {
    return -Errno.EBADF;
  }

  poll(): number {
    return PollEvent.IN | PollEvent.OUT;
  }

  close(): void {}
}
