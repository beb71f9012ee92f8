/**
 * The memory of a ring's queues: in the arena (NO_MMAP), or mapped from the ring's fd on kernels that have no NO_MMAP.
 *
 * Mapped memory can be unmapped while JavaScript still holds views of it, and touching those would crash the process; so before
 * it is unmapped its ArrayBuffers are detached, and every view of them has length 0.
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
    // Not back to the free lists: the kernel may write there until the last reference to the ring is gone.
    release: () => undefined,
  };
}

const PROT_READ_WRITE = 0x3;
const MAP_SHARED_POPULATE = 0x1 | 0x8000;

/**
 * Maps the queues of a ring from its fd.
 *
 * @throws UringError of mmap.
 */
export function mapMemory(syscalls: Syscalls, fd: number, layout: RingLayout): RingMemory {
  const mappings: { address: number; length: number; buffer: ArrayBuffer }[] = [];
  const release = () => {
    for (const { address, length, buffer } of mappings.splice(0)) {
      structuredClone(buffer, { transfer: [buffer] });
      syscalls.munmap(address, length);
    }
  };
  const map = (offset: number, length: number): Int32Array => {
    const address = syscalls.mmap(length, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
    if (address < 0) {
      release();
      throw new UringError(address, 'mmap');
    }
    const buffer = syscalls.viewOf(address, length);
    mappings.push({ address, length, buffer });
    return new Int32Array(buffer, 0, length >> 2);
  };
  const single = (layout.features & Feature.SINGLE_MMAP) !== 0;
  const sqLength = single ? Math.max(sqRingSize(layout), cqRingSize(layout)) : sqRingSize(layout);
  const sq = map(MmapOffset.SQ_RING, sqLength);
  const cq = single ? sq : map(MmapOffset.CQ_RING, cqRingSize(layout));
  const sqes = map(MmapOffset.SQES, layout.sqEntries * layout.sqeSize);
  return { sq, sqBase: 0, cq, cqBase: 0, sqes, sqesBase: 0, release };
}

/** Whether the queues of a ring lie in memory of ours. */
export function isShared(layout: RingLayout): boolean {
  return (layout.setupFlags & SetupFlag.NO_MMAP) !== 0;
}
