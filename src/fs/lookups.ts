/**
 * Lookups of what the kernel holds in memory. Each call is a question that is answered
 * synchronously (`cached.ts`). It is passed to Node where it would wait, where it fails for any
 * other reason than that the file does not exist, and where the arguments are unusual.
 *
 * A path is opened with O_PATH and RESOLVE_CACHED, which never waits. The descriptor is queried and
 * closed. Attributes are queried only where they, too, are in memory.
 *
 * @module
 */

import type { BigIntStats, PathLike, Stats } from 'node:fs';
import { type Calls, callsOf } from '../calls.js';
import { reject, type Settle } from '../engine/internal.js';
import { node, nodePromises } from '../node-fs.js';
import { Errno, withoutFrames } from '../syscalls/index.js';
import { hasOnly, pathText, plainPath } from './arguments.js';
import { type Cached, cached, hasTime, whenThereIsTime } from './cached.js';
import { systemError } from './errors.js';
import { inPlaceOf } from './in-place.js';

const { F_OK, R_OK, W_OK, X_OK } = node.constants;

/** The path of a deleted file ends with this; so does that of a file with such a name. */
const DELETED = ' (deleted)';

/**
 * A synchronous query. Returns `undefined` when Node must run the call.
 *
 * @throws the error that is the result of the call.
 */
export type Question<T> = (cached: Cached) => T | undefined;

/** Opens a path, queries the descriptor, and closes it. */
function ask<T>(
  { calls }: Cached,
  path: string,
  follow: boolean,
  syscall: string,
  question: (fd: number) => T | undefined,
): T | undefined {
  const fd = calls.locate(path, follow);
  if (fd < 0) {
    if (fd === -Errno.ENOENT || fd === -Errno.ENOTDIR) throw withoutFrames(() => systemError(fd, syscall, pathText(path)));
    return undefined;
  }
  try {
    return question(fd);
  } finally {
    calls.close(fd);
  }
}

function isInMemory({ calls, mounts }: Cached, fd: number): boolean {
  return calls.describe(fd) === 0 && mounts.isInMemory(calls.description.mount) === true;
}

/**
 * Returns a path that can be looked up, with its options; nothing for what Node must handle.
 *
 * @param plain returns the other arguments, if they are ordinary and valid. If it throws, Node
 * reports the error.
 */
function plainName<T>(path: PathLike, plain: () => T | undefined): readonly [name?: string, options?: T] {
  try {
    const options = plain();
    const name = options === undefined ? undefined : plainPath(path);
    return typeof name === 'string' && name.length > 0 ? [name, options as T] : NODES;
  } catch {
    return NODES;
  }
}

const NODES: readonly [] = [];

// The questions; `undefined` where Node must run the call.

/** Returns the options of `stat` and its variants, if they are ordinary and valid. */
export function plainStatOptions(options: unknown): { readonly bigint: boolean } | undefined {
  if (options === undefined) return SMALL;
  if (options === null || !hasOnly(options, 'bigint')) return undefined;
  const { bigint } = options as { bigint?: unknown };
  if (bigint === undefined || bigint === false) return SMALL;
  return bigint === true ? BIG : undefined;
}

const SMALL = { bigint: false };
const BIG = { bigint: true };

/** stat(2), or lstat(2). */
export function askStat(name: 'stat' | 'lstat', path: PathLike, options: unknown): Question<Stats | BigIntStats> | undefined {
  const [text, plain] = plainName(path, () => plainStatOptions(options));
  if (text === undefined) return undefined;
  return (ours) => ask(ours, text, name === 'stat', name, (fd) => (isInMemory(ours, fd) ? node.fstatSync(fd, plain) : undefined));
}

/** access(2). */
export function askAccess(path: PathLike, mode: unknown): Question<true> | undefined {
  const [text, wanted] = plainName(path, () => plainAccessMode(mode));
  if (text === undefined || wanted === undefined || !isRealUser()) return undefined;
  return (ours) =>
    ask(ours, text, true, 'access', (fd) => {
      if (wanted === F_OK) return true;
      return isInMemory(ours, fd) && ours.calls.access(fd, wanted) === 0 ? true : undefined;
    });
}

function plainAccessMode(mode: unknown): number | undefined {
  if (mode === undefined || mode === null) return F_OK;
  return typeof mode === 'number' && (mode & (R_OK | W_OK | X_OK)) === mode ? mode : undefined;
}

/** access(2) checks the real user, opening a file the effective one. */
function isRealUser(): boolean {
  return process.getuid?.() === process.geteuid?.() && process.getgid?.() === process.getegid?.();
}

