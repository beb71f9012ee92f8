/**
 * `uring`: Linux io_uring for Node.js, with nothing to compile.
 *
 * - {@link URingContext}: a context that any number of threads can add to, submit, and wait on.
 * - `uring/ring`: the ring itself, with every operation and every registration.
 * - `uring/testing`: a simulated kernel for tests on any machine.
 *
 * @module uring
 */

export { constants } from './constants.js';
export * from './context/index.js';
export * from './engine/index.js';
export { PollEvent } from './ring/index.js';
export {
  Errno,
  errnoName,
  errnoSentence,
  type Syscalls,
  type UnavailableReason,
  UringError,
  UringUnavailableError,
} from './syscalls/index.js';
