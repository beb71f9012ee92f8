/**
 * System calls that return cached data or fail: none of them waits for a disk or a server. Negative
 * results are `-errno`.
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
  SIZEOF_STATX,
  STATX_BLOCKS,
  STATX_MNT_ID,
  STATX_MODE,
  STATX_NLINK,
  STATX_TYPE,
  Statx,
} from '../linux.js';
import type { Koffi, KoffiLibrary } from './koffi.js';

/**
 * The result of statx(2) for a descriptor. The numbers are valid until the next call of
 * {@link CachedCalls.describe}.
 */
export interface Description {
  /** `st_mode`. */
  readonly mode: number;
  /** The number of hard links. */
  readonly nlink: number;
  /** The number of 512-byte blocks. The lower 32 bits. */
  readonly blocks: number;
  /**
   * The id of the mount that the file is on, as in the first column of `/proc/self/mountinfo`
   * (since Linux 5.8); -1 if the kernel does not report it.
   */
  readonly mount: number;
}

/** See {@link cachedCalls}. */
export interface CachedCalls {
  /**
   * Calls openat2(2) with O_PATH, O_CLOEXEC, and RESOLVE_CACHED (since Linux 5.12).
   *
   * @param path at least one character, without null characters.
   * @param follow whether to follow a symbolic link in the last component.
   * @returns a descriptor that the caller must close; -EAGAIN if the path is not completely cached.
   */
  locate(path: string, follow: boolean): number;
  /**
   * Calls openat2(2) with RESOLVE_CACHED, O_CLOEXEC, and O_NONBLOCK, which is cleared afterwards
   * unless it is requested.
   *
   * @param flags none that create or truncate.
   */
  open(path: string, flags: number): number;
  /** close(2). */
  close(fd: number): number;
  /**
   * Calls statx(2) with AT_STATX_DONT_SYNC, which queries no server.
   *
   * @returns 0, and fills {@link description}.
   */
  describe(fd: number): number;
  readonly description: Description;
  /** Calls faccessat2(2) on the file that a descriptor refers to (since Linux 5.8). */
  access(fd: number, mode: number): number;
  /** Calls readlinkat(2) on the symbolic link that a descriptor refers to. */
  readlink(fd: number): string | number;
  /** Calls readlink(2) on `/proc/self/fd/N`: the path of the file that a descriptor refers to. */
  pathOf(fd: number): string | number;
  /**
   * Calls preadv2(2) with RWF_NOWAIT: reads from the page cache, up to the first byte that is not
   * cached.
   *
   * @param views at most IOV_MAX (1024).
   * @param position -1 for the file's own position, which is moved.
   * @returns the number of bytes; -EAGAIN if there are none, -EOPNOTSUPP if the file system does
   *   not support it.
   */
  read(fd: number, views: readonly ArrayBufferView[], position: number): number;
  /**
   * Calls poll(2) without waiting.
   *
   * @returns whether an exceptional condition is pending: for `/proc/self/mountinfo`, that a mount
   *   was added or removed.
   */
  hasPriority(fd: number): boolean;
}

// The same numbers on all architectures except Alpha.
const SYS_OPENAT2 = 437;
const SYS_FACCESSAT2 = 439;

const WANTED = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_BLOCKS | STATX_MNT_ID;

/** The size of `struct iovec` in 64-bit words. */
const IOVEC_WORDS = IOVEC_SIZE / 8;

const { O_NOFOLLOW } = constants;

/** The mode has 16 bits, followed by padding. */
const MODE_BITS = 0xffff;

const PATH_MAX = 4096;
const ENAMETOOLONG = 36;

/**
 * Creates the calls, by means of libc.
 *
 * @param addressOf as in `Syscalls`.
 * @returns `undefined` where libc has no statx(2) or preadv2(2): glibc before 2.28, musl before
 *   1.2.5.
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
    // It returns an ssize_t, but an int holds the largest count that the kernel moves in one call.
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
  // In words: the fields used here have 32 bits or fewer, and this is faster than a DataView.
  const statxResult = new Uint32Array(SIZEOF_STATX / 4);
  const field = (offset: number) => statxResult[offset / 4] as number;
  const vector = new BigUint64Array(IOVEC_WORDS * IOV_MAX);
  const description = { mode: 0, nlink: 0, blocks: 0, mount: -1 };
  const target = Buffer.alloc(PATH_MAX);
  const polled = new Int32Array([-1, POLLPRI]);

  const linkAt = (directory: number, path: string) => {
    const length = readlinkat(directory, path, target, target.length);
    if (length < 0) return length;
    // A result that fills the buffer may have been truncated.
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
