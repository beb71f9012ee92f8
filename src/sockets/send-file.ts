/**
 * Sending files.
 *
 * By reading into two blocks of the pool in turn, one of which is read while the other is sent. Moving the pages by splice(2) was measured to be
 * slower: it needs a pipe for each transfer, and a worker of the kernel's for each of its steps.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { Sender } from '../engine/internal.js';
import { UringError } from '../syscalls/index.js';
import { checkFd, checkInteger, checkOptions, invalidArgType, invalidState, outOfRange } from '../validate.js';

const SEEK_CUR = 1;

/** Bytes of a block: twice the speed of 64 KiB, and as little as a slow receiver may cost. */
const BLOCK_SIZE = 256 * 1024;

/** An open file: its descriptor, or an object that has it, as the FileHandles of `uring/fs` and of `node:fs/promises`. */
export type OpenedFile = number | { readonly fd: number };

/** Which bytes of a file. */
export interface FileRange {
  /** The first. Default 0. */
  readonly start?: number | undefined;
  /** The last, as with `fs.createReadStream`. Default: the end of the file. */
  readonly end?: number | undefined;
}

/**
 * Checks what is to be sent. The ring would read pipes and sockets as they come, and have everybody wait for them.
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
 * @returns how many bytes were sent: fewer than were asked for, if the file ends earlier.
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

/** One of two blocks. */
class Turn {
  /** Its content is sent, or never will be. */
  sent: Promise<void> | undefined;
  private buffer: ReturnType<Uring['buffers']['allocate']> | undefined;

  constructor(
    private readonly uring: Uring,
    private readonly size: number,
  ) {}

  /** Its memory, which small files need of one block only. */
  memory(most: number): Buffer {
    this.buffer ??= this.uring.buffers.allocate(this.size);
    return this.buffer.bytes.subarray(0, Math.min(this.size, most)) as Buffer;
  }

  send(write: (done: () => void) => void): void {
    this.sent = new Promise((resolve) => write(resolve));
  }

  /** What the kernel still uses of it goes back later. */
  release(): void {
    this.buffer?.release();
  }
}

/** Asked anew each time: a handle that was closed says so. */
function descriptorOf(file: OpenedFile): number {
  const fd = typeof file === 'number' ? file : file.fd;
  if (fd < 0) throw invalidState('the file is closed');
  return fd;
}
