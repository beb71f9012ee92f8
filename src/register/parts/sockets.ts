/**
 * The part of the library that accepts and reads connections.
 *
 * @module
 */

export { acceptByRing } from '../../net/accept-by-ring.js';
export { backend, configure } from '../../net/backend.js';
export { listenOverRing } from '../../net/server.js';
export { takeOver } from '../../net/socket.js';
