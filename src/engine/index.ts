/**
 * The engine's public interface: `uring` exports this file as it is. What only the library itself
 * uses is in `internal.ts`.
 *
 * @module
 */

export type { OpcodeName } from '../ring/index.js';
export type { Configuration } from './backend.js';
export { AbortError } from './errors.js';
export type { BufferPool, PooledBuffer } from './memory/buffers.js';
export type { Chunk } from './memory/chunk.js';
export type { Memory } from './memory/lease.js';
export type { Message } from './memory/message.js';
export type { BatchOptions } from './operations/batch.js';
export type { LinkOptions, LinkResult, LinkResults } from './operations/link.js';
export type { Mailbox, MailboxAddress } from './operations/mailbox.js';
export type { MultishotIterator } from './operations/multishot.js';
export type {
  Accepted,
  AcceptOptions,
  ChildState,
  EpollEvent,
  FsyncOptions,
  GetXattrOptions,
  MessageOptions,
  Open2Options,
  OpenOptions,
  Path,
  PathOptions,
  ReceivedMessage,
  SendOptions,
  SetXattrOptions,
  SocketAddress,
  SocketOptions,
  SpliceOptions,
  StatOptions,
  TransferOptions,
  TwoPathOptions,
} from './operations/op/index.js';
export * as op from './operations/op/index.js';
export { type DirectFile, type File, Operation, type RunOptions } from './operations/operation.js';
export type { IntervalOptions, IteratorOptions, ReadManyOptions } from './operations/streams.js';
export type { UringOptions } from './options.js';
export type { OperationEvent, UringCounters } from './queue/observer.js';
export type { FileSlot, FileSlots } from './transfers/file-slots.js';
export { type InFlight, type OperationMethods, Uring } from './uring.js';
