/**
 * The shim: everything that the library needs from the operating system, and its errors.
 *
 * @module
 */

export type { CachedCalls, Description } from './cached.js';
export { allErrnos, Errno, type ErrnoName, errnoName, errnoSentence } from './errno.js';
export {
  type Explanation,
  explainDisabled,
  explainMissing,
  explainSetupErrno,
  setupError,
  type UnavailableReason,
  UringError,
  UringUnavailableError,
  withoutFrames,
} from './errors.js';
export { readHostFacts } from './host.js';
export { loadKoffi } from './koffi.js';
export { linuxCachedCalls, linuxSyscalls } from './linux.js';
export type { EventLoopKind, EventLoopWaker, HostFacts, SocketCalls, Syscalls } from './types.js';
