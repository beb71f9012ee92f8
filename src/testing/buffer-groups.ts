/**
 * Provided buffers: groups from which the kernel takes a buffer when it has data to deliver. A
 * group is a ring in shared memory, or a list.
 *
 * @module
 */

import { BufRingEntry } from '../ring/abi/index.js';
import type { AddressSpace } from './address-space.js';
import type { Ownership } from './ownership.js';
import type { KernelRequest } from './request.js';

/** A buffer that was selected. */
export interface SelectedBuffer {
  readonly address: number;
  readonly length: number;
  readonly id: number;
  /** More data follows in the same buffer: the group is consumed incrementally. */
  more: boolean;
}

/** A group of buffers. */
export interface BufferGroup {
  readonly kind: 'ring' | 'list';
  /** The number of buffers that the kernel can take. */
  readonly available: number;
  /**
   * Selects the next buffer, or at most `length` bytes of it (0: all). It belongs to the group
   * until {@link commit}.
   */
  select(length: number): SelectedBuffer | undefined;
  /** Consumes `bytes` of the buffer. */
  commit(buffer: SelectedBuffer, bytes: number): void;
}

/** A group whose ring the program fills: io_uring_setup_buf_ring(3). */
export class BufferRingGroup implements BufferGroup {
  readonly kind = 'ring';
  head = 0;

  constructor(
    private readonly memory: AddressSpace,
    private readonly address: number,
    private readonly entries: number,
    private readonly incremental: boolean,
  ) {}

  private get data(): DataView | undefined {
    return this.memory.data(this.address, this.entries * BufRingEntry.SIZE);
  }

  get available(): number {
    const tail = this.data?.getUint16(BufRingEntry.TAIL, true) ?? this.head;
    return (tail - this.head) & 0xffff;
  }

  select(length: number): SelectedBuffer | undefined {
    const { data } = this;
    if (data === undefined || this.available === 0) return undefined;
    const at = (this.head & (this.entries - 1)) * BufRingEntry.SIZE;
    const size = data.getUint32(at + BufRingEntry.LEN, true);
    return {
      address: Number(data.getBigUint64(at + BufRingEntry.ADDR, true)),
      length: length === 0 ? size : Math.min(length, size),
      id: data.getUint16(at + BufRingEntry.BID, true),
      more: false,
    };
  }

  commit(buffer: SelectedBuffer, bytes: number): void {
    const { data } = this;
    if (data === undefined) return;
    const at = (this.head & (this.entries - 1)) * BufRingEntry.SIZE;
    const left = data.getUint32(at + BufRingEntry.LEN, true) - bytes;
    if (this.incremental && left > 0) {
      // The entry describes the remainder of its buffer.
      data.setBigUint64(at + BufRingEntry.ADDR, BigInt(buffer.address + bytes), true);
      data.setUint32(at + BufRingEntry.LEN, left, true);
      buffer.more = true;
      return;
    }
    this.head = (this.head + 1) & 0xffff;
  }

  /** Returns the buffers that the kernel currently owns. */
  owned(): { readonly address: number; readonly length: number }[] {
    const { data } = this;
    if (data === undefined) return [];
    return Array.from({ length: this.available }, (_, index) => {
      const at = ((this.head + index) & (this.entries - 1)) * BufRingEntry.SIZE;
      return {
        address: Number(data.getBigUint64(at + BufRingEntry.ADDR, true)),
        length: data.getUint32(at + BufRingEntry.LEN, true),
      };
    });
  }
}

/** A group created by PROVIDE_BUFFERS. */
export class BufferListGroup implements BufferGroup {
  readonly kind = 'list';
  readonly buffers: { readonly address: number; readonly length: number; readonly id: number }[] = [];

  get available(): number {
    return this.buffers.length;
  }

  select(length: number): SelectedBuffer | undefined {
    // The kernel adds at the end, and takes from the front.
    const buffer = this.buffers[0];
    if (buffer === undefined) return undefined;
    return { ...buffer, length: length === 0 ? buffer.length : Math.min(length, buffer.length), more: false };
  }

  commit(): void {
    this.buffers.shift();
  }
}

/** Selects a buffer for an operation, which owns it until its CQE. */
export function selectFor(
  group: BufferGroup | undefined,
  request: KernelRequest,
  length: number,
  ownership: Ownership,
): SelectedBuffer | undefined {
  const buffer = group?.select(length);
  if (buffer !== undefined && ownership.holds(buffer.address, buffer.length)) {
    ownership.violations.push(`${request} takes buffer ${buffer.id} of its group, which another operation still has`);
  }
  return buffer;
}
