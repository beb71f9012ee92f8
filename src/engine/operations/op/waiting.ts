/**
 * Operations that wait for something: time, readiness, child processes, other threads; and
 * operations between rings.
 *
 * @module
 */

import {
  FutexFlag,
  prepEpollCtl,
  prepEpollWait,
  prepFixedFdInstall,
  prepFutexWait,
  prepFutexWaitv,
  prepFutexWake,
  prepMsgRing,
  prepNop,
  prepPollAdd,
  prepTimeout,
  prepWaitid,
} from '../../../ops/index.js';
import type { PollEvent } from '../../../ring/index.js';
import { Errno } from '../../../syscalls/index.js';
import { checkInteger, checkUint32, invalidArgType, invalidArgValue, outOfRange } from '../../../validate.js';
import {
  checkArgument,
  checkRunOptions,
  type DirectFile,
  type File,
  fdOf,
  Operation,
  type RunOptions,
  type Scope,
} from './common.js';

/** `struct epoll_event`: packed on x86-64, but not elsewhere. */
const EPOLL_EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const EPOLL_DATA = process.arch === 'x64' ? 4 : 8;

const EPOLL_OPERATIONS = { add: 1, remove: 2, modify: 3 } as const;

/** `struct futex_waitv`. */
const FUTEX_WAITV_SIZE = 24;

/** `siginfo_t` of a child process. */
const Siginfo = { SIZE: 128, CODE: 8, PID: 16, UID: 20, STATUS: 24 } as const;

const CHILD_CODES = ['', 'exited', 'killed', 'dumped', 'trapped', 'stopped', 'continued'] as const;

const WEXITED = 4;

const P_PID = 1;
const P_ALL = 0;

/** An event of an epoll instance. */
export interface EpollEvent {
  /** The `PollEvent`s that have occurred. */
  readonly events: number;
  /** The data that the file was added with. */
  readonly data: bigint;
}

/** The state of a child process. */
export interface ChildState {
  readonly pid: number;
  readonly uid: number;
  /** How it ended, or what happened to it. */
  readonly code: (typeof CHILD_CODES)[number];
  /** The exit code, or the signal's number. */
  readonly status: number;
}

/** Does nothing: a round trip to the kernel. Since 5.1. */
export function nop(options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  return new Operation('NOP', options, { encode: prepNop, decode: () => undefined });
}

/**
 * Waits until a file is ready. poll(2). Since 5.1.
 *
 * @param events {@link PollEvent}s, combined with OR.
 * @returns the events that have occurred; ERR and HUP even if not requested.
 */
export function poll(file: File, events: number, options: RunOptions = {}): Operation<number> {
  checkRunOptions(options);
  return new Operation('POLL_ADD', options, {
    file,
    encode: (sqe) => prepPollAdd(sqe, fdOf(file), events),
    decode: (res) => res,
  });
}

/**
 * Waits for a time. `io_uring_prep_timeout`. Since 5.4. As exact as the kernel's high-resolution
 * timers.
 *
 * @param milliseconds may be fractional.
 */
export function timeout(milliseconds: number, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  if (typeof milliseconds !== 'number') throw invalidArgType('milliseconds', 'of type number', milliseconds);
  if (!(milliseconds >= 0 && milliseconds <= Number.MAX_SAFE_INTEGER)) {
    throw outOfRange('milliseconds', '>= 0 && <= 2 ** 53 - 1', milliseconds);
  }
  return new Operation('TIMEOUT', options, {
    encode: (sqe, scope) => prepTimeout(sqe, scope.timespec(milliseconds)),
    decode: () => undefined,
    // The time has expired, which is the purpose.
    success: -Errno.ETIME,
  });
}

/**
 * Changes what an epoll instance watches. epoll_ctl(2). Since 5.6.
 *
 * @param events `EPOLL*`.
 * @param data is returned with events.
 */
export function epollCtl(
  epoll: number,
  operation: keyof typeof EPOLL_OPERATIONS,
  fd: number,
  events = 0,
  data: number | bigint = fd,
  options: RunOptions = {},
): Operation<void> {
  checkRunOptions(options);
  if (!Object.hasOwn(EPOLL_OPERATIONS, operation))
    throw invalidArgValue('operation', operation, `must be 'add', 'modify' or 'remove'`);
  checkArgument('epoll', epoll);
  checkArgument('fd', fd);
  checkUint32('events', events);
  checkArgument('data', data);
  return new Operation('EPOLL_CTL', options, {
    encode(sqe, scope) {
      const { region, offset, address } = scope.block(EPOLL_EVENT_SIZE);
      region.data.setUint32(offset, events, true);
      region.data.setBigUint64(offset + EPOLL_DATA, BigInt(data), true);
      prepEpollCtl(sqe, epoll, fd, EPOLL_OPERATIONS[operation], address);
    },
    decode: () => undefined,
  });
}

/** Waits for events of an epoll instance. epoll_wait(2). Since 6.15. @param most 1 to 1,024. */
export function epollWait(epoll: number, most: number, options: RunOptions = {}): Operation<EpollEvent[]> {
  checkRunOptions(options);
  checkArgument('epoll', epoll);
  checkInteger('most', most, 1, 1024);
  return new Operation('EPOLL_WAIT', options, {
    encode: (sqe, scope) => prepEpollWait(sqe, epoll, scope.block(most * EPOLL_EVENT_SIZE).address, most),
    decode(res, scope) {
      const { region, offset } = scope.firstBlock;
      return Array.from({ length: res }, (_, index) => {
        const at = offset + index * EPOLL_EVENT_SIZE;
        return { events: region.data.getUint32(at, true), data: region.data.getBigUint64(at + EPOLL_DATA, true) };
      });
    },
  });
}

