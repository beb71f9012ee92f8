/**
 * The disk that stores the files: its capacity, and whether it is writable.
 *
 * @module
 */

import { Errno } from '../../syscalls/index.js';
import type { FileInode } from './inode.js';

/** The largest size of a file: its content is kept in memory. */
export const MAX_FILE_SIZE = 1 << 28;

/** The disk space. */
export class Disk {
  /** The total number of bytes that files may occupy. */
  capacity = Number.POSITIVE_INFINITY;
  readOnly = false;
  private used = 0;

  constructor(readonly now: () => number) {}

  /** Extends a file, if it is shorter. @returns the size that it can have, or `-errno`. */
  grow(inode: FileInode, size: number, all = false): number {
    if (size > MAX_FILE_SIZE) return -Errno.EFBIG;
    const wanted = size - inode.size;
    if (wanted <= 0) return size;
    const granted = Math.min(wanted, this.capacity - this.used);
    if (granted < wanted && all) return -Errno.ENOSPC;
    this.resize(inode, inode.size + granted);
    return inode.size;
  }

  /** Sets the size of a file, regardless of the capacity. */
  resize(inode: FileInode, size: number): void {
    this.used += size - inode.size;
    inode.resize(size);
  }

  /** Frees the space of a file that is no longer used, unless it still has a name. */
  release(inode: FileInode): void {
    if (inode.links > 0) return;
    this.resize(inode, 0);
  }
}
