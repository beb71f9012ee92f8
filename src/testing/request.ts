/**
 * A request: an SQE that the simulated kernel has taken.
 *
 * @module
 */

import { OPCODE_NAMES, SQE_SIZE, SqeFlag } from '../ring/abi/index.js';
import type { SimulatedFile } from './files/file.js';

/** The result of an operation that has not completed; it will call `complete` later. */
export const PENDING = Symbol('pending');

/** An SQE that the simulated kernel has taken. */
export class KernelRequest {
  readonly opcode: number;
  readonly flags: number;
  readonly ioprio: number;
  readonly fd: number;
  readonly off: bigint;
  readonly addr: number;
  readonly addr64: bigint;
  readonly len: number;
  readonly opFlags: number;
  /** Changed by POLL_REMOVE. */
  userData: bigint;
  readonly bufIndex: number;
  readonly personality: number;
  readonly fileIndex: number;
  readonly addr3: bigint;
  /** The next request of the chain. */
  next: KernelRequest | undefined;
  /** The file, held open since the request was started. */
  file: SimulatedFile | undefined;
  /** Stops the request while it waits; `undefined` when it cannot be stopped. */
  cancel: (() => void) | undefined;
  /** The linked timeout that is running for it. */
  linkTimeout: KernelRequest | undefined;
  /** Whether the request posts more than one CQE. */
  multishot = false;
  /** The number of bytes requested by reads and writes: a shorter transfer breaks a link. */
  expected: number | undefined;
  /** A negative result that is not a failure. */
  success: number | undefined;
  /** For a zero-copy send: the result of its second CQE, posted when its memory may be reused. */
  notification: number | undefined;
  started = false;
  /** A worker is running it, and it cannot be cancelled. */
  running = false;
  /** Its last result is decided, but may not be posted yet. */
  answered = false;
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

  /** Whether its file is a registered file. */
  get fixed(): boolean {
    return this.has(SqeFlag.FIXED_FILE);
  }

  /** Formats the request, for traces. */
  toString(): string {
    const flags = Object.entries(SqeFlag).flatMap(([name, flag]) => (this.flags & flag ? [name] : []));
    const fields = [
      `fd ${this.fd}`,
      this.off === 0n ? '' : `off ${this.off === 0xffff_ffff_ffff_ffffn ? -1 : this.off}`,
      this.addr === 0 ? '' : `addr 0x${this.addr.toString(16)}`,
      this.len === 0 ? '' : `len ${this.len}`,
      this.opFlags === 0 ? '' : `op_flags 0x${this.opFlags.toString(16)}`,
      this.fileIndex === 0 ? '' : `file_index ${this.fileIndex}`,
      this.bufIndex === 0 ? '' : `buf ${this.bufIndex}`,
      ...flags,
    ];
    const name = OPCODE_NAMES[this.opcode] ?? `opcode ${this.opcode}`;
    return `${name}[0x${this.userData.toString(16)}] ${fields.filter((field) => field !== '').join(' ')}`;
  }

  /** Whether another request follows in the chain. */
  get linked(): boolean {
    return this.has(SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK);
  }
}
