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
