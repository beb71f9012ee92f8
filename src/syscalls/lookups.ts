/**
 * Looking files up without waiting for a disk or a server. Results that are negative are `-errno`.
 *
 * @module
 */

import { constants } from 'node:fs';
import type { Koffi, KoffiLibrary } from './koffi.js';

/** See {@link lookupCalls}. */
export interface LookupCalls {
  /**
   * openat2(2) with O_PATH, O_CLOEXEC and RESOLVE_CACHED (since Linux 5.12).
   *
   * @param path at least one character, without a zero.
   * @param follow whether a symbolic link at its end is followed.
   * @returns a descriptor to be closed; -EAGAIN where not all of the path is in the kernel's memory.
   */
  openCached(path: string, follow: boolean): number;
  /** close(2). */
  close(fd: number): number;
  /** statx(2) with AT_STATX_DONT_SYNC: the mount that a descriptor lies on, as in the first column of `/proc/self/mountinfo` (since Linux 5.8). Asks no server. */
  mountOf(fd: number): number;
  /** faccessat2(2) of what a descriptor stands for (since Linux 5.8). */
  access(fd: number, mode: number): number;
  /** readlinkat(2) of the link that a descriptor stands for. */
  readlink(fd: number): string | number;
  /** readlink(2) of `/proc/self/fd/N`: the path of what a descriptor stands for. */
  pathOf(fd: number): string | number;
  /** poll(2), which returns at once. @returns whether something out of the ordinary has happened: for `/proc/self/mountinfo`, that a mount has come or gone. */
  hasPriority(fd: number): boolean;
}

// The same numbers everywhere, Alpha excepted.
const SYS_OPENAT2 = 437;
const SYS_FACCESSAT2 = 439;

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_MNT_ID = 0x1000;

const O_PATH = 0o10000000n;
const O_CLOEXEC = 0o2000000n;
const RESOLVE_CACHED = 0x20n;

/** `struct open_how`. */
const HOW_SIZE = 24;

/** In words: `struct statx`, and its fields. */
const STATX_WORDS = 64;
const STATX_MASK = 0;
const STATX_MNT_ID_WORD = 36;

const POLLPRI = 2;

const PATH_MAX = 4096;
const ENAMETOOLONG = 36;
const ENOSYS = 38;

/** libc's. @returns `undefined` where it has no statx(2): glibc before 2.28. */
export function lookupCalls(koffi: Koffi, libc: KoffiLibrary): LookupCalls | undefined {
  const call = (name: string, ...parameters: string[]) => {
    const fn = libc.func(name, 'int', parameters) as (...args: unknown[]) => number;
    return (...args: unknown[]) => {
      const result = fn(...args);
      return result < 0 ? -koffi.errno() : result;
    };
  };
  let statx: (...args: unknown[]) => number;
  try {
    statx = call('statx', 'int', 'str', 'int', 'uint32_t', 'void *');
  } catch {
    return undefined;
  }
  const openat2 = call('syscall', 'int', 'int', 'str', 'void *', 'size_t');
  const faccessat2 = call('syscall', 'int', 'int', 'str', 'int', 'int');
  const close = call('close', 'int');
  const readlinkat = call('readlinkat', 'int', 'str', 'void *', 'size_t');
  const poll = call('poll', 'void *', 'uint64_t', 'int');

  const how = new BigUint64Array([O_PATH | O_CLOEXEC, 0n, RESOLVE_CACHED]);
  const howNotToFollow = new BigUint64Array([O_PATH | O_CLOEXEC | BigInt(constants.O_NOFOLLOW), 0n, RESOLVE_CACHED]);
  const facts = new Uint32Array(STATX_WORDS);
  const target = Buffer.alloc(PATH_MAX);
  const polled = new Int32Array([-1, POLLPRI]);

  const linkAt = (directory: number, path: string) => {
    const length = readlinkat(directory, path, target, target.length);
    if (length < 0) return length;
    // What fills the buffer may be longer.
    return length === target.length ? -ENAMETOOLONG : target.toString('utf8', 0, length);
  };
  return {
    openCached: (path, follow) => openat2(SYS_OPENAT2, AT_FDCWD, path, follow ? how : howNotToFollow, HOW_SIZE),
    close,
    mountOf(fd) {
      const result = statx(fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, facts);
      if (result < 0) return result;
      return (facts[STATX_MASK] as number) & STATX_MNT_ID ? (facts[STATX_MNT_ID_WORD] as number) : -ENOSYS;
    },
    access: (fd, mode) => faccessat2(SYS_FACCESSAT2, fd, '', mode, AT_EMPTY_PATH),
    readlink: (fd) => linkAt(fd, ''),
    pathOf: (fd) => linkAt(AT_FDCWD, `/proc/self/fd/${fd}`),
    hasPriority(fd) {
      polled[0] = fd;
      return poll(polled, 1, 0) !== 0;
    },
  };
}
