/**
 * How many of Node's callback functions run at a time. The library answers a single call faster than
 * Node does. Many concurrent calls are better left to Node's threads: each call answered at once is
 * one more turn in which the event loop does not rest.
 *
 * @module
 */

import type { Calls } from '../calls.js';

export type Callback = (...results: unknown[]) => void;
export type Call = (...args: unknown[]) => unknown;

/** One of Node's functions, and the counts of its calls. */
export interface Replaced {
  readonly byNode: Call;
  readonly calls: Calls;
}

/**
 * When there are many calls, this many are passed to Node before the next check. With 256, the
 * checks took a tenth of the time of the fastest calls.
 */
const CALLS_PER_LOOK = 1024;

/** The number of calls still to be passed to Node without being counted. */
let uncounted = 0;

/** The number of calls that Node is running. */
let pending = 0;

/** Returns whether a call is to be passed to Node as it is, as there were others a short while ago. */
export function isInCrowd(): boolean {
  if (uncounted === 0) return false;
  uncounted--;
  return true;
}

/** Returns whether Node is running other calls. If so, the next calls are in a crowd. */
export function areOthersRunning(): boolean {
  if (pending === 0) return false;
  uncounted = CALLS_PER_LOOK;
  return true;
}

/** Passes a call to Node, which counts as running it until it calls back. */
export function giveToNode({ byNode, calls }: Replaced, args: unknown[], callback: Callback | undefined): unknown {
  calls.node++;
  if (callback === undefined) return byNode(...args);
  // A constant first: V8 allocates a function literal that is assigned directly to a property in its
  // old generation. Once dead, it keeps all it refers to until the next full collection.
  const counted = (...results: unknown[]) => {
    pending--;
    callback(...results);
  };
  args[args.length - 1] = counted;
  const result = byNode(...args);
  // Counted only now: the call did not throw.
  pending++;
  return result;
}