/** Returns 'utf8' if the caller wants a path as text. */
function plainEncoding(options: unknown): 'utf8' | undefined {
  if (options === undefined || options === null || options === 'utf8') return 'utf8';
  if (typeof options !== 'object' || !hasOnly(options, 'encoding')) return undefined;
  const { encoding } = options as { encoding?: unknown };
  return encoding === undefined || encoding === null || encoding === 'utf8' ? 'utf8' : undefined;
}

/** realpath(3). */
export function askRealpath(path: PathLike, options: unknown): Question<string> | undefined {
  const [text] = plainName(path, () => plainEncoding(options));
  if (text === undefined) return undefined;
  return (ours) =>
    ask(ours, text, true, 'realpath', (fd) => {
      const found = ours.calls.pathOf(fd);
      return typeof found === 'string' && found.startsWith('/') && !found.endsWith(DELETED) ? found : undefined;
    });
}

/** readlink(2). */
export function askReadlink(path: PathLike, options: unknown): Question<string> | undefined {
  const [text] = plainName(path, () => plainEncoding(options));
  if (text === undefined) return undefined;
  return (ours) =>
    ask(ours, text, false, 'readlink', (fd) => {
      // A short target is stored in the inode; a long one has its own block, which may have to be
      // read.
      if (!isInMemory(ours, fd) || ours.calls.description.blocks > 0) return undefined;
      const target = ours.calls.readlink(fd);
      return typeof target === 'string' ? target : undefined;
    });
}

// As promises

/** Returns the result in this turn of the event loop, or in a later one. */
function lookUp<T>(calls: Calls, question: Question<T> | undefined, byNode: () => Promise<T>): Promise<T> {
  const ours = question === undefined ? null : cached();
  if (ours === null) {
    calls.node++;
    return byNode();
  }
  const answer = () => {
    try {
      const found = (question as Question<T>)(ours);
      if (found === undefined) {
        calls.node++;
        return byNode();
      }
      calls.cached++;
      return found;
    } catch (error) {
      calls.cached++;
      return rejected<T>(error as Error);
    }
  };
  if (!hasTime()) return new Promise((resolve) => whenThereIsTime(() => resolve(answer())));
  const found = answer();
  return found instanceof Promise ? found : Promise.resolve(found);
}

/** Returns a rejected promise whose error has the stack of the function that awaits it. */
function rejected<T>(error: Error): Promise<T> {
  return new Promise((resolve) => {
    reject(resolve as Settle<unknown>, error);
  });
}

const counts = {
  stat: callsOf('fs.promises.stat'),
  lstat: callsOf('fs.promises.lstat'),
  access: callsOf('fs.promises.access'),
  realpath: callsOf('fs.promises.realpath'),
  readlink: callsOf('fs.promises.readlink'),
};

const statBy = <Name extends 'stat' | 'lstat'>(name: Name) =>
  inPlaceOf(nodePromises[name], (path: PathLike, options?: unknown) =>
    lookUp(counts[name], askStat(name, path, options), () => nodePromises[name](path, options as never)),
  );

/** stat(2). See `fsPromises.stat`. Since Linux 5.12, synchronous where the path is cached. */
export const stat = statBy('stat');

/** lstat(2). See `fsPromises.lstat`. Since Linux 5.12, synchronous where the path is cached. */
export const lstat = statBy('lstat');

/** access(2). See `fsPromises.access`. Since Linux 5.12, synchronous where the path is cached. */
export const access = inPlaceOf(nodePromises.access, (path: PathLike, mode?: number) =>
  lookUp<unknown>(counts.access, askAccess(path, mode), () => nodePromises.access(path, mode)).then(nothing),
);

function nothing(): void {}

/**
 * realpath(3). See `fsPromises.realpath`. Since Linux 5.12, synchronous where the path is cached.
 */
export const realpath = inPlaceOf(nodePromises.realpath, (path: PathLike, options?: unknown) =>
  lookUp(counts.realpath, askRealpath(path, options), () => nodePromises.realpath(path, options as never) as Promise<string>),
);

/**
 * readlink(2). See `fsPromises.readlink`. Since Linux 5.12, synchronous where the path is cached.
 */
export const readlink = inPlaceOf(nodePromises.readlink, (path: PathLike, options?: unknown) =>
  lookUp(counts.readlink, askReadlink(path, options), () => nodePromises.readlink(path, options as never) as Promise<string>),
);
