/**
 * Reading whole files.
 *
 * A small one is a chain on a slot (see the engine's `file-chains.ts`). A larger regular file is read in several pieces at once, into memory
 * of its exact size; whatever else goes on (fifos, ttys, files of /proc) piece by piece until it ends.
 *
 * @module
 */

import { constants, fstatSync, type OpenMode, type PathLike, type Stats } from 'node:fs';
import node from 'node:fs/promises';
import { type Block, op, type Path, type ReadSink, type TransferFile, type Uring } from '../engine/index.js';
import { type FileOptions, pathText, plainFileOptions, plainPath } from './arguments.js';
import { ringFor } from './backend.js';
import { call } from './call.js';
import { systemError } from './errors.js';
import { FileHandle } from './handle.js';
import { checkAborted, finish, MAX_SIZE, readHandle, tooLarge, UNKNOWN_PIECE } from './handle-io.js';
import { open } from './paths.js';

/** A slot is no descriptor, and takes no such flag. */
const O_CLOEXEC = 0o2000000;

/** From Node 26 on, an error after the opening names the path, too. */
const NAMES_PATH = Number.parseInt(process.versions.node, 10) >= 26;

/** Pieces of a large file, and how many of them at once. */
const PIECE = 1024 * 1024;
const AT_ONCE = 4;

const count = (bytes: number) => bytes;

/** What {@link readFile} can be told. */
export interface ReadFileOptions {
  encoding?: BufferEncoding | null | undefined;
  flag?: OpenMode | undefined;
  signal?: AbortSignal | undefined;
}

/** The forms of {@link readFile}. */
export interface ReadFile {
  (path: PathLike | FileHandle, options?: (ReadFileOptions & { encoding?: null | undefined }) | null): Promise<Buffer>;
  (path: PathLike | FileHandle, options: BufferEncoding | (ReadFileOptions & { encoding: BufferEncoding })): Promise<string>;
  (path: PathLike | FileHandle, options?: BufferEncoding | ReadFileOptions | null): Promise<string | Buffer>;
}

/** Reads a whole file. See `fsPromises.readFile`. */
export const readFile = ((path: PathLike | FileHandle, options?: unknown): Promise<Buffer | string> => {
  if (path instanceof FileHandle) return path.readFile(options as never);
  let uring: Uring | undefined;
  try {
    uring = ringFor('wholeFiles');
  } catch (error) {
    return Promise.reject(error);
  }
  const name = plainPath(path);
  const plain = options === undefined ? DEFAULTS : plainFileOptions(options, 'r');
  if (uring === undefined || name === undefined || plain === undefined) return node.readFile(path, options as never);
  // With O_NONBLOCK a chain would wait where it must not.
  if (plain.signal !== undefined || plain.flag & constants.O_NONBLOCK) return readByHandle(name, plain);
  const slot = uring.files.take();
  if (slot < 0) return readByHandle(name, plain);
  // One promise for a file, from here to the caller.
  return uring.chains.read(slot, name, plain.flag & ~O_CLOEXEC, new SmallFile(uring, name, plain));
}) as ReadFile;

const DEFAULTS = plainFileOptions(undefined, 'r') as FileOptions;

async function readByHandle(path: Path, options: FileOptions): Promise<Buffer | string> {
  checkAborted(options.signal);
  const handle = await open(path as PathLike, options.flag, 0o666);
  try {
    return await readHandle(handle, options);
  } finally {
    await handle.close();
  }
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

  failed(res: number, syscall: 'open' | 'read' | 'close'): Error {
    return systemError(res, syscall, syscall === 'open' || NAMES_PATH ? pathText(this.path) : undefined);
  }

  async more(slot: number, start: Buffer): Promise<Buffer | string> {
    const { uring, options } = this;
    try {
      return await readOn(uring, slot, start, options);
    } finally {
      await uring.run(op.closeFile({ slot }));
      uring.files.give(slot);
    }
  }
}

/** A file that is open in a slot, and larger than a chain can take. */
async function readOn(uring: Uring, slot: number, start: Buffer, options: FileOptions): Promise<Buffer | string> {
  if (uring.supports('FIXED_FD_INSTALL')) {
    const fd = await uring.run(op.fixedFdInstall({ slot }));
    try {
      const stats = fstatSync(fd);
      if (stats.isFile() && stats.size > start.length)
        return finish(await readRegular(uring, fd, stats, start), options.encoding);
    } finally {
      // As it was made: Node knows nothing of it.
      uring.closeDescriptor(fd);
    }
  }
  const piece = uring.buffers.allocate(UNKNOWN_PIECE);
  const parts = [start];
  try {
    for (;;) {
      const bytes = await call(uring, op.read({ slot }, piece.bytes), 'read');
      if (bytes === 0) return finish(Buffer.concat(parts), options.encoding);
      parts.push(Buffer.from(piece.bytes.subarray(0, bytes)));
    }
  } finally {
    piece.release();
  }
}

/** All of a regular file, whose start has been read. */
async function readRegular(uring: Uring, fd: number, stats: Stats, start: Buffer): Promise<Buffer> {
  if (stats.size > MAX_SIZE) throw tooLarge(stats.size);
  const file: TransferFile = {
    fd,
    canTry: true,
    regular: true,
    error: (res) => systemError(res, 'read'),
    unref: () => undefined,
  };
  const content = Buffer.allocUnsafeSlow(stats.size);
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
  // All of them, even if one fails: the descriptor is theirs as long as they run.
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return end === content.length ? content : content.subarray(0, end);
}
