/**
 * The memory of a ring's queues: in the arena (NO_MMAP), or mapped from the ring's descriptor on
 * kernels without NO_MMAP.
 *
 * Mapped memory cannot be unmapped when the ring is closed: JavaScript may still hold views of it,
 * and accessing those would crash the process. Instead, empty memory replaces it at the same
 * address, and is unmapped when the last view has been collected.
 *
 * @module
 */

import { type Syscalls, UringError } from '../syscalls/index.js';
import { Feature, MmapOffset, SetupFlag } from './abi/setup.js';
import { type Arena, PAGE_SIZE } from './arena.js';
import { cqeSize, cqRingSize, type RingLayout, sqeSize, sqRingSize } from './layout.js';

/**
 * Views of a ring's queues. Word indexes are byte offsets of the layout divided by four, plus the
 * base.
 */
export interface RingMemory {
  /** The SQ ring. */
  readonly sq: Int32Array;
  readonly sqBase: number;
  /** The CQ ring. The same memory as the SQ ring, except on kernels before 5.4. */
  readonly cq: Int32Array;
  readonly cqBase: number;
  /** The SQEs. */
  readonly sqes: Int32Array;
  readonly sqesBase: number;
  /** The position in the arena, if the queues are there. */
  readonly room: QueueRoom | undefined;
  /** Releases the memory. Must not be called before the kernel is done with it. */
  release(): void;
}

/** The space in an arena for the queues of a NO_MMAP ring. */
export interface QueueRoom {
  readonly rings: number;
  readonly ringsSize: number;
  readonly sqes: number;
  readonly sqesSize: number;
}

// The kernel's `struct io_rings`, including padding, ends before this offset. The CQEs follow, then
// the SQ array.
const RINGS_HEADER = 256;

/**
 * Allocates the queues of a NO_MMAP ring of these sizes. The numbers of entries are powers of two.
 */
export function allocateQueues(arena: Arena, sqEntries: number, cqEntries: number, setupFlags: number): QueueRoom {
  const wholePages = (size: number) => Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
  const ringsSize = wholePages(RINGS_HEADER + cqEntries * cqeSize(setupFlags) + sqEntries * 4);
  const sqesSize = wholePages(sqEntries * sqeSize(setupFlags));
  const rings = arena.allocate(ringsSize);
  return { rings, ringsSize, sqes: arena.allocate(sqesSize), sqesSize };
}

/** Frees the queues of a NO_MMAP ring. */
export function freeQueues(arena: Arena, room: QueueRoom): void {
  arena.free(room.rings, room.ringsSize);
  arena.free(room.sqes, room.sqesSize);
}

/** Returns the memory of a NO_MMAP ring. */
export function sharedMemory(arena: Arena, room: QueueRoom): RingMemory {
  const base = room.rings >> 2;
  return {
    sq: arena.words,
    sqBase: base,
    cq: arena.words,
    cqBase: base,
    sqes: arena.words,
    sqesBase: room.sqes >> 2,
    room,
    // The memory does not go back to the free lists: the kernel may write to it until the last
    // reference to the ring is gone.
    release: () => undefined,
  };
}

const PROT_READ_WRITE = 0x3;
const MAP_SHARED_POPULATE = 0x1 | 0x8000;
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x2 | 0x10 | 0x20;

/** Unmaps a mapping when its ArrayBuffer is collected: no view of it can remain then. */
const mappings = new FinalizationRegistry<{ syscalls: Syscalls; address: number; length: number }>(
  ({ syscalls, address, length }) => void syscalls.munmap(address, length),
);

/** A part of a ring that the kernel has allocated, mapped into the process. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  /** Releases the ring. Views stay valid and refer to empty memory from then on. */
  release(): void;
}

/**
 * Maps a part of a ring.
 *
 * @throws UringError when mmap fails.
 */
export function mapPart(syscalls: Syscalls, fd: number, offset: number, length: number): Mapping {
  const address = syscalls.mmap(0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
  if (address < 0) throw new UringError(address, 'mmap');
  const buffer = syscalls.viewOf(address, length);
  mappings.register(buffer, { syscalls, address, length });
  return {
    buffer,
    // A mapping keeps the ring alive like a descriptor, so it has to go. But the caller may still
    // hold an SQE, so other memory takes its place, at the same address. (Node does not allow
    // detaching an ArrayBuffer that an FFI has created.)
    release: () => void syscalls.mmap(address, length, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0),
  };
}

/**
 * Maps the queues of a ring from its descriptor.
 *
 * @throws UringError when mmap fails.
 */
export function mapMemory(syscalls: Syscalls, fd: number, layout: RingLayout): RingMemory {
  const parts: Mapping[] = [];
  const release = () => {
    for (const part of parts.splice(0)) part.release();
  };
  const map = (offset: number, length: number): Int32Array => {
    const part = mapPart(syscalls, fd, offset, length);
    parts.push(part);
    return new Int32Array(part.buffer, 0, length >> 2);
  };
  try {
    const single = (layout.features & Feature.SINGLE_MMAP) !== 0;
    const sqLength = single ? Math.max(sqRingSize(layout), cqRingSize(layout)) : sqRingSize(layout);
    const sq = map(MmapOffset.SQ_RING, sqLength);
    const cq = single ? sq : map(MmapOffset.CQ_RING, cqRingSize(layout));
    const sqes = map(MmapOffset.SQES, layout.sqEntries * layout.sqeSize);
    return { sq, sqBase: 0, cq, cqBase: 0, sqes, sqesBase: 0, room: undefined, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Returns whether the queues of a ring are in this library's own memory. */
export function isShared(layout: RingLayout): boolean {
  return (layout.setupFlags & SetupFlag.NO_MMAP) !== 0;
}
