/**
 * `uring/testing`: a kernel to test against, on any machine.
 *
 * @module
 */

export { LINUX_6_1, type FallibleCall, SimulatedKernel, type SimulatedKernelOptions, type SubmittedOperation } from './kernel.js';
export { canExecute } from './operations.js';
export { canRegister } from './registrations.js';
