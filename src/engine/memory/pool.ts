/**
 * The engine's memory: everything that the library itself passes to the kernel (paths, iovecs,
 * results, copies of the user's data) and the buffers that users allocate.
 *
 * It consists of regions. Each region is a SharedArrayBuffer larger than malloc's largest mmap
 * threshold: it cannot be detached, and when a worker is terminated its pages are returned to the
 * kernel and not to the next `malloc` (see `ring/arena.ts`, which exists for the same reason; its
 * lock is not needed here, as one thread uses the pool).
 *
 * ```text
 *   region  | slab of 1 MiB | slab | ...              | untouched |    slabs can be registered
 *   slab    | block of 4 KiB | block of 64 KiB | ...                   with the kernel, one by one
 *   span    64 KiB of a slab, cut into blocks of one small size
 * ```
 *
 * Block sizes are powers of two from 64 bytes on. Blocks are aligned to their size, up to a page. A
 * released block is kept for the next request of its size.
 *
 * @module
 */

import { isMainThread } from 'node:worker_threads';

import { PAGE_SIZE } from '../../ring/arena.js';
import type { SharedBytes, SharedData } from '../../ring/shared-views.js';
import { MAX_CLASS, sizeClassOf } from '../../ring/size-class.js';
import type { Syscalls } from '../../syscalls/index.js';
import { invalidState, outOfRange } from '../../validate.js';

/** Bytes of a region. Only the part that is used takes memory. */
const REGION_SIZE = 64 * 1024 * 1024;

/** The unit of registration with the kernel. No block of this size or smaller spans two slabs. */
export const SLAB_SIZE = 1024 * 1024;

/** The unit that small blocks are cut from. */
const SPAN_SIZE = 64 * 1024;

/** Bytes of large free blocks that stay resident. */
const KEPT_IDLE = 16 * 1024 * 1024;

/** One SharedArrayBuffer of the pool. */
export interface Region {
  readonly memory: SharedArrayBuffer;
  readonly bytes: SharedBytes;
  readonly data: SharedData;
  /** The address of byte 0. */
  readonly base: number;
  /** The number of its first slab. */
  readonly firstSlab: number;
  /** The first byte that was never used. (No block begins before the first page.) */
  next: number;
  /** Views of its slabs, created on demand. */
  readonly slabs: (PlainView | undefined)[];
  /** Creates a view of a part of it. */
  readonly view: (start: number, length: number) => PlainView;
}

/**
 * A part of a region, on the main thread as an ordinary ArrayBuffer: V8 copies shared memory word
 * by word, two to three times slower. Only the used parts have such views: V8 counts all of a view
 * as the program's memory, and collects garbage because of it.
 */
export interface PlainView {
  readonly buffer: Buffer;
  readonly bytes: Uint8Array;
  /** Where it starts in the region. */
  readonly start: number;
}

/** A piece of the pool. */
export class Block {
  /** The next block in the free list. @internal */
  link: Block | undefined;
  /** @internal */
  live = true;
  /** Whether it is counted among the large free blocks that stay resident. @internal */
  kept = false;
  private plainView: PlainView | undefined;

  constructor(
    readonly region: Region,
    /** Byte offset in the region. */
    readonly offset: number,
    /** The size is two to this power. */
    readonly sizeClass: number,
  ) {}

  /** The address for the kernel. */
  get address(): number {
    return this.region.base + this.offset;
  }

  get size(): number {
    return 1 << this.sizeClass;
  }

  /** Copies the first bytes to a place in an array. */
  copyTo(target: Uint8Array, length: number, place = 0): void {
    const { bytes, start } = this.view;
    const from = this.offset - start;
    // A subarray of the Uint8Array, not of the Buffer: the latter takes several times as long to
    // create.
    target.set(bytes.subarray(from, from + length), place);
  }

  /** Copies bytes to its start. */
  copyFrom(source: Uint8Array): void {
    const { bytes, start } = this.view;
    bytes.set(source, this.offset - start);
  }

