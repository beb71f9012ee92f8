/**
 * Operations on open files that move no data through user memory: sync, allocation, advice, splice,
 * close, pipe.
 *
 * @module
 */

import { FsyncFlag, type Sqe } from '../ring/index.js';
import {
  checkAddress,
  checkFd,
  checkFlags,
  checkInt32,
  checkOffset,
  checkSlot,
  checkUint32,
  checkUint64,
  type DirectSlot,
  Opcode,
  prepareWithOffset,
  SqeWord,
  writeSlot,
} from './encode.js';

/**
 * fsync(2); with `FsyncFlag.DATASYNC`, fdatasync(2). `io_uring_prep_fsync`. Since 5.1.
 *
 * @param offset start of the range, and `length` its size; 0 and 0 mean the whole file.
 */
export function prepFsync(sqe: Sqe, fd: number, flags = 0, offset: number | bigint = 0, length = 0): void {
  checkFd('fd', fd);
  checkFlags('flags', flags);
  checkUint64('offset', offset);
  checkUint32('length', length);
  prepareWithOffset(sqe, Opcode.FSYNC, fd, 0, length, offset, flags);
}

/** fdatasync(2). Since 5.1. */
export function prepFdatasync(sqe: Sqe, fd: number): void {
  prepFsync(sqe, fd, FsyncFlag.DATASYNC);
}

/** sync_file_range(2). `io_uring_prep_sync_file_range`. Since 5.2. */
export function prepSyncFileRange(sqe: Sqe, fd: number, length: number, offset: number | bigint, flags: number): void {
  checkFd('fd', fd);
  checkUint32('length', length);
  checkUint64('offset', offset);
  checkFlags('flags', flags);
  prepareWithOffset(sqe, Opcode.SYNC_FILE_RANGE, fd, 0, length, offset, flags);
}

/**
 * fallocate(2). `io_uring_prep_fallocate`. Since 5.6.
 *
 * @param mode `FALLOC_FL_*`.
 */
export function prepFallocate(sqe: Sqe, fd: number, mode: number, offset: number | bigint, length: number | bigint): void {
  checkFd('fd', fd);
  checkUint32('mode', mode);
  checkUint64('offset', offset);
  checkUint64('length', length);
  prepareWithOffset(sqe, Opcode.FALLOCATE, fd, 0, mode, offset, 0);
  // The kernel takes the length from the address field, and the mode from the length field.
  sqe.set64(SqeWord.ADDR, length);
}

/** ftruncate(2). `io_uring_prep_ftruncate`. Since 6.9. */
export function prepFtruncate(sqe: Sqe, fd: number, length: number | bigint): void {
  checkFd('fd', fd);
  checkUint64('length', length);
  prepareWithOffset(sqe, Opcode.FTRUNCATE, fd, 0, 0, length, 0);
}

/**
 * posix_fadvise(2). `io_uring_prep_fadvise64`. Since 5.6.
 *
 * @param length 0 means to the end of the file. Above 2^32 - 1 since 6.10.
 * @param advice `POSIX_FADV_*`.
 */
export function prepFadvise(sqe: Sqe, fd: number, offset: number | bigint, length: number | bigint, advice: number): void {
  checkFd('fd', fd);
  checkUint64('offset', offset);
  checkUint64('length', length);
  checkFlags('advice', advice);
  // A 32-bit length goes where every kernel looks for it; the address field overrides it since
  // 6.10.
  const small = length <= 0xffff_ffff;
  prepareWithOffset(sqe, Opcode.FADVISE, fd, 0, small ? Number(length) : 0, offset, advice);
  if (!small) sqe.set64(SqeWord.ADDR, length);
}

/**
 * madvise(2). `io_uring_prep_madvise64`. Since 5.6.
 *
 * @param length bytes; above 2^32 - 1 since 6.10.
 * @param advice `MADV_*`.
 */
export function prepMadvise(sqe: Sqe, address: number, length: number | bigint, advice: number): void {
  checkAddress('address', address);
  checkUint64('length', length);
  checkFlags('advice', advice);
  const small = length <= 0xffff_ffff;
  prepareWithOffset(sqe, Opcode.MADVISE, -1, address, small ? Number(length) : 0, small ? 0 : length, advice);
}

/** close(2). `io_uring_prep_close`. Since 5.6. */
export function prepClose(sqe: Sqe, fd: number): void {
  checkFd('fd', fd);
  sqe.prepare(Opcode.CLOSE, fd, 0, 0, 0, 0);
}

/** Empties a slot of the registered files. `io_uring_prep_close_direct`. Since 5.15. */
export function prepCloseDirect(sqe: Sqe, slot: number): void {
  checkFd('slot', slot);
  sqe.prepare(Opcode.CLOSE, 0, 0, 0, 0, 0);
  sqe.set32(SqeWord.FILE_INDEX, slot + 1);
}

/**
 * splice(2): moves data between two files, one of which is a pipe. `io_uring_prep_splice`. Since
 * 5.7.
 *
 * @param offsetIn -1 for a pipe, or for the file's current position.
 * @param offsetOut likewise.
 * @param flags `SpliceFlag`s; FD_IN_FIXED makes `fdIn` a registered file.
 */
export function prepSplice(
  sqe: Sqe,
  fdIn: number,
  offsetIn: number | bigint,
  fdOut: number,
  offsetOut: number | bigint,
  length: number,
  flags = 0,
): void {
  checkFd('fdIn', fdIn);
  checkOffset('offsetIn', offsetIn);
  checkFd('fdOut', fdOut);
  checkOffset('offsetOut', offsetOut);
  checkUint32('length', length);
  checkFlags('flags', flags);
  prepareWithOffset(sqe, Opcode.SPLICE, fdOut, 0, length, offsetOut, flags);
  sqe.set64(SqeWord.ADDR, offsetIn);
  sqe.set32(SqeWord.FILE_INDEX, fdIn);
}

/** tee(2): copies data between two pipes without consuming it. `io_uring_prep_tee`. Since 5.8. */
export function prepTee(sqe: Sqe, fdIn: number, fdOut: number, length: number, flags = 0): void {
  checkFd('fdIn', fdIn);
  checkFd('fdOut', fdOut);
  checkUint32('length', length);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.TEE, fdOut, 0, length, 0, flags);
  sqe.set32(SqeWord.FILE_INDEX, fdIn);
}

/**
 * pipe2(2). `io_uring_prep_pipe`, `io_uring_prep_pipe_direct`. Since 6.16.
 *
 * @param fds address of two s32s: read end, write end.
 * @param flags `O_*` of pipe2(2).
 * @param slot opens the ends into this slot of the registered files and the next one; `'auto'` lets
 *   the kernel choose.
 */
export function prepPipe(sqe: Sqe, fds: number, flags = 0, slot?: DirectSlot): void {
  checkAddress('fds', fds);
  checkInt32('flags', flags);
  checkSlot(slot);
  sqe.prepare(Opcode.PIPE, 0, fds, 0, 0, flags);
  writeSlot(sqe, slot);
}
