/**
 * The positions of the parts of a ring: read from the params that the kernel filled in, never
 * assumed.
 *
 * @module
 */

import { CQE_SIZE } from './abi/cqe.js';
import { Params, SetupFlag } from './abi/setup.js';
import { SQE_SIZE } from './abi/sqe.js';

/**
 * The result of io_uring_setup(2). Offsets are in bytes from the start of the rings. The object is
 * plain data, so that it can be posted to a worker.
 */
export interface RingLayout {
  readonly setupFlags: number;
  readonly features: number;
  readonly sqEntries: number;
  readonly cqEntries: number;
  readonly sqHead: number;
  readonly sqTail: number;
  readonly sqMask: number;
  readonly sqFlags: number;
  readonly sqDropped: number;
  readonly sqArray: number;
  readonly cqHead: number;
  readonly cqTail: number;
  readonly cqMask: number;
  readonly cqOverflow: number;
  readonly cqCqes: number;
  readonly cqFlags: number;
  /** The size of an SQE in bytes. */
  readonly sqeSize: number;
  /** The size of a CQE in bytes. */
  readonly cqeSize: number;
}

/** Reads a `struct io_uring_params` that io_uring_setup(2) has filled in. */
export function readLayout(params: DataView): RingLayout {
  const u32 = (offset: number) => params.getUint32(offset, true);
  const setupFlags = u32(Params.FLAGS);
  return {
    setupFlags,
    features: u32(Params.FEATURES),
    sqEntries: u32(Params.SQ_ENTRIES),
    cqEntries: u32(Params.CQ_ENTRIES),
    sqHead: u32(Params.SQ_OFF_HEAD),
    sqTail: u32(Params.SQ_OFF_TAIL),
    sqMask: u32(Params.SQ_OFF_RING_MASK),
    sqFlags: u32(Params.SQ_OFF_FLAGS),
    sqDropped: u32(Params.SQ_OFF_DROPPED),
    sqArray: u32(Params.SQ_OFF_ARRAY),
    cqHead: u32(Params.CQ_OFF_HEAD),
    cqTail: u32(Params.CQ_OFF_TAIL),
    cqMask: u32(Params.CQ_OFF_RING_MASK),
    cqOverflow: u32(Params.CQ_OFF_OVERFLOW),
    cqCqes: u32(Params.CQ_OFF_CQES),
    cqFlags: u32(Params.CQ_OFF_FLAGS),
    sqeSize: sqeSize(setupFlags),
    cqeSize: cqeSize(setupFlags),
  };
}

/** Returns the size of the SQ ring's mapping in bytes. */
export function sqRingSize(layout: RingLayout): number {
  const array = layout.setupFlags & SetupFlag.NO_SQARRAY ? 0 : layout.sqEntries * 4;
  return Math.max(layout.sqArray + array, layout.sqFlags + 4);
}

/** Returns the size of the CQ ring's mapping in bytes. */
export function cqRingSize(layout: RingLayout): number {
  return layout.cqCqes + layout.cqEntries * layout.cqeSize;
}

/** Returns the size of an SQE in bytes with the given setup flags. */
export function sqeSize(setupFlags: number): number {
  return setupFlags & SetupFlag.SQE128 ? 2 * SQE_SIZE : SQE_SIZE;
}

/**
 * Returns the size of a CQE in bytes with the given setup flags. (A mixed ring has 16-byte entries,
 * and CQEs of one or two entries.)
 */
export function cqeSize(setupFlags: number): number {
  return setupFlags & SetupFlag.CQE32 ? 2 * CQE_SIZE : CQE_SIZE;
}

/** Rounds a size up to a power of two, as the kernel does. */
export function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}