/**
 * Waits for the end of a child process. waitid(2). Since 6.7. Not for children of
 * `node:child_process`, which Node itself waits for.
 *
 * @param pid the process, or `undefined` for any child.
 * @param flags `W*` of waitid(2); default WEXITED.
 */
export function waitid(pid: number | undefined, flags = WEXITED, options: RunOptions = {}): Operation<ChildState> {
  checkRunOptions(options);
  if (pid !== undefined) checkArgument('pid', pid);
  checkArgument('flags', flags);
  return new Operation('WAITID', options, {
    encode(sqe, scope) {
      prepWaitid(sqe, pid === undefined ? P_ALL : P_PID, pid ?? 0, scope.block(Siginfo.SIZE).address, flags);
    },
    decode(_res, scope) {
      const { region, offset } = scope.firstBlock;
      const field = (at: number) => region.data.getInt32(offset + at, true);
      return {
        pid: field(Siginfo.PID),
        uid: field(Siginfo.UID),
        code: CHILD_CODES[field(Siginfo.CODE)] ?? '',
        status: field(Siginfo.STATUS),
      };
    },
  });
}

/**
 * Waits until another thread wakes a word of shared memory. futex(2). Since 6.7.
 *
 * These are the kernel's futexes: `Atomics.wait` and `Atomics.notify` have their own list and know
 * nothing of them.
 *
 * @param words on a SharedArrayBuffer.
 * @param value the value that the word must have now; otherwise EAGAIN.
 */
export function futexWait(words: Int32Array, index: number, value: number, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  checkFutex(words, index);
  return new Operation('FUTEX_WAIT', options, {
    encode: (sqe, scope) => prepFutexWait(sqe, addressOfWord(scope, words, index), value >>> 0),
    decode: () => undefined,
  });
}

/** Wakes waiters of a word of shared memory. Since 6.7. @returns how many. */
export function futexWake(words: Int32Array, index: number, count = 1, options: RunOptions = {}): Operation<number> {
  checkRunOptions(options);
  checkFutex(words, index);
  checkArgument('count', count);
  return new Operation('FUTEX_WAKE', options, {
    encode: (sqe, scope) => prepFutexWake(sqe, addressOfWord(scope, words, index), count),
    decode: (res) => res,
  });
}

/**
 * Waits for the first of several words. futex_waitv(2). Since 6.7.
 *
 * @returns the index of a woken word.
 */
export function futexWaitv(
  waiters: readonly { readonly words: Int32Array; readonly index: number; readonly value: number }[],
  options: RunOptions = {},
): Operation<number> {
  checkRunOptions(options);
  if (!Array.isArray(waiters)) throw invalidArgType('waiters', 'an array', waiters);
  for (const { words, index } of waiters) checkFutex(words, index);
  return new Operation('FUTEX_WAITV', options, {
    encode(sqe, scope) {
      const block = scope.block(FUTEX_WAITV_SIZE * waiters.length);
      const { data } = block.region;
      waiters.forEach(({ words, index, value }, number) => {
        const at = block.offset + number * FUTEX_WAITV_SIZE;
        data.setBigUint64(at, BigInt(value >>> 0), true);
        data.setBigUint64(at + 8, BigInt(addressOfWord(scope, words, index)), true);
        data.setUint32(at + 16, FutexFlag.SIZE_U32 | FutexFlag.PRIVATE, true);
      });
      prepFutexWaitv(sqe, block.address, waiters.length);
    },
    decode: (res) => res,
  });
}

/**
 * Posts a completion to another ring. `io_uring_prep_msg_ring`. Since 5.18. For rings of
 * `uring/ring`: an engine ignores completions that it did not request.
 */
export function msgRing(fd: number, userData: number | bigint, result = 0, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  checkArgument('fd', fd);
  checkArgument('result', result);
  return new Operation('MSG_RING', options, {
    encode: (sqe) => prepMsgRing(sqe, fd, result, userData),
    decode: () => undefined,
  });
}

/**
 * Creates a descriptor for a registered file. `io_uring_prep_fixed_fd_install`. Since 6.8.
 *
 * @returns the descriptor.
 */
export function fixedFdInstall(file: DirectFile, options: RunOptions = {}): Operation<number> {
  checkRunOptions(options);
  return new Operation('FIXED_FD_INSTALL', options, {
    file,
    encode: (sqe) => prepFixedFdInstall(sqe, fdOf(file)),
    decode: (res) => res,
  });
}

function checkFutex(words: unknown, index: unknown): void {
  if (!(words instanceof Int32Array) || !(words.buffer instanceof SharedArrayBuffer)) {
    throw invalidArgType('words', 'an Int32Array on a SharedArrayBuffer', words);
  }
  checkInteger('index', index, 0, words.length - 1);
}

function addressOfWord(scope: Scope, words: Int32Array, index: number): number {
  return scope.addressOfShared(words) + 4 * index;
}

export type { PollEvent };
