/**
 * The functions of `node:fs/promises` on paths that run on io_uring. Each takes what is plain and right, and leaves the rest to Node.
 *
 * @module
 */

import {
  constants,
  type MakeDirectoryOptions,
  type Mode,
  type OpenMode,
  type PathLike,
  type RmDirOptions,
  type RmOptions,
} from 'node:fs';
import node from 'node:fs/promises';
import { op, type Path, type Uring } from '../engine/index.js';
import { invalidArgValue } from '../validate.js';
import { hasOnly, plainFlags, plainMode, plainPath } from './arguments.js';
import { ring, ringFor } from './backend.js';
import { call } from './call.js';
import { FileHandle } from './handle.js';
import { OpenFile } from './open-file.js';

/** open(2), as a {@link FileHandle}. See `fsPromises.open`. */
export async function open(path: PathLike, flags?: OpenMode | null, mode?: Mode | null): Promise<FileHandle> {
  const file = await openPlain(path, flags, mode);
  if (file !== undefined) return new FileHandle(file);
  return (await node.open(path, flags as OpenMode, mode as Mode)) as unknown as FileHandle;
}

/** open(2), for a stream. */
export async function openFile(path: PathLike, flags: OpenMode, mode: Mode): Promise<OpenFile> {
  const file = await openPlain(path, flags, mode);
  if (file !== undefined) return file;
  // Node's handle would close the descriptor as its own: so it is asked what is wrong, which is all that can be.
  await (await node.open(path, flags, mode)).close();
  throw invalidArgValue('flags', flags, 'is invalid');
}

/** @returns `undefined` for what is Node's affair. */
async function openPlain(path: PathLike, flags?: OpenMode | null, mode?: Mode | null): Promise<OpenFile | undefined> {
  const uring = ring();
  const name = plainPath(path);
  const number = plainFlags(flags);
  const bits = plainMode(mode, 0o666);
  if (uring === undefined || name === undefined || number === undefined || bits === undefined) return undefined;
  return new OpenFile(await openDescriptor(uring, name, number, bits), number, true);
}

/** open(2). @returns the descriptor. */
async function openDescriptor(uring: Uring, path: Path, flags: number, mode: number): Promise<number> {
  const operation = op.openat(path, { flags, mode });
  try {
    return await call(uring, operation, 'open', path);
  } catch (error) {
    // The ring's first attempt does not wait, and a fifo that nobody reads says so. Its workers wait.
    if ((error as { code?: unknown }).code !== 'ENXIO' || flags & constants.O_NONBLOCK) throw error;
    return call(uring, operation.inWorker(), 'open', path);
  }
}

/** stat(2). See `fsPromises.stat`. The kernel gives it to a worker of its own, so it is no faster than Node's. */
export const stat = (async (path: PathLike, options?: { bigint?: boolean }) => {
  return statWith('stat', path, options, false);
}) as typeof node.stat;

/** lstat(2). See `fsPromises.lstat`. */
export const lstat = (async (path: PathLike, options?: { bigint?: boolean }) => {
  return statWith('lstat', path, options, true);
}) as typeof node.lstat;

async function statWith(syscall: 'stat' | 'lstat', path: PathLike, options: { bigint?: boolean } | undefined, noFollow: boolean) {
  const uring = ringFor('stat');
  const name = plainPath(path);
  if (uring === undefined || name === undefined || options === null || !hasOnly(options, 'bigint'))
    return node[syscall](path, options);
  return call(uring, op.statx(name, { noFollow, bigint: options?.bigint === true }), syscall, name);
}

