/**
 * `uring/ring`: the ring as the kernel defines it, with every operation and every registration.
 *
 * @module uring/ring
 */

export * from './ops/index.js';
export * from './ring/index.js';
export {
  allErrnos,
  Errno,
  type ErrnoName,
  errnoName,
  errnoSentence,
  type HostFacts,
  linuxSyscalls,
  type Syscalls,
  type UnavailableReason,
  UringError,
  UringUnavailableError,
} from './syscalls/index.js';
