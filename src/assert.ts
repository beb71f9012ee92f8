/**
 * Assertions of what must hold, or memory would be corrupted: in the places where a bug of the library's own would show first.
 *
 * @module
 */

import { fail } from 'node:assert';

/**
 * As `assert` of `node:assert`, which takes its arguments as an array: that costs more than some of the operations whose invariants are
 * asserted.
 *
 * @throws AssertionError
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}
