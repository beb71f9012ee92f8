/**
 * `uring/testing`: a kernel to test against, on any machine.
 *
 * @module
 */

export type { ChaosOptions } from './chaos.js';
export { type FallibleCall, LINUX_6_1, SimulatedKernel, type SimulatedKernelOptions, type SubmittedOperation } from './kernel.js';
export { canExecute } from './operations/index.js';
export { Ownership } from './ownership.js';
export { Random } from './random.js';
export { canRegister } from './registrations.js';
