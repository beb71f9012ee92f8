/**
 * The choice of the writer: the ring, or a thread of Node's. io_uring writes within the call where
 * the file system can do so without waiting. Everywhere else it passes the write to one of its
 * workers, which starts later than a thread of Node's does, but costs less.
 *
 * Measured on Linux 6.18, as a ratio to Node's throughput, for 4 KiB at 1, 4, 16 and 64 at once
 * (64 KiB in parentheses):
 *
 * ```text
 *   xfs             13.7  5.5        3.3   (9.7, 0.74 at 64)     within the call
 *   ext4, tmpfs      0.6  1.1  1.9   3.4   (0.5, 1.0 at 64)      by a worker
 *   btrfs            0.5  1.0        0.7   (0.6, 0.9 at 64)      by a worker; slow file system
 * ```
 *
 * With O_DIRECT, and on block devices, the ring waits for nothing.
 *
 * @module
 */

import { timers } from '../timers.js';

/**
 * The ring, because nothing waits; the ring, within the call; the ring, when there are many writes
 * at once; Node.
 */
export type Writer = 'direct' | 'at once' | 'many at once' | 'node';

const WRITERS = new Map<string | undefined, Writer>([
  ['xfs', 'at once'],
  ['ext2', 'many at once'],
  ['ext3', 'many at once'],
  ['ext4', 'many at once'],
  ['tmpfs', 'many at once'],
]);

/** The number of writes in a turn of the event loop that Node makes before the ring is used. */
const FEW = 6;

/**
 * A thread copies more than this as fast. The first limit is for writes by a worker, the second for
 * writes within the call.
 */
const SMALL = 16 * 1024;
const MEDIUM = 32 * 1024;

/** More than this is written by a thread of Node's, which needs no intermediate copy. */
export const MOST_COPIED = 512 * 1024;

/**
 * Returns the writer for the regular files of a file system, by its name in the table of mounts.
 */
export function writerOf(type: string | undefined): Writer {
  return WRITERS.get(type) ?? 'node';
}

/**
 * Returns whether the ring makes a write. To be called once for each write.
 *
 * @param isShared whether the memory needs no intermediate copy.
 */
export function isForRing(writer: Writer, bytes: number, isShared: boolean): boolean {
  if (writer === 'direct') return isShared || bytes <= MOST_COPIED;
  if (writer === 'at once') return bytes <= MEDIUM;
  return writer === 'many at once' && bytes <= SMALL && isAmongMany();
}

let begun = 0;

function isAmongMany(): boolean {
  if (begun++ === 0) timers.setImmediate(startTurn);
  return begun > FEW;
}

function startTurn(): void {
  begun = 0;
}
