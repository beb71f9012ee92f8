/**
 * Operations on paths.
 *
 * @module
 */

import type { BigIntStats, Stats } from 'node:fs';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  OPEN_HOW_SIZE,
  SIZEOF_STATX,
  STATX_ALL,
} from '../../../linux.js';
import {
  prepLinkat,
  prepMkdirat,
  prepOpenat,
  prepOpenat2,
  prepRenameat,
  prepStatx,
  prepSymlinkat,
  prepUnlinkat,
} from '../../../ops/index.js';
import { checkLinkAccess, checkOpenAccess, checkPathAccess } from '../../permission.js';
import {
  checkArgument,
  checkFd,
  checkPath,
  checkRunOptions,
  type DirectSlot,
  fdOf,
  Operation,
  openFlagsOf,
  type Path,
  type RunOptions,
} from './common.js';
import { bigStatsOf, statsOf } from './stats.js';

/** Options of operations on paths. */
export interface PathOptions extends RunOptions {
  /**
   * Descriptor of the directory that a relative path starts from. Default: the working directory.
   */
  readonly directory?: number | undefined;
}

/** Options of {@link openat}. */
export interface OpenOptions extends PathOptions {
  /**
   * `O_*` flags (`constants`), or a string as `fs.open` takes it (`'r+'`). Default O_RDONLY. O_CLOEXEC
   * is always set.
   */
  readonly flags?: number | string | undefined;
  /** The mode of a file that is created. Default 0o666. */
  readonly mode?: number | undefined;
  /** Opens into a slot of the engine's registered files, without using a descriptor. Since 5.15. */
  readonly slot?: DirectSlot | undefined;
}

/** Options of {@link openat2}. */
export interface Open2Options extends OpenOptions {
  /** `RESOLVE_*` flags: how the path may be resolved. */
  readonly resolve?: number | undefined;
}

/** Options of {@link statx}. */
export interface StatOptions extends PathOptions {
  /** Whether to return the status of a symbolic link itself. */
  readonly noFollow?: boolean | undefined;
  /** Whether the numbers are bigints. */
  readonly bigint?: boolean | undefined;
}

/** An open file: its descriptor, or a FileHandle. */
export type OpenFile = number | { readonly fd: number };

/** Options of {@link renameat} and {@link linkat}. */
export interface TwoPathOptions extends RunOptions {
  /** Descriptor of the directory that the first path starts from. */
  readonly directory?: number | undefined;
  /** Descriptor of the directory that the second path starts from. */
  readonly newDirectory?: number | undefined;
  /** `RENAME_*` of renameat2(2), or `AT_*` of linkat(2). */
  readonly flags?: number | undefined;
}

const OPEN_NAMES = ['directory', 'openFlags', 'mode', 'slot'] as const;

function flagsOf({ flags = 0 }: OpenOptions): number {
  return typeof flags === 'string' ? (openFlagsOf(flags) as number) : flags;
}

/**
 * Opens a file. openat(2). Since 5.6.
 *
 * @returns the descriptor; with `slot`, 0 or the selected slot.
 * @throws UringError ENOENT, EACCES, EISDIR, ELOOP, ENOTDIR, EMFILE, as open(2).
 */
export function openat(path: Path, options: OpenOptions = {}): Operation<number> {
  checkRunOptions(options, ...OPEN_NAMES);
  checkPath('path', path);
  const { directory = AT_FDCWD, mode = 0o666, slot } = options;
  const flags = flagsOf(options);
  checkOpenAccess(path, directory, flags);
  // A slot is not a descriptor, and the kernel rejects the flag for it.
  const all = slot === undefined ? (flags | O_CLOEXEC) >>> 0 : flags;
  return new Operation('OPENAT', options, {
    paths: [path],
    encode: (sqe, scope) => prepOpenat(sqe, directory, scope.cString(path), all, mode, slot),
    decode: (res) => res,
  });
}

/**
 * Opens a file, with control over how the path is resolved. openat2(2). Since 5.6. Otherwise like
 * {@link openat}.
 */
export function openat2(path: Path, options: Open2Options = {}): Operation<number> {
  checkRunOptions(options, ...OPEN_NAMES, 'resolve');
  checkPath('path', path);
  const { directory = AT_FDCWD, mode = 0, slot, resolve = 0 } = options;
  const flags = flagsOf(options);
  checkOpenAccess(path, directory, flags);
  return new Operation('OPENAT2', options, {
    paths: [path],
    encode(sqe, scope) {
      const how = scope.block(OPEN_HOW_SIZE);
      const { data } = how.region;
      data.setBigUint64(how.offset, BigInt(slot === undefined ? flags | O_CLOEXEC : flags), true);
      data.setBigUint64(how.offset + 8, BigInt(mode), true);
      data.setBigUint64(how.offset + 16, BigInt(resolve), true);
      prepOpenat2(sqe, directory, scope.cString(path), how.address, slot);
    },
    decode: (res) => res,
  });
}

