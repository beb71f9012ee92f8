/**
 * The part of the library that replaces the sockets of `node:dgram`.
 *
 * @module
 */

export { backend, configure } from '../../dgram/backend.js';
export { Socket } from '../../dgram/socket.js';
