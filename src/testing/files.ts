/**
 * Files of the simulated kernel: regular files, pipes and eventfds, in memory.
 *
 * @module
 */

import { PollEvent } from '../ring/abi/index.js';
import { Errno } from '../syscalls/index.js';

/** What the simulated kernel can do with an open file. Results are bytes, or `-errno`; -EAGAIN means: wait for readiness. */
export interface SimulatedFile {
  readonly kind: 'file' | 'pipe-read' | 'pipe-write' | 'eventfd' | 'ring';
  /** @param position in bytes, or `undefined` for a file without positions. */
  read(target: Uint8Array, position: number | undefined): number;
  write(source: Uint8Array, position: number | undefined): number;
  /** `PollEvent`s that are there. */
  poll(): number;
  /** Called whenever the answer of `poll` may have changed. */
  readonly watchers: Set<() => void>;
  /** Whether the file has positions. */
  readonly seekable: boolean;
  /** The last descriptor was closed. */
  close(): void;
}

function notify(watchers: ReadonlySet<() => void>): void {
  for (const watcher of [...watchers]) watcher();
}

/** The content of a regular file, shared by all who open it. */
export class FileContent {
  bytes: Uint8Array;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes.slice();
  }

  resize(length: number): void {
    const grown = new Uint8Array(length);
    grown.set(this.bytes.subarray(0, length));
    this.bytes = grown;
  }
}

/** A regular file. */
export class RegularFile implements SimulatedFile {
  readonly kind = 'file';
  readonly seekable = true;
  readonly watchers = new Set<() => void>();

  constructor(readonly content: FileContent) {}

  read(target: Uint8Array, position = 0): number {
    const piece = this.content.bytes.subarray(position, position + target.length);
    target.set(piece);
    return piece.length;
  }

  write(source: Uint8Array, position = 0): number {
    if (position + source.length > this.content.bytes.length) this.content.resize(position + source.length);
    this.content.bytes.set(source, position);
    return source.length;
  }

  poll(): number {
    return PollEvent.IN | PollEvent.OUT;
  }

  close(): void {}
}

const PIPE_CAPACITY = 65536;

/** A pipe's two ends. */
export function createPipe(): { readonly reader: SimulatedFile; readonly writer: SimulatedFile } {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let readers = 1;
  let writers = 1;
  const watchers = new Set<() => void>();
  const reader: SimulatedFile = {
    kind: 'pipe-read',
    seekable: false,
    watchers,
    read(target) {
      if (size === 0) return writers === 0 ? 0 : -Errno.EAGAIN;
      let done = 0;
      for (let chunk = chunks[0]; chunk !== undefined && done < target.length; chunk = chunks[0]) {
        const piece = chunk.subarray(0, target.length - done);
        target.set(piece, done);
        done += piece.length;
        if (piece.length === chunk.length) chunks.shift();
        else chunks[0] = chunk.subarray(piece.length);
      }
      size -= done;
      notify(watchers);
      return done;
    },
    write: () => -Errno.EBADF,
    poll: () => (size > 0 ? PollEvent.IN : 0) | (writers === 0 ? PollEvent.HUP : 0),
    close() {
      readers--;
      notify(watchers);
    },
  };
  const writer: SimulatedFile = {
    kind: 'pipe-write',
    seekable: false,
    watchers,
    read: () => -Errno.EBADF,
    write(source) {
      if (readers === 0) return -Errno.EPIPE;
      const piece = source.slice(0, PIPE_CAPACITY - size);
      if (piece.length === 0 && source.length > 0) return -Errno.EAGAIN;
      chunks.push(piece);
      size += piece.length;
      notify(watchers);
      return piece.length;
    },
    poll: () => (size < PIPE_CAPACITY ? PollEvent.OUT : 0) | (readers === 0 ? PollEvent.ERR : 0),
    close() {
      writers--;
      notify(watchers);
    },
  };
  return { reader, writer };
}

/** An eventfd: a counter that reads as a u64 and is reset by it. */
export class EventFile implements SimulatedFile {
  readonly kind = 'eventfd';
  readonly seekable = false;
  readonly watchers = new Set<() => void>();

  constructor(public count: number) {}

  signal(): void {
    this.count++;
    notify(this.watchers);
  }

  read(target: Uint8Array): number {
    if (target.length < 8) return -Errno.EINVAL;
    if (this.count === 0) return -Errno.EAGAIN;
    new DataView(target.buffer, target.byteOffset, 8).setBigUint64(0, BigInt(this.count), true);
    this.count = 0;
    return 8;
  }

  write(source: Uint8Array): number {
    if (source.length < 8) return -Errno.EINVAL;
    this.count += Number(new DataView(source.buffer, source.byteOffset, 8).getBigUint64(0, true));
    notify(this.watchers);
    return 8;
  }

  poll(): number {
    return (this.count > 0 ? PollEvent.IN : 0) | PollEvent.OUT;
  }

  close(): void {}
}
