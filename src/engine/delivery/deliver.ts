/**
 * Callbacks as Node's event loop runs them: outside of promises, so that an exception is an
 * uncaught one, and with all ticks and microtasks of one callback run before the next callback.
 *
 * Node's own timers and immediates run `process._tickCallback` between two callbacks. Where it is
 * missing, one tick runs one callback: a microtask, queued behind those of the callback, schedules
 * the tick for the next one, which starts when the microtasks have run out.
 *
 * @module
 */

import { timers } from '../../timers.js';

/** Runs ticks and microtasks until none are left. */
const runTicks = (process as { _tickCallback?: () => void })._tickCallback;

const waiting: (() => void)[] = [];
let scheduled = false;

/** Runs a callback soon, after those passed before. */
export function deliver(callback: () => void): void {
  waiting.push(callback);
  if (scheduled) return;
  scheduled = true;
  timers.nextTick(runTicks === undefined ? runOne : runAll);
}

function runAll(): void {
  try {
    // Includes callbacks that are added meanwhile.
    for (let index = 0; index < waiting.length; index++) {
      // An exception of a tick surfaces here, before this callback was called.
      if (index > 0) (runTicks as () => void)();
      const callback = waiting[index] as () => void;
      waiting[index] = nothing;
      callback();
    }
    waiting.length = 0;
    scheduled = false;
  } finally {
    // An exception was thrown: the remaining callbacks run in a tick of their own.
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
