/**
 * Timeouts. A time is the address of a `struct __kernel_timespec`: 64-bit seconds and nanoseconds.
 *
 * @module
 */

import { type Sqe, TimeoutFlag } from '../ring/index.js';
import { checkAddress, checkFlags, checkUint32, checkUint64, Opcode, prepareWithOffset, SqeWord } from './encode.js';

/**
 * Completes with -ETIME when the time has elapsed, or with 0 when `count` other operations have
 * completed. `io_uring_prep_timeout`. Since 5.4.
 *
 * Any timeout that fires wakes all threads that wait for completions.
 *
 * @param timespec address; must stay in place until the CQE.
 * @param count completions to count, 0 for none; with `TimeoutFlag.MULTISHOT`, how often to fire, 0
 *   for indefinitely.
 * @param flags `TimeoutFlag`s.
 */
export function prepTimeout(sqe: Sqe, timespec: number, count = 0, flags = 0): void {
  checkAddress('timespec', timespec);
  checkUint32('count', count);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.TIMEOUT, -1, timespec, 1, count, flags);
}

/**
 * Removes a timeout, which completes with -ECANCELED. `io_uring_prep_timeout_remove`. Since 5.5.
 *
 * @param userData the timeout's.
 * @returns by CQE: 0; -ENOENT, -EBUSY.
 */
export function prepTimeoutRemove(sqe: Sqe, userData: number | bigint, flags = 0): void {
  checkUint64('userData', userData);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.TIMEOUT_REMOVE, -1, 0, 0, 0, flags);
  sqe.set64(SqeWord.ADDR, userData);
}

/**
 * Changes the time of a timeout. `io_uring_prep_timeout_update`. Since 5.11.
 *
 * @param flags `TimeoutFlag`s: ABS and the clocks; LINK_UPDATE for a linked one. UPDATE is implied.
 */
export function prepTimeoutUpdate(sqe: Sqe, timespec: number, userData: number | bigint, flags = 0): void {
  checkAddress('timespec', timespec);
  checkUint64('userData', userData);
  checkFlags('flags', flags);
  prepareWithOffset(sqe, Opcode.TIMEOUT_REMOVE, -1, 0, 0, timespec, flags | TimeoutFlag.UPDATE);
  sqe.set64(SqeWord.ADDR, userData);
}

/**
 * Cancels the preceding operation of the link when the time has elapsed.
 * `io_uring_prep_link_timeout`. Since 5.5.
 *
 * @returns by CQE: -ETIME when it fired, -ECANCELED when the operation completed first.
 */
export function prepLinkTimeout(sqe: Sqe, timespec: number, flags = 0): void {
  checkAddress('timespec', timespec);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.LINK_TIMEOUT, -1, timespec, 1, 0, flags);
}
