/**
 * The memory of a ring's queues: in the arena (NO_MMAP), or mapped from the ring's fd on kernels that have no NO_MMAP.
 *
 * Mapped memory cannot simply be unmapped when the ring is closed: JavaScript may still hold views of it, and touching those
 * would crash the process. It is replaced by empty memory at the same address, and unmapped when the last view has been collected.
 *
 * @module
 */

import { type Syscalls, UringError } from '../syscalls/index.js';
import { Feature, MmapOffset, SetupFlag } from './abi/setup.js';
import { type Arena, PAGE_SIZE } from './arena.js';
import { cqeSize, cqRingSize, type RingLayout, sqeSize, sqRingSize } from './layout.js';

/** Views of a ring's queues. Word indexes are byte offsets of the layout divided by four, plus the base. */
export interface RingMemory {
  /** The SQ ring. */
  readonly sq: Int32Array;
  readonly sqBase: number;
  /** The CQ ring; the same memory as the SQ ring, but on kernels before 5.4. */
  readonly cq: Int32Array;
  readonly cqBase: number;
  /** The SQEs. */
  readonly sqes: Int32Array;
  readonly sqesBase: number;
  /** Where it lies in the arena, if it does. */
  readonly room: QueueRoom | undefined;
  /** Lets go of it. Only after the kernel has. */
  release(): void;
}

/** Room in an arena for the queues of a NO_MMAP ring. */
export interface QueueRoom {
  readonly rings: number;
  readonly ringsSize: number;
  readonly sqes: number;
  readonly sqesSize: number;
}

// The kernel's `struct io_rings` ends, with padding, before this; then come the CQEs, then the SQ array.
const RINGS_HEADER = 256;

/** Allocates what a NO_MMAP ring of these sizes needs. `entries` are powers of two. */
export function allocateQueues(arena: Arena, sqEntries: number, cqEntries: number, setupFlags: number): QueueRoom {
  const wholePages = (size: number) => Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
  const ringsSize = wholePages(RINGS_HEADER + cqEntries * cqeSize(setupFlags) + sqEntries * 4);
  const sqesSize = wholePages(sqEntries * sqeSize(setupFlags));
  const rings = arena.allocate(ringsSize);
  return { rings, ringsSize, sqes: arena.allocate(sqesSize), sqesSize };
}

/** Gives the room of a NO_MMAP ring back. */
export function freeQueues(arena: Arena, room: QueueRoom): void {
  arena.free(room.rings, room.ringsSize);
  arena.free(room.sqes, room.sqesSize);
}

/** The queues of a NO_MMAP ring. */
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
    // Not back to the free lists: the kernel may write there until the last reference to the ring is gone.
    release: () => undefined,
  };
}

const PROT_READ_WRITE = 0x3;
const MAP_SHARED_POPULATE = 0x1 | 0x8000;
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x2 | 0x10 | 0x20;

/** Unmaps a mapping when its ArrayBuffer is collected: then no view of it can be left. */
const mappings = new FinalizationRegistry<{ syscalls: Syscalls; address: number; length: number }>(
  ({ syscalls, address, length }) => void syscalls.munmap(address, length),
);

/** A part of a ring that the kernel has allocated. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  /** Lets go of the ring. Views stay valid, and are empty memory from then on. */
  release(): void;
}

/**
 * Maps a part of a ring.
 *
 * @throws UringError of mmap.
 */
export function mapPart(syscalls: Syscalls, fd: number, offset: number, length: number): Mapping {
  const address = syscalls.mmap(0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
  if (address < 0) throw new UringError(address, 'mmap');
  const buffer = syscalls.viewOf(address, length);
  mappings.register(buffer, { syscalls, address, length });
  return {
    buffer,
    // A mapping holds on to the ring like a descriptor, so it has to go; but somebody may still have an SQE in hand. So other
    // memory takes its place, at the same address. (Node lets nobody detach an ArrayBuffer that an FFI has made.)
    release: () => void syscalls.mmap(address, length, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0),
  };
}

/**
 * Maps the queues of a ring from its fd.
 *
 * @throws UringError of mmap.
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

/** Whether the queues of a ring lie in memory of ours. */
export function isShared(layout: RingLayout): boolean {
  return (layout.setupFlags & SetupFlag.NO_MMAP) !== 0;
}
