/**
 * Writing whole files.
 *
 * A small one is one chain of linked operations: open into a slot, write, close. It breaks where something fails or is short; then the
 * rest is done step by step.
 *
 * @module
 */

import { constants, type Mode, type OpenMode, type PathLike } from 'node:fs';
import node from 'node:fs/promises';
import type { FileChain, Path, Uring } from '../engine/index.js';
import { Errno } from '../syscalls/index.js';
import { type FileOptions, pathText, plainFileOptions, plainPath } from './arguments.js';
import { ringFor } from './backend.js';
import { systemError } from './errors.js';
import { FileHandle } from './handle.js';
import { checkAborted, MAX_CHUNK, type Writable, writableData, writeHandle } from './handle-io.js';
import { open } from './paths.js';

/** A slot is no descriptor, and takes no such flag. */
const O_CLOEXEC = 0o2000000;

/** What {@link writeFile} and {@link appendFile} can be told: an encoding, or several things. */
export type WriteFileOptions =
  | BufferEncoding
  | {
      encoding?: BufferEncoding | null | undefined;
      mode?: Mode | undefined;
      flag?: OpenMode | undefined;
      flush?: boolean | null | undefined;
      signal?: AbortSignal | undefined;
    }
  | null;

/** Writes a whole file. See `fsPromises.writeFile`. */
export function writeFile(path: PathLike | FileHandle, data: Writable, options?: WriteFileOptions): Promise<void> {
  return writeWith(path, data, options, 'w', node.writeFile as never);
}

/** Writes at the end of a file. See `fsPromises.appendFile`. */
export function appendFile(path: PathLike | FileHandle, data: Writable, options?: WriteFileOptions): Promise<void> {
  return writeWith(path, data, options, 'a', node.appendFile as never);
}

async function writeWith(
  path: PathLike | FileHandle,
  data: Writable,
  options: unknown,
  flag: string,
  otherwise: (path: PathLike, data: Writable, options: unknown) => Promise<void>,
): Promise<void> {
  if (path instanceof FileHandle) return path.writeFile(data, options as WriteFileOptions);
  const uring = ringFor('wholeFiles');
  const name = plainPath(path);
  const plain = plainFileOptions(options, flag);
  const isData = typeof data === 'string' || (typeof data === 'object' && data !== null);
  if (uring === undefined || name === undefined || plain === undefined || !isData) return otherwise(path, data, options);
  const bytes = writableData(data, plain.encoding);
  checkAborted(plain.signal);
  const mayWait = (plain.flag & constants.O_NONBLOCK) === 0;
  if (bytes instanceof Uint8Array && bytes.length <= MAX_CHUNK && plain.signal === undefined && mayWait) {
    const slot = uring.files.take();
    if (slot >= 0 && (await writeSmall(uring.chains, slot, name, bytes, plain))) return;
  }
  const handle = await open(name as PathLike, plain.flag as OpenMode, plain.mode);
  try {
    await writeHandle(handle, bytes, plain);
    if (plain.flush) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** @returns whether it was written; not so a fifo that nobody reads yet, which is to be waited for. */
async function writeSmall(
  chains: Uring['chains'],
  slot: number,
  path: Path,
  bytes: Uint8Array,
  options: FileOptions,
): Promise<boolean> {
  const chain: FileChain = await chains.write(slot, path, options.flag & ~O_CLOEXEC, options.mode, bytes, options.flush);
  if (chain.open === -Errno.ENXIO) return false;
  if (chain.open < 0) throw systemError(chain.open, 'open', pathText(path));
  if (chain.transfer < 0) throw systemError(chain.transfer, 'write');
  if (chain.sync < 0) throw systemError(chain.sync, 'fsync');
  if (chain.close < 0) throw systemError(chain.close, 'close');
  return true;
}
