/**
 * The constants of the kernel interface: `linux/io_uring.h` as `as const` objects.
 *
 * @module
 */

export * from './cqe.js';
export * from './enter.js';
export * from './op-flags.js';
export * from './opcodes.js';
export * from './register.js';
export * from './setup.js';
export * from './sqe.js';
