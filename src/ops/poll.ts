/**
 * Waiting for files to become ready.
 *
 * @module
 */

import type { Sqe } from '../ring/index.js';
import { checkAddress, checkFd, checkFlags, checkUint32, checkUint64, Opcode, prepareWithOffset, SqeWord } from './encode.js';

/**
 * poll(2), once or, with `PollFlag.ADD_MULTI`, repeatedly. `io_uring_prep_poll_add`,
 * `io_uring_prep_poll_multishot`. Since 5.1; multishot since 5.13.
 *
 * @param events `PollEvent`s.
 * @param flags `PollFlag`s.
 * @returns by CQE: the events that are ready.
 */
export function prepPollAdd(sqe: Sqe, fd: number, events: number, flags = 0): void {
  checkFd('fd', fd);
  checkUint32('events', events);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.POLL_ADD, fd, 0, flags, 0, events);
}

/**
 * Removes a poll, which completes with -ECANCELED. `io_uring_prep_poll_remove`. Since 5.1.
 *
 * @param userData the poll's.
 * @returns by CQE: 0; -ENOENT when there is none, -EALREADY when it is completing.
 */
export function prepPollRemove(sqe: Sqe, userData: number | bigint): void {
  checkUint64('userData', userData);
  sqe.prepare(Opcode.POLL_REMOVE, -1, 0, 0, 0, 0);
  sqe.set64(SqeWord.ADDR, userData);
}

/**
 * Changes a poll: its events, its user data, or both. `io_uring_prep_poll_update`. Since 5.13.
 *
 * @param flags UPDATE_EVENTS and UPDATE_USER_DATA of `PollFlag`, and ADD_MULTI.
 */
export function prepPollUpdate(
  sqe: Sqe,
  userData: number | bigint,
  newUserData: number | bigint,
  events: number,
  flags: number,
): void {
  checkUint64('userData', userData);
  checkUint64('newUserData', newUserData);
  checkUint32('events', events);
  checkFlags('flags', flags);
  prepareWithOffset(sqe, Opcode.POLL_REMOVE, -1, 0, flags, newUserData, events);
  sqe.set64(SqeWord.ADDR, userData);
}

/**
 * epoll_ctl(2). `io_uring_prep_epoll_ctl`. Since 5.6.
 *
 * @param operation `EPOLL_CTL_*`.
 * @param event address of a `struct epoll_event`.
 */
export function prepEpollCtl(sqe: Sqe, epollFd: number, fd: number, operation: number, event: number): void {
  checkFd('epollFd', epollFd);
  checkFd('fd', fd);
  checkUint32('operation', operation);
  checkAddress('event', event);
  sqe.prepare(Opcode.EPOLL_CTL, epollFd, event, operation, fd, 0);
}

/**
 * epoll_wait(2). `io_uring_prep_epoll_wait`. Since 6.15.
 *
 * @param events address of an array of `struct epoll_event`.
 * @returns by CQE: the number of events.
 */
export function prepEpollWait(sqe: Sqe, fd: number, events: number, maxEvents: number, flags = 0): void {
  checkFd('fd', fd);
  checkAddress('events', events);
  checkUint32('maxEvents', maxEvents);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.EPOLL_WAIT, fd, events, maxEvents, 0, flags);
}
