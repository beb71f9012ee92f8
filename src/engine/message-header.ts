/**
 * `struct msghdr` and `struct iovec`, by which messages are sent and received.
 *
 * @module
 */

import type { Block } from './pool.js';

/** Byte offsets of `struct msghdr`. sendmsg(2). */
export const Msghdr = { NAME: 0, NAMELEN: 8, IOV: 16, IOVLEN: 24, CONTROL: 32, CONTROLLEN: 40, FLAGS: 48, SIZE: 56 } as const;

/** Byte offsets of `struct io_uring_recvmsg_out`, which stands in front of what a multishot RECVMSG has received. */
export const RecvmsgOut = { NAMELEN: 0, CONTROLLEN: 4, PAYLOADLEN: 8, FLAGS: 12, SIZE: 16 } as const;

export const IOVEC_SIZE = 16;

/** A part of a message: an address, and how many bytes or pieces are there. */
export interface Part {
  readonly address: number;
  readonly length: number;
}

/** What a message consists of. A multishot RECVMSG takes lengths alone: it puts the parts into its own buffers. */
export interface MessageParts {
  /** The peer's `struct sockaddr`. */
  readonly name?: Part | undefined;
  /** An array of `struct iovec`. */
  readonly vector?: Part | undefined;
  /** Control messages. */
  readonly control?: Part | undefined;
}

const NOTHING: Part = { address: 0, length: 0 };

/** Writes a `struct msghdr` to the start of a block. */
export function writeMessageHeader(block: Block, { name = NOTHING, vector = NOTHING, control = NOTHING }: MessageParts): void {
  const { data } = block.region;
  const write = (field: number, value: number) => data.setBigUint64(block.offset + field, BigInt(value), true);
  write(Msghdr.NAME, name.address);
  // An int, and padding behind it.
  write(Msghdr.NAMELEN, name.length);
  write(Msghdr.IOV, vector.address);
  write(Msghdr.IOVLEN, vector.length);
  write(Msghdr.CONTROL, control.address);
  write(Msghdr.CONTROLLEN, control.length);
  write(Msghdr.FLAGS, 0);
}

/** Writes a `struct iovec` to its place in a block that is an array of them. */
export function writeIovec(block: Block, index: number, address: number, length: number): void {
  const { data } = block.region;
  const place = block.offset + IOVEC_SIZE * index;
  data.setBigUint64(place, BigInt(address), true);
  data.setBigUint64(place + 8, BigInt(length), true);
}
