/**
 * The callback functions of `node:fs` that are faster here. Calls with unusual or invalid
 * arguments, and calls that would wait, are passed to Node's functions, whose checks throw
 * synchronously.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import nodePath from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { linuxSyscalls } from '../syscalls/index.js';
import { type Cached, cached, describe } from './cached.js';
import { askAccess, askReadlink, askRealpath, askStat, plainStatOptions, type Question } from './lookups.js';
import { node } from './node.js';
import { answer, type Callback, callbackOf, giveToNode, isAlone, overNode, unlessCrowded } from './one-at-a-time.js';
import { isForReading, openCached, plainOpening } from './open.js';
import { areViews, lengthOf } from './open-file.js';
import { readByRing } from './read-file.js';

const { F_OK, O_DIRECT, S_IFMT, S_IFREG } = node.constants;

/** Copying more than this takes so long that a thread is the better place for it. */
const MOST_READ = 64 * 1024;

/** Replaces one of Node's functions with a lookup. */
function asked<F, T>(
  nodes: F,
  mostArguments: number,
  questionOf: (args: readonly unknown[]) => Question<T> | undefined,
  tell: (callback: Callback, found: T) => void = (callback, found) => answer(callback, null, found),
): F {
  return unlessCrowded(nodes, (replaced, args) => {
    const callback = callbackOf(args, mostArguments);
    const question = callback !== undefined && isAlone() ? questionOf(args.slice(0, -1)) : undefined;
    const ours = question === undefined ? null : cached();
    if (ours === null) return giveToNode(replaced, args, callback);
    let found: T | undefined;
    try {
      found = (question as Question<T>)(ours);
    } catch (error) {
      replaced.calls.cached++;
      answer(callback as Callback, error);
      return undefined;
    }
    if (found === undefined) return giveToNode(replaced, args, callback);
    replaced.calls.cached++;
    tell(callback as Callback, found);
    return undefined;
  });
}

export const stat = asked(node.stat, 2, ([path, options]) => askStat('stat', path as PathLike, options));

export const lstat = asked(node.lstat, 2, ([path, options]) => askStat('lstat', path as PathLike, options));

export const fstat = asked(node.fstat, 2, ([fd, options]) => {
  const plain = isDescriptor(fd) ? plainStatOptions(options) : undefined;
  return plain && ((ours) => (isInMemory(ours, fd as number) ? node.fstatSync(fd as number, plain) : undefined));
});

export const access = asked(
  node.access,
  2,
  ([path, mode]) => askAccess(path as PathLike, mode),
  (callback) => answer(callback, null),
);

export const exists = asked<typeof node.exists, boolean>(
  node.exists,
  1,
  ([path]) => {
    const question = askAccess(path as PathLike, F_OK);
    return question && ((ours) => answerOrFailure(question, ours));
  },
  (callback, found) => answer(callback, found),
);

function answerOrFailure(question: Question<true>, ours: Cached): boolean | undefined {
  try {
    return question(ours);
  } catch {
    return false;
  }
}

export const readlink = asked(node.readlink, 2, ([path, options]) => askReadlink(path as PathLike, options));

/**
 * Node resolves the text of a path: `link/..` is the directory that contains the link. Where the
 * path contains no links, the kernel's result is the same.
 */
const realpathOfText = asked(node.realpath, 2, ([path, options]) => {
  const text = typeof path === 'string' && path.length > 0 ? nodePath.resolve(path) : undefined;
  const question = text === undefined ? undefined : askRealpath(text, options);
  return question && ((ours) => answerIf(text as string, question, ours));
});

function answerIf(expected: string, question: Question<string>, ours: Cached): string | undefined {
  try {
    const found = question(ours);
    return found === expected ? found : undefined;
  } catch {
    // Node's error names the component that is missing, not the path.
    return undefined;
  }
}

export const realpath = Object.assign(realpathOfText, {
  native: asked(node.realpath.native, 2, ([path, options]) => askRealpath(path as PathLike, options)),
});

// Descriptors

function isDescriptor(fd: unknown): fd is number {
  return typeof fd === 'number' && (fd | 0) === fd && fd >= 0;
}

function isInMemory({ calls, mounts }: Cached, fd: number): boolean {
  return calls.describe(fd) === 0 && mounts.isInMemory(calls.description.mount) === true;
}

function isRegular(fd: unknown): boolean {
  return isDescriptor(fd) && ((describe(fd)?.mode ?? 0) & S_IFMT) === S_IFREG;
}

export const open = unlessCrowded(node.open, (replaced, args) => {
  // In a worker, Node keeps a list of the descriptors that it has opened there.
  const callback = isMainThread ? callbackOf(args, 3) : undefined;
  const [path, flags, mode] = args.slice(0, -1) as Parameters<typeof plainOpening>;
  const opening = callback !== undefined && isAlone() ? plainOpening(path, flags, mode) : undefined;
  const fd = opening && isForReading(opening) ? openCached(opening) : -1;
  if (fd < 0) return giveToNode(replaced, args, callback);
  replaced.calls.cached++;
  answer(callback as Callback, null, fd);
  return undefined;
});