  /**
   * Returns `length` bytes from `start` on as an ordinary Buffer. It must never reach users, as it
   * would outlive the pool.
   */
  plain(start: number, length: number): Buffer {
    const { view } = this;
    const from = this.offset - view.start + start;
    return view.buffer.subarray(from, from + length) as Buffer;
  }

  /** Writes text in UTF-8 to its start, followed by a null byte. There must be room for both. */
  writeCString(text: string): void {
    const { buffer, start } = this.view;
    const from = this.offset - start;
    buffer[from + buffer.write(text, from, this.size - 1, 'utf8')] = 0;
  }

  private get view(): PlainView {
    this.plainView ??= viewOf(this);
    return this.plainView;
  }
}

/** An allocator over regions, for one thread. */
export class Pool {
  readonly regions: Region[] = [];
  private readonly free: (Block | undefined)[] = [];
  /** For each small class, the span that blocks are cut from: the next place, and its end. */
  private readonly spans: ({ region: Region; next: number; end: number } | undefined)[] = [];
  /** Slabs that are registered with the kernel, which has pinned their pages. */
  readonly pinned = new Set<number>();
  private slabs = 0;
  private used = 0;
  private keptBytes = 0;

  constructor(
    private readonly syscalls: Syscalls,
    /** Called with every new region, which must outlive everything that the kernel does with it. */
    private readonly onRegion: (region: Region) => void,
  ) {}

  /** Bytes in blocks that are taken. */
  get bytesInUse(): number {
    return this.used;
  }

  /**
   * Takes a block. Its contents are undefined.
   *
   * @param size bytes, 1 to 1 GiB.
   * @throws RangeError when there is no memory, and for more than 1 GiB. Nothing is taken then.
   */
  take(size: number): Block {
    const sizeClass = classOf(size);
    const block = this.free[sizeClass] ?? this.carve(sizeClass);
    this.used += 1 << sizeClass;
    this.free[sizeClass] = block.link;
    block.link = undefined;
    block.live = true;
    if (block.kept) this.keptBytes -= block.size;
    block.kept = false;
    return block;
  }

  /** Releases a block. The kernel must no longer use it. */
  give(block: Block): void {
    if (!block.live) throw invalidState('the block was already released');
    block.live = false;
    this.used -= 1 << block.sizeClass;
    block.link = this.free[block.sizeClass];
    this.free[block.sizeClass] = block;
    if (block.size >= SLAB_SIZE) this.keepOrDiscard(block);
  }

  /**
   * Returns the pages of a large block to the system, unless little is kept: a discarded block
   * costs page faults when it is used again.
   */
  private keepOrDiscard(block: Block): void {
    block.kept = this.keptBytes + block.size <= KEPT_IDLE || this.isPinned(block);
    if (block.kept) this.keptBytes += block.size;
    else this.syscalls.discard(block.address, block.size);
  }

  /**
   * Whether a part of the block is pinned: the kernel keeps using pinned pages, even if the memory
   * is discarded.
   */
  private isPinned({ region, offset, size }: Block): boolean {
    const first = region.firstSlab + Math.floor((offset - slabOrigin(region)) / SLAB_SIZE);
    for (let slab = first; slab < first + size / SLAB_SIZE; slab++) if (this.pinned.has(slab)) return true;
    return false;
  }

  /**
   * Returns the region that a view lies in, or `undefined` when its memory does not belong to the
   * pool.
   */
  regionOf(view: ArrayBufferView): Region | undefined {
    const { buffer } = view;
    for (const region of this.regions) if (region.memory === buffer) return region;
    return undefined;
  }

