/**
 * The arena: one SharedArrayBuffer per ring that holds all memory that the library itself passes to
 * the kernel: rings, SQEs, iovecs, paths, timespecs, message headers, and buffer rings.
 *
 * It is a single large allocation for a reason. After the ring's descriptor is closed, the kernel
 * continues to write for a moment, and a worker can be terminated at any instruction, so that no
 * code of this library runs before its memory is freed. An allocation above malloc's largest mmap
 * threshold (32 MiB) is a separate mapping: freeing it unmaps it, the kernel keeps the pages that
 * it has pinned, and they are not reused. A smaller allocation returns to the heap and is handed to
 * the next caller while the kernel still writes to it; within a few workers the process is
 * corrupted. Pages that are never touched cost nothing.
 *
 * ```text
 *   SharedArrayBuffer                                              (addresses grow to the right)
 *   | pad to a page | control words (1 page) | blocks ...          ... | untouched |
 *                   ^ origin                                        ^ bump
 * ```
 *
 * Block sizes are powers of two, at least 64 bytes. Blocks are aligned to their size, up to a page.
 * Freed blocks are kept in one list per size, linked through their first word. The lists and the
 * bump pointer live in the control words, so that every thread that shares the arena allocates from
 * the same lists, under the arena's lock.
 *
 * @module
 */

import type { Syscalls } from '../syscalls/index.js';
import { checkInteger, invalidState, outOfRange } from '../validate.js';
import { SharedLock } from './lock.js';
import type { SharedBytes, SharedData, SharedDoubles, SharedWords } from './shared-views.js';
import { MAX_CLASS, MIN_CLASS, sizeClassOf } from './size-class.js';

/**
 * The size of pages, to which addresses of rings and of rings of buffers are aligned. Kernels for
 * arm64 have pages of 4, 16 or 64 KiB: a multiple of the real size is as good.
 */
export const PAGE_SIZE = process.arch === 'x64' ? 4096 : 65_536;

/**
 * The default size: above the 32 MiB threshold, with room for the largest ring (32,768 entries).
 */
export const DEFAULT_ARENA_SIZE = 40 * 1024 * 1024;

/** The minimum size; see the top of this file. */
export const MIN_ARENA_SIZE = 33 * 1024 * 1024;

const MAX_ARENA_SIZE = 0x7fff_f000;

/**
 * The named words of the control page, relative to the arena's origin. The rest of the page is
 * reserved.
 */
export const ArenaWord = {
  /** {@link ArenaState}. */
  STATE: 0,
  /** The lock of the allocator and of the thread table. */
  LOCK: 1,
  /** The first byte that was never allocated, as a byte offset into the SharedArrayBuffer. */
  BUMP: 2,
  /** The heads of the free lists, one for each class from 2^6 to 2^30. */
  FREE_LISTS: 4,
  /** The tail of the SQEs reserved so far. On its own cache line, because it is on the hot path. */
  RESERVED_TAIL: 32,
  /** The lock of the queues, for threads that share a ring. */
  QUEUE_LOCK: 48,
  /** The attached threads: pairs of a thread id and that thread's descriptor. */
  THREADS: 64,
  THREADS_END: 64 + 2 * 128,
} as const;

/** The values of `ArenaWord.STATE`. */
export const ArenaState = {
  NEW: 0,
  OPEN: 1,
  /** The last thread has left. */
  CLOSED: 2,
  /** The last thread has left, and the kernel is done with the ring. */
  AT_REST: 3,
} as const;

/** A block of an arena, to be released with `free()` once the kernel is done with it. */
export interface ArenaBlock {
  /** The address, for the kernel. */
  readonly address: number;
  /** The byte offset in the arena's views. */
  readonly offset: number;
  /** The memory, zeroed, of exactly the requested size. */
  readonly bytes: SharedBytes;
  /**
   * Frees the block. Must not be called before the last CQE of the operation that uses it. Freeing
   * a block twice is an error.
   */
  free(): void;
}

/**
 * Memory for data that is passed to the kernel; see the top of this file. Each ring creates its
 * own: `ring.arena`.
 */
export class Arena {
  /** The whole memory, as 32-bit words. */
  readonly words: SharedWords;
  /** The whole memory, in units of eight bytes. @internal */
  readonly doubles: SharedDoubles;
  /** The whole memory, as bytes. */
  readonly bytes: SharedBytes;
  /** The whole memory, for structs with fields of several sizes. */
  readonly data: SharedData;
  /** The address of byte 0 of the views. */
  readonly baseAddress: number;
  /** The index of the first control word in `words`. */
  readonly control: number;
  private readonly lock: SharedLock;

