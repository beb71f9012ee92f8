/**
 * A mutex between the threads that share an arena: one 32-bit word, 0 when free, else the holder's thread id, with the top bit
 * set while somebody waits (the format of the kernel's robust futexes).
 *
 * Robust, because a worker can be terminated at any instruction, also while it holds the lock: a waiter that finds the holder
 * gone takes the lock over. So whatever the lock protects must be consistent, or at least harmless, after every single store.
 *
 * @module
 */

import type { Syscalls } from '../syscalls/index.js';

const WAITERS = 0x8000_0000 | 0;

/** How long a waiter sleeps before it looks whether the holder still lives. A wake-up is never lost; this bounds only the takeover. */
const LIVENESS_MS = 100;

/** Rounds of looking before sleeping. Critical sections are shorter than a futex call. */
const SPINS = 200;

/** A robust mutex over one word of shared memory. */
export class SharedLock {
  private threadId = 0;

  /**
   * @param words an Int32Array over a SharedArrayBuffer.
   * @param index the lock's word in it.
   */
  constructor(
    private readonly words: Int32Array,
    private readonly index: number,
    private readonly syscalls: Syscalls,
  ) {}

  /** Blocks until the lock is this thread's. Not recursive. */
  acquire(): void {
    if (this.threadId === 0) this.threadId = this.syscalls.threadId();
    if (Atomics.compareExchange(this.words, this.index, 0, this.threadId) !== 0) this.acquireContended();
  }

  /** Gives the lock back and wakes one waiter. */
  release(): void {
    // The exchange publishes everything stored under the lock to whoever acquires it next.
    if (Atomics.exchange(this.words, this.index, 0) & WAITERS) Atomics.notify(this.words, this.index, 1);
  }

  /** Runs `body` under the lock. */
  with<T>(body: () => T): T {
    this.acquire();
    try {
      return body();
    } finally {
      this.release();
    }
  }

  private acquireContended(): void {
    const { words, index, threadId } = this;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(words, index) === 0 && Atomics.compareExchange(words, index, 0, threadId) === 0) return;
    }
    for (;;) {
      const value = Atomics.load(words, index);
      if (value === 0) {
        // Others may still sleep, so the bit stays: at worst, one wake-up too many.
        if (Atomics.compareExchange(words, index, 0, threadId | WAITERS) === 0) return;
        continue;
      }
      const contended = value | WAITERS;
      if (value !== contended && Atomics.compareExchange(words, index, value, contended) !== value) continue;
      if (Atomics.wait(words, index, contended, LIVENESS_MS) === 'timed-out') {
        const holder = contended & ~WAITERS;
        if (this.syscalls.isThreadAlive(holder)) continue;
        if (Atomics.compareExchange(words, index, contended, threadId | WAITERS) === contended) return;
      }
    }
  }
}