  private carve(sizeClass: number): Block {
    const size = 1 << sizeClass;
    if (size >= SPAN_SIZE) {
      const region = this.room(size, Math.min(size, SLAB_SIZE));
      const offset = region.next;
      region.next += size;
      return new Block(region, offset, sizeClass);
    }
    let span = this.spans[sizeClass];
    if (span === undefined || span.next === span.end) {
      const region = this.room(SPAN_SIZE, SPAN_SIZE);
      span = { region, next: region.next, end: region.next + SPAN_SIZE };
      region.next = span.end;
      this.spans[sizeClass] = span;
    }
    const block = new Block(span.region, span.next, sizeClass);
    span.next += size;
    return block;
  }

  /** Returns a region with this much room, its `next` aligned relative to the first page. */
  private room(size: number, alignment: number): Region {
    const last = this.regions.at(-1);
    if (last !== undefined && align(last, alignment, size)) return last;
    const region = this.addRegion(size);
    if (!align(region, alignment, size)) throw outOfRange('size', `<= ${2 ** MAX_CLASS}`, size);
    return region;
  }

  private addRegion(size: number): Region {
    const region = createRegion(this.syscalls, Math.max(REGION_SIZE, size + PAGE_SIZE), this.slabs);
    this.slabs += Math.floor(region.memory.byteLength / SLAB_SIZE);
    // Before any of it is used: from here on the kernel may know it.
    this.onRegion(region);
    this.regions.push(region);
    return region;
  }
}

/**
 * Not a method: the ring retains regions, and a closure of the pool would make it retain the engine
 * as well.
 */
function createRegion(syscalls: Syscalls, size: number, firstSlab: number): Region {
  const memory = new SharedArrayBuffer(size);
  const bytes = new Uint8Array(memory);
  const base = syscalls.addressOf(bytes);
  return {
    memory,
    bytes,
    data: new DataView(memory),
    base,
    firstSlab,
    next: 0,
    slabs: [],
    view: (start, length) => plainView(syscalls, memory, base, start, length),
  };
}

function plainView(syscalls: Syscalls, memory: SharedArrayBuffer, base: number, start: number, length: number): PlainView {
  const buffer = plainBuffer(syscalls, memory, base, start, length);
  return { buffer, bytes: new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length), start };
}

function plainBuffer(syscalls: Syscalls, memory: SharedArrayBuffer, base: number, start: number, length: number): Buffer {
  // koffi aborts the process when a worker is terminated while it creates a view. A slower copy (3
  // us more for 64 KiB) is the lesser evil.
  if (!isMainThread) return Buffer.from(memory, start, length);
  try {
    return Buffer.from(syscalls.viewOf(base + start, length));
  } catch {
    // The addresses of the simulated kernel are not real.
    return Buffer.from(memory, start, length);
  }
}

/** Returns the view of a block: the view of its slab, or its own if it is larger than a slab. */
function viewOf({ region, offset, size }: Block): PlainView {
  if (size > SLAB_SIZE) return region.view(offset, size);
  const origin = slabOrigin(region);
  const slab = Math.floor((offset - origin) / SLAB_SIZE);
  const start = origin + slab * SLAB_SIZE;
  region.slabs[slab] ??= region.view(start, Math.min(SLAB_SIZE, region.memory.byteLength - start));
  return region.slabs[slab] as PlainView;
}

/** Returns where slabs start in a region: at its first page. */
export function slabOrigin(region: Region): number {
  return (PAGE_SIZE - (region.base % PAGE_SIZE)) % PAGE_SIZE;
}

/** Advances `next` to the alignment. @returns whether there is room for `size` bytes. */
function align(region: Region, alignment: number, size: number): boolean {
  const origin = slabOrigin(region);
  const next = origin + Math.ceil((region.next - origin) / alignment) * alignment;
  if (next + size > region.memory.byteLength) return false;
  region.next = next;
  return true;
}

/** Returns the size class of a block, or throws: there are no larger blocks than 1 GiB. */
function classOf(size: number): number {
  if (size > 2 ** MAX_CLASS) throw outOfRange('size', `<= ${2 ** MAX_CLASS}`, size);
  return sizeClassOf(size);
}
