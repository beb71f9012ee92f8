/**
 * Callbacks as Node's event loop runs them: outside of promises, so that an exception is an uncaught one, and with all ticks and microtasks
 * of one callback run before the next.
 *
 * `process._tickCallback` is what Node's own timers and immediates run between two callbacks. Where it is missing, one tick runs one callback:
 * the tick for the next is asked for in a microtask behind those of the callback, and starts when the microtasks have run out.
 *
 * @module
 */

import { timers } from '../../timers.js';

/** Runs ticks and microtasks until there are none. */
const runTicks = (process as { _tickCallback?: () => void })._tickCallback;

const waiting: (() => void)[] = [];
let scheduled = false;

/** Runs a callback soon, after those that were given before. */
export function deliver(callback: () => void): void {
  waiting.push(callback);
  if (scheduled) return;
  scheduled = true;
  timers.nextTick(runTicks === undefined ? runOne : runAll);
}

function runAll(): void {
  try {
    // What is given meanwhile included.
    for (let index = 0; index < waiting.length; index++) {
      // An exception of a tick comes out here; the callback is still to be called then.
      if (index > 0) (runTicks as () => void)();
      const callback = waiting[index] as () => void;
      waiting[index] = nothing;
      callback();
    }
    waiting.length = 0;
    scheduled = false;
  } finally {
    // An exception: the rest comes in a tick of its own.
    if (scheduled) {
      waiting.splice(0, waiting.lastIndexOf(nothing) + 1);
      scheduled = waiting.length > 0;
      if (scheduled) timers.nextTick(runAll);
    }
  }
}

function nothing(): void {}

function runOne(): void {
  const callback = waiting.shift();
  try {
    callback?.();
  } finally {
    scheduled = waiting.length > 0;
    if (scheduled) queueMicrotask(() => timers.nextTick(runOne));
  }
}
