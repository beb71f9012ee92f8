/**
 * Callbacks as Node's event loop runs them: outside of promises, so that an exception is an uncaught one, and with all ticks and microtasks
 * of one callback run before the next.
 *
 * One tick runs one callback. The tick for the next is asked for in a microtask behind those of the callback, and starts when the microtasks
 * have run out.
 *
 * @module
 */

import { timers } from '../timers.js';

const waiting: (() => void)[] = [];
let scheduled = false;

/** Runs a callback soon, after those that were given before. */
export function deliver(callback: () => void): void {
  waiting.push(callback);
  if (scheduled) return;
  scheduled = true;
  timers.nextTick(next);
}

function next(): void {
  const callback = waiting.shift();
  try {
    callback?.();
  } finally {
    // What was given meanwhile included.
    scheduled = waiting.length > 0;
    if (scheduled) queueMicrotask(schedule);
  }
}

function schedule(): void {
  timers.nextTick(next);
}
