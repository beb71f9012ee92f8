/**
 * The clock and the scheduling functions of Node.js, captured when the library is loaded.
 *
 * Test frameworks replace these functions on `globalThis`, `process`, and `node:timers` (fake
 * timers), and a program may do so, too. Node's own modules hold references of their own and are
 * not affected; neither is this library. `clock.install()` of `uring/testing` is the only way to
 * replace them.
 *
 * @module
 */

import nodeTimers from 'node:timers';

const hrtime = process.hrtime.bind(process);

const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = nodeTimers;

/** The functions with which the library schedules work and measures time. */
export const timers = {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
  nextTick: process.nextTick.bind(process) as typeof process.nextTick,
  /**
   * Milliseconds of the monotonic clock. Not `performance.now`: loading `node:perf_hooks` takes a
   * millisecond.
   */
  now(): number {
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
};
