/**
 * Operations on futexes, and waiting for child processes.
 *
 * @module
 */

import type { Sqe } from '../ring/index.js';
import {
  checkAddress,
  checkFlags,
  checkInteger,
  checkUint32,
  checkUint64,
  Opcode,
  prepareWithOffset,
  SqeWord,
} from './encode.js';

/** `FUTEX2_*`: the size of a futex and whether it is private to the process. */
export const FutexFlag = { SIZE_U32: 0x02, PRIVATE: 0x80 } as const;

/** A futex mask that matches every other mask. */
export const FUTEX_BITSET_MATCH_ANY = 0xffff_ffff;

/**
 * Waits until the futex is woken; completes with -EAGAIN when it does not hold `value`.
 * `io_uring_prep_futex_wait`. Since 6.7.
 *
 * @param address of the futex; it must stay mapped until the CQE.
 * @param mask selects the wakes that count.
 * @param futexFlags `FutexFlag`s.
 */
export function prepFutexWait(
  sqe: Sqe,
  address: number,
  value: number | bigint,
  mask: number | bigint = FUTEX_BITSET_MATCH_ANY,
  futexFlags: number = FutexFlag.SIZE_U32 | FutexFlag.PRIVATE,
): void {
  checkUint64('value', value);
  prepareFutex(sqe, Opcode.FUTEX_WAIT, address, value, mask, futexFlags);
}

/**
 * Wakes waiters of a futex. `io_uring_prep_futex_wake`. Since 6.7.
 *
 * @param count how many at most.
 * @returns by CQE: how many were woken.
 */
export function prepFutexWake(
  sqe: Sqe,
  address: number,
  count: number | bigint,
  mask: number | bigint = FUTEX_BITSET_MATCH_ANY,
  futexFlags: number = FutexFlag.SIZE_U32 | FutexFlag.PRIVATE,
): void {
  checkUint64('count', count);
  prepareFutex(sqe, Opcode.FUTEX_WAKE, address, count, mask, futexFlags);
}

/**
 * Waits for any of several futexes; `res` is the index of the one that was woken.
 * `io_uring_prep_futex_waitv`. Since 6.7.
 *
 * @param waiters address of an array of `struct futex_waitv` (24 bytes each).
 * @param count 1 to 128.
 */
export function prepFutexWaitv(sqe: Sqe, waiters: number, count: number): void {
  checkAddress('waiters', waiters);
  checkInteger('count', count, 1, 128);
  sqe.prepare(Opcode.FUTEX_WAITV, 0, waiters, count, 0, 0);
}

/**
 * waitid(2). `io_uring_prep_waitid`. Since 6.7.
 *
 * @param idType `P_ALL` (0), `P_PID` (1), `P_PGID` (2), `P_PIDFD` (3).
 * @param id the process, group or pidfd.
 * @param info address of a `siginfo_t` (128 bytes), or 0.
 * @param options `WEXITED` (4) and others.
 */
export function prepWaitid(sqe: Sqe, idType: number, id: number, info: number, options: number, flags = 0): void {
  checkUint32('idType', idType);
  checkInteger('id', id, 0, 0x7fff_ffff);
  checkAddress('info', info);
  checkUint32('options', options);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.WAITID, id, 0, idType, info, flags);
  sqe.set32(SqeWord.FILE_INDEX, options);
}

function prepareFutex(
  sqe: Sqe,
  opcode: number,
  address: number,
  value: number | bigint,
  mask: number | bigint,
  futexFlags: number,
): void {
  checkAddress('address', address);
  checkUint64('mask', mask);
  checkUint32('futexFlags', futexFlags);
  prepareWithOffset(sqe, opcode, futexFlags, address, 0, value, 0);
  sqe.set64(SqeWord.ADDR3, mask);
}