  /**
   * Creates an arena over a new SharedArrayBuffer, or over one in which another thread has created
   * an arena.
   *
   * @param memory made by {@link Arena.create}.
   */
  constructor(
    readonly memory: SharedArrayBuffer,
    syscalls: Syscalls,
  ) {
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory, 0, memory.byteLength >> 3);
    this.bytes = new Uint8Array(memory);
    this.data = new DataView(memory);
    this.baseAddress = syscalls.addressOf(this.bytes);
    const origin = (PAGE_SIZE - (this.baseAddress % PAGE_SIZE)) % PAGE_SIZE;
    this.control = origin >> 2;
    this.lock = new SharedLock(this.words, this.control + ArenaWord.LOCK, syscalls);
    if (Atomics.compareExchange(this.words, this.control + ArenaWord.STATE, ArenaState.NEW, ArenaState.OPEN) === ArenaState.NEW) {
      this.words[this.control + ArenaWord.BUMP] = origin + PAGE_SIZE;
    }
  }

  /**
   * Creates an arena with new memory.
   *
   * @param size in bytes, 33 MiB to 2 GiB; only touched pages consume memory.
   */
  static create(syscalls: Syscalls, size: number = DEFAULT_ARENA_SIZE): Arena {
    checkInteger('arenaSize', size, MIN_ARENA_SIZE, MAX_ARENA_SIZE);
    return new Arena(new SharedArrayBuffer(size), syscalls);
  }

  /**
   * Runs `body` under the arena's lock, which also guards the thread table. `body` must not
   * allocate.
   */
  exclusive<T>(body: () => T): T {
    return this.lock.with(body);
  }

  /**
   * Allocates a block of at least `size` bytes, zeroed.
   *
   * @param size in bytes, 1 or more.
   * @returns its offset in `bytes`; `address(offset)` is its address. Blocks of 4,096 bytes or more
   *   are page-aligned.
   * @throws RangeError ERR_OUT_OF_RANGE when the arena is full.
   */
  allocate(size: number): number {
    checkInteger('size', size, 1, 2 ** MAX_CLASS);
    const sizeClass = sizeClassOf(size);
    const blockSize = 2 ** sizeClass;
    const head = this.control + ArenaWord.FREE_LISTS + sizeClass - MIN_CLASS;
    const { words } = this;
    this.lock.acquire();
    let offset: number;
    try {
      offset = words[head];
      if (offset !== 0) {
        words[head] = words[offset >> 2];
        this.bytes.fill(0, offset, offset + size);
      } else {
        // Never used, so still zero; and never touched, so still without cost.
        const alignment = Math.min(blockSize, PAGE_SIZE);
        const bump = words[this.control + ArenaWord.BUMP];
        // The address is aligned, not the offset: byte 0 of the views need not be.
        offset = bump + ((alignment - ((this.baseAddress + bump) % alignment)) % alignment);
        if (offset + blockSize > this.bytes.length) throw this.full(size);
        words[this.control + ArenaWord.BUMP] = offset + blockSize;
      }
    } finally {
      this.lock.release();
    }
    return offset;
  }

  /**
   * Frees a block.
   *
   * @param offset as returned by `allocate`.
   * @param size as passed to `allocate`.
   */
  free(offset: number, size: number): void {
    const head = this.control + ArenaWord.FREE_LISTS + sizeClassOf(size) - MIN_CLASS;
    const { words } = this;
    this.lock.acquire();
    // The link first, then the head: a thread that ends between the two stores leaks a block and
    // breaks nothing.
    words[offset >> 2] = words[head];
    words[head] = offset;
    this.lock.release();
  }

  /** Returns the address of a byte of the arena. */
  address(offset: number): number {
    return this.baseAddress + offset;
  }

  /** Allocates a block as an object, for callers that are not on the hot path. */
  block(size: number): ArenaBlock {
    const offset = this.allocate(size);
    let live = true;
    return {
      address: this.address(offset),
      offset,
      bytes: this.bytes.subarray(offset, offset + size) as SharedBytes,
      free: () => {
        if (!live) throw invalidState('the block was already freed');
        live = false;
        this.free(offset, size);
      },
    };
  }

  /** Allocates a string in the kernel's format: UTF-8, terminated by a null byte. */
  cString(text: string): ArenaBlock {
    const encoded = Buffer.from(text, 'utf8');
    const block = this.block(encoded.length + 1);
    block.bytes.set(encoded);
    return block;
  }

  /**
   * Runs `body` with a block that is freed afterwards: for arguments that the kernel reads during
   * one call only.
   */
  scratch<T>(size: number, body: (offset: number, address: number) => T): T {
    const offset = this.allocate(size);
    try {
      return body(offset, this.address(offset));
    } finally {
      this.free(offset, size);
    }
  }

  /** Writes a u64 (an address or a size, below 2^53) at a byte offset. */
  writeUint64(offset: number, value: number): void {
    this.words[offset >> 2] = value | 0;
    this.words[(offset >> 2) + 1] = (value / 0x1_0000_0000) | 0;
  }

  private full(size: number): RangeError {
    return outOfRange('size', `free in the arena of ${this.bytes.length} bytes (open the ring with a larger arenaSize)`, size);
  }
}
