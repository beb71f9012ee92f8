/**
 * The functions of `node:fs` with callbacks that are faster here. Whatever is not plain and right, and whatever would wait, is Node's, whose checks throw at once.
 *
 * The answer is often known when the function is called. The callback comes from the event loop nevertheless, in a later turn, as with Node: outside of promises, with ticks and
 * microtasks run before the next, in the caller's asynchronous context.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import nodePath from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { linuxSyscalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { type Cached, cached, describe, isFirstOfTurn } from './cached.js';
import { inPlaceOf } from './in-place.js';
import { askAccess, askReadlink, askRealpath, askStat, plainStatOptions, type Question } from './lookups.js';
import { node } from './node.js';
import { isForReading, openCached, plainOpening } from './open.js';
import { areViews, lengthOf } from './open-file.js';
import { readByRing } from './read-file.js';

type Callback = (...results: unknown[]) => void;
type Call = (...args: unknown[]) => unknown;

const { F_OK, O_DIRECT, S_IFMT, S_IFREG } = node.constants;

/** More than this a thread copies meanwhile. */
const MOST_READ = 64 * 1024;

/** A function in the place of one of Node's, which it is given with its own arguments. */
function overNode<F>(nodes: F, ours: (byNode: Call, args: unknown[]) => unknown): F {
  return inPlaceOf(nodes, (...args: unknown[]) => ours(nodes as Call, args));
}

/** The callback, if it comes last, behind one to so many arguments that are none. */
function callbackOf(args: readonly unknown[], most: number): Callback | undefined {
  const last = args.length - 1;
  if (last < 1 || last > most || (last > 1 && typeof args[last - 1] === 'function')) return undefined;
  return typeof args[last] === 'function' ? (args[last] as Callback) : undefined;
}

/** Calls back from the event loop. */
function answer(callback: Callback, ...results: unknown[]): void {
  timers.setImmediate(call, callback, results);
}

function call(callback: Callback, results: unknown[]): void {
  callback(...results);
}

// One at a time is answered at once. Many at the same time are better left to threads: each answer here is one more turn of the event loop that does not rest.

/** Where there are many, so many calls are Node's before it is looked at again. With 256, looking took a tenth of the time of the quickest. */
const CALLS_PER_LOOK = 1024;

/** Calls that are Node's without being counted. */
let uncounted = 0;

/** Calls that are Node's and have not called back. */
let pending = 0;

/** A function that is called with Node's, and with the arguments: unless there are many. */
function unlessCrowded<F>(nodes: F, ours: (byNode: Call, args: unknown[]) => unknown): F {
  const byNode = nodes as Call;
  const look = (...args: unknown[]) => ours(byNode, args);
  return inPlaceOf(nodes, (...args: unknown[]) => {
    if (uncounted === 0) return look(...args);
    uncounted--;
    // Handed on as they came: no array is made of them.
    return byNode(...args);
  });
}

function isAlone(): boolean {
  if (pending === 0) return isFirstOfTurn();
  uncounted = CALLS_PER_LOOK;
  return false;
}

function giveToNode(byNode: Call, args: unknown[], callback: Callback | undefined): unknown {
  if (callback === undefined) return byNode(...args);
  args[args.length - 1] = (...results: unknown[]) => {
    pending--;
    callback(...results);
  };
  const result = byNode(...args);
  // It has not thrown.
  pending++;
  return result;
}

