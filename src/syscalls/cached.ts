/**
 * System calls that answer from the kernel's memory, or not at all: none of them waits for a disk or a server. Results that are negative are `-errno`.
 *
 * @module
 */

import { constants } from 'node:fs';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_STATX_DONT_SYNC,
  F_SETFL,
  IOV_MAX,
  IOVEC_SIZE,
  O_CLOEXEC,
  O_NONBLOCK,
  O_PATH,
  OPEN_HOW_SIZE,
  POLLPRI,
  RESOLVE_CACHED,
  RWF_NOWAIT,
  STATX_BLOCKS,
  STATX_MNT_ID,
  STATX_MODE,
  STATX_NLINK,
  STATX_SIZE,
  STATX_TYPE,
  Statx,
} from '../linux.js';
import type { Koffi, KoffiLibrary } from './koffi.js';

/** What statx(2) says of a descriptor; the numbers are good until the next call of {@link CachedCalls.describe}. */
export interface Description {
  /** As `st_mode`. */
  readonly mode: number;
  /** Names of the file. */
  readonly nlink: number;
  /** Of 512 bytes each. The lower 32 bits. */
  readonly blocks: number;
  /** The mount that it lies on, as in the first column of `/proc/self/mountinfo` (since Linux 5.8); -1 if the kernel does not say. */
  readonly mount: number;
}

/** See {@link cachedCalls}. */
export interface CachedCalls {
  /**
   * openat2(2) with O_PATH, O_CLOEXEC and RESOLVE_CACHED (since Linux 5.12).
   *
   * @param path at least one character, without a zero.
   * @param follow whether a symbolic link at its end is followed.
   * @returns a descriptor to be closed; -EAGAIN where not all of the path is in the kernel's memory.
   */
  locate(path: string, follow: boolean): number;
  /** openat2(2) with RESOLVE_CACHED, O_CLOEXEC and O_NONBLOCK, which is taken back unless it is wanted. @param flags none that create or truncate. */
  open(path: string, flags: number): number;
  /** close(2). */
  close(fd: number): number;
  /** statx(2) with AT_STATX_DONT_SYNC: asks no server. @returns 0, and fills {@link description}. */
  describe(fd: number): number;
  readonly description: Description;
  /** faccessat2(2) of what a descriptor stands for (since Linux 5.8). */
  access(fd: number, mode: number): number;
  /** readlinkat(2) of the link that a descriptor stands for. */
  readlink(fd: number): string | number;
  /** readlink(2) of `/proc/self/fd/N`: the path of what a descriptor stands for. */
  pathOf(fd: number): string | number;
  /**
   * preadv2(2) with RWF_NOWAIT: what the page cache has, up to the first byte that it has not.
   *
   * @param views no more than IOV_MAX (1024).
   * @param position -1 for the file's own, which is moved.
   * @returns bytes; -EAGAIN where there are none, -EOPNOTSUPP where the file system cannot tell.
   */
  read(fd: number, views: readonly ArrayBufferView[], position: number): number;
  /** poll(2), which returns at once. @returns whether something out of the ordinary has happened: for `/proc/self/mountinfo`, that a mount has come or gone. */
  hasPriority(fd: number): boolean;
}

// The same numbers everywhere, Alpha excepted.
const SYS_OPENAT2 = 437;
const SYS_FACCESSAT2 = 439;

const WANTED = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_BLOCKS | STATX_MNT_ID;

/** A `struct iovec`, in words of 64 bits. */
const IOVEC_WORDS = IOVEC_SIZE / 8;

const { O_NOFOLLOW } = constants;

/** The mode has 16 bits, and padding behind it. */
const MODE_BITS = 0xffff;

const PATH_MAX = 4096;
const ENAMETOOLONG = 36;

/**
 * libc's.
 *
 * @param addressOf as of `Syscalls`.
 * @returns `undefined` where it has no statx(2) or preadv2(2): glibc before 2.28.
 */
