/**
 * Virtual time. It stands still until someone waits or a test advances it.
 *
 * @module
 */

import { timers } from '../timers.js';
import { Heap } from './heap.js';

/** A timer that has been set; `cancel` cancels it. */
export interface Timer {
  cancel(): void;
}

/** A clock that moves only on request. */
export class VirtualClock {
  /** Nanoseconds since the start. */
  now = 0;
  private readonly timers = new Heap<() => void>();

  /**
   * Calls `fire` at a time, in nanoseconds; timers with the same time fire in the order in which
   * they were set.
   */
  at(time: number, fire: () => void): Timer {
    const entry = this.timers.add(Math.max(time, this.now), fire);
    return { cancel: () => this.timers.remove(entry) };
  }

  /** When the next timer fires; `undefined` if there is none. */
  get next(): number | undefined {
    return this.timers.first?.key;
  }

  /** Advances the time, and fires the timers that come due on the way. */
  advanceTo(time: number): void {
    for (let next = this.next; next !== undefined && next <= time; next = this.next) {
      this.now = next;
      this.timers.take()?.();
    }
    this.now = Math.max(this.now, time);
  }

  /**
   * Puts this program on the virtual clock: from now on, `setTimeout`, `clearTimeout`,
   * `performance.now` and the library itself follow it. As usual, a timer's callback runs in its
   * own turn of the event loop.
   *
   * @returns a function that restores the originals. Idempotent; with several clocks, call the last
   *   one's first.
   */
  install(): () => void {
    const { setTimeout, clearTimeout } = globalThis;
    const own = { ...timers };
    const set = new Map<object, Timer>();
    const start = (callback: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]) => {
      const handle = new VirtualTimeout();
      const fire = () =>
        own.setImmediate(() => {
          if (set.delete(handle)) callback(...args);
        });
      set.set(handle, this.at(this.now + Math.max(0, milliseconds) * 1e6, fire));
      return handle;
    };
    const stop = (handle?: object) => {
      if (handle === undefined) return;
      set.get(handle)?.cancel();
      set.delete(handle);
    };
    globalThis.setTimeout = start as never;
    globalThis.clearTimeout = stop as never;
    const now = () => this.now / 1e6;
    performance.now = now;
    Object.assign(timers, { setTimeout: start, clearTimeout: stop, now });
    let installed = true;
    return () => {
      if (!installed) return;
      installed = false;
      for (const timer of set.values()) timer.cancel();
      globalThis.setTimeout = setTimeout;
      globalThis.clearTimeout = clearTimeout;
      delete (performance as { now?: unknown }).now;
      Object.assign(timers, own);
    };
  }
}

/**
 * The object that `setTimeout` returns. The virtual clock keeps no process alive, but `hasRef`
 * reports what the program requested.
 */
class VirtualTimeout {
  private isReferenced = true;

  ref(): this {
    this.isReferenced = true;
    return this;
  }

  unref(): this {
    this.isReferenced = false;
    return this;
  }

  hasRef(): boolean {
    return this.isReferenced;
  }
}
