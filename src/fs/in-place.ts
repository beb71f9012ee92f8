/**
 * Functions in the place of Node's.
 *
 * @module
 */

/** A function that looks like one of Node's: with its name, its length, and what `util.promisify` goes by. */
export function inPlaceOf<F>(nodes: F, ours: unknown): F {
  return Object.defineProperties(ours, Object.getOwnPropertyDescriptors(nodes)) as F;
}
