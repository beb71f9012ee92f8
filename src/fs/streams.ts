/**
 * `createReadStream` and `createWriteStream`: Node's own stream classes, whose options, events and rules stay what they are. Only the calls
 * below them go to the ring, and reads of a regular file a little ahead of the reader.
 *
 * Writes are not behind the writer: its callback means that the data is written, and where a write fails.
 *
 * @module
 */

import fs, { type OpenMode, type PathLike, type ReadStream, type WriteStream } from 'node:fs';
import type { OpenFile } from './open-file.js';

/** How many reads of the stream's highWaterMark are in flight or wait for the reader. */
const READ_AHEAD = 2;

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

const NodeWriteStream = fs.WriteStream as unknown as new (path: unknown, options: unknown) => WriteStream;

/** The file below a stream, and what Node's streams call. */
export class StreamFile {
  /** Nobody else moves the file's position, so that the stream can name positions of its own. */
  private opened = false;

  /**
   * @param file what the stream was given, if it need not open one.
   * @param open opens one.
   * @param finish closes it, and whatever stands for it.
   */
  constructor(
    public file: OpenFile | undefined,
    private readonly open: (path: PathLike, flags: OpenMode, mode: number) => Promise<OpenFile>,
    private readonly finish: () => Promise<void> = () => (this.file as OpenFile).close(),
  ) {}

  /** Where reading starts, if that is for the stream to say, and may go ahead. */
  startFor(start: number | undefined): number | undefined {
    const file = this.file as OpenFile;
    const at = start ?? (this.opened ? 0 : undefined);
    // The size of what is made up while it is read (/proc) is 0, and going ahead there starts over each time.
    return at !== undefined && file.isRegular() && file.hasSize() ? at : undefined;
  }

  readonly calls = {
    open: (path: PathLike, flags: OpenMode, mode: number, done: Callback<number>) => {
      this.open(path, flags, mode).then(
        (file) => {
          this.file = file;
          this.opened = true;
          done(null, file.fd);
        },
        (error) => done(error),
      );
    },
    close: (_fd: number, done: Done) => {
      this.finish().then(() => done(), done);
    },
    fsync: (_fd: number, done: Done) => {
      this.used.sync().then(() => done(), done);
    },
    read: (
      _fd: number,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number | null,
      done: Callback<number | Buffer>,
    ) => {
      this.used.read(buffer, offset, length, positionOf(position)).then(
        (bytes) => done(null, bytes, buffer),
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
      this.used.write(buffer, offset, length, positionOf(position)).then(
        (bytes) => done(null, bytes, buffer),
        (error) => done(error, 0, buffer),
      );
    },
    writev: (_fd: number, buffers: Buffer[], position: number | null, done: Callback<number | Buffer[]>) => {
      this.used.writev(buffers, positionOf(position)).then(
        (bytes) => done(null, bytes, buffers),
        (error) => done(error, 0, buffers),
      );
    },
  };

  private get used(): OpenFile {
    return this.file as OpenFile;
  }
}

/** Node's streams count on from `undefined` to NaN, which stands for the file's own position. */
function positionOf(position: unknown): number {
  return typeof position === 'number' && position >= 0 ? position : -1;
}

interface Ahead {
  readonly buffer: Buffer;
  readonly bytes: Promise<number>;
}

/** A read stream over the ring. */
export class FileReadStream extends NodeReadStream {
  private readonly source: StreamFile;
  private readonly chunk: number;
  private readonly ahead: Ahead[] = [];
  /** Where the next read starts; `undefined` until it is known that the stream may go ahead. */
  private next: number | undefined;
  private plain = false;

  constructor(path: PathLike | undefined, options: StreamOptions, source: StreamFile) {
    super(path, { ...options, fd: source.file?.fd ?? null, fs: source.calls });
    this.source = source;
    this.chunk = this.readableHighWaterMark;
  }

  override _read(size: number): void {
    if (this.next === undefined && !this.plain) {
      this.next = this.source.startFor(this.start);
      this.plain = this.next === undefined;
      if (!this.plain) this.pos = this.next;
    }
    if (this.plain) {
      super._read(size);
      return;
    }
    this.readAhead(this.source.file as OpenFile);
    const first = this.ahead.shift();
    if (first === undefined) this.push(null);
    else
      first.bytes.then(
        (bytes) => this.arrived(first.buffer, bytes),
        (error) => this.failed(error),
      );
  }

  private readAhead(file: OpenFile): void {
    while (this.ahead.length < READ_AHEAD) {
      const at = this.next as number;
      const length = Math.min(this.chunk, this.end - at + 1);
      if (length <= 0) return;
      const buffer = Buffer.allocUnsafeSlow(length);
      const bytes = file.read(buffer, 0, length, at);
      // Looked at in its turn; until then a failure is nobody's.
      bytes.catch(() => undefined);
      this.ahead.push({ buffer, bytes });
      this.next = at + length;
    }
  }

  private arrived(buffer: Buffer, bytes: number): void {
    if (this.destroyed) return;
    this.bytesRead += bytes;
    this.pos = (this.pos as number) + bytes;
    if (bytes === buffer.length) {
      this.push(buffer);
      return;
    }
    // The end, or nearly: what was read ahead lies behind a gap, should the file grow. From here on as Node reads.
    this.ahead.length = 0;
    this.plain = true;
    this.push(bytes === 0 ? null : Buffer.from(buffer.subarray(0, bytes)));
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
  constructor(path: PathLike | undefined, options: StreamOptions, source: StreamFile) {
    super(path, { ...options, fd: source.file?.fd ?? null, fs: source.calls });
  }
}

/** A handle, as far as its streams know it. */
export interface StreamedHandle {
  readonly fd: number;
  close(): Promise<void>;
  on(event: 'close', listener: () => void): unknown;
}

/** A stream over a handle, which is in use until the stream is closed, and closes the stream when it is closed itself. */
export function streamOfHandle(
  handle: StreamedHandle,
  file: OpenFile,
  direction: 'read' | 'write',
  options: object | undefined,
): FileReadStream | FileWriteStream {
  const source = new StreamFile(file, neverOpened, () => {
    file.unref();
    return handle.close();
  });
  const Stream = direction === 'read' ? FileReadStream : FileWriteStream;
  // Before the handle is used: Node's constructor has its opinion of the options, and of closed descriptors.
  const stream = new Stream(undefined, { ...options }, source);
  file.addUser();
  handle.on('close', () => stream.close());
  return stream;
}

const neverOpened = () => Promise.reject(new Error('the file is open'));