/** mkdir(2). See `fsPromises.mkdir`. With `recursive`, Node's own. */
export const mkdir = (async (path: PathLike, options?: Mode | MakeDirectoryOptions | null) => {
  const uring = ringFor('mkdir');
  const name = plainPath(path);
  const given = typeof options === 'number' || typeof options === 'string' ? { mode: options } : options;
  const mode = plainMode(given?.mode, 0o777);
  const plain = hasOnly(given, 'mode', 'recursive') && (given?.recursive === undefined || given.recursive === false);
  if (uring === undefined || name === undefined || mode === undefined || !plain)
    return node.mkdir(path, options as MakeDirectoryOptions);
  return call(uring, op.mkdirat(name, mode), 'mkdir', name);
}) as typeof node.mkdir;

/** rmdir(2). See `fsPromises.rmdir`. With `recursive`, Node's own. */
export async function rmdir(path: PathLike, options?: RmDirOptions): Promise<void> {
  const uring = ringFor('unlink');
  const name = plainPath(path);
  if (uring === undefined || name === undefined || options === null || !hasOnly(options)) return node.rmdir(path, options);
  return call(uring, op.unlinkat(name, { removeDirectory: true }), 'rmdir', name);
}

/** unlink(2). See `fsPromises.unlink`. */
export async function unlink(path: PathLike): Promise<void> {
  const uring = ringFor('unlink');
  const name = plainPath(path);
  if (uring === undefined || name === undefined) return node.unlink(path);
  return call(uring, op.unlinkat(name), 'unlink', name);
}

/**
 * Removes files and directories. See `fsPromises.rm`. What is no directory is unlinked through the ring; directories, retries and all errors
 * are Node's own.
 */
export async function rm(path: PathLike, options?: RmOptions): Promise<void> {
  const uring = ringFor('unlink');
  const name = plainPath(path);
  if (uring === undefined || name === undefined || options === null || !hasOnly(options, 'force', 'recursive'))
    return node.rm(path, options);
  if (Object.values(options ?? {}).some((value) => typeof value !== 'boolean')) return node.rm(path, options);
  // A path that ends with a slash means a directory, or nothing.
  try {
    await uring.run(op.unlinkat(name));
  } catch {
    return node.rm(path, options);
  }
}

/** rename(2). See `fsPromises.rename`. */
export function rename(oldPath: PathLike, newPath: PathLike): Promise<void> {
  return withTwoPaths('rename', op.renameat, node.rename, oldPath, newPath);
}

/** link(2). See `fsPromises.link`. */
export function link(existingPath: PathLike, newPath: PathLike): Promise<void> {
  return withTwoPaths('link', op.linkat, node.link, existingPath, newPath);
}

/** symlink(2). See `fsPromises.symlink`. The type means something on Windows only. */
export async function symlink(target: PathLike, path: PathLike, type?: string | null): Promise<void> {
  if (type !== undefined && type !== null && !['dir', 'file', 'junction'].includes(type)) return node.symlink(target, path, type);
  return withTwoPaths('symlink', op.symlinkat, node.symlink, target, path);
}

async function withTwoPaths(
  syscall: 'rename' | 'link' | 'symlink',
  describe: (first: Path, second: Path) => ReturnType<typeof op.renameat>,
  otherwise: (first: PathLike, second: PathLike) => Promise<void>,
  first: PathLike,
  second: PathLike,
): Promise<void> {
  const uring = ringFor(syscall);
  const from = plainPath(first);
  const to = plainPath(second);
  if (uring === undefined || from === undefined || to === undefined) return otherwise(first, second);
  return call(uring, describe(from, to), syscall, from, to);
}

/**
 * Whether a file is there, or what may be done with it. See `fsPromises.access`. That it is there is asked through the ring; permissions,
 * for which io_uring has no operation, through Node.
 */
export async function access(path: PathLike, mode?: number): Promise<void> {
  const uring = ringFor('stat');
  const name = plainPath(path);
  if (uring === undefined || name === undefined || (mode !== undefined && mode !== 0)) return node.access(path, mode);
  await call(uring, op.statx(name), 'access', name);
}

/** Cuts or extends a file. See `fsPromises.truncate`. */
export async function truncate(path: PathLike, length = 0): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(length);
  } finally {
    await handle.close();
  }
}
