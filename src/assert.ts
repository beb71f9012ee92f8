/**
 * Assertions of invariants whose violation would corrupt memory. They stand where a bug in this
 * library would show first.
 *
 * @module
 */

/**
 * Works like `assert` of `node:assert`, which takes its arguments as an array. That costs more than
 * some of the operations whose invariants are asserted; and loading `node:assert` and
 * `node:perf_hooks` took 2.8 MiB and 2.5 ms of every program.
 *
 * @throws Error with the code that Node's own assertions have, `ERR_INTERNAL_ASSERTION`.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw Object.assign(new Error(message), { code: 'ERR_INTERNAL_ASSERTION' });
}
