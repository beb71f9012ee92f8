/**
 * `uring/testing`: a kernel to test against, on any machine.
 *
 * @module
 */

export { type FallibleCall, LINUX_6_1, SimulatedKernel, type SimulatedKernelOptions, type SubmittedOperation } from './kernel.js';
export { canExecute } from './operations.js';
export { canRegister } from './registrations.js';
