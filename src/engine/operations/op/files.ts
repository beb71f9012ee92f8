/**
 * Operations on open files.
 *
 * @module
 */

import { O_CLOEXEC } from '../../../linux.js';
import {
  CURRENT_POSITION,
  prepClose,
  prepCloseDirect,
  prepFadvise,
  prepFallocate,
  prepFsync,
  prepFtruncate,
  prepPipe,
  prepRead,
  prepReadFixed,
  prepReadv,
  prepSplice,
  prepSyncFileRange,
  prepTee,
  prepWrite,
  prepWriteFixed,
  prepWritev,
} from '../../../ops/index.js';
import { FsyncFlag, SpliceFlag } from '../../../ring/index.js';
import {
  checkArgument,
  checkMemories,
  checkMemory,
  checkRunOptions,
  type File,
  fdOf,
  isDirect,
  type Memory,
  Operation,
  type RunOptions,
} from './common.js';

/** The position in a file, and flags. */
export interface TransferOptions extends RunOptions {
  /** Position in the file. Default: its current position, which is advanced. */
  readonly offset?: number | bigint | undefined;
  /** `RWF_*` flags of preadv2(2). */
  readonly flags?: number | undefined;
}

/** Options of {@link fsync}. */
export interface FsyncOptions extends RunOptions {
  /** Flushes only the data, with the metadata needed to read it back: fdatasync(2). */
  readonly datasync?: boolean | undefined;
}

/** Options of {@link splice}. */
export interface SpliceOptions extends RunOptions {
  /** Position in the source. Default: the file's own position. Must not be set for a pipe. */
  readonly offsetIn?: number | bigint | undefined;
  /** Position in the target, likewise. */
  readonly offsetOut?: number | bigint | undefined;
  /** `SpliceFlag`s. */
  readonly flags?: number | undefined;
}

/**
 * Reads into memory, once: the result can be short. read(2), pread(2). Since 5.6.
 *
 * Memory of `uring.buffers` and SharedArrayBuffers are read into directly. An ordinary ArrayBuffer,
 * which could be detached meanwhile, is read into through a copy.
 *
 * @returns bytes read; 0 at the end of the file.
 * @throws UringError EBADF, EISDIR, EINVAL, EIO, as read(2).
 */
export function read(file: File, memory: Memory, options: TransferOptions = {}): Operation<number> {
  checkRunOptions(options, 'offset', 'flags');
  const view = checkMemory('memory', memory);
  const { offset = CURRENT_POSITION, flags = 0 } = options;
  return new Operation('READ', options, {
    file,
    encode(sqe, scope) {
      const address = scope.output(view);
      const index = scope.registeredIndex(view);
      if (index < 0) prepRead(sqe, fdOf(file), address, view.length, offset, flags);
      else prepReadFixed(sqe, fdOf(file), address, view.length, offset, index, flags);
    },
    decode(res, scope) {
      scope.collect(res);
      return res;
    },
  });
}

/**
 * Writes memory, once: the result can be short. write(2), pwrite(2). Since 5.6. An ordinary
 * ArrayBuffer is copied first, so the caller can reuse it at once.
 *
 * @returns bytes written.
 */
export function write(file: File, memory: Memory, options: TransferOptions = {}): Operation<number> {
  checkRunOptions(options, 'offset', 'flags');
  const view = checkMemory('memory', memory);
  const { offset = CURRENT_POSITION, flags = 0 } = options;
  return new Operation('WRITE', options, {
    file,
    encode(sqe, scope) {
      const address = scope.input(view);
      const index = scope.registeredIndex(view);
      if (index < 0) prepWrite(sqe, fdOf(file), address, view.length, offset, flags);
      else prepWriteFixed(sqe, fdOf(file), address, view.length, offset, index, flags);
    },
    decode: (res) => res,
  });
}

/**
 * Reads into several pieces of memory, one after another. readv(2), preadv2(2). Since 5.1.
 *
 * @returns bytes read.
 */
export function readv(file: File, memories: readonly Memory[], options: TransferOptions = {}): Operation<number> {
  checkRunOptions(options, 'offset', 'flags');
  const views = checkMemories('memories', memories);
  const { offset = CURRENT_POSITION, flags = 0 } = options;
  return new Operation('READV', options, {
    file,
    encode: (sqe, scope) => prepReadv(sqe, fdOf(file), scope.iovecs(views, 'output'), views.length, offset, flags),
    decode(res, scope) {
      scope.collect(res);
      return res;
    },
  });
}

/**
 * Writes several pieces of memory, one after another. writev(2), pwritev2(2). Since 5.1.
 *
 * @returns bytes written.
 */
export function writev(file: File, memories: readonly Memory[], options: TransferOptions = {}): Operation<number> {
  checkRunOptions(options, 'offset', 'flags');
  const views = checkMemories('memories', memories);
  const { offset = CURRENT_POSITION, flags = 0 } = options;
  return new Operation('WRITEV', options, {
    file,
    encode: (sqe, scope) => prepWritev(sqe, fdOf(file), scope.iovecs(views, 'input'), views.length, offset, flags),
    decode: (res) => res,
  });
}

