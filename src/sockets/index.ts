/**
 * `uring/sockets`: connections over io_uring, for programs that are written for it.
 *
 * Connections receive into buffers that all of them share, and data is passed to the reader without
 * a copy.
 *
 * @module uring/sockets
 */

export type { Chunk, Message, MultishotIterator, ReadManyOptions } from '../engine/index.js';
export { type ConnectOptions, connect, socketpair } from './connect.js';
export { Connection, type Writable } from './connection.js';
export { type BindOptions, bind, DatagramSocket, type Destination } from './datagram.js';
export { Listener, type ListenOptions, listen } from './listen.js';
export type { GroupOptions } from './multicast.js';
export type { Lookup } from './resolve.js';
export type { FileRange, OpenedFile } from './send-file.js';
export type { AddressError, SocketAddress } from './socket.js';
export type { CommonSettings, DatagramSettings, SocketSettings } from './socket-options.js';
export type { TargetOptions } from './target.js';
