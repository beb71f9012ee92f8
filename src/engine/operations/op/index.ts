/**
 * `op`: every operation that makes sense to await, as a function that describes it.
 *
 * @module
 */

export type { SocketAddress } from '../../memory/socket-address.js';
export { message } from '../mailbox.js';
export type { Path } from './common.js';
export * from './files.js';
export * from './paths.js';
export * from './sockets.js';
export * from './waiting.js';
export * from './xattr.js';
