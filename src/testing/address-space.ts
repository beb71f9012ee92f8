/**
 * Addresses for a program that has none: every ArrayBuffer that is asked for its address gets a range of its own, and the
 * simulated kernel finds the memory behind an address again.
 *
 * @module
 */

interface Region {
  readonly start: number;
  readonly end: number;
  readonly buffer: ArrayBufferLike;
}

/** Like malloc's large blocks: 16 bytes behind a page's start. */
const MISALIGNMENT = 16;

const PAGE = 4096;

/** The simulated program's memory. */
export class AddressSpace {
  private readonly regions: Region[] = [];
  private readonly byBuffer = new Map<ArrayBufferLike, Region>();
  private next = 0x5500_0000_0000;

  /** The address of a view's first byte. */
  addressOf(view: ArrayBufferView): number {
    return this.place(view.buffer, MISALIGNMENT).start + view.byteOffset;
  }

  /** The address of kernel memory, page-aligned, for mmap. */
  map(buffer: ArrayBuffer): number {
    return this.place(buffer, 0).start;
  }

  /** The buffer that starts at an address. */
  bufferAt(address: number): ArrayBufferLike | undefined {
    return this.regions.find((region) => region.start === address)?.buffer;
  }

  /** `length` bytes at an address; `undefined` where the program has no memory: EFAULT. */
  bytes(address: number, length: number): Uint8Array | undefined {
    const region = this.regions.find(({ start, end }) => address >= start && address + length <= end);
    // A detached buffer has no memory any more.
    if (!region || region.buffer.byteLength === 0) return undefined;
    return new Uint8Array(region.buffer, address - region.start, length);
  }

  /** `length` bytes at an address as a DataView. */
  data(address: number, length: number): DataView | undefined {
    const bytes = this.bytes(address, length);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  private place(buffer: ArrayBufferLike, misalignment: number): Region {
    const known = this.byBuffer.get(buffer);
    if (known) return known;
    const start = this.next + misalignment;
    const region = { start, end: start + buffer.byteLength, buffer };
    // An unmapped page behind each region, as a guard.
    this.next = Math.ceil((region.end + PAGE) / PAGE) * PAGE;
    this.regions.push(region);
    this.byBuffer.set(buffer, region);
    return region;
  }
}
