/**
 * Sending files.
 *
 * Files are read into two blocks of the pool in turn: one is read while the other is sent. Moving
 * the pages with splice(2) was measured to be slower: it needs a pipe for each transfer, and a
 * kernel worker for each of its steps.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { Sender } from '../engine/internal.js';
import { UringError } from '../syscalls/index.js';
import { checkFd, checkInteger, checkOptions, invalidArgType, invalidState, outOfRange } from '../validate.js';

const SEEK_CUR = 1;

/**
 * The number of bytes of a block: twice the speed of 64 KiB, and no more memory than a slow
 * receiver may cost.
 */
const BLOCK_SIZE = 256 * 1024;

/**
 * An open file: a descriptor, or an object that has one, such as the FileHandles of `uring/fs` and
 * of `node:fs/promises`.
 */
export type OpenedFile = number | { readonly fd: number };

/** A range of bytes of a file. */
export interface FileRange {
  /** The first byte. Default 0. */
  readonly start?: number | undefined;
  /** The last byte, inclusive, as with `fs.createReadStream`. Default: the end of the file. */
  readonly end?: number | undefined;
}

/**
 * Checks the arguments, and rejects files that cannot be positioned. The ring would read pipes and
 * sockets as their data arrives, and everything else would have to wait for that.
 *
 * @throws TypeError, RangeError; UringError EBADF, ESPIPE.
 */
export function checkFile(uring: Uring, file: OpenedFile, range: FileRange): { start: number; end: number } {
  if (typeof file !== 'object' || file === null) checkFd('file', file);
  else if (typeof file.fd !== 'number') throw invalidArgType('file', 'a FileHandle or a descriptor', file);
  checkOptions(range, ['start', 'end'], 'range');
  const { start = 0, end = Number.POSITIVE_INFINITY } = range;
  checkInteger('range.start', start, 0, Number.MAX_SAFE_INTEGER);
  if (end !== Number.POSITIVE_INFINITY) checkInteger('range.end', end, 0, Number.MAX_SAFE_INTEGER);
  if (start > end) throw outOfRange('range.start', `<= "end" (here: ${end})`, start);
  const position = uring.seek(descriptorOf(file), 0, SEEK_CUR);
  if (position < 0) throw new UringError(position, 'lseek');
  return { start, end };
}

/**
 * Sends a part of a file, between what was written before and what is written after.
 *
 * @returns the number of bytes sent: fewer than requested if the file ends earlier.
 */
export async function sendFile(uring: Uring, sender: Sender, file: OpenedFile, start: number, end: number): Promise<number> {
  let failure: Error | undefined;
  const reservation = sender.reserve((error) => {
    failure = error;
  });
  const size = Math.min(BLOCK_SIZE, end - start + 1);
  const blocks = [new Turn(uring, size), new Turn(uring, size)] as const;
  let position = start;
  try {
    for (let turn = 0; position <= end; turn ^= 1) {
      const block = blocks[turn as 0 | 1];
      await block.sent;
      if (failure !== undefined) throw failure;
      const view = block.memory(end - position + 1);
      const count = await uring.read(descriptorOf(file), view, { offset: position });
      if (count === 0) break;
      block.send((done) => reservation.write(view.subarray(0, count), done));
      position += count;
    }
    for (const { sent } of blocks) await sent;
    if (failure !== undefined) throw failure;
    return position - start;
  } finally {
    reservation.close();
    for (const block of blocks) block.release();
  }
}

/** One of the two blocks. */
class Turn {
  /** Resolves when its content has been sent, or never will be. */
  sent: Promise<void> | undefined;
  private buffer: ReturnType<Uring['buffers']['allocate']> | undefined;

  constructor(
    private readonly uring: Uring,
    private readonly size: number,
  ) {}

  /**
   * Returns the memory of the block. It is allocated on first use, because small files need only
   * one block.
   */
  memory(most: number): Buffer {
    this.buffer ??= this.uring.buffers.allocate(this.size);
    return this.buffer.bytes.subarray(0, Math.min(this.size, most)) as Buffer;
  }

  send(write: (done: () => void) => void): void {
    this.sent = new Promise((resolve) => write(resolve));
  }

  /** Releases the block; the part that the kernel still uses is returned to the pool later. */
  release(): void {
    this.buffer?.release();
  }
}

/** Returns the descriptor. It is read each time, so that a handle that was closed is detected. */
function descriptorOf(file: OpenedFile): number {
  const fd = typeof file === 'number' ? file : file.fd;
  if (fd < 0) throw invalidState('the file is closed');
  return fd;
}
