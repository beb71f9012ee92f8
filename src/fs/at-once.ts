/**
 * Opening and reading at once with callbacks: what is cached is answered, everything else is passed
 * to Node.
 *
 * @module
 */

import { isMainThread } from 'node:worker_threads';
import { node } from '../node-fs.js';
import { linuxSyscalls } from '../syscalls/index.js';
import { cached, describe } from './cached.js';
import { type Callback, giveToNode } from './crowd.js';
import { type Answering, answer, callbackOf } from './one-at-a-time.js';
import { isForReading, openCached, plainOpening } from './open.js';

const { O_DIRECT, S_IFMT, S_IFREG } = node.constants;

/** Copying more than this takes so long that a thread is the better place for it. */
export const MOST_READ = 64 * 1024;

export function isDescriptor(fd: unknown): fd is number {
  return typeof fd === 'number' && (fd | 0) === fd && fd >= 0;
}

function isRegular(fd: unknown): boolean {
  return isDescriptor(fd) && ((describe(fd)?.mode ?? 0) & S_IFMT) === S_IFREG;
}

/** Opens at once for reading, if there is room for that now. */
export function openIf(isRoom: () => boolean): Answering {
  return (replaced, args) => {
    // In a worker, Node keeps a list of the descriptors that it has opened there.
    const callback = isMainThread ? callbackOf(args, 3) : undefined;
    const [path, flags, mode] = args.slice(0, -1) as Parameters<typeof plainOpening>;
    const opening = callback !== undefined && isRoom() ? plainOpening(path, flags, mode) : undefined;
    const fd = opening && isForReading(opening) ? openCached(opening) : -1;
    if (fd < 0) return giveToNode(replaced, args, callback);
    replaced.calls.cached++;
    answer(callback as Callback, null, fd);
    return undefined;
  };
}

/**
 * Reads what the page cache holds of the requested range.
 *
 * @param position -1 for the file's own.
 * @returns bytes, or negative.
 */
export function readCached(fd: unknown, views: readonly ArrayBufferView[], position: number): number {
  const ours = isDescriptor(fd) ? cached() : null;
  // Reads that bypass the page cache wait for the disk.
  if (ours === null || linuxSyscalls().statusFlags(fd as number) & O_DIRECT) return -1;
  return ours.calls.read(fd as number, views, position);
}

/** Returns the position, -1 for the file's own, or `undefined` for what Node must handle. */
export function plainPosition(position: unknown): number | undefined {
  if (position === null || position === undefined) return -1;
  return typeof position === 'number' && Number.isSafeInteger(position) && position >= -1 ? position : undefined;
}

/** Reads at once what is cached, if there is room for that now. */
export function readIf(isRoom: () => boolean): Answering {
  return (replaced, args) => {
    const [fd, buffer, offset, length, position, callback] = args;
    const where = plainPosition(position);
    const view = args.length === 6 && typeof callback === 'function' ? plainPart(buffer, offset, length) : undefined;
    const done = callback as Callback;
    const res = view !== undefined && where !== undefined && isRoom() ? fillFromCache(fd, view, where) : NOTHING_READ;
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
  };
}

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
