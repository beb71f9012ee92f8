/**
 * Reading and writing.
 *
 * Offsets are safe integers or bigints; {@link CURRENT_POSITION} means the file's current position.
 * Transfers may be short, as with read(2): a caller that needs all of the data must continue.
 * `rwFlags` are the `RWF_*` flags of preadv2(2).
 *
 * @module
 */

import { IOV_MAX } from '../linux.js';
import type { Sqe } from '../ring/index.js';
import {
  checkAddress,
  checkFd,
  checkFlags,
  checkInteger,
  checkOffset,
  checkRwLength,
  checkUint16,
  Opcode,
  prepareWithOffset,
  selectBuffer,
} from './encode.js';

/**
 * read(2), pread(2). `io_uring_prep_read`. Since 5.6.
 *
 * @param address of the buffer.
 * @param length bytes, up to 2 GiB - 1.
 * @returns by CQE: bytes read, 0 at the end of the file.
 */
export function prepRead(sqe: Sqe, fd: number, address: number, length: number, offset: number | bigint, rwFlags = 0): void {
  prepareTransfer(sqe, Opcode.READ, fd, address, length, offset, rwFlags);
}

/** write(2), pwrite(2). `io_uring_prep_write`. Since 5.6. Parameters as {@link prepRead}. */
export function prepWrite(sqe: Sqe, fd: number, address: number, length: number, offset: number | bigint, rwFlags = 0): void {
  prepareTransfer(sqe, Opcode.WRITE, fd, address, length, offset, rwFlags);
}

/**
 * Reads into a buffer that the kernel selects from a group when data is available: `cqe.bufferId`
 * identifies it. Since 5.7.
 *
 * @param length bytes at most; 0 for the size of the buffer.
 */
export function prepReadSelect(sqe: Sqe, fd: number, group: number, length: number, offset: number | bigint): void {
  checkUint16('group', group);
  prepareTransfer(sqe, Opcode.READ, fd, 0, length, offset, 0);
  selectBuffer(sqe, group);
}

/**
 * preadv2(2). `io_uring_prep_readv2`. Since 5.1.
 *
 * @param iovecs address of an array of `struct iovec`.
 * @param count iovecs, up to 1,024.
 */
export function prepReadv(sqe: Sqe, fd: number, iovecs: number, count: number, offset: number | bigint, rwFlags = 0): void {
  prepareVector(sqe, Opcode.READV, fd, iovecs, count, offset, rwFlags);
}

/** pwritev2(2). `io_uring_prep_writev2`. Since 5.1. Parameters as {@link prepReadv}. */
export function prepWritev(sqe: Sqe, fd: number, iovecs: number, count: number, offset: number | bigint, rwFlags = 0): void {
  prepareVector(sqe, Opcode.WRITEV, fd, iovecs, count, offset, rwFlags);
}

/**
 * Reads into a registered buffer. `io_uring_prep_read_fixed`. Since 5.1.
 *
 * @param address within the registered buffer.
 * @param bufferIndex its slot.
 * @returns by CQE: as {@link prepRead}; -EFAULT for an empty slot or memory outside the buffer.
 */
export function prepReadFixed(
  sqe: Sqe,
  fd: number,
  address: number,
  length: number,
  offset: number | bigint,
  bufferIndex: number,
  rwFlags = 0,
): void {
  checkUint16('bufferIndex', bufferIndex);
  prepareTransfer(sqe, Opcode.READ_FIXED, fd, address, length, offset, rwFlags);
  sqe.setBufferIndex(bufferIndex);
}

/**
 * Writes from a registered buffer. `io_uring_prep_write_fixed`. Since 5.1. Parameters as
 * {@link prepReadFixed}.
 */
export function prepWriteFixed(
  sqe: Sqe,
  fd: number,
  address: number,
  length: number,
  offset: number | bigint,
  bufferIndex: number,
  rwFlags = 0,
): void {
  checkUint16('bufferIndex', bufferIndex);
  prepareTransfer(sqe, Opcode.WRITE_FIXED, fd, address, length, offset, rwFlags);
  sqe.setBufferIndex(bufferIndex);
}

/** Reads into pieces of a registered buffer. `io_uring_prep_readv_fixed`. Since 6.15. */
export function prepReadvFixed(
  sqe: Sqe,
  fd: number,
  iovecs: number,
  count: number,
  offset: number | bigint,
  bufferIndex: number,
  rwFlags = 0,
): void {
  checkUint16('bufferIndex', bufferIndex);
  prepareVector(sqe, Opcode.READV_FIXED, fd, iovecs, count, offset, rwFlags);
  sqe.setBufferIndex(bufferIndex);
}

/** Writes from pieces of a registered buffer. `io_uring_prep_writev_fixed`. Since 6.15. */
export function prepWritevFixed(
  sqe: Sqe,
  fd: number,
  iovecs: number,
  count: number,
  offset: number | bigint,
  bufferIndex: number,
  rwFlags = 0,
): void {
  checkUint16('bufferIndex', bufferIndex);
  prepareVector(sqe, Opcode.WRITEV_FIXED, fd, iovecs, count, offset, rwFlags);
  sqe.setBufferIndex(bufferIndex);
}

/**
 * Reads whenever data is available, into buffers of a group, until it is cancelled, fails, or the
 * group is empty (-ENOBUFS). Posts a CQE each time. For pollable files.
 * `io_uring_prep_read_multishot`. Since 6.7.
 *
 * @param length bytes at most each time; 0 for the size of the buffer.
 */
export function prepReadMultishot(sqe: Sqe, fd: number, length: number, offset: number | bigint, group: number): void {
  checkUint16('group', group);
  prepareTransfer(sqe, Opcode.READ_MULTISHOT, fd, 0, length, offset, 0);
  selectBuffer(sqe, group);
}

function prepareTransfer(
  sqe: Sqe,
  opcode: number,
  fd: number,
  address: number,
  length: number,
  offset: number | bigint,
  rwFlags: number,
): void {
  checkFd('fd', fd);
  checkAddress('address', address);
  checkRwLength('length', length);
  checkOffset('offset', offset);
  checkFlags('rwFlags', rwFlags);
  prepareWithOffset(sqe, opcode, fd, address, length, offset, rwFlags);
}

function prepareVector(
  sqe: Sqe,
  opcode: number,
  fd: number,
  iovecs: number,
  count: number,
  offset: number | bigint,
  rwFlags: number,
): void {
  checkFd('fd', fd);
  checkAddress('iovecs', iovecs);
  checkInteger('count', count, 0, IOV_MAX);
  checkOffset('offset', offset);
  checkFlags('rwFlags', rwFlags);
  prepareWithOffset(sqe, opcode, fd, iovecs, count, offset, rwFlags);
}
