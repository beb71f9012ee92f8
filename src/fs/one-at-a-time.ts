/**
 * Node's callback functions, replaced by functions that answer at once, one call at a time.
 *
 * A single call is answered at once. Many concurrent calls are better left to Node's threads: each
 * call answered here is one more turn in which the event loop does not rest.
 *
 * The result is often known when the function is called. The callback is nevertheless called from
 * the event loop, in a later turn, as with Node: outside of promises, in the caller's asynchronous
 * context, with ticks and microtasks run before the next callback.
 *
 * @module
 */

import { type Calls, callsOf } from '../calls.js';
import { node } from '../node-fs.js';
import { timers } from '../timers.js';
import { isFirstOfTurn } from './cached.js';
import { inPlaceOf } from './in-place.js';

export type Callback = (...results: unknown[]) => void;
export type Call = (...args: unknown[]) => unknown;

/** One of Node's functions, and the counts of its calls. */
export interface Replaced {
  readonly byNode: Call;
  readonly calls: Calls;
}

/** Answers a call of a replaced function, or passes it to Node. */
export type Answering = (replaced: Replaced, args: unknown[]) => unknown;

function replaced(nodes: unknown): Replaced {
  // This one has no name.
  const name = nodes === node.realpath.native ? 'realpath.native' : (nodes as Call).name;
  return { byNode: nodes as Call, calls: callsOf(`fs.${name}`) };
}

/** Replaces one of Node's functions with one that receives Node's function and the arguments. */
export function overNode<F>(nodes: F, ours: Answering): F {
  const target = replaced(nodes);
  return inPlaceOf(nodes, (...args: unknown[]) => ours(target, args));
}

/**
 * Returns the callback if it is the last argument, after one to `most` arguments that are no
 * functions.
 */
export function callbackOf(args: readonly unknown[], most: number): Callback | undefined {
  const last = args.length - 1;
  if (last < 1 || last > most || (last > 1 && typeof args[last - 1] === 'function')) return undefined;
  return typeof args[last] === 'function' ? (args[last] as Callback) : undefined;
}

/** Calls back from the event loop. */
export function answer(callback: Callback, ...results: unknown[]): void {
  timers.setImmediate(call, callback, results);
}

function call(callback: Callback, results: unknown[]): void {
  callback(...results);
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

/**
 * Replaces one of Node's functions with one that receives Node's function and the arguments, except
 * when there are many concurrent calls.
 */
export function unlessCrowded<F>(nodes: F, ours: Answering): F {
  const target = replaced(nodes);
  const { byNode, calls } = target;
  const look = (...args: unknown[]) => ours(target, args);
  return inPlaceOf(nodes, (...args: unknown[]) => {
    if (uncounted === 0) return look(...args);
    uncounted--;
    calls.node++;
    // Passed on as they are: this allocates no array.
    return byNode(...args);
  });
}

/** Returns whether a call is the first of its turn, and Node is running none. */
export function isAlone(): boolean {
  if (pending === 0) return isFirstOfTurn();
  uncounted = CALLS_PER_LOOK;
  return false;
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
