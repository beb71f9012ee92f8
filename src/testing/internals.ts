/**
 * The interfaces between the parts of the simulated kernel: operations see the ring that they run
 * on, and rings see their kernel.
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
import type { Pollable, SimulatedFile } from './files/file.js';
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
  /** The names of files, and the inodes behind them. */
  readonly files: FileSystem;
  readonly network: Network;
  readonly futexes: Futexes;
  readonly children: Children;
  readonly trace: ((kind: 'sqe' | 'cqe', what: unknown) => void) | undefined;
  /** Returns an open file. */
  file(fd: number): SimulatedFile | undefined;
  /** Returns an open ring. */
  ring(fd: number): RingInternals | undefined;
  /** Installs a file at the lowest free descriptor. */
  install(file: SimulatedFile): number;
  close(fd: number): number;
  /** Adds a reference to an open file. */
  retainFile(file: SimulatedFile): void;
  /** Drops a reference to an open file. */
  releaseFile(file: SimulatedFile): void;
  /** Registers a ring. RING_FDS. */
  registerRing(fd: number): number;
  /** Unregisters a ring. UNREGISTER_RING_FDS. */
  unregisterRing(index: number): number;
  /** Returns a result that a test has chosen. */
  injectResult(request: KernelRequest): number | undefined;
  /** Returns how many SQEs one `enter` takes. */
  submitLimit(wanted: number): number;
  /** Notes that a timeout has fired: all waiters return. */
  wakeWaiters(): void;
  /** Schedules background work on the event loop. */
  pump(): void;
}

/** The operations and flags that restrictions allow. */
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
export interface RingInternals extends Pollable {
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
  /** Requests that were taken and have not completed. */
  readonly live: RequestTable;
  /** Posts a request's last CQE, immediately or later. */
  complete(request: KernelRequest, res: number, cqeFlags?: number, extra?: readonly [bigint, bigint]): void;
  /** Posts a CQE of a request that continues. */
  progress(request: KernelRequest, res: number, flags?: number): void;
  /** Completes a request without continuing its chain. */
  finishOnly(request: KernelRequest, res: number, silent?: boolean): void;
  /** Cancels a waiting request. */
  cancelNow(request: KernelRequest): void;
  /** Posts a CQE that belongs to no request of this ring: a message or a tag. */
  notify(userData: bigint, res: number, flags?: number): void;
  /**
   * Calls back when `count` more CQEs have been posted.
   *
   * @returns a function that cancels the callback.
   */
  countCompletions(count: number, done: () => void): () => void;
}
