/**
 * Futexes of the simulated program.
 *
 * @module
 */

interface FutexWaiter {
  readonly address: number;
  readonly mask: bigint;
  readonly wake: () => void;
}

/** The waiters for words of memory. */
export class Futexes {
  /** Waiters by address, oldest first. */
  private readonly waiters = new Map<number, Set<FutexWaiter>>();

  /** @returns a function that removes the waiter. */
  add(waiter: FutexWaiter): () => void {
    const here = this.waiters.get(waiter.address) ?? new Set();
    this.waiters.set(waiter.address, here.add(waiter));
    return () => this.remove(waiter);
  }

  /** Wakes at most `most` waiters of a word. @returns how many were woken. */
  wake(address: number, most: number, mask: bigint): number {
    const waiting = [...(this.waiters.get(address) ?? [])].filter((waiter) => (waiter.mask & mask) !== 0n);
    const woken = waiting.slice(0, most);
    for (const waiter of woken) {
      this.remove(waiter);
      waiter.wake();
    }
    return woken.length;
  }

  private remove(waiter: FutexWaiter): void {
    const here = this.waiters.get(waiter.address);
    here?.delete(waiter);
    if (here?.size === 0) this.waiters.delete(waiter.address);
  }
}
