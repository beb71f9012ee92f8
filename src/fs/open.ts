/**
 * Opening files.
 *
 * @module
 */

import { constants, type Mode, type OpenMode, type PathLike } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { op, type Path, type Uring } from '../engine/index.js';
import { Errno } from '../syscalls/index.js';
import { pathText, plainFlags, plainMode, plainPath } from './arguments.js';
import { ring } from './backend.js';
import { systemError } from './errors.js';
import { adopt, handleFor } from './handle.js';
import { nodePromises } from './node.js';

/** open(2), as a `FileHandle`. See `fsPromises.open`. */
export const open: typeof nodePromises.open = async (path, flags?: OpenMode | null, mode?: Mode | null): Promise<FileHandle> => {
  const uring = ring();
  const plain = uring === undefined ? undefined : plainOpening(path, flags, mode);
  const make = handleFor();
  if (uring !== undefined && plain !== undefined && make !== undefined) {
    const fd = await openDescriptor(uring, plain);
    if (fd !== undefined) return make(fd, plain.flags);
  }
  const handle = await nodePromises.open(path, flags as OpenMode, mode as Mode);
  return uring === undefined ? handle : adopt(handle, plain?.flags);
};

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