export function cachedCalls(
  koffi: Koffi,
  libc: KoffiLibrary,
  addressOf: (view: ArrayBufferView) => number,
): CachedCalls | undefined {
  const call = (name: string, ...parameters: string[]) => {
    const fn = libc.func(name, 'int', parameters) as (...args: unknown[]) => number;
    return (...args: unknown[]) => {
      const result = fn(...args);
      return result < 0 ? -koffi.errno() : result;
    };
  };
  let statx: (...args: unknown[]) => number;
  let preadv2: (...args: unknown[]) => number;
  try {
    statx = call('statx', 'int', 'str', 'int', 'uint32_t', 'void *');
    // It returns a ssize_t, of which an int holds all that the kernel moves in one call.
    preadv2 = call('preadv2', 'int', 'void *', 'int', 'int64_t', 'int');
  } catch {
    return undefined;
  }
  const openat2 = call('syscall', 'int', 'int', 'str', 'void *', 'size_t');
  const faccessat2 = call('syscall', 'int', 'int', 'str', 'int', 'int');
  const close = call('close', 'int');
  const readlinkat = call('readlinkat', 'int', 'str', 'void *', 'size_t');
  const poll = call('poll', 'void *', 'uint64_t', 'int');
  const fcntl = call('fcntl', 'int', 'int', 'int');

  const howTo = (flags: number) => new BigUint64Array([BigInt(flags), 0n, RESOLVE_CACHED]);
  const how = howTo(O_PATH | O_CLOEXEC);
  const howNotToFollow = howTo(O_PATH | O_CLOEXEC | O_NOFOLLOW);
  const howToOpen = howTo(0);
  // In words: the fields wanted are of 32 bits or fewer, and this is quicker than a DataView.
  const statxResult = new Uint32Array(STATX_SIZE / 4);
  const field = (offset: number) => statxResult[offset / 4] as number;
  const vector = new BigUint64Array(IOVEC_WORDS * IOV_MAX);
  const description = { mode: 0, nlink: 0, blocks: 0, mount: -1 };
  const target = Buffer.alloc(PATH_MAX);
  const polled = new Int32Array([-1, POLLPRI]);

  const linkAt = (directory: number, path: string) => {
    const length = readlinkat(directory, path, target, target.length);
    if (length < 0) return length;
    // What fills the buffer may be longer.
    return length === target.length ? -ENAMETOOLONG : target.toString('utf8', 0, length);
  };
  return {
    locate: (path, follow) => openat2(SYS_OPENAT2, AT_FDCWD, path, follow ? how : howNotToFollow, OPEN_HOW_SIZE),
    open(path, flags) {
      howToOpen[0] = BigInt(flags | O_CLOEXEC | O_NONBLOCK);
      const fd = openat2(SYS_OPENAT2, AT_FDCWD, path, howToOpen, OPEN_HOW_SIZE);
      if (fd >= 0 && !(flags & O_NONBLOCK)) fcntl(fd, F_SETFL, flags);
      return fd;
    },
    close,
    description,
    describe(fd) {
      const result = statx(fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, WANTED, statxResult);
      if (result < 0) return result;
      description.mode = field(Statx.MODE) & MODE_BITS;
      description.nlink = field(Statx.NLINK);
      description.blocks = field(Statx.BLOCKS);
      const knowsMount = (field(Statx.MASK) & STATX_MNT_ID) !== 0;
      description.mount = knowsMount ? field(Statx.MNT_ID) : -1;
      return 0;
    },
    access: (fd, mode) => faccessat2(SYS_FACCESSAT2, fd, '', mode, AT_EMPTY_PATH),
    readlink: (fd) => linkAt(fd, ''),
    pathOf: (fd) => linkAt(AT_FDCWD, `/proc/self/fd/${fd}`),
    read(fd, views, position) {
      for (const [index, view] of views.entries()) {
        vector[IOVEC_WORDS * index] = BigInt(addressOf(view));
        vector[IOVEC_WORDS * index + 1] = BigInt(view.byteLength);
      }
      return preadv2(fd, vector, views.length, position, RWF_NOWAIT);
    },
    hasPriority(fd) {
      polled[0] = fd;
      return poll(polled, 1, 0) !== 0;
    },
  };
}
