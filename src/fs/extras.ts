/**
 * Functions of io_uring that `node:fs/promises` does not offer.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Memory, type Operation, op, type Path, type Uring } from '../engine/index.js';
import { Errno } from '../syscalls/index.js';
import { invalidArgType, invalidState } from '../validate.js';
import { pathText } from './arguments.js';
import { currentUring } from './backend.js';
import { systemError } from './errors.js';
import { fileOf } from './handle.js';

/** `POSIX_FADV_*`, for {@link fadvise}. */
export const Advice = { NORMAL: 0, RANDOM: 1, SEQUENTIAL: 2, WILLNEED: 3, DONTNEED: 4, NOREUSE: 5 } as const;

/** `FALLOC_FL_*`, for {@link fallocate}. */
export const FallocateMode = {
  KEEP_SIZE: 0x01,
  PUNCH_HOLE: 0x02,
  COLLAPSE_RANGE: 0x08,
  ZERO_RANGE: 0x10,
  INSERT_RANGE: 0x20,
  UNSHARE_RANGE: 0x40,
} as const;

/**
 * Reads an extended attribute. getxattr(2). Since Linux 5.19.
 *
 * @param target a path, or an open file.
 * @throws Error ENODATA when there is none.
 */
export async function getxattr(target: PathLike | FileHandle, name: string): Promise<Uint8Array> {
  return onTarget(target, 'getxattr', (uring, where, path) => call(uring, op.getxattr(where, name), 'getxattr', path));
}

/**
 * Writes an extended attribute. setxattr(2). Since Linux 5.19.
 *
 * @param flags XATTR_CREATE (1), XATTR_REPLACE (2), or 0.
 */
export async function setxattr(target: PathLike | FileHandle, name: string, value: Memory | string, flags = 0): Promise<void> {
  return onTarget(target, 'setxattr', (uring, where, path) =>
    call(uring, op.setxattr(where, name, value, { flags }), 'setxattr', path),
  );
}

/**
 * Allocates or frees space of an open file. fallocate(2). Since Linux 5.6.
 *
 * @param mode {@link FallocateMode}s; 0 allocates and extends.
 */
export async function fallocate(file: FileHandle, mode: number, offset: number, length: number): Promise<void> {
  return onTarget(file, 'fallocate', (uring, fd) => call(uring, op.fallocate(fd as number, mode, offset, length), 'fallocate'));
}

/**
 * Announces how an open file will be read. posix_fadvise(2). Since Linux 5.6.
 *
 * @param advice one of {@link Advice}.
 */
export async function fadvise(file: FileHandle, offset: number, length: number, advice: number): Promise<void> {
  return onTarget(file, 'fadvise', (uring, fd) => call(uring, op.fadvise(fd as number, offset, length, advice), 'fadvise'));
}

/** Runs an operation, retries it when a signal interrupts it, and throws errors as Node does. */
async function call<T>(uring: Uring, operation: Operation<T>, syscall: string, path?: Path): Promise<T> {
  for (;;) {
    let errno = 0;
    const named = operation.withError((res) => {
      errno = res;
      return systemError(res, syscall, path === undefined ? undefined : pathText(path));
    });
    try {
      return await uring.run(named);
    } catch (error) {
      if (errno !== -Errno.EINTR) throw error;
    }
  }
}

async function onTarget<T>(
  target: PathLike | FileHandle,
  syscall: string,
  body: (uring: Uring, where: Path | number, path: Path | undefined) => Promise<T>,
): Promise<T> {
  const uring = currentUring();
  if (uring === undefined) throw invalidState(`${syscall} needs io_uring`);
  if (typeof target === 'string' || target instanceof Uint8Array) return body(uring, target, target);
  if (target instanceof URL) return body(uring, fileURLToPath(target), fileURLToPath(target));
  const file = fileOf(target);
  if (file === undefined) throw invalidArgType('file', 'a path or a FileHandle of uring/fs', target);
  file.ref();
  try {
    return await body(uring, file.fd, undefined);
  } finally {
    file.unref();
  }
}
