/**
 * Pipes.
 *
 * @module
 */

import { PollEvent } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { ByteQueue } from './byte-queue.js';
import { notify, type SimulatedFile } from './file.js';
import { FileType, Inode } from './inode.js';

const CAPACITY = 65536;

/** The state that both ends share. */
class Pipe {
  readonly bytes = new ByteQueue(CAPACITY);
  readonly watchers = new Set<() => void>();
  readonly inode: Inode;
  hasReader = true;
  hasWriter = true;

  constructor(now: number) {
    this.inode = new Inode(FileType.FIFO, 0o600, now);
  }
}

/** One end of a pipe. */
export class PipeEnd implements SimulatedFile {
  readonly seekable = false;
  position = 0;

  constructor(
    readonly kind: 'pipe-read' | 'pipe-write',
    private readonly pipe: Pipe,
  ) {}

  get watchers(): Set<() => void> {
    return this.pipe.watchers;
  }

  get inode(): Inode {
    return this.pipe.inode;
  }

  /** The bytes in the pipe, for splice(2) and tee(2). */
  get bytes(): ByteQueue {
    return this.pipe.bytes;
  }

  /** Whether no more data will arrive. */
  get ended(): boolean {
    return !this.pipe.hasWriter;
  }

  read(target: Uint8Array): number {
    if (this.kind !== 'pipe-read') return -Errno.EBADF;
    const { bytes, watchers } = this.pipe;
    if (target.length === 0) return 0;
    if (bytes.size === 0) return this.ended ? 0 : -Errno.EAGAIN;
    const count = bytes.shift(target);
    notify(watchers);
    return count;
  }

  write(source: Uint8Array): number {
    if (this.kind !== 'pipe-write') return -Errno.EBADF;
    const { pipe } = this;
    if (source.length === 0) return 0;
    if (!pipe.hasReader) return -Errno.EPIPE;
    const count = pipe.bytes.push(source);
    if (count === 0) return -Errno.EAGAIN;
    notify(pipe.watchers);
    return count;
  }

  poll(): number {
    const { bytes, hasReader } = this.pipe;
    if (this.kind === 'pipe-read') return (bytes.size > 0 ? PollEvent.IN : 0) | (this.ended ? PollEvent.HUP : 0);
    return (bytes.room > 0 ? PollEvent.OUT : 0) | (hasReader ? 0 : PollEvent.ERR);
  }

  close(): void {
    if (this.kind === 'pipe-read') this.pipe.hasReader = false;
    else this.pipe.hasWriter = false;
    notify(this.pipe.watchers);
  }
}

/** Creates the two ends of a pipe. */
export function createPipe(now: number): { readonly reader: PipeEnd; readonly writer: PipeEnd } {
  const pipe = new Pipe(now);
  return { reader: new PipeEnd('pipe-read', pipe), writer: new PipeEnd('pipe-write', pipe) };
}
