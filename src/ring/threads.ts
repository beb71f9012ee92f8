/**
 * The table, in the arena, of the threads that use a ring and of their descriptors.
 *
 * Every thread has its own descriptor for the ring (a duplicate), so that no thread can close it
 * under another, and the ring lives until the last descriptor is closed. The table shows which
 * thread is the last, and which descriptor a new thread can duplicate. A terminated worker cannot
 * remove its row; any thread that looks removes the rows of threads that are gone.
 *
 * @module
 */

import { Errno, type Syscalls } from '../syscalls/index.js';
import { invalidState } from '../validate.js';
import { type Arena, ArenaState, ArenaWord } from './arena.js';

/** The table of the threads of a shared ring. */
export class ThreadTable {
  constructor(
    private readonly arena: Arena,
    private readonly syscalls: Syscalls,
  ) {}

  /** Adds this thread. */
  enter(fd: number): void {
    const threadId = this.syscalls.threadId();
    this.arena.exclusive(() => this.add(threadId, fd));
  }

  /**
   * Adds this thread with its own descriptor.
   *
   * @returns the descriptor.
   * @throws Error ERR_INVALID_STATE when the ring is already closed.
   */
  attach(): number {
    const threadId = this.syscalls.threadId();
    // Under the lock, no thread can close the descriptor that is about to be duplicated. But Node
    // closes the descriptor of a worker that is being terminated before the thread itself is gone,
    // so the duplicate need not be a ring.
    return this.arena.exclusive(() => {
      if (this.state !== ArenaState.OPEN) throw invalidState('the shared ring is closed');
      for (const row of this.rows()) {
        if (!this.syscalls.isThreadAlive(this.word(row))) continue;
        const fd = this.syscalls.duplicate(this.word(row + 1));
        if (fd === -Errno.EBADF) continue;
        if (fd < 0) return fd;
        if (this.isRing(fd)) {
          try {
            this.add(threadId, fd);
            return fd;
          } catch (error) {
            this.syscalls.close(fd);
            throw error;
          }
        }
        this.syscalls.close(fd);
      }
      throw invalidState('every thread that had the shared ring has ended');
    });
  }

  /**
   * Returns whether the descriptor is a ring: an empty `enter` succeeds, or fails with EBADFD if
   * the ring is not enabled yet.
   */
  private isRing(fd: number): boolean {
    const answer = this.syscalls.enter(fd, 0, 0, 0, 0, 0);
    return answer >= 0 || answer === -Errno.EBADFD;
  }

  /**
   * Removes this thread.
   *
   * @returns `last`: whether it was the last one, in which case the ring counts as closed and no
   *   thread can attach anymore; and `threadsDied`: whether a thread has ended without leaving,
   *   which may have left the accounting inconsistent.
   */
  leave(fd: number): { readonly last: boolean; readonly threadsDied: boolean } {
    return this.arena.exclusive(() => {
      let last = true;
      let threadsDied = false;
      for (const row of this.rows()) {
        const mine = this.word(row + 1) === fd;
        const gone = !mine && !this.syscalls.isThreadAlive(this.word(row));
        if (gone) threadsDied = true;
        if (mine || gone) this.words[this.control + row] = 0;
        else last = false;
      }
      if (last) Atomics.store(this.words, this.control + ArenaWord.STATE, ArenaState.CLOSED);
      return { last, threadsDied };
    });
  }

  private get words(): Int32Array {
    return this.arena.words;
  }

  private get control(): number {
    return this.arena.control;
  }

  private get state(): number {
    return this.word(ArenaWord.STATE);
  }

  private word(index: number): number {
    return this.words[this.control + index];
  }

  private add(threadId: number, fd: number): void {
    let free = -1;
    for (let row: number = ArenaWord.THREADS; row < ArenaWord.THREADS_END && free < 0; row += 2) {
      if (this.word(row) === 0 || !this.syscalls.isThreadAlive(this.word(row))) free = row;
    }
    if (free < 0) throw invalidState('too many threads share the ring');
    // The id last: it makes the row valid.
    this.words[this.control + free + 1] = fd;
    this.words[this.control + free] = threadId;
  }

  private rows(): number[] {
    const rows: number[] = [];
    for (let row: number = ArenaWord.THREADS; row < ArenaWord.THREADS_END; row += 2) if (this.word(row) !== 0) rows.push(row);
    return rows;
  }
}
