/**
 * The memory of a ring's queues, from the kernel's side.
 *
 * @module
 */

import type { SqRingFlag } from '../ring/abi/index.js';
import { type RingLayout, sqRingSize } from '../ring/layout.js';

/** The words of the rings, and the SQEs. */
export class QueueMemory {
  private readonly data: DataView;

  constructor(
    readonly layout: RingLayout,
    private readonly rings: Uint8Array,
    private readonly sqes: Uint8Array,
    counterStart: number,
  ) {
    if (sqRingSize(layout) > rings.length) throw new Error('the simulated kernel was given too little ring memory');
    this.data = new DataView(rings.buffer, rings.byteOffset, rings.byteLength);
    this.write(layout.sqMask, layout.sqEntries - 1);
    this.write(layout.cqMask, layout.cqEntries - 1);
    for (const counter of [layout.sqHead, layout.sqTail, layout.cqHead, layout.cqTail]) this.write(counter, counterStart);
  }

  read(offset: number): number {
    return this.data.getUint32(offset, true);
  }

  write(offset: number, value: number): void {
    this.data.setUint32(offset, value >>> 0, true);
  }

  /** Adds to a counter. */
  increment(offset: number, by = 1): void {
    this.write(offset, this.read(offset) + by);
  }

  writeUint64(offset: number, value: bigint): void {
    this.data.setBigUint64(offset, value, true);
  }

  hasSqFlag(flag: number): boolean {
    return (this.read(this.layout.sqFlags) & flag) !== 0;
  }

  setSqFlag(flag: (typeof SqRingFlag)[keyof typeof SqRingFlag], on: boolean): void {
    const flags = this.read(this.layout.sqFlags);
    this.write(this.layout.sqFlags, on ? flags | flag : flags & ~flag);
  }

  /** Returns the bytes of an SQE. */
  sqe(index: number): Uint8Array {
    const { sqeSize } = this.layout;
    return this.sqes.subarray(index * sqeSize, (index + 1) * sqeSize);
  }

  /** Returns the buffer of a part that the kernel itself has allocated. */
  bufferOf(part: 'rings' | 'sqes'): ArrayBuffer | undefined {
    const { buffer } = this[part];
    return buffer instanceof ArrayBuffer ? buffer : undefined;
  }
}
