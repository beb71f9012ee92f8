/**
 * The arena: one SharedArrayBuffer per ring, holding all memory that the library itself gives to the kernel: the rings, the
 * SQEs, iovecs, paths, timespecs, message headers, buffer rings.
 *
 * Why one, and why so large: after the ring's fd is closed, the kernel goes on writing for a moment, and a worker can be
 * terminated at any instruction, so that no code of ours runs before its memory is freed. An allocation above malloc's largest
 * mmap threshold (32 MiB) is a mapping of its own: freeing it unmaps it, the kernel keeps the pages it has pinned, and nobody
 * else is given them. A smaller allocation goes back to the heap and is handed to the next caller while the kernel still
 * writes to it; within a few workers the process is corrupted. Pages that are never touched cost nothing.
 *
 * ```text
 *   SharedArrayBuffer                                              (addresses grow to the right)
 *   | pad to a page | control words (1 page) | blocks ...          ... | untouched |
 *                   ^ origin                                        ^ bump
 * ```
 *
 * Blocks are powers of two, at least 64 bytes, aligned to their size up to a page. Freed blocks are kept in one list per size,
 * linked through their first word. The lists and the bump pointer live in the control words, so that every thread that
 * shares the arena allocates from the same lists, under the arena's lock.
 *
 * @module
 */

import type { Syscalls } from '../syscalls/index.js';
import { checkInteger, invalidState, outOfRange } from '../validate.js';
import { SharedLock } from './lock.js';
import type { SharedBytes, SharedData, SharedDoubles, SharedWords } from './shared-views.js';

/** The page size that NO_MMAP's addresses are aligned to. */
export const PAGE_SIZE = 4096;

/** Default size: above the 32 MiB threshold with room for the largest ring (32,768 entries). */
export const DEFAULT_ARENA_SIZE = 40 * 1024 * 1024;

/** Least size; see the top of this file. */
export const MIN_ARENA_SIZE = 33 * 1024 * 1024;

const MAX_ARENA_SIZE = 0x7fff_f000;

const MIN_CLASS = 6;
const MAX_CLASS = 30;

/** The named words of the control page, relative to the arena's origin. The rest of the page is free for later. */
export const ArenaWord = {
  /** {@link ArenaState}. */
  STATE: 0,
  /** Lock of the allocator and of the table of threads. */
  LOCK: 1,
  /** First byte never allocated, as a byte offset into the SharedArrayBuffer. */
  BUMP: 2,
  /** Heads of the free lists, one for each class from 2^6 to 2^30. */
  FREE_LISTS: 4,
  /** The tail of the SQEs reserved so far; on a cache line of its own, as it is on the hot path. */
  RESERVED_TAIL: 32,
  /** Lock of the queues, for those who share a ring between threads. */
  QUEUE_LOCK: 48,
  /** Who is attached: pairs of thread id and that thread's fd. */
  THREADS: 64,
  THREADS_END: 64 + 2 * 128,
} as const;

/** Values of `ArenaWord.STATE`. */
export const ArenaState = {
  NEW: 0,
  OPEN: 1,
  /** The last thread has left. */
  CLOSED: 2,
  /** And the kernel is done with everything. */
  AT_REST: 3,
} as const;

/** A piece of an arena, to be given back with `free()` once the kernel is done with it. */
export interface ArenaBlock {
  /** Its address, for the kernel. */
  readonly address: number;
  /** Its place in the arena's views, in bytes. */
  readonly offset: number;
  /** Its memory, of exactly the size asked for, zeroed. */
  readonly bytes: SharedBytes;
  /** Gives it back. Must not happen before the last CQE of the operation that uses it. Freeing twice is an error. */
  free(): void;
}

/** Memory for what the kernel is given; see the top of this file. A ring makes its own: `ring.arena`. */
export class Arena {
  /** All of the memory, as 32-bit words. */
  readonly words: SharedWords;
  /** All of the memory, in units of eight bytes. @internal */
  readonly doubles: SharedDoubles;
  /** All of the memory, as bytes. */
  readonly bytes: SharedBytes;
  /** All of the memory, for structs with fields of several sizes. */
  readonly data: SharedData;
  /** Address of byte 0 of the views. */
  readonly baseAddress: number;
  /** Index of the first control word in `words`. */
  readonly control: number;
  private readonly lock: SharedLock;

  /**
   * Over a new SharedArrayBuffer, or over one that another thread has made an arena of.
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
   * @param size bytes, 33 MiB to 2 GiB; only what is touched takes memory.
   */
  static create(syscalls: Syscalls, size: number = DEFAULT_ARENA_SIZE): Arena {
    checkInteger('arenaSize', size, MIN_ARENA_SIZE, MAX_ARENA_SIZE);
    return new Arena(new SharedArrayBuffer(size), syscalls);
  }

  /** Runs `body` under the arena's lock, which also guards the table of threads. `body` must not allocate. */
  exclusive<T>(body: () => T): T {
    return this.lock.with(body);
  }

  /**
   * A block of at least `size` bytes, zeroed.
   *
   * @param size in bytes, 1 or more.
   * @returns its offset in `bytes`; `address(offset)` is its address. From 4,096 bytes on it is page-aligned.
   * @throws RangeError ERR_OUT_OF_RANGE when the arena is full.
   */
  allocate(size: number): number {
    checkInteger('size', size, 1, 2 ** MAX_CLASS);
    const sizeClass = classOf(size);
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
        // Never used, so still zero; and not touched, so still free of cost.
        const alignment = Math.min(blockSize, PAGE_SIZE);
        const bump = words[this.control + ArenaWord.BUMP];
        // Aligned as an address: the views' byte 0 itself need not be.
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
   * Gives a block back.
   *
   * @param offset what `allocate` returned.
   * @param size what it was asked for.
   */
  free(offset: number, size: number): void {
    const head = this.control + ArenaWord.FREE_LISTS + classOf(size) - MIN_CLASS;
    const { words } = this;
    this.lock.acquire();
    // The link first, then the head: a thread that ends between the two leaks a block and breaks nothing.
    words[offset >> 2] = words[head];
    words[head] = offset;
    this.lock.release();
  }

  /** The address of a byte of the arena. */
  address(offset: number): number {
    return this.baseAddress + offset;
  }

  /** A block as an object, for whoever is not on the hot path. */
  block(size: number): ArenaBlock {
    const offset = this.allocate(size);
    let live = true;
    return {
      address: this.address(offset),
      offset,
      bytes: this.bytes.subarray(offset, offset + size) as SharedBytes,
      free: () => {
        if (!live) throw invalidState('the block was freed before');
        live = false;
        this.free(offset, size);
      },
    };
  }

  /**
   * A string as the kernel reads it: UTF-8, ended by a null byte.
   */
  cString(text: string): ArenaBlock {
    const encoded = Buffer.from(text, 'utf8');
    const block = this.block(encoded.length + 1);
    block.bytes.set(encoded);
    return block;
  }

  /** Runs `body` with a block that is given back afterwards: for arguments that the kernel reads during one call. */
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

/** The exponent of the smallest power of two that holds `size` bytes. */
function classOf(size: number): number {
  return Math.max(MIN_CLASS, 32 - Math.clz32(size - 1));
}
