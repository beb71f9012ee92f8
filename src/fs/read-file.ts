/**
 * Reading whole files.
 *
 * A small file is read by a chain that uses a slot (see the engine's `file-chains.ts`). A larger
 * regular file is read in several pieces at once, into memory of its exact size. All others (FIFOs,
 * ttys, files of /proc) are read piece by piece until the end.
 *
 * @module
 */

import { constants, type PathLike, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { callsOf } from '../calls.js';
import { op, type Path, type Uring } from '../engine/index.js';
import { type Block, CHAIN_SIZE, type FileStart, fileInSlot, type ReadSink } from '../engine/internal.js';
import { O_CLOEXEC } from '../linux.js';
import { node, nodePromises } from '../node-fs.js';
import { Errno } from '../syscalls/index.js';
import { type FileOptions, pathText, plainFileOptions, plainPath } from './arguments.js';
import { uringForChains } from './backend.js';
import { systemError } from './errors.js';
import { isOpen } from './handle.js';
import { inPlaceOf } from './in-place.js';
import { type Positions, positionsOf } from './positions.js';
import { finish, MAX_SIZE, tooLarge, UNKNOWN_PIECE } from './whole.js';

/**
 * Flags with which a chain would wait where it must not, or read what the page cache does not hold.
 */
const NOT_FOR_CHAINS = constants.O_NONBLOCK | constants.O_DIRECT;

/** Since Node 26, errors after the opening name the path, too. */
const NAMES_PATH = Number.parseInt(process.versions.node, 10) >= 26;

/** The size of the pieces of a large file, and the number of pieces read at once. */
const PIECE = 1024 * 1024;
const AT_ONCE = 4;

/**
 * The most memory of V8's heap, in bytes, that is allocated for a content, and dead at once.
 *
 * V8 does not count what buffers hold when it decides to collect its young generation, and reading
 * over the ring leaves little else there. So the contents of thousands of files waited to be freed:
 * 50,000 files of 1.5 KB took 1.17 of Node's memory, and take 1.08. A file takes 5 to 10 % more
 * time.
 */
const MOST_WEIGHT = 4096;

const count = (bytes: number) => bytes;

const calls = callsOf('fs.promises.readFile');

/** Reads a whole file. See `fsPromises.readFile`. */
export const readFile = inPlaceOf(nodePromises.readFile, (path: PathLike | FileHandle, options?: unknown) => {
  if (isOpen(path)) return path.readFile(options as never) as Promise<Buffer | string>;
  try {
    const reading = readByRing(path as PathLike, options, false);
    if (reading === undefined) {
      calls.node++;
      return nodePromises.readFile(path, options as never);
    }
    calls.ring++;
    return reading;
  } catch (error) {
    return Promise.reject(error);
  }
});

/**
 * Reads a whole file, with a single promise from here to the caller.
 *
 * @param isPatient as of `FileChains.read`.
 * @returns `undefined` when Node must read the file.
 * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
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

/** Node checks a signal between pieces; a chain cannot. */
function isForChains(options: FileOptions | undefined): options is FileOptions {
  return options !== undefined && options.signal === undefined && (options.flag & NOT_FOR_CHAINS) === 0;
}

/** A file that is read by a chain. */
class SmallFile implements ReadSink<Buffer | string> {
  /** A property, because V8 allocates nothing for an array that nothing refers to. */
  weight: unknown[] | undefined;

  constructor(
    private readonly uring: Uring,
    private readonly path: Path,
    private readonly options: FileOptions,
  ) {}

  content(block: Block, length: number): Buffer | string {
    const { encoding } = this.options;
    if (encoding !== undefined) return block.plain(0, length).toString(encoding);
    // An element has 8 bytes.
    this.weight = new Array(Math.min(2 * length, MOST_WEIGHT) >>> 3);
    // Not from Node's pool: no other buffer shares the memory, as with Node.
    const own = Buffer.allocUnsafeSlow(length);
    block.copyTo(own, length);
    return own;
  }

  failed(res: number, syscall: 'open' | 'read' | 'close'): Error | Promise<Buffer | string> {
    // The kernel has no worker to run it. Nothing is lost: data that can be read only once was not
    // read, because waiting for such data needs no worker.
    if (res === -Errno.ECANCELED) return this.readElsewhere();
    return systemError(res, syscall, syscall === 'open' || NAMES_PATH ? pathText(this.path) : undefined);
  }

  async more(slot: number, start: FileStart): Promise<Buffer | string> {
    const { uring, options } = this;
    try {
      const errorOf = (res: number) => systemError(res, 'read', NAMES_PATH ? pathText(this.path) : undefined);
      const content = await readOn(uring, slot, this.path, start, options, errorOf);
      return content ?? (await this.readElsewhere());
    } catch (error) {
      if ((error as { errno?: number }).errno === -Errno.ECANCELED) return await this.readElsewhere();
      throw error;
    } finally {
      start.release();
      await uring.run(op.closeFile({ slot }));
      uring.files.give(slot);
    }
  }

  private readElsewhere(): Promise<Buffer | string> {
    const { encoding, flag } = this.options;
    return nodePromises.readFile(this.path as PathLike, { encoding: encoding ?? null, flag: flag as never });
  }
}

/**
 * Reads a file that is open in a slot and does not fit in a chain.
 *
 * @returns `undefined` when Node reads it faster from its start.
 */
async function readOn(
  uring: Uring,
  slot: number,
  path: Path,
  start: FileStart,
  options: FileOptions,
  errorOf: (res: number) => Error,
): Promise<Buffer | string | undefined> {
  // If it is terminated at the wrong moment, a worker would leak the descriptor used to query the
  // size.
  if (!isMainThread && start.length === CHAIN_SIZE)
    return finish(await readToEnd(uring, slot, path, start, errorOf), options.encoding);
  const known = await statOf(uring, slot);
  if (known?.stats.isFile()) {
    // The kernel passes each read of generated content to a worker.
    if (known.positions === 'own') return undefined;
    const { size } = known.stats;
    if (size > start.length) return finish(await readRegular(uring, slot, size, start, errorOf), options.encoding);
  }
  const piece = uring.buffers.allocate(UNKNOWN_PIECE);
  const parts = [copyOf(start)];
  let total = start.length;
  try {
    for (;;) {
      // The kernel ignores an offset where there is none; generated files continue where the last
      // read ended.
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

/** Copies the start of a file, and releases it. */
function copyOf(start: FileStart): Buffer {
  const copy = Buffer.allocUnsafeSlow(start.length);
  start.copyTo(copy);
  start.release();
  return copy;
}

/**
 * Queries a file in a slot, through a descriptor that is closed at once; `undefined` when none can
 * be had.
 */
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
    // Closed as it was opened: Node does not know of it.
    uring.closeDescriptor(fd);
  }
}

/** The buffer into which files of unknown size are read first; kept here while it is unused. */
let scratch: Buffer | undefined;

/**
 * Reads all of a file whose start has been read, without a descriptor to query its size: up to
 * 1 MiB into a buffer that is kept, and more according to the size found at the path. The path may
 * name another file by now, so this function still reads until the end.
 */
async function readToEnd(
  uring: Uring,
  slot: number,
  path: Path,
  start: FileStart,
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
    start.copyTo(content);
    start.release();
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

/** Returns the size of the regular file at a path; 0 if there is none. */
async function sizeOf(path: Path): Promise<number> {
  try {
    const stats = await nodePromises.stat(path as PathLike);
    return stats.isFile() ? stats.size : 0;
  } catch {
    return 0;
  }
}

/** Reads all of a regular file whose start has been read. */
async function readRegular(
  uring: Uring,
  slot: number,
  size: number,
  start: FileStart,
  errorOf: (res: number) => Error,
): Promise<Buffer> {
  if (size > MAX_SIZE) throw tooLarge(size);
  const file = fileInSlot(slot, errorOf);
  const content = Buffer.allocUnsafeSlow(size);
  start.copyTo(content);
  start.release();
  let next = start.length;
  let end = content.length;
  const worker = async () => {
    while (next < end) {
      const at = next;
      const length = Math.min(PIECE, content.length - at);
      next += length;
      const bytes = await uring.transfers.read(file, content, at, length, at, count);
      // The file has become shorter in the meantime.
      if (bytes < length) end = Math.min(end, at + bytes);
    }
  };
  // Wait for all of them, even if one fails: they use the slot as long as they run.
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return end === content.length ? content : content.subarray(0, end);
}
