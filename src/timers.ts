/**
 * The clock and the scheduling functions of Node, taken once, when the library is loaded.
 *
 * Test frameworks replace these functions on `globalThis`, `process` and `node:timers` (fake timers), and a program may do so, too. Node's own
 * modules keep references of their own and go on; so does everything here. `clock.install()` of `uring/testing` is the one way to change them.
 *
 * @module
 */

import { performance } from 'node:perf_hooks';
import nodeTimers from 'node:timers';

const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = nodeTimers;

/** What the library schedules and measures time with. */
export const timers = {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
  nextTick: process.nextTick.bind(process) as typeof process.nextTick,
  now: performance.now.bind(performance) as () => number,
};
