/**
 * What the parts of the simulated kernel know of each other: operations of the ring that they run on, and rings of their kernel.
 *
 * @module
 */

import type { RingLayout } from '../ring/layout.js';
import type { AddressSpace } from './address-space.js';
import type { BufferGroup } from './buffer-groups.js';
import type { Chaos } from './chaos.js';
import type { Children } from './children.js';
import type { VirtualClock } from './clock.js';
import type { EventFile } from './files/event-file.js';
import type { SimulatedFile } from './files/file.js';
import type { FileSystem } from './files/file-system.js';
import type { Network } from './files/sockets.js';
import type { Futexes } from './futexes.js';
import type { SimulatedKernelOptions } from './options.js';
import type { Ownership } from './ownership.js';
import type { RegisteredFiles } from './registered-files.js';
import type { KernelRequest } from './request.js';
import type { RequestTable } from './request-table.js';

/** A kernel, as its rings see it. */
export interface KernelInternals {
  readonly options: SimulatedKernelOptions;
  readonly lastOpcode: number;
  readonly lastRegisterOp: number;
  readonly clock: VirtualClock;
  readonly memory: AddressSpace;
  readonly ownership: Ownership;
  readonly chaos: Chaos | undefined;
  /** Names and what is behind them. */
  readonly files: FileSystem;
  readonly network: Network;
  readonly futexes: Futexes;
  readonly children: Children;
  readonly trace: ((kind: 'sqe' | 'cqe', what: unknown) => void) | undefined;
  /** An open file. */
  file(fd: number): SimulatedFile | undefined;
  /** An open ring. */
  ring(fd: number): RingInternals | undefined;
  /** Gives a file a descriptor: the lowest that is free. */
  install(file: SimulatedFile): number;
  close(fd: number): number;
  /** One more has the file open. */
  retainFile(file: SimulatedFile): void;
  /** One fewer has. */
  releaseFile(file: SimulatedFile): void;
  /** RING_FDS. */
  registerRing(fd: number): number;
  /** UNREGISTER_RING_FDS. */
  unregisterRing(index: number): number;
  /** A result that a test has decided. */
  injectResult(request: KernelRequest): number | undefined;
  /** How many SQEs one `enter` takes. */
  submitLimit(wanted: number): number;
  /** A timeout has fired: whoever waits returns. */
  wakeWaiters(): void;
  /** Something is under way: the event loop gives it its moments. */
  pump(): void;
}

/** What restrictions allow. */
export interface RestrictionSet {
  readonly registerOps: Set<number>;
  readonly sqeOps: Set<number>;
  allowedFlags: number;
  requiredFlags: number;
}

/** A registered buffer. */
export interface RegisteredBuffer {
  readonly address: number;
  readonly length: number;
}

/** A ring, as operations and registrations see it. */
export interface RingInternals {
  readonly kernel: KernelInternals;
  readonly layout: RingLayout;
  disabled: boolean;
  restrictions: RestrictionSet | undefined;
  readonly files: RegisteredFiles;
  buffers: (RegisteredBuffer | undefined)[] | undefined;
  bufferTags: bigint[];
  readonly bufferGroups: Map<number, BufferGroup>;
  readonly personalities: Set<number>;
  nextPersonality: number;
  eventfd: { readonly file: EventFile; readonly asyncOnly: boolean } | undefined;
  waitRegion: number | undefined;
  readonly workerLimits: [number, number];
  /** Requests taken and not yet completed. */
  readonly live: RequestTable;
  /** A request's last CQE, at once or later. */
  complete(request: KernelRequest, res: number, cqeFlags?: number, extra?: readonly [bigint, bigint]): void;
  /** A CQE of a request that goes on. */
  progress(request: KernelRequest, res: number, flags?: number): void;
  /** Completes a request without going on with its chain. */
  finishOnly(request: KernelRequest, res: number, silent?: boolean): void;
  /** Ends a request that waits. */
  cancelNow(request: KernelRequest): void;
  /** A CQE of no request of this ring: a message, a tag. */
  notify(userData: bigint, res: number, flags?: number): void;
  /** Calls back when so many more CQEs have been posted. @returns takes that back. */
  countCompletions(count: number, done: () => void): () => void;
}
