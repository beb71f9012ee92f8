/**
 * Assertions of invariants whose violation would corrupt memory. They stand where a bug in this
 * library would show first.
 *
 * @module
 */

import { fail } from 'node:assert';

/**
 * Works like `assert` of `node:assert`, which takes its arguments as an array. That costs more than
 * some of the operations whose invariants are asserted.
 *
 * @throws AssertionError
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}
