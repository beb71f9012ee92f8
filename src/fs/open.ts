/**
 * Opening files.
 *
 * @module
 */

import { constants, type Mode, type OpenMode, type PathLike } from 'node:fs';
import { callsOf } from '../calls.js';
import { op, type Path, type Uring } from '../engine/index.js';
import { nodePromises } from '../node-fs.js';
import { type CachedCalls, Errno } from '../syscalls/index.js';
import { pathText, plainFlags, plainMode, plainPath } from './arguments.js';
import { currentUring } from './backend.js';
import { cached, hasTime, whenThereIsTime } from './cached.js';
import { systemError } from './errors.js';
import { adopt, handleFor } from './handle.js';
import { inPlaceOf } from './in-place.js';
import type { FileHandle } from './read-many.js';

const calls = callsOf('fs.promises.open');

/** open(2), as a `FileHandle`. See `fsPromises.open`. */
export const open = inPlaceOf<Open>(nodePromises.open as Open, async (path: PathLike, flags?: string | number, mode?: Mode) => {
  const uring = currentUring();
  const plain = uring === undefined ? undefined : plainOpening(path, flags, mode);
  const make = handleFor();
  if (uring !== undefined && plain !== undefined && make !== undefined) {
    if (isForReading(plain)) {
      if (!hasTime()) await new Promise<void>(whenThereIsTime);
      const cachedFd = openCached(plain);
      if (cachedFd >= 0) {
        calls.cached++;
        return make(cachedFd, plain.flags, true);
      }
    }
    calls.ring++;
    const fd = await openDescriptor(uring, plain);
    if (fd !== undefined) return make(fd, plain.flags, false);
  } else calls.node++;
  const handle = await nodePromises.open(path, flags, mode);
  return uring === undefined ? (handle as FileHandle) : adopt(handle, plain?.flags);
});

type Open = (path: PathLike, flags?: string | number, mode?: Mode) => Promise<FileHandle>;

/**
 * Opens a regular file for reading where neither the lookup nor the opening waits: its path is
 * cached, and its file system queries no server. Both are checked first, because opening what the
 * path names might wait.
 *
 * @returns the descriptor; negative when the file cannot be opened this way.
 */
export function openCached({ path, flags }: ReadOpening): number {
  const ours = cached();
  if (ours === null) return -1;
  const { calls, mounts } = ours;
  const { description } = calls;
  const located = calls.locate(path, true);
  if (located < 0) return located;
  // The file stays open meanwhile, so that the number of its mount is not reused.
  try {
    if (!isRegular(calls, located) || mounts.isInMemory(description.mount) !== true) return -1;
    const { mount } = description;
    const fd = calls.open(path, flags);
    if (fd < 0 || (isRegular(calls, fd) && description.mount === mount)) return fd;
    // The path names another file now.
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

/** Returns whether a file is opened only for reading, without further flags. */
export function isForReading(opening: Opening): opening is ReadOpening {
  const { path, flags } = opening;
  return flags === constants.O_RDONLY && typeof path === 'string' && path.length > 0;
}

/** The arguments of open(2). */
export interface Opening {
  readonly path: Path;
  readonly flags: number;
  readonly mode: number;
}

/** Returns the arguments of an opening, if they are ordinary and valid. */
export function plainOpening(path: PathLike, flags?: OpenMode | null, mode?: Mode | null): Opening | undefined {
  const name = plainPath(path);
  const number = plainFlags(flags);
  const bits = plainMode(mode, 0o666);
  return name === undefined || number === undefined || bits === undefined ? undefined : { path: name, flags: number, mode: bits };
}

/**
 * Calls open(2). The operation is submitted before this function returns.
 *
 * @returns the descriptor; `undefined` when Node must open the file.
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
      // The kernel has no worker to run it.
      if (errno === -Errno.ECANCELED) return undefined;
      // The ring's first attempt does not wait, and fails on a FIFO that has no reader. Its workers
      // wait.
      if (errno !== -Errno.ENXIO || flags & constants.O_NONBLOCK || inWorker) throw error;
      inWorker = true;
    }
  }
}
