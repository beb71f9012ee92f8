/**
 * `createReadStream` and `createWriteStream`: Node's own stream classes, whose options, events and rules stay what they are. Only the calls
 * below them go to the ring, and those of a regular file ahead of the reader and behind the writer.
 *
 * @module
 */

import fs, { constants, type OpenMode, type PathLike, type ReadStream, type WriteStream } from 'node:fs';
import { invalidState } from '../validate.js';
import type { FileHandle } from './handle.js';

/** How much is read ahead of the reader: so many reads of the stream's highWaterMark. */
const READ_AHEAD = 2;

/** How much may be on its way behind the writer. */
const WRITE_BEHIND = 4;

type Done = (error?: Error | null) => void;

type Callback<Result> = (error: Error | null, ...results: Result[]) => void;

/** Options of Node's streams, as far as they matter here. */
export type StreamOptions = Record<string, unknown> & { fd?: unknown; fs?: unknown };

const NodeReadStream = fs.ReadStream as unknown as new (
  path: unknown,
  options: unknown,
) => ReadStream & {
  fd: number | null;
  pos: number | undefined;
  start: number | undefined;
  end: number;
  autoClose: boolean;
};

const NodeWriteStream = fs.WriteStream as unknown as new (
  path: unknown,
  options: unknown,
) => WriteStream & {
  fd: number | null;
  pos: number | undefined;
  start: number | undefined;
};

/** The file below a stream: a handle that it has opened, or was given. */
export class StreamFile {
  /** Nobody else moves the file's position, so that the stream can name positions of its own. */
  private own = false;

  /**
   * @param handle what the stream was given, if it need not open its file.
   * @param lent the handle is the user's: then it is used until the stream closes it.
   */
  constructor(
    public handle: FileHandle | undefined,
    private lent: boolean,
    private readonly open: (path: PathLike, flags: OpenMode, mode: number) => Promise<FileHandle>,
  ) {
    if (!lent) return;
    if (handle === undefined || handle.fd < 0) throw invalidState('The FileHandle is closed');
    handle.addUser();
  }

  /** Where the stream's next byte is, if that is for the stream to say. */
  startFor(start: number | undefined): number | undefined {
    return start ?? (this.own ? 0 : undefined);
  }

  /** What Node's streams call. */
  readonly calls = {
    open: (path: PathLike, flags: OpenMode, mode: number, done: Callback<number>) => {
      this.open(path, flags, mode).then(
        (handle) => {
          this.handle = handle;
          this.own = (handle.flags & constants.O_APPEND) === 0;
          done(null, handle.fd);
        },
        (error) => done(error),
      );
    },
    close: (_fd: number, done: Done) => {
      const handle = this.handle as FileHandle;
      if (this.lent) handle.unref();
      this.lent = false;
      handle.close().then(() => done(), done);
    },
    fsync: (_fd: number, done: Done) => {
      (this.handle as FileHandle).sync().then(() => done(), done);
    },
    read: (
      _fd: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number | null,
      done: Callback<number | Buffer>,
    ) => {
      (this.handle as FileHandle).read(buffer, offset, length, position).then(
        ({ bytesRead }) => done(null, bytesRead, buffer),
        (error) => done(error, 0, buffer),
      );
    },
    write: (
      _fd: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number | null,
      done: Callback<number | Buffer>,
    ) => {
      (this.handle as FileHandle).write(buffer, offset, length, position).then(
        ({ bytesWritten }) => done(null, bytesWritten, buffer),
        (error) => done(error, 0, buffer),
      );
    },
    writev: (_fd: number, buffers: Buffer[], position: number | null, done: Callback<number | Buffer[]>) => {
      (this.handle as FileHandle).writev(buffers, position).then(
        ({ bytesWritten }) => done(null, bytesWritten, buffers),
        (error) => done(error, 0, buffers),
      );
    },
  };
}

interface Ahead {
  readonly buffer: Buffer;
  readonly bytes: Promise<number>;
}

/** A read stream over the ring. */
export class FileReadStream extends NodeReadStream {
  private readonly file: StreamFile;
  private readonly chunk: number;
  private readonly ahead: Ahead[] = [];
  private next: number | undefined;

  constructor(path: PathLike | undefined, options: StreamOptions, file: StreamFile) {
    super(path, { ...options, fd: file.handle?.fd ?? null, fs: file.calls });
    this.file = file;
    this.chunk = this.readableHighWaterMark;
  }