/** A function whose answer is looked up. */
function asked<F, T>(
  nodes: F,
  mostArguments: number,
  questionOf: (args: readonly unknown[]) => Question<T> | undefined,
  tell: (callback: Callback, found: T) => void = (callback, found) => answer(callback, null, found),
): F {
  return unlessCrowded(nodes, (byNode, args) => {
    const callback = callbackOf(args, mostArguments);
    const question = callback !== undefined && isAlone() ? questionOf(args.slice(0, -1)) : undefined;
    const ours = question === undefined ? null : cached();
    if (ours === null) return giveToNode(byNode, args, callback);
    let found: T | undefined;
    try {
      found = (question as Question<T>)(ours);
    } catch (error) {
      answer(callback as Callback, error);
      return undefined;
    }
    if (found === undefined) return giveToNode(byNode, args, callback);
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

/** Goes by the text of a path: `link/..` is where the link lies. Where it has no links, the kernel's answer is the same. */
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
    // Node's error names what is missing, not the path.
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

export const open = unlessCrowded(node.open, (byNode, args) => {
  // In a worker, Node keeps a list of what it has opened there.
  const callback = isMainThread ? callbackOf(args, 3) : undefined;
  const [path, flags, mode] = args.slice(0, -1) as Parameters<typeof plainOpening>;
  const opening = callback !== undefined && isAlone() ? plainOpening(path, flags, mode) : undefined;
  const fd = opening && isForReading(opening) ? openCached(opening) : -1;
  if (fd < 0) return giveToNode(byNode, args, callback);
  answer(callback as Callback, null, fd);
  return undefined;
});

// Reading

/** What the page cache has of what is asked for. @param position -1 for the file's own. @returns bytes, or negative. */
function readCached(fd: unknown, views: readonly ArrayBufferView[], position: number): number {
  const ours = isDescriptor(fd) ? cached() : null;
  // Reading past the page cache waits for the disk.
  if (ours === null || linuxSyscalls().statusFlags(fd as number) & O_DIRECT) return -1;
  return ours.calls.read(fd as number, views, position);
}

/** -1 for the file's own; `undefined` for what is Node's. */
function plainPosition(position: unknown): number | undefined {
  if (position === null || position === undefined) return -1;
  return typeof position === 'number' && Number.isSafeInteger(position) && position >= -1 ? position : undefined;
}

export const read = unlessCrowded(node.read, (byNode, args) => {
  const [fd, buffer, offset, length, position, callback] = args;
  const where = plainPosition(position);
  const view = args.length === 6 && typeof callback === 'function' ? plainPart(buffer, offset, length) : undefined;
  const done = callback as Callback;
  const bytes = view !== undefined && where !== undefined && isAlone() ? readCached(fd, [view], where) : -1;
  // A read that waits for somebody else says nothing of how much there is to do.
  if (view === undefined || bytes < 0) return giveToNode(byNode, args, view && isRegular(fd) ? done : undefined);
  if (bytes === 0 || bytes === view.length || (where === -1 && !isRegular(fd))) {
    answer(done, null, bytes, buffer);
    return undefined;
  }
  // Either the end of the file, or the end of what is cached.
  if (where !== -1) return giveToNode(byNode, args, done);
  const goOn = (_error: unknown, more: number) => done(null, bytes + more, buffer);
  return byNode(fd, buffer, (offset as number) + bytes, view.length - bytes, null, goOn);
});

/** A part of a buffer that is right, and is read at once. */
function plainPart(buffer: unknown, offset: unknown, length: unknown): Uint8Array | undefined {
  if (!ArrayBuffer.isView(buffer) || typeof offset !== 'number' || typeof length !== 'number') return undefined;
  if (offset >>> 0 !== offset || length >>> 0 !== length || length === 0 || length > MOST_READ) return undefined;
  if (offset + length > buffer.byteLength) return undefined;
  return new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
}

export const readv = unlessCrowded(node.readv, (byNode, args) => {
  const [fd, buffers, position] = args;
  const callback = callbackOf(args, 3);
  const isPlain = callback !== undefined && args.length === 4 && typeof position === 'number' && position >= 0;
  const where = isPlain ? plainPosition(position) : undefined;
  const isRead = where !== undefined && areViews(buffers) && lengthOf(buffers) <= MOST_READ;
  const bytes = isRead && isAlone() ? readCached(fd, buffers as ArrayBufferView[], where) : -1;
  if (bytes !== 0 && (!isRead || bytes !== lengthOf(buffers as ArrayBufferView[]))) return giveToNode(byNode, args, callback);
  answer(callback as Callback, null, bytes, buffers);
  return undefined;
});

// Whole files

export const readFile = overNode(node.readFile, (byNode, args) => {
  const callback = callbackOf(args, 2);
  const [path, options] = args.slice(0, -1);
  let reading: Promise<Buffer | string> | undefined;
  try {
    reading = callback && readByRing(path as PathLike, options, true);
  } catch (error) {
    answer(callback as Callback, error);
    return undefined;
  }
  if (reading === undefined) return byNode(...args);
  reading.then(
    (content) => answer(callback as Callback, null, content),
    (error) => answer(callback as Callback, withoutStack(error)),
  );
  return undefined;
});

/** As Node's: there is nobody below who waits. */
function withoutStack(error: Error): Error {
  error.stack = error.stack?.split('\n    at ', 1)[0] as string;
  return error;
}
