/**
 * `createReadStream` and `createWriteStream` on paths, descriptors and handles.
 *
 * @module
 */

import fs, { constants, type PathLike, type ReadStream, readFileSync, type WriteStream } from 'node:fs';
import { ring } from './backend.js';
import { FileHandle } from './handle.js';
import { OpenFile } from './open-file.js';
import { openFile } from './paths.js';
import { FileReadStream, FileWriteStream, StreamFile, type StreamOptions, streamOfHandle } from './streams.js';

/** Options of {@link createReadStream}: Node's; `fd` can be a {@link FileHandle}. */
export type ReadStreamOptions = Omit<Exclude<Parameters<typeof fs.createReadStream>[1], string | undefined>, 'fd'> & {
  fd?: number | FileHandle | null | undefined;
};

/** Options of {@link createWriteStream}: Node's; `fd` can be a {@link FileHandle}. */
export type WriteStreamOptions = Omit<Exclude<Parameters<typeof fs.createWriteStream>[1], string | undefined>, 'fd'> & {
  fd?: number | FileHandle | null | undefined;
};

/** A stream from a file. See `fs.createReadStream`; `fd` can be a {@link FileHandle}. */
export function createReadStream(path: PathLike, options?: BufferEncoding | ReadStreamOptions): ReadStream {
  return streamOf('read', path, options) as ReadStream;
}

/** A stream to a file. See `fs.createWriteStream`; `fd` can be a {@link FileHandle}. */
export function createWriteStream(path: PathLike, options?: BufferEncoding | WriteStreamOptions): WriteStream {
  return streamOf('write', path, options) as WriteStream;
}

function streamOf(
  direction: 'read' | 'write',
  path: PathLike,
  given: BufferEncoding | ReadStreamOptions | WriteStreamOptions | undefined,
): object {
  const options: StreamOptions = {};
  if (typeof given === 'string') options.encoding = given;
  // Inherited ones count, too.
  else for (const name in given) options[name] = (given as StreamOptions)[name];
  const { fd } = options;
  // Operations of the user's own, something that is no descriptor, or no ring: Node's streams as they are.
  const isPlain =
    (given === undefined || given === null || typeof given === 'string' || typeof given === 'object') &&
    options.fs === undefined &&
    (fd === undefined || fd === null || fd instanceof FileHandle || (typeof fd === 'number' && fd >= 0));
  if (!isPlain || ring() === undefined) {
    return direction === 'read' ? fs.createReadStream(path, given as never) : fs.createWriteStream(path, given as never);
  }
  if (fd instanceof FileHandle) return streamOfHandle(fd, FileHandle.fileOf(fd), direction, options);
  const file = typeof fd === 'number' ? new OpenFile(fd, flagsOf(fd), false) : undefined;
  const Stream = direction === 'read' ? FileReadStream : FileWriteStream;
  return new Stream(path, options, new StreamFile(file, openFile));
}

/** How a descriptor of somebody else's was opened. */
function flagsOf(fd: number): number {
  try {
    return Number.parseInt(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^flags:\s*([0-7]+)/m)?.[1] ?? '', 8) || 0;
  } catch {
    // Unknown: taken for one that must not be tried.
    return constants.O_DIRECT;
  }
}