// Reading

/**
 * Reads what the page cache holds of the requested range.
 *
 * @param position -1 for the file's own.
 * @returns bytes, or negative.
 */
function readCached(fd: unknown, views: readonly ArrayBufferView[], position: number): number {
  const ours = isDescriptor(fd) ? cached() : null;
  // Reads that bypass the page cache wait for the disk.
  if (ours === null || linuxSyscalls().statusFlags(fd as number) & O_DIRECT) return -1;
  return ours.calls.read(fd as number, views, position);
}

/** Returns the position, -1 for the file's own, or `undefined` for what Node must handle. */
function plainPosition(position: unknown): number | undefined {
  if (position === null || position === undefined) return -1;
  return typeof position === 'number' && Number.isSafeInteger(position) && position >= -1 ? position : undefined;
}

export const read = unlessCrowded(node.read, (replaced, args) => {
  const [fd, buffer, offset, length, position, callback] = args;
  const where = plainPosition(position);
  const view = args.length === 6 && typeof callback === 'function' ? plainPart(buffer, offset, length) : undefined;
  const done = callback as Callback;
  const res = view !== undefined && where !== undefined && isAlone() ? fillFromCache(fd, view, where) : NOTHING_READ;
  if (res >= 0) {
    replaced.calls.cached++;
    answer(done, null, res, buffer);
    return undefined;
  }
  const bytes = ~res;
  if (bytes > 0 && where === -1) {
    // The position has moved by what was read.
    replaced.calls.node++;
    const rest = (view as Uint8Array).length - bytes;
    const goOn = (_error: unknown, more: number) => done(null, bytes + more, buffer);
    return replaced.byNode(fd, buffer, (offset as number) + bytes, rest, null, goOn);
  }
  // A read that waits for another process does not indicate how much work there is.
  return giveToNode(replaced, args, view && isRegular(fd) ? done : undefined);
});

const NOTHING_READ = ~0;

/**
 * Reads as read(2) does, if the page cache has all of it. For regular files, a read that ends
 * before its buffer does is complete only at the end of the file.
 *
 * @returns the number of bytes; or `~n` if only the first n bytes could be read.
 */
function fillFromCache(fd: unknown, view: Uint8Array, position: number): number {
  let bytes = 0;
  do {
    const more = readCached(fd, [view.subarray(bytes)], position === -1 ? -1 : position + bytes);
    if (more < 0) return ~bytes;
    bytes += more;
    if (more === 0 || (bytes < view.length && !isRegular(fd))) break;
  } while (bytes < view.length);
  return bytes;
}

/** Returns the part of a buffer, if it is valid and small enough to be read synchronously. */
function plainPart(buffer: unknown, offset: unknown, length: unknown): Uint8Array | undefined {
  if (!ArrayBuffer.isView(buffer) || typeof offset !== 'number' || typeof length !== 'number') return undefined;
  if (offset >>> 0 !== offset || length >>> 0 !== length || length === 0 || length > MOST_READ) return undefined;
  if (offset + length > buffer.byteLength) return undefined;
  return new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
}

export const readv = unlessCrowded(node.readv, (replaced, args) => {
  const [fd, buffers, position] = args;
  const callback = callbackOf(args, 3);
  const isPlain = callback !== undefined && args.length === 4 && typeof position === 'number' && position >= 0;
  const where = isPlain ? plainPosition(position) : undefined;
  const isRead = where !== undefined && areViews(buffers) && lengthOf(buffers) <= MOST_READ;
  const bytes = isRead && isAlone() ? readCached(fd, buffers as ArrayBufferView[], where) : -1;
  if (bytes !== 0 && (!isRead || bytes !== lengthOf(buffers as ArrayBufferView[]))) return giveToNode(replaced, args, callback);
  replaced.calls.cached++;
  answer(callback as Callback, null, bytes, buffers);
  return undefined;
});

// Whole files

export const readFile = overNode(node.readFile, ({ byNode, calls }, args) => {
  const callback = callbackOf(args, 2);
  const [path, options] = args.slice(0, -1);
  let reading: Promise<Buffer | string> | undefined;
  try {
    reading = callback && readByRing(path as PathLike, options, true);
  } catch (error) {
    answer(callback as Callback, error);
    return undefined;
  }
  if (reading === undefined) {
    calls.node++;
    return byNode(...args);
  }
  calls.ring++;
  reading.then(
    (content) => answer(callback as Callback, null, content),
    (error) => answer(callback as Callback, withoutStack(error)),
  );
  return undefined;
});

/** Removes the stack frames, as Node does: no caller awaits this. */
function withoutStack(error: Error): Error {
  error.stack = error.stack?.split('\n    at ', 1)[0] as string;
  return error;
}
