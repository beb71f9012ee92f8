/**
 * The disk that files lie on: how much room it has, and whether it can be written to.
 *
 * @module
 */

import { Errno } from '../../syscalls/index.js';
import type { FileInode } from './inode.js';

/** The largest size a file can have: it is kept in memory. */
export const MAX_FILE_SIZE = 1 << 28;

/** How much there is room for. */
export class Disk {
  /** Bytes that files may have, all together. */
  capacity = Number.POSITIVE_INFINITY;
  readOnly = false;
  private used = 0;

  constructor(readonly now: () => number) {}

  /** Makes a file longer, if it is shorter. @returns the size that it can have, or `-errno`. */
  grow(inode: FileInode, size: number, all = false): number {
    if (size > MAX_FILE_SIZE) return -Errno.EFBIG;
    const wanted = size - inode.size;
    if (wanted <= 0) return size;
    const granted = Math.min(wanted, this.capacity - this.used);
    if (granted < wanted && all) return -Errno.ENOSPC;
    this.resize(inode, inode.size + granted);
    return inode.size;
  }

  /** Gives a file its size, whatever there is room for. */
  resize(inode: FileInode, size: number): void {
    this.used += size - inode.size;
    inode.resize(size);
  }

  /** A file is used no more: if it has no name either, its room is free. */
  release(inode: FileInode): void {
    if (inode.links > 0) return;
    this.resize(inode, 0);
  }
}
