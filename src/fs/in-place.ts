/**
 * Functions that replace Node's.
 *
 * @module
 */

/**
 * Makes a function look like one of Node's: with its name, its length, and the properties that
 * `util.promisify` uses.
 */
export function inPlaceOf<F>(nodes: F, ours: unknown): F {
  return Object.defineProperties(ours, Object.getOwnPropertyDescriptors(nodes)) as F;
}

const behindStandIns = new WeakMap<object, unknown>();

/** Notes that a function only passes its calls on to another one. */
export function markAsStandIn(standIn: object, target: unknown): void {
  behindStandIns.set(standIn, target);
}

/** Returns the function that a stand-in passes its calls on to; any other function as it is. */
export function behind(fn: object): unknown {
  return behindStandIns.get(fn) ?? fn;
}
