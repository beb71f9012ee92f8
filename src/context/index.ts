/**
 * The thread-safe context.
 *
 * @module
 */

export { Completion } from './completion.js';
export { URingContext, type URingContextHandle, type URingContextOptions, type URingStats } from './context.js';
export { NoSpaceError } from './errors.js';
