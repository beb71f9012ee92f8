/**
 * A request: an SQE that the simulated kernel has taken.
 *
 * @module
 */

import { SQE_SIZE, SqeFlag } from '../ring/abi/index.js';
import type { SimulatedFile } from './files.js';

/** The operation has not completed; it will call `complete` later. */
export const PENDING = Symbol('pending');

/** An SQE in the hands of the simulated kernel. */
export class Request {
  readonly opcode: number;
  readonly flags: number;
  readonly ioprio: number;
  readonly fd: number;
  readonly off: bigint;
  readonly addr: number;
  readonly addr64: bigint;
  readonly len: number;
  readonly opFlags: number;
  readonly userData: bigint;
  readonly bufIndex: number;
  readonly personality: number;
  readonly fileIndex: number;
  readonly addr3: bigint;
  /** The next request of the chain. */
  next: Request | undefined;
  /** The file, kept from when the request was started. */
  file: SimulatedFile | undefined;
  /** How to stop it while it waits; `undefined` when it cannot be stopped. */
  cancel: (() => void) | undefined;
  /** A timeout linked to it that is running. */
  linkTimeout: Request | undefined;
  /** Set for those that more CQEs will come of. */
  multishot = false;
  /** Bytes asked for, of reads and writes: fewer break a link. */
  expected: number | undefined;
  started = false;
  done = false;

  constructor(bytes: Uint8Array) {
    const data = new DataView(bytes.slice(0, SQE_SIZE).buffer);
    this.opcode = data.getUint8(0);
    this.flags = data.getUint8(1);
    this.ioprio = data.getUint16(2, true);
    this.fd = data.getInt32(4, true);
    this.off = data.getBigUint64(8, true);
    this.addr64 = data.getBigUint64(16, true);
    this.addr = Number(this.addr64);
    this.len = data.getUint32(24, true);
    this.opFlags = data.getUint32(28, true);
    this.userData = data.getBigUint64(32, true);
    this.bufIndex = data.getUint16(40, true);
    this.personality = data.getUint16(42, true);
    this.fileIndex = data.getUint32(44, true);
    this.addr3 = data.getBigUint64(48, true);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Whether another request follows in the chain. */
  get linked(): boolean {
    return this.has(SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK);
  }
}
