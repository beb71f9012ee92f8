/**
 * A mutex for the threads that share an arena: one 32-bit word that holds 0 when the lock is free,
 * otherwise the holder's thread id, with the top bit set while a thread waits (the format of the
 * kernel's robust futexes).
 *
 * The lock is robust, because a worker can be terminated at any instruction, even while it holds
 * the lock: a waiter that finds the holder gone takes the lock over. Therefore the protected data
 * must be consistent, or at least harmless, after every single store.
 *
 * @module
 */

import type { Syscalls } from '../syscalls/index.js';

const WAITERS = 0x8000_0000 | 0;

/**
 * How long a waiter sleeps before it checks whether the holder is still alive. Wake-ups are never
 * lost; this only bounds the time until a takeover.
 */
const LIVENESS_MS = 100;

/** The number of polls before sleeping. Critical sections are shorter than a futex call. */
const SPINS = 200;

/** A robust mutex over one word of shared memory. */
export class SharedLock {
  private threadId = 0;

  /**
   * @param words an Int32Array over a SharedArrayBuffer.
   * @param index the index of the lock's word.
   */
  constructor(
    private readonly words: Int32Array,
    private readonly index: number,
    private readonly syscalls: Syscalls,
  ) {}

  /** Acquires the lock and blocks until it is available. Not recursive. */
  acquire(): void {
    if (this.threadId === 0) this.threadId = this.syscalls.threadId();
    if (Atomics.compareExchange(this.words, this.index, 0, this.threadId) !== 0) this.acquireContended();
  }

  /** Releases the lock and wakes one waiter. */
  release(): void {
    // The exchange publishes everything stored under the lock to the next thread that acquires it.
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
        // Other threads may still be asleep, so the bit stays set: at worst, there is one
        // superfluous wake-up.
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
