/**
 * The flags of open(2) that the simulated file system supports. Those that architectures number
 * differently are Node's.
 *
 * @module
 */

import { constants } from 'node:fs';

/** `O_*`. */
export const OpenFlag = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  ACCESS_MODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  // Absent where there is no Linux.
  DIRECT: constants.O_DIRECT ?? 0o40000,
  DIRECTORY: constants.O_DIRECTORY,
  NOFOLLOW: constants.O_NOFOLLOW,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20000000,
} as const;

/** `RESOLVE_*` of openat2(2). */
export const ResolveFlag = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 16, CACHED: 32 } as const;

/** `AT_*`. */
export const AtFlag = {
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
} as const;

/** `AT_FDCWD`. */
export const AT_FDCWD = -100;
