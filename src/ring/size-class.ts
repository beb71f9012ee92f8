/**
 * Size classes of blocks: powers of two. The arena and the engine's pool have the same.
 *
 * @module
 */

/** The exponent of the smallest block, 64 bytes: a cache line. */
export const MIN_CLASS = 6;

/** The exponent of the largest block, 1 GiB. */
export const MAX_CLASS = 30;

/** Returns the exponent of the smallest block that holds `size` bytes, 1 to 1 GiB. */
export function sizeClassOf(size: number): number {
  return Math.max(MIN_CLASS, 32 - Math.clz32(size - 1));
}
