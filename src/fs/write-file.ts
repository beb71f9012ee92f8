/**
 * Writing whole files.
 *
 * A small file is written by one chain of linked operations: open into a slot, write, close. The
 * chain breaks where an operation fails or is short; the remainder is then done step by step.
 * Everything else is written by Node.
 *
 * @module
 */

import { constants, type PathLike } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { type Calls, callsOf } from '../calls.js';
import type { Path, Uring } from '../engine/index.js';
import type { FileChain } from '../engine/internal.js';
import { O_CLOEXEC } from '../linux.js';
import { nodePromises } from '../node-fs.js';
import { Errno } from '../syscalls/index.js';
import { type FileOptions, pathText, plainFileOptions, plainPath } from './arguments.js';
import { uringForChains } from './backend.js';
import { systemError } from './errors.js';
import { isOpen } from './handle.js';
import { inPlaceOf } from './in-place.js';
import { isWholeData, wholeBytes } from './whole.js';

/**
 * Flags with which a chain would wait where it must not, or write from memory that is not aligned.
 */
const NOT_FOR_CHAINS = constants.O_NONBLOCK | constants.O_DIRECT;

const writeCalls = callsOf('fs.promises.writeFile');
const appendCalls = callsOf('fs.promises.appendFile');

/** Writes a whole file. See `fsPromises.writeFile`. */
export const writeFile = inPlaceOf(nodePromises.writeFile, (path: PathLike | FileHandle, data: unknown, options?: unknown) =>
  writeWith(writeCalls, path, data, options, 'w', nodePromises.writeFile as never),
);

/** Appends to a file. See `fsPromises.appendFile`. */
export const appendFile = inPlaceOf(nodePromises.appendFile, (path: PathLike | FileHandle, data: unknown, options?: unknown) =>
  writeWith(appendCalls, path, data, options, 'a', nodePromises.appendFile as never),
);

async function writeWith(
  calls: Calls,
  path: PathLike | FileHandle,
  data: unknown,
  options: unknown,
  flag: string,
  otherwise: (path: PathLike | FileHandle, data: unknown, options: unknown) => Promise<void>,
): Promise<void> {
  if (isOpen(path)) return path.writeFile(data as never, options as never);
  const uring = uringForChains();
  const name = plainPath(path as PathLike);
  const plain = plainFileOptions(options, flag);
  if (uring !== undefined && name !== undefined && plain !== undefined && isWholeData(data)) {
    if (plain.signal === undefined && (plain.flag & NOT_FOR_CHAINS) === 0) {
      const slot = uring.files.take();
      if (slot >= 0) calls.ring++;
      const done = slot < 0 ? 'nothing' : await writeSmall(uring, slot, name, wholeBytes(data, plain.encoding), plain);
      if (done === 'all') return;
      if (done === 'opened') {
        const again = { ...plain, flag: plain.flag & ~constants.O_EXCL } as never;
        return nodePromises.writeFile(path as PathLike, data as never, again);
      }
    }
  }
  calls.node++;
  return otherwise(path, data, options);
}

/**
 * @returns how far the chain has run. It does not complete for a FIFO that has no reader yet, and
 * for operations for which the kernel has no worker.
 */
async function writeSmall(
  uring: Uring,
  slot: number,
  path: Path,
  bytes: Uint8Array,
  options: FileOptions,
): Promise<'all' | 'opened' | 'nothing'> {
  const { flag, mode, flush } = options;
  const chain: FileChain = await uring.chains.write(slot, path, flag & ~O_CLOEXEC, mode, bytes, flush);
  if (chain.open === -Errno.ENXIO || chain.open === -Errno.ECANCELED) return 'nothing';
  if (chain.open < 0) throw systemError(chain.open, 'open', pathText(path));
  if (chain.transfer === -Errno.ECANCELED || chain.sync === -Errno.ECANCELED) return 'opened';
  if (chain.transfer < 0) throw systemError(chain.transfer, 'write');
  if (chain.sync < 0) throw systemError(chain.sync, 'fsync');
  if (chain.close < 0) throw systemError(chain.close, 'close');
  return 'all';
}
