/**
 * Every operation of Linux 6.18: a catalogue, an encoder for each, and a decoder.
 *
 * @module
 */

export { AT_FDCWD, IOV_MAX, OPEN_HOW_SIZE, SIZEOF_STATX } from '../linux.js';
export * from './buffer.js';
export { OPERATIONS, type OperationInfo, type OpFamily, operationOf } from './catalogue.js';
export * from './control.js';
export { type CqeLike, describeCqe, describeSqe } from './decode.js';
export { CURRENT_POSITION, type DirectSlot } from './encode.js';
export * from './file.js';
export * from './path.js';
export * from './poll.js';
export * from './read-write.js';
export * from './socket.js';
export * from './sync.js';
export * from './time.js';
export * from './xattr.js';
