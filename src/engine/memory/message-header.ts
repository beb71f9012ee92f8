/**
 * `struct msghdr` and `struct iovec`, which describe messages to send and receive.
 *
 * @module
 */

import { IOVEC_SIZE } from '../../linux.js';
import type { Block } from './pool.js';

/** Byte offsets of `struct msghdr`. sendmsg(2). */
export const Msghdr = { NAME: 0, NAMELEN: 8, IOV: 16, IOVLEN: 24, CONTROL: 32, CONTROLLEN: 40, FLAGS: 48, SIZE: 56 } as const;

/**
 * Byte offsets of `struct io_uring_recvmsg_out`, which precedes the data that a multishot RECVMSG
 * has received.
 */
export const RecvmsgOut = { NAMELEN: 0, CONTROLLEN: 4, PAYLOADLEN: 8, FLAGS: 12, SIZE: 16 } as const;

/** A part of a message: an address, and the number of bytes or elements there. */
export interface Part {
  readonly address: number;
  readonly length: number;
}

/**
 * The parts of a message. A multishot RECVMSG takes only their lengths: it puts the parts into the
 * selected buffer.
 */
export interface MessageParts {
  /** The peer's `struct sockaddr`. */
  readonly name?: Part | undefined;
  /** An array of `struct iovec`. */
  readonly vector?: Part | undefined;
  /** Control messages. */
  readonly control?: Part | undefined;
}

const NOTHING: Part = { address: 0, length: 0 };

/** Writes a `struct msghdr` to a block. @param start where in the block, a multiple of 8. */
export function writeMessageHeader(
  block: Block,
  { name = NOTHING, vector = NOTHING, control = NOTHING }: MessageParts,
  start = 0,
): void {
  const { data } = block.region;
  const place = block.offset + start;
  setUint64(data, place + Msghdr.NAME, name.address);
  // An int, followed by padding.
  setUint64(data, place + Msghdr.NAMELEN, name.length);
  setUint64(data, place + Msghdr.IOV, vector.address);
  setUint64(data, place + Msghdr.IOVLEN, vector.length);
  setUint64(data, place + Msghdr.CONTROL, control.address);
  setUint64(data, place + Msghdr.CONTROLLEN, control.length);
  setUint64(data, place + Msghdr.FLAGS, 0);
}

/**
 * Writes a `struct iovec` to its place in an array of them.
 *
 * @param start where the array begins in the block.
 */
export function writeIovec(block: Block, index: number, address: number, length: number, start = 0): void {
  const { data } = block.region;
  const place = block.offset + start + IOVEC_SIZE * index;
  setUint64(data, place, address);
  setUint64(data, place + 8, length);
}

/** Writes a safe integer in two halves: a BigInt would cost several times as much. */
function setUint64(data: DataView, offset: number, value: number): void {
  data.setUint32(offset, value, true);
  data.setUint32(offset + 4, value / 2 ** 32, true);
}
