/**
 * The callback functions of `node:fs` that are faster here. Calls with unusual or invalid
 * arguments, and calls that would wait, are passed to Node's functions, whose checks throw
 * synchronously.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import nodePath from 'node:path';
import { node } from '../node-fs.js';
import { isDescriptor, MOST_READ, openIf, plainPosition, readCached, readIf } from './at-once.js';
import { type Cached, cached } from './cached.js';
import { type Callback, giveToNode } from './crowd.js';
import { askAccess, askReadlink, askRealpath, askStat, plainStatOptions, type Question } from './lookups.js';
import { answer, callbackOf, isAlone, overNode, unlessCrowded } from './one-at-a-time.js';
import { areViews, lengthOf } from './open-file.js';
import { readByRing } from './read-file.js';

const { F_OK } = node.constants;

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

function isInMemory({ calls, mounts }: Cached, fd: number): boolean {
  return calls.describe(fd) === 0 && mounts.isInMemory(calls.description.mount) === true;
}

export const open = unlessCrowded(node.open, openIf(isAlone));

// Reading

export const read = unlessCrowded(node.read, readIf(isAlone));

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
