/**
 * Addresses for a program that has no real ones: every ArrayBuffer whose address is requested gets
 * its own range, and the simulated kernel maps an address back to its memory.
 *
 * @module
 */

interface Region {
  readonly start: number;
  readonly end: number;
  readonly buffer: ArrayBufferLike;
}

/** Like malloc's large blocks: 16 bytes after the start of a page. */
const MISALIGNMENT = 16;

const PAGE = 4096;

/** The simulated program's memory. */
export class AddressSpace {
  /** Sorted by address, because addresses only grow. */
  private readonly regions: Region[] = [];
  private readonly byBuffer = new WeakMap<ArrayBufferLike, Region>();
  private next = 0x5500_0000_0000;
  /** The region of the last lookup: the next lookup usually hits it again. */
  private recent: Region | undefined;

  /** Returns the address of a view's first byte. */
  addressOf(view: ArrayBufferView): number {
    return this.place(view.buffer, MISALIGNMENT).start + view.byteOffset;
  }

  /** Returns the address of kernel memory, page-aligned, for mmap. */
  map(buffer: ArrayBuffer): number {
    return this.place(buffer, 0).start;
  }

  /** Returns the buffer that starts at an address. */
  bufferAt(address: number): ArrayBufferLike | undefined {
    const region = this.find(address);
    return region?.start === address ? region.buffer : undefined;
  }

  /** Returns `length` bytes at an address; `undefined` (EFAULT) where the program has no memory. */
  bytes(address: number, length: number): Uint8Array | undefined {
    const region = this.find(address);
    // A detached buffer no longer has memory.
    if (region === undefined || address + length > region.end || region.buffer.byteLength === 0) return undefined;
    return new Uint8Array(region.buffer, address - region.start, length);
  }

  /** Returns `length` bytes at an address as a DataView. */
  data(address: number, length: number): DataView | undefined {
    const bytes = this.bytes(address, length);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  /** Reads a C string; `undefined` if the memory ends before the string does. */
  string(address: number): string | undefined {
    const region = this.find(address);
    if (region === undefined) return undefined;
    const rest = this.bytes(address, region.end - address);
    const length = rest?.indexOf(0) ?? -1;
    return rest === undefined || length < 0 ? undefined : Buffer.from(rest.subarray(0, length)).toString('utf8');
  }

  private find(address: number): Region | undefined {
    const { recent, regions } = this;
    if (recent !== undefined && address >= recent.start && address <= recent.end) return recent;
    let low = 0;
    let high = regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((regions[middle] as Region).start <= address) low = middle + 1;
      else high = middle;
    }
    const region = regions[low - 1];
    if (region === undefined || address > region.end) return undefined;
    this.recent = region;
    return region;
  }

  private place(buffer: ArrayBufferLike, misalignment: number): Region {
    const known = this.byBuffer.get(buffer);
    if (known) return known;
    const start = this.next + misalignment;
    const region = { start, end: start + buffer.byteLength, buffer };
    // An unmapped page after each region, as a guard.
    this.next = Math.ceil((region.end + PAGE) / PAGE) * PAGE;
    this.regions.push(region);
    this.byBuffer.set(buffer, region);
    return region;
  }
}
