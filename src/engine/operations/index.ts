/**
 * `op`: every operation that makes sense to await, as a function that describes it.
 *
 * @module
 */

export type { Path } from './common.js';
export * from './files.js';
export * from './paths.js';
export type { SocketAddress } from './socket-address.js';
export * from './sockets.js';
export * from './waiting.js';
export * from './xattr.js';
