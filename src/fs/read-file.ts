/**
 * Reading whole files.
 *
 * A small one is a chain on a slot (see the engine's `file-chains.ts`). A larger regular file is read in several pieces at once, into memory
 * of its exact size; whatever else goes on (fifos, ttys, files of /proc) piece by piece until it ends.
 *
 * @module
 */

import { constants, type PathLike, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { op, type Path, type Uring } from '../engine/index.js';
import { type Block, CHAIN_SIZE, fileInSlot, type ReadSink } from '../engine/internal.js';
import { O_CLOEXEC } from '../linux.js';
import { Errno } from '../syscalls/index.js';
import { type FileOptions, pathText, plainFileOptions, plainPath } from './arguments.js';
import { uringForChains } from './backend.js';
import { systemError } from './errors.js';
import { isOpen } from './handle.js';
import { inPlaceOf } from './in-place.js';
import { node, nodePromises } from './node.js';
import { type Positions, positionsOf } from './positions.js';
import { finish, MAX_SIZE, tooLarge, UNKNOWN_PIECE } from './whole.js';

/** Flags with which a chain would wait where it must not, or read what the page cache does not have. */
const NOT_FOR_CHAINS = constants.O_NONBLOCK | constants.O_DIRECT;

/** From Node 26 on, an error after the opening names the path, too. */
const NAMES_PATH = Number.parseInt(process.versions.node, 10) >= 26;

/** Pieces of a large file, and how many of them at once. */
const PIECE = 1024 * 1024;
const AT_ONCE = 4;

const count = (bytes: number) => bytes;

/** Reads a whole file. See `fsPromises.readFile`. */
export const readFile = inPlaceOf(nodePromises.readFile, (path: PathLike | FileHandle, options?: unknown) => {
  if (isOpen(path)) return path.readFile(options as never) as Promise<Buffer | string>;
  try {
    return readByRing(path as PathLike, options, false) ?? nodePromises.readFile(path, options as never);
  } catch (error) {
    return Promise.reject(error);
  }
});

/**
 * Reads a whole file. One promise for a file, from here to the caller.
 *
 * @param isPatient as of `FileChains.read`.
 * @returns `undefined` when it is Node's affair.
 * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
 */
export function readByRing(path: PathLike, options: unknown, isPatient: boolean): Promise<Buffer | string> | undefined {
  const uring = uringForChains();
  const name = plainPath(path);
  const plain = options === undefined ? DEFAULTS : plainFileOptions(options, 'r');
  if (uring === undefined || name === undefined || !isForChains(plain)) return undefined;
  const slot = uring.files.take();
  if (slot < 0) return undefined;
  try {
    return uring.chains.read(slot, name, plain.flag & ~O_CLOEXEC, new SmallFile(uring, name, plain), isPatient);
  } catch (error) {
    uring.files.give(slot);
    throw error;
  }
}

const DEFAULTS = plainFileOptions(undefined, 'r') as FileOptions;

/** A signal is looked at between pieces, as Node does it. */
function isForChains(options: FileOptions | undefined): options is FileOptions {
  return options !== undefined && options.signal === undefined && (options.flag & NOT_FOR_CHAINS) === 0;
}

/** A file that is read by a chain. */
class SmallFile implements ReadSink<Buffer | string> {
  constructor(
    private readonly uring: Uring,
    private readonly path: Path,
    private readonly options: FileOptions,
  ) {}

  content(block: Block, length: number): Buffer | string {
    const { encoding } = this.options;
    if (encoding !== undefined) return block.plain(0, length).toString(encoding);
    // Not from Node's common pool: the memory is the caller's alone, as with Node.
    const own = Buffer.allocUnsafeSlow(length);
    block.copyTo(own, length);
    return own;
  }

  failed(res: number, syscall: 'open' | 'read' | 'close'): Error | Promise<Buffer | string> {
    // The kernel has no worker to do it. Nothing was read of what can be read once only: that waits without workers.
    if (res === -Errno.ECANCELED) return this.readElsewhere();
    return systemError(res, syscall, syscall === 'open' || NAMES_PATH ? pathText(this.path) : undefined);
  }

  async more(slot: number, start: Buffer): Promise<Buffer | string> {
    const { uring, options } = this;
    try {
      const errorOf = (res: number) => systemError(res, 'read', NAMES_PATH ? pathText(this.path) : undefined);
      const content = await readOn(uring, slot, this.path, start, options, errorOf);
      return content ?? (await this.readElsewhere());
    } catch (error) {
      if ((error as { errno?: number }).errno === -Errno.ECANCELED) return await this.readElsewhere();
      throw error;
    } finally {
      await uring.run(op.closeFile({ slot }));
      uring.files.give(slot);
    }
  }

  private readElsewhere(): Promise<Buffer | string> {
    const { encoding, flag } = this.options;
    return nodePromises.readFile(this.path as PathLike, { encoding: encoding ?? null, flag: flag as never });
  }
}

/** A file that is open in a slot, and larger than a chain can take. @returns `undefined` when Node reads it faster from its start. */
async function readOn(
  uring: Uring,
  slot: number,
  path: Path,
  start: Buffer,
  options: FileOptions,
  errorOf: (res: number) => Error,
): Promise<Buffer | string | undefined> {
  // Terminated in the wrong moment, a worker would leave the descriptor that tells the size.
  if (!isMainThread && start.length === CHAIN_SIZE)
    return finish(await readToEnd(uring, slot, path, start, errorOf), options.encoding);
  const known = await statOf(uring, slot);
  if (known?.stats.isFile()) {
    // The kernel gives each read of what is made up to a worker.
    if (known.positions === 'own') return undefined;
    const { size } = known.stats;
    if (size > start.length) return finish(await readRegular(uring, slot, size, start, errorOf), options.encoding);
  }
  const piece = uring.buffers.allocate(UNKNOWN_PIECE);
  const parts = [start];
  let total = start.length;
  try {
    for (;;) {
      // An offset is ignored where there is none; files that are made up go on where the last read ended.
      const reading = op.read({ slot }, piece.bytes, { offset: total }).withError(errorOf);
      const bytes = await uring.run(reading);
      if (bytes === 0) return finish(Buffer.concat(parts), options.encoding);
      total += bytes;
      parts.push(Buffer.from(piece.bytes.subarray(0, bytes)));
    }
  } finally {
    piece.release();
  }
}

/** What is known of a file in a slot, by way of a descriptor that is closed at once; `undefined` when there is none to be had. */
async function statOf(uring: Uring, slot: number): Promise<{ readonly stats: Stats; readonly positions: Positions } | undefined> {
  if (!uring.supports('FIXED_FD_INSTALL')) return undefined;
  let fd: number;
  try {
    fd = await uring.run(op.fixedFdInstall({ slot }));
  } catch {
    return undefined;
  }
  try {
    return { stats: node.fstatSync(fd), positions: positionsOf(fd) };
  } finally {
    // As it was made: Node knows nothing of it.
    uring.closeDescriptor(fd);
  }
}

/** What files of unknown size are read into first; kept while nobody uses it. */
let scratch: Buffer | undefined;

/**
 * All of a file whose start has been read, without a descriptor that would tell its size: up to 1 MiB by way of memory that is kept, and more as its path says.
 * The path may name another file by now, so that the end is still looked for.
 */
async function readToEnd(
  uring: Uring,
  slot: number,
  path: Path,
  start: Buffer,
  errorOf: (res: number) => Error,
): Promise<Buffer> {
  const file = fileInSlot(slot, errorOf);
  const read = (view: Uint8Array, from: number, at: number) =>
    uring.transfers.read(file, view, from, view.length - from, at, count);
  const parts: Buffer[] = [];
  let total = start.length;
  const piece = scratch ?? Buffer.allocUnsafeSlow(PIECE - CHAIN_SIZE);
  scratch = undefined;
  try {
    const bytes = await read(piece, 0, total);
    total += bytes;
    const isWhole = bytes < piece.length;
    const size = isWhole ? total : Math.max(total, await sizeOf(path));
    if (size > MAX_SIZE) throw tooLarge(size);
    const content = Buffer.allocUnsafeSlow(size);
    content.set(start);
    content.set(isWhole ? piece.subarray(0, bytes) : piece, start.length);
    if (isWhole) return content;
    if (size > total) total += await read(content, total, total);
    if (total < size) return content.subarray(0, total);
    parts.push(content);
  } finally {
    scratch = piece;
  }
  for (;;) {
    const more = Buffer.allocUnsafeSlow(UNKNOWN_PIECE);
    const bytes = await read(more, 0, total);
    total += bytes;
    if (total > MAX_SIZE) throw tooLarge(total);
    if (bytes > 0) parts.push(more.subarray(0, bytes));
    if (bytes < more.length) return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, total);
  }
}

/** The size of the regular file at a path; 0 if there is none. */
async function sizeOf(path: Path): Promise<number> {
  try {
    const stats = await nodePromises.stat(path as PathLike);
    return stats.isFile() ? stats.size : 0;
  } catch {
    return 0;
  }
}

/** All of a regular file, whose start has been read. */
async function readRegular(
  uring: Uring,
  slot: number,
  size: number,
  start: Buffer,
  errorOf: (res: number) => Error,
): Promise<Buffer> {
  if (size > MAX_SIZE) throw tooLarge(size);
  const file = fileInSlot(slot, errorOf);
  const content = Buffer.allocUnsafeSlow(size);
  content.set(start);
  let next = start.length;
  let end = content.length;
  const worker = async () => {
    while (next < end) {
      const at = next;
      const length = Math.min(PIECE, content.length - at);
      next += length;
      const bytes = await uring.transfers.read(file, content, at, length, at, count);
      // The file has become shorter meanwhile.
      if (bytes < length) end = Math.min(end, at + bytes);
    }
  };
  // All of them, even if one fails: the slot is theirs as long as they run.
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return end === content.length ? content : content.subarray(0, end);
}