/**
 * Returns the status of a file. statx(2). Since 5.6. The kernel always gives this to a worker, so
 * it is no faster than Node's.
 *
 * @param target a path, or an open file: its descriptor, or a FileHandle.
 * @returns Node's stat object.
 */
export function statx(target: Path | OpenFile, options: StatOptions & { readonly bigint: true }): Operation<BigIntStats>;
export function statx(target: Path | OpenFile, options?: StatOptions & { readonly bigint?: false | undefined }): Operation<Stats>;
export function statx(target: Path | OpenFile, options?: StatOptions): Operation<Stats | BigIntStats>;
export function statx(target: Path | OpenFile, options: StatOptions = {}): Operation<Stats | BigIntStats> {
  checkRunOptions(options, 'directory', 'noFollow', 'bigint');
  const { directory = AT_FDCWD, noFollow = false, bigint = false } = options;
  const isPath = typeof target === 'string' || target instanceof Uint8Array;
  if (isPath) {
    checkPath('target', target);
    checkPathAccess(target, directory, 'fs.read');
  } else checkFd('target', typeof target === 'object' ? target?.fd : target);
  return new Operation('STATX', options, {
    paths: isPath ? [target] : undefined,
    file: isPath ? undefined : target,
    encode(sqe, scope) {
      const result = scope.block(SIZEOF_STATX);
      if (!isPath) prepStatx(sqe, fdOf(target), scope.cString(''), AT_EMPTY_PATH, STATX_ALL, result.address);
      else {
        const flags = noFollow ? AT_SYMLINK_NOFOLLOW : 0;
        prepStatx(sqe, directory, scope.cString(target), flags, STATX_ALL, result.address);
      }
    },
    decode: (_res, scope) => (bigint ? bigStatsOf(scope.firstBlock) : statsOf(scope.firstBlock)),
  });
}

/** Creates a directory. mkdirat(2). Since 5.15. @param mode default 0o777. */
export function mkdirat(path: Path, mode = 0o777, options: PathOptions = {}): Operation<void> {
  checkRunOptions(options, 'directory');
  checkPath('path', path);
  checkArgument('mode', mode);
  const { directory = AT_FDCWD } = options;
  checkPathAccess(path, directory, 'fs.write');
  return new Operation('MKDIRAT', options, {
    paths: [path],
    encode: (sqe, scope) => prepMkdirat(sqe, directory, scope.cString(path), mode),
    decode: () => undefined,
  });
}

/** Removes a file or, with `removeDirectory`, an empty directory. unlinkat(2). Since 5.11. */
export function unlinkat(
  path: Path,
  options: PathOptions & { readonly removeDirectory?: boolean | undefined } = {},
): Operation<void> {
  checkRunOptions(options, 'directory', 'removeDirectory');
  checkPath('path', path);
  const { directory = AT_FDCWD, removeDirectory = false } = options;
  checkPathAccess(path, directory, 'fs.write');
  return new Operation('UNLINKAT', options, {
    paths: [path],
    encode: (sqe, scope) => prepUnlinkat(sqe, directory, scope.cString(path), removeDirectory ? AT_REMOVEDIR : 0),
    decode: () => undefined,
  });
}

/** Renames a file. renameat2(2). Since 5.11. */
export function renameat(path: Path, newPath: Path, options: TwoPathOptions = {}): Operation<void> {
  return twoPaths('RENAMEAT', prepRenameat, path, newPath, options);
}

/** Creates a hard link. linkat(2). Since 5.15. */
export function linkat(path: Path, newPath: Path, options: TwoPathOptions = {}): Operation<void> {
  return twoPaths('LINKAT', prepLinkat, path, newPath, options);
}

/**
 * Creates a symbolic link. symlinkat(2). Since 5.15.
 *
 * @param target the contents of the link; any text.
 */
export function symlinkat(target: Path, path: Path, options: PathOptions = {}): Operation<void> {
  checkRunOptions(options, 'directory');
  checkPath('target', target);
  checkPath('path', path);
  const { directory = AT_FDCWD } = options;
  checkLinkAccess('symlink');
  return new Operation('SYMLINKAT', options, {
    paths: [target, path],
    encode: (sqe, scope) => prepSymlinkat(sqe, scope.cString(target), directory, scope.cString(path)),
    decode: () => undefined,
  });
}

function twoPaths(
  name: 'RENAMEAT' | 'LINKAT',
  prepare: typeof prepRenameat,
  path: Path,
  newPath: Path,
  options: TwoPathOptions,
): Operation<void> {
  checkRunOptions(options, 'directory', 'newDirectory', 'flags');
  checkPath('path', path);
  checkPath('newPath', newPath);
  const { directory = AT_FDCWD, newDirectory = AT_FDCWD, flags = 0 } = options;
  if (name === 'LINKAT') checkLinkAccess('link');
  checkPathAccess(path, directory, 'fs.read', 'fs.write');
  checkPathAccess(newPath, newDirectory, 'fs.write');
  return new Operation(name, options, {
    paths: [path, newPath],
    encode: (sqe, scope) => prepare(sqe, directory, scope.cString(path), newDirectory, scope.cString(newPath), flags),
    decode: () => undefined,
  });
}
