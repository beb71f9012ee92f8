/**
 * The simulated kernel.
 *
 * @module
 */

export type { EventLoopWaker, SocketCalls } from '../syscalls/index.js';
export type { ChaosOptions } from './chaos.js';
export { SimulatedKernel } from './kernel.js';
export { canExecute } from './operations/index.js';
export { type FallibleCall, LINUX_6_1, type SimulatedKernelOptions, type SubmittedOperation } from './options.js';
export { Ownership } from './ownership.js';
export { Random } from './random.js';
export { canRegister } from './registrations.js';
