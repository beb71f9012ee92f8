/**
 * Operations on paths. A path is the address of a null-terminated string (`ring.arena.cString()`).
 * It is relative to a directory fd, or to the working directory with {@link AT_FDCWD}.
 *
 * @module
 */

import { OPEN_HOW_SIZE, SIZEOF_STATX } from '../linux.js';
import type { Sqe } from '../ring/index.js';
import {
  checkAddress,
  checkDirectoryFd,
  checkFlags,
  checkSlot,
  checkUint32,
  type DirectSlot,
  Opcode,
  writeSlot,
} from './encode.js';

/**
 * openat(2). `io_uring_prep_openat`, `io_uring_prep_openat_direct`. Since 5.6; direct since 5.15.
 *
 * @param flags `O_*`.
 * @param mode of a file that is created.
 * @param slot opens into the registered files instead of returning an fd: then `res` is 0, or with
 *   `'auto'` the slot (5.19).
 * @returns by CQE: the fd.
 */
export function prepOpenat(sqe: Sqe, directoryFd: number, path: number, flags: number, mode = 0, slot?: DirectSlot): void {
  checkDirectoryFd('directoryFd', directoryFd);
  checkAddress('path', path);
  checkFlags('flags', flags);
  checkUint32('mode', mode);
  checkSlot(slot);
  sqe.prepare(Opcode.OPENAT, directoryFd, path, mode, 0, flags);
  writeSlot(sqe, slot);
}

/**
 * openat2(2). `io_uring_prep_openat2`, `io_uring_prep_openat2_direct`. Since 5.6; direct since
 * 5.15.
 *
 * @param how address of a `struct open_how`, {@link OPEN_HOW_SIZE} bytes.
 * @param slot as in {@link prepOpenat}.
 */
export function prepOpenat2(sqe: Sqe, directoryFd: number, path: number, how: number, slot?: DirectSlot): void {
  checkDirectoryFd('directoryFd', directoryFd);
  checkAddress('path', path);
  checkAddress('how', how);
  checkSlot(slot);
  sqe.prepare(Opcode.OPENAT2, directoryFd, path, OPEN_HOW_SIZE, how, 0);
  writeSlot(sqe, slot);
}

/**
 * statx(2). `io_uring_prep_statx`. Since 5.6.
 *
 * @param flags `AT_*`.
 * @param mask `STATX_*`.
 * @param result address of {@link SIZEOF_STATX} bytes.
 */
export function prepStatx(sqe: Sqe, directoryFd: number, path: number, flags: number, mask: number, result: number): void {
  checkDirectoryFd('directoryFd', directoryFd);
  checkAddress('path', path);
  checkFlags('flags', flags);
  checkUint32('mask', mask);
  checkAddress('result', result);
  sqe.prepare(Opcode.STATX, directoryFd, path, mask, result, flags);
}

/** renameat2(2). `io_uring_prep_renameat`. Since 5.11. @param flags `RENAME_*`. */
export function prepRenameat(
  sqe: Sqe,
  oldDirectoryFd: number,
  oldPath: number,
  newDirectoryFd: number,
  newPath: number,
  flags = 0,
): void {
  prepareTwoPaths(sqe, Opcode.RENAMEAT, oldDirectoryFd, oldPath, newDirectoryFd, newPath, flags);
}

/** linkat(2). `io_uring_prep_linkat`. Since 5.15. @param flags `AT_*`. */
export function prepLinkat(
  sqe: Sqe,
  oldDirectoryFd: number,
  oldPath: number,
  newDirectoryFd: number,
  newPath: number,
  flags = 0,
): void {
  prepareTwoPaths(sqe, Opcode.LINKAT, oldDirectoryFd, oldPath, newDirectoryFd, newPath, flags);
}

/** unlinkat(2). `io_uring_prep_unlinkat`. Since 5.11. @param flags 0, or AT_REMOVEDIR (0x200). */
export function prepUnlinkat(sqe: Sqe, directoryFd: number, path: number, flags = 0): void {
  checkDirectoryFd('directoryFd', directoryFd);
  checkAddress('path', path);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.UNLINKAT, directoryFd, path, 0, 0, flags);
}

/** mkdirat(2). `io_uring_prep_mkdirat`. Since 5.15. */
export function prepMkdirat(sqe: Sqe, directoryFd: number, path: number, mode: number): void {
  checkDirectoryFd('directoryFd', directoryFd);
  checkAddress('path', path);
  checkUint32('mode', mode);
  sqe.prepare(Opcode.MKDIRAT, directoryFd, path, mode, 0, 0);
}

/**
 * symlinkat(2). `io_uring_prep_symlinkat`. Since 5.15.
 *
 * @param target the path that the link contains.
 * @param path the link itself.
 */
export function prepSymlinkat(sqe: Sqe, target: number, directoryFd: number, path: number): void {
  checkAddress('target', target);
  checkDirectoryFd('directoryFd', directoryFd);
  checkAddress('path', path);
  sqe.prepare(Opcode.SYMLINKAT, directoryFd, target, 0, path, 0);
}

function prepareTwoPaths(
  sqe: Sqe,
  opcode: number,
  oldDirectoryFd: number,
  oldPath: number,
  newDirectoryFd: number,
  newPath: number,
  flags: number,
): void {
  checkDirectoryFd('oldDirectoryFd', oldDirectoryFd);
  checkAddress('oldPath', oldPath);
  checkDirectoryFd('newDirectoryFd', newDirectoryFd);
  checkAddress('newPath', newPath);
  checkFlags('flags', flags);
  // The length field holds the second directory.
  sqe.prepare(opcode, oldDirectoryFd, oldPath, newDirectoryFd, newPath, flags);
}