  override _read(size: number): void {
    const { file, chunk } = this;
    if (this.next === undefined) {
      const start = file.startFor(this.start);
      // A file whose position is not ours alone is read as Node reads it; one that is no regular file, too.
      if (start === undefined || !(file.handle as FileHandle).isRegular()) {
        super._read(size);
        return;
      }
      this.next = start;
      this.pos = start;
    }
    while (this.ahead.length < READ_AHEAD) {
      const length = Math.min(chunk, this.end - this.next + 1);
      if (length <= 0) break;
      const buffer = Buffer.allocUnsafeSlow(length);
      const bytes = (file.handle as FileHandle).read(buffer, 0, length, this.next).then((result) => result.bytesRead);
      // Looked at in its turn; until then a failure is nobody's.
      bytes.catch(() => undefined);
      this.ahead.push({ buffer, bytes });
      this.next += length;
    }
    const first = this.ahead.shift();
    if (first === undefined) this.push(null);
    else
      first.bytes.then(
        (bytes) => this.arrived(first.buffer, bytes),
        (error) => this.failed(error),
      );
  }

  private arrived(buffer: Buffer, bytes: number): void {
    if (this.destroyed) return;
    if (bytes === 0) {
      this.ahead.length = 0;
      this.push(null);
      return;
    }
    this.bytesRead += bytes;
    this.pos = (this.pos as number) + bytes;
    if (bytes === buffer.length) {
      this.push(buffer);
      return;
    }
    // What was read ahead lies behind a gap, should the file grow.
    this.ahead.length = 0;
    this.next = this.pos;
    this.push(Buffer.from(buffer.subarray(0, bytes)));
  }

  private failed(error: Error): void {
    this.ahead.length = 0;
    if (this.destroyed) return;
    if (this.autoClose) this.destroy(error);
    else this.emit('error', error);
  }
}

/** A write stream over the ring. */
export class FileWriteStream extends NodeWriteStream {
  private readonly file: StreamFile;
  private readonly behind = new Set<Promise<void>>();
  private next: number | undefined;
  private failure: { readonly error: Error } | undefined;

  constructor(path: PathLike | undefined, options: StreamOptions, file: StreamFile) {
    super(path, { ...options, fd: file.handle?.fd ?? null, fs: file.calls });
    this.file = file;
  }

  override _write(data: Buffer, encoding: BufferEncoding, done: Done): void {
    if (this.canWriteBehind()) this.writeBehind([data], done);
    else super._write(data, encoding, done);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: Done): void {
    if (this.canWriteBehind())
      this.writeBehind(
        chunks.map(({ chunk }) => chunk),
        done,
      );
    else super._writev?.(chunks, done);
  }

  override _final(done: Done): void {
    Promise.all(this.behind).then(() => done(this.failure?.error));
  }

  private canWriteBehind(): boolean {
    if (this.next !== undefined) return true;
    const start = this.file.startFor(this.start);
    const handle = this.file.handle as FileHandle;
    if (start === undefined || (handle.flags & constants.O_APPEND) !== 0 || !handle.isRegular()) return false;
    this.next = start;
    return true;
  }

  /** The data is the kernel's, or a copy, when `done` is called: the writer goes on, unless too much is on its way. */
  private writeBehind(chunks: Buffer[], done: Done): void {
    if (this.failure !== undefined) {
      done(this.failure.error);
      return;
    }
    const handle = this.file.handle as FileHandle;
    const data = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    const at = this.next as number;
    this.next = at + data.length;
    if (this.pos !== undefined) this.pos = this.next;
    const written = handle.write(data, 0, data.length, at).then(
      ({ bytesWritten }) => {
        this.bytesWritten += bytesWritten;
      },
      (error) => {
        this.failure ??= { error };
      },
    );
    const settled = written.then(() => {
      this.behind.delete(settled);
    });
    this.behind.add(settled);
    if (this.behind.size < WRITE_BEHIND) done();
    else Promise.race(this.behind).then(() => done(this.failure?.error));
  }
}

/** A stream over a handle, which is in use until the stream is closed, and closes the stream when it is closed itself. */
export function streamOfHandle(
  handle: FileHandle,
  direction: 'read' | 'write',
  options: object | undefined,
): FileReadStream | FileWriteStream {
  const file = new StreamFile(handle, true, () => Promise.reject(invalidState('the file is open')));
  const Stream = direction === 'read' ? FileReadStream : FileWriteStream;
  const stream = new Stream(undefined, { ...options }, file);
  handle.on('close', () => stream.close());
  return stream;
}
