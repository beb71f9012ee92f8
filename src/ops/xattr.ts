/**
 * Operations on extended attributes, of open files and of paths. Names, values and paths are
 * addresses; names and paths are null-terminated.
 *
 * @module
 */

import type { Sqe } from '../ring/index.js';
import { checkAddress, checkFd, checkFlags, checkUint32, Opcode, SqeWord } from './encode.js';

/**
 * fsetxattr(2). `io_uring_prep_fsetxattr`. Since 5.19.
 *
 * @param flags `XATTR_CREATE` (1), `XATTR_REPLACE` (2).
 */
export function prepFsetxattr(sqe: Sqe, fd: number, name: number, value: number, length: number, flags = 0): void {
  checkFd('fd', fd);
  prepare(sqe, Opcode.FSETXATTR, fd, name, value, length, flags);
}

/** setxattr(2). `io_uring_prep_setxattr`. Since 5.19. */
export function prepSetxattr(sqe: Sqe, path: number, name: number, value: number, length: number, flags = 0): void {
  checkAddress('path', path);
  prepare(sqe, Opcode.SETXATTR, 0, name, value, length, flags);
  sqe.set64(SqeWord.ADDR3, path);
}

/** fgetxattr(2). `io_uring_prep_fgetxattr`. Since 5.19. @returns by CQE: the value's size. */
export function prepFgetxattr(sqe: Sqe, fd: number, name: number, value: number, length: number): void {
  checkFd('fd', fd);
  prepare(sqe, Opcode.FGETXATTR, fd, name, value, length, 0);
}

/** getxattr(2). `io_uring_prep_getxattr`. Since 5.19. @returns by CQE: the value's size. */
export function prepGetxattr(sqe: Sqe, path: number, name: number, value: number, length: number): void {
  checkAddress('path', path);
  prepare(sqe, Opcode.GETXATTR, 0, name, value, length, 0);
  sqe.set64(SqeWord.ADDR3, path);
}

function prepare(sqe: Sqe, opcode: number, fd: number, name: number, value: number, length: number, flags: number): void {
  checkAddress('name', name);
  checkAddress('value', value);
  checkUint32('length', length);
  checkFlags('flags', flags);
  sqe.prepare(opcode, fd, name, length, value, flags);
}
