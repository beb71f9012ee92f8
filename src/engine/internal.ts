/**
 * The engine's interface for the modules above it: what `uring/fs`, `uring/net`, `uring/dgram` and
 * `uring/sockets` use in addition to the public interface of `index.ts`.
 *
 * @module
 */

export { Backend } from './backend.js';
export { Arrivals } from './delivery/arrivals.js';
export { deliver } from './delivery/deliver.js';
export { pendingPromise, reject, type Settle, settleOfLast } from './errors.js';
export { Chunk } from './memory/chunk.js';
export type { Block } from './memory/pool.js';
export { decodeAddress, encodeAddress } from './memory/socket-address.js';
export { openFlagsOf } from './operations/arguments.js';
export { checkNetAccess } from './permission.js';
export type { DatagramReceiver, DatagramSink } from './sockets/datagram-receiver.js';
export type { DatagramSender, SentSink } from './sockets/datagram-sender.js';
export type { Endpoint, Sockets } from './sockets/index.js';
export type { Receiver, ReceiveSink } from './sockets/receiver.js';
export { MOST_DESCRIPTORS } from './sockets/rights.js';
export type { Sendable, Sender } from './sockets/sender.js';
export { CHAIN_SIZE, type FileChain, type FileStart, type ReadSink } from './transfers/file-chains.js';
export type { Ranges } from './transfers/ranges.js';
export { fileInSlot, type TransferFile } from './transfers/transfer-file.js';
