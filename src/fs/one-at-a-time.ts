/**
 * Node's callback functions, replaced by functions that answer at once, one call at a time
 * (`crowd.ts`).
 *
 * The result is often known when the function is called. The callback is nevertheless called from
 * the event loop, in a later turn, as with Node: outside of promises, in the caller's asynchronous
 * context, with ticks and microtasks run before the next callback.
 *
 * @module
 */

import { callsOf } from '../calls.js';
import { node } from '../node-fs.js';
import { timers } from '../timers.js';
import { isFirstOfTurn } from './cached.js';
import { areOthersRunning, type Call, type Callback, isInCrowd, type Replaced } from './crowd.js';
import { inPlaceOf } from './in-place.js';

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
 * Replaces one of Node's functions with one that receives Node's function and the arguments, except
 * when there are many concurrent calls.
 */
export function unlessCrowded<F>(nodes: F, ours: Answering): F {
  const target = replaced(nodes);
  const { byNode, calls } = target;
  const look = (...args: unknown[]) => ours(target, args);
  return inPlaceOf(nodes, (...args: unknown[]) => {
    if (!isInCrowd()) return look(...args);
    calls.node++;
    // Passed on as they are: this allocates no array.
    return byNode(...args);
  });
}

/** Returns whether a call is the first of its turn, and Node is running none. */
export function isAlone(): boolean {
  return !areOthersRunning() && isFirstOfTurn();
}
