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
  STATX_ALL,
  STATX_SIZE,
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
  checkFd,
  checkPath,
  checkRunOptions,
  checkUint32,
  checkUint64,
  type DirectSlot,
  Operation,
  type Path,
  type RunOptions,
} from './common.js';
import { bigStatsOf, statsOf } from './stats.js';

/** What operations on paths can be given. */
export interface PathOptions extends RunOptions {
  /** Descriptor of the directory that a relative path starts from; default: the working directory. */
  readonly directory?: number | undefined;
}

/** Options of {@link openat}. */
export interface OpenOptions extends PathOptions {
  /** `O_*` flags (`fs.constants`); default O_RDONLY. O_CLOEXEC is always set. */
  readonly flags?: number | undefined;
  /** Of a file that is created; default 0o666. */
  readonly mode?: number | undefined;
  /** Opens into a slot of the engine's registered files instead, where no descriptor is used. Since 5.15. */
  readonly slot?: DirectSlot | undefined;
}

/** Options of {@link openat2}. */
export interface Open2Options extends OpenOptions {
  /** `RESOLVE_*` flags: how the path may be walked. */
  readonly resolve?: number | undefined;
}

/** Options of {@link statx}. */
export interface StatOptions extends PathOptions {
  /** Tells about a symbolic link itself. */
  readonly noFollow?: boolean | undefined;
  /** Numbers as bigints. */
  readonly bigint?: boolean | undefined;
}

/** Options of {@link renameat} and {@link linkat}. */
export interface TwoPathOptions extends RunOptions {
  /** Where the first path starts from. */
  readonly directory?: number | undefined;
  /** Where the second path starts from. */
  readonly newDirectory?: number | undefined;
  /** `RENAME_*` of renameat2(2), or `AT_*` of linkat(2). */
  readonly flags?: number | undefined;
}

const OPEN_NAMES = ['directory', 'flags', 'mode', 'slot'];

/**
 * Opens a file. openat(2). Since 5.6.
 *
 * @returns the descriptor; with `slot`, 0, or the slot chosen.
 * @throws UringError ENOENT, EACCES, EISDIR, ELOOP, ENOTDIR, EMFILE, as open(2).
 */
export function openat(path: Path, options: OpenOptions = {}): Operation<number> {
  checkRunOptions(options, ...OPEN_NAMES);
  checkPath('path', path);
  const { directory = AT_FDCWD, flags = 0, mode = 0o666, slot } = options;
  checkOpenAccess(path, directory, flags);
  // A slot is no descriptor, and the kernel refuses the flag for one.
  const all = slot === undefined ? (flags | O_CLOEXEC) >>> 0 : flags;
  return new Operation('OPENAT', options, {
    paths: [path],
    encode: (sqe, scope) => prepOpenat(sqe, directory, scope.cString(path), all, mode, slot),
    decode: (res) => res,
  });
}

/** Opens a file, with a say in how the path is resolved. openat2(2). Since 5.6. Otherwise as {@link openat}. */
export function openat2(path: Path, options: Open2Options = {}): Operation<number> {
  checkRunOptions(options, ...OPEN_NAMES, 'resolve');
  checkPath('path', path);
  const { directory = AT_FDCWD, flags = 0, mode = 0, slot, resolve = 0 } = options;
  checkOpenAccess(path, directory, flags);
  checkUint64('options.resolve', resolve);
  checkUint32('options.mode', mode);
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
 * What is known of a file. statx(2). Since 5.6. The kernel gives this to a worker always, so it is no faster than Node's.
 *
 * @param target a path, or an open file's descriptor.
 * @returns Node's stat object.
 */
export function statx(target: Path | number, options: StatOptions & { readonly bigint: true }): Operation<BigIntStats>;
export function statx(target: Path | number, options?: StatOptions & { readonly bigint?: false | undefined }): Operation<Stats>;
export function statx(target: Path | number, options?: StatOptions): Operation<Stats | BigIntStats>;
export function statx(target: Path | number, options: StatOptions = {}): Operation<Stats | BigIntStats> {
  checkRunOptions(options, 'directory', 'noFollow', 'bigint');
  const { directory = AT_FDCWD, noFollow = false, bigint = false } = options;
  if (typeof target === 'number') {
    checkFd('target', target);
  } else {
    checkPath('target', target);
    checkPathAccess(target, directory, 'fs.read');
  }
  return new Operation('STATX', options, {
    paths: typeof target === 'number' ? undefined : [target],
    encode(sqe, scope) {
      const result = scope.block(STATX_SIZE);
      if (typeof target === 'number') prepStatx(sqe, target, scope.cString(''), AT_EMPTY_PATH, STATX_ALL, result.address);
      else {
        const flags = noFollow ? AT_SYMLINK_NOFOLLOW : 0;
        prepStatx(sqe, directory, scope.cString(target), flags, STATX_ALL, result.address);
      }
    },
    decode: (_res, scope) => (bigint ? bigStatsOf(scope.firstBlock) : statsOf(scope.firstBlock)),
  });
}

/** Makes a directory. mkdirat(2). Since 5.15. @param mode default 0o777. */
export function mkdirat(path: Path, mode = 0o777, options: PathOptions = {}): Operation<void> {
  checkRunOptions(options, 'directory');
  checkPath('path', path);
  const { directory = AT_FDCWD } = options;
  checkPathAccess(path, directory, 'fs.write');
  return new Operation('MKDIRAT', options, {
    paths: [path],
    encode: (sqe, scope) => prepMkdirat(sqe, directory, scope.cString(path), mode),
    decode: () => undefined,
  });
}

/** Removes a file, or with `removeDirectory` an empty directory. unlinkat(2). Since 5.11. */
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

/** Gives a file another name. renameat2(2). Since 5.11. */
export function renameat(path: Path, newPath: Path, options: TwoPathOptions = {}): Operation<void> {
  return twoPaths('RENAMEAT', prepRenameat, path, newPath, options);
}

/** Gives a file one more name. linkat(2). Since 5.15. */
export function linkat(path: Path, newPath: Path, options: TwoPathOptions = {}): Operation<void> {
  return twoPaths('LINKAT', prepLinkat, path, newPath, options);
}

/** Makes a symbolic link. symlinkat(2). Since 5.15. @param target what it says; any text. */
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