/** Flushes a file to disk. fsync(2), fdatasync(2). Since 5.1. */
export function fsync(file: File, options: FsyncOptions = {}): Operation<void> {
  checkRunOptions(options, 'datasync');
  const flags = options.datasync === true ? FsyncFlag.DATASYNC : 0;
  return plain('FSYNC', file, options, (sqe) => prepFsync(sqe, fdOf(file), flags));
}

/**
 * Flushes a part of a file to disk. sync_file_range(2). Since 5.2.
 *
 * @param flags `SYNC_FILE_RANGE_*`.
 */
export function syncFileRange(
  file: File,
  offset: number | bigint,
  length: number,
  flags: number,
  options: RunOptions = {},
): Operation<void> {
  checkRunOptions(options);
  return plain('SYNC_FILE_RANGE', file, options, (sqe) => prepSyncFileRange(sqe, fdOf(file), length, offset, flags));
}

/** Allocates or frees space. fallocate(2). Since 5.6. @param mode `FALLOC_FL_*`; 0 allocates. */
export function fallocate(
  file: File,
  mode: number,
  offset: number | bigint,
  length: number | bigint,
  options: RunOptions = {},
): Operation<void> {
  checkRunOptions(options);
  return plain('FALLOCATE', file, options, (sqe) => prepFallocate(sqe, fdOf(file), mode, offset, length));
}

/** Truncates or extends a file. ftruncate(2). Since 6.9. */
export function ftruncate(file: File, length: number | bigint, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  return plain('FTRUNCATE', file, options, (sqe) => prepFtruncate(sqe, fdOf(file), length));
}

/**
 * Announces how a file will be accessed. posix_fadvise(2). Since 5.6.
 *
 * @param advice `POSIX_FADV_*`.
 */
export function fadvise(
  file: File,
  offset: number | bigint,
  length: number | bigint,
  advice: number,
  options: RunOptions = {},
): Operation<void> {
  checkRunOptions(options);
  return plain('FADVISE', file, options, (sqe) => prepFadvise(sqe, fdOf(file), offset, length, advice));
}

/**
 * Closes a descriptor, or empties a slot of the registered files. close(2). Since 5.6; slots since
 * 5.15.
 *
 * Operations pending on the file continue, and keep it open until they have completed.
 */
export function closeFile(file: File, options: RunOptions = {}): Operation<void> {
  checkRunOptions(options);
  return new Operation('CLOSE', options, {
    encode: (sqe) => (isDirect(file) ? prepCloseDirect(sqe, fdOf(file)) : prepClose(sqe, fdOf(file))),
    decode: () => undefined,
  });
}

/**
 * Moves data between two files, one of which is a pipe, without copying it through the program.
 * splice(2). Since 5.7.
 *
 * @returns bytes moved.
 */
export function splice(source: File, target: File, length: number, options: SpliceOptions = {}): Operation<number> {
  checkRunOptions(options, 'offsetIn', 'offsetOut', 'flags');
  const { offsetIn = -1, offsetOut = -1, flags = 0 } = options;
  const fixed = isDirect(source) ? SpliceFlag.FD_IN_FIXED : 0;
  return new Operation('SPLICE', options, {
    file: target,
    encode(sqe, scope) {
      if (typeof source === 'object') scope.keep(source);
      prepSplice(sqe, fdOf(source), offsetIn, fdOf(target), offsetOut, length, (flags | fixed) >>> 0);
    },
    decode: (res) => res,
  });
}

/**
 * Copies data from one pipe to another without consuming it. tee(2). Since 5.8.
 *
 * @returns bytes copied.
 */
export function tee(source: File, target: File, length: number, options: RunOptions = {}): Operation<number> {
  checkRunOptions(options);
  return new Operation('TEE', options, {
    file: target,
    encode: (sqe) => prepTee(sqe, fdOf(source), fdOf(target), length, isDirect(source) ? SpliceFlag.FD_IN_FIXED : 0),
    decode: (res) => res,
  });
}

/**
 * Creates a pipe. pipe2(2). Since 6.16.
 *
 * @param flags `O_*` of pipe2(2), in addition to O_CLOEXEC.
 * @returns the read end and the write end.
 */
export function pipe(flags = 0, options: RunOptions = {}): Operation<{ readonly reader: number; readonly writer: number }> {
  checkRunOptions(options);
  checkArgument('flags', flags);
  return new Operation('PIPE', options, {
    encode: (sqe, scope) => prepPipe(sqe, scope.block(8).address, flags | O_CLOEXEC),
    decode(_res, scope) {
      const { region, offset } = scope.firstBlock;
      return { reader: region.data.getInt32(offset, true), writer: region.data.getInt32(offset + 4, true) };
    },
  });
}

/** Creates an operation on a file that returns nothing but success or failure. */
function plain(
  name: ConstructorParameters<typeof Operation>[0],
  file: File,
  options: RunOptions,
  encode: (sqe: Parameters<typeof prepClose>[0]) => void,
): Operation<void> {
  return new Operation(name, options, { file, encode, decode: () => undefined });
}
