/**
 * Opening files.
 *
 * @module
 */

import { constants, type Mode, type OpenMode, type PathLike } from 'node:fs';
import { op, type Path, type Uring } from '../engine/index.js';
import { type CachedCalls, Errno } from '../syscalls/index.js';
import { pathText, plainFlags, plainMode, plainPath } from './arguments.js';
import { currentUring } from './backend.js';
import { cached, hasTime, whenThereIsTime } from './cached.js';
import { systemError } from './errors.js';
import { adopt, handleFor } from './handle.js';
import { inPlaceOf } from './in-place.js';
import { nodePromises } from './node.js';
import type { FileHandle } from './read-many.js';

/** open(2), as a `FileHandle`. See `fsPromises.open`. */
export const open = inPlaceOf<Open>(nodePromises.open as Open, async (path: PathLike, flags?: string | number, mode?: Mode) => {
  const uring = currentUring();
  const plain = uring === undefined ? undefined : plainOpening(path, flags, mode);
  const make = handleFor();
  if (uring !== undefined && plain !== undefined && make !== undefined) {
    if (isForReading(plain)) {
      if (!hasTime()) await new Promise<void>(whenThereIsTime);
      const cachedFd = openCached(plain);
      if (cachedFd >= 0) return make(cachedFd, plain.flags, true);
    }
    const fd = await openDescriptor(uring, plain);
    if (fd !== undefined) return make(fd, plain.flags, false);
  }
  const handle = await nodePromises.open(path, flags, mode);
  return uring === undefined ? (handle as FileHandle) : adopt(handle, plain?.flags);
});

type Open = (path: PathLike, flags?: string | number, mode?: Mode) => Promise<FileHandle>;

/**
 * Opens a regular file for reading, where neither finding nor opening it waits: its path is cached, and its file system asks nobody. That is looked at first, because opening what
 * is found there might wait.
 *
 * @returns negative when it is not to be had so.
 */
export function openCached({ path, flags }: ReadOpening): number {
  const ours = cached();
  if (ours === null) return -1;
  const { calls, mounts } = ours;
  const { description } = calls;
  const located = calls.locate(path, true);
  if (located < 0) return located;
  // Open meanwhile, so that the number of its mount stays its own.
  try {
    if (!isRegular(calls, located) || mounts.isInMemory(description.mount) !== true) return -1;
    const { mount } = description;
    const fd = calls.open(path, flags);
    if (fd < 0 || (isRegular(calls, fd) && description.mount === mount)) return fd;
    // Something else has come to lie there.
    calls.close(fd);
    return -1;
  } finally {
    calls.close(located);
  }
}

function isRegular(calls: CachedCalls, fd: number): boolean {
  return calls.describe(fd) === 0 && (calls.description.mode & constants.S_IFMT) === constants.S_IFREG;
}

interface ReadOpening extends Opening {
  readonly path: string;
}

/** Whether it is an opening of the simplest kind. */
export function isForReading(opening: Opening): opening is ReadOpening {
  const { path, flags } = opening;
  return flags === constants.O_RDONLY && typeof path === 'string' && path.length > 0;
}

/** What open(2) is given. */
export interface Opening {
  readonly path: Path;
  readonly flags: number;
  readonly mode: number;
}

/** The arguments of an opening, if they are plain and right. */
export function plainOpening(path: PathLike, flags?: OpenMode | null, mode?: Mode | null): Opening | undefined {
  const name = plainPath(path);
  const number = plainFlags(flags);
  const bits = plainMode(mode, 0o666);
  return name === undefined || number === undefined || bits === undefined ? undefined : { path: name, flags: number, mode: bits };
}

/**
 * open(2), with the kernel before this returns.
 *
 * @returns the descriptor; `undefined` when it is Node's affair.
 */
export async function openDescriptor(uring: Uring, { path, flags, mode }: Opening): Promise<number | undefined> {
  const opening = op.openat(path, { flags, mode });
  let inWorker = false;
  for (;;) {
    let errno = 0;
    const named = (inWorker ? opening.inWorker() : opening).withError((res) => {
      errno = res;
      return systemError(res, 'open', pathText(path));
    });
    try {
      const opened = uring.run(named);
      uring.submitNow();
      return await opened;
    } catch (error) {
      if (errno === -Errno.EINTR) continue;
      // The kernel has no worker to do it.
      if (errno === -Errno.ECANCELED) return undefined;
      // The ring's first attempt does not wait, and a fifo that nobody reads says so. Its workers wait.
      if (errno !== -Errno.ENXIO || flags & constants.O_NONBLOCK || inWorker) throw error;
      inWorker = true;
    }
  }
}
