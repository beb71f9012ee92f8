/**
 * The cost of closing a descriptor.
 *
 * @module
 */

import { describe } from './cached.js';

/**
 * Freeing the blocks of an unlinked file larger than this is slow enough to be left to a thread.
 */
const SLOW_TO_FREE = 16 * 1024 * 1024;

const BLOCK = 512;

/** Returns whether closing a descriptor frees a file that takes long to free. */
export function isSlowToClose(fd: number): boolean {
  const description = describe(fd);
  return description !== undefined && description.nlink === 0 && description.blocks * BLOCK > SLOW_TO_FREE;
}
