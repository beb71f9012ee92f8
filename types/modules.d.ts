/**
 * The drop-ins as TypeScript sees them: the types of Node's modules, from whatever version of
 * `@types/node` a program has. Declared by name, as Node's modules are: a default import is a
 * namespace of types (`fs.Stats`), an augmentation of Node's types applies to these modules, and
 * `typeof fs` is the same for both.
 *
 * Written by hand. `tests/helpers/drop-ins.ts` checks that the modules export what is declared
 * here.
 */

declare module 'uring/dgram' {
  export * from 'node:dgram';

  /** The configuration of `uring/dgram` for this thread. */
  export interface Configuration {
    /**
     * Whether Node's own module does the work where io_uring is unavailable. By default, an error
     * reports why.
     */
    readonly fallback?: boolean | undefined;
  }

  /** Configures the module for this thread. @throws TypeError. */
  export function configure(configuration: Configuration): void;

  /**
   * Returns the backend in use: `'io_uring'`, or `'node'` after falling back.
   *
   * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
   */
  export function backend(): 'io_uring' | 'node';
}

declare module 'uring/fs' {
  export * from 'node:fs';
  export * as promises from 'uring/fs/promises';
}

declare module 'uring/fs/promises' {
  import type { Mode, PathLike } from 'node:fs';
  import type { FileHandle as NodeFileHandle } from 'node:fs/promises';

  export * from 'node:fs/promises';

  /** The configuration of `uring/fs` for this thread. */
  export interface Configuration {
    /**
     * Whether Node's own module does the work where io_uring is unavailable. By default, an error
     * reports why.
     */
    readonly fallback?: boolean | undefined;
  }

  /** Configures `uring/fs` and `uring/fs/promises` for this thread. @throws TypeError. */
  export function configure(configuration: Configuration): void;

  /**
   * Returns the backend in use: `'io_uring'`, or `'node'` after falling back.
   *
   * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
   */
  export function backend(): 'io_uring' | 'node';

  /** A part of a file. */
  export interface FileRange {
    /** The start of the part in the file, in bytes. */
    readonly offset: number;
    /** The length of the part, in bytes. */
    readonly length: number;
  }

  /** Parts of a file: objects, or an array of alternating offsets and lengths, which is cheaper. */
  export type FileRanges = readonly FileRange[] | Int32Array | Uint32Array | Float64Array;

  /** The options of {@link FileHandle.readMany}. */
  export interface ReadRangesOptions {
    /** Cancels the reads that have not completed. */
    readonly signal?: AbortSignal | undefined;
  }

  /** The result of {@link FileHandle.readMany}. */
  export interface ReadRangesResult<Into extends NodeJS.ArrayBufferView = Buffer> {
    /**
     * For each part, the number of bytes read, which is less than its length only at the end of the
     * file; or the kernel's error, as a negative number.
     */
    results: Int32Array;
    /**
     * The parts, one after another, each with as much room as its length. Zeros where a new Buffer
     * was not filled.
     */
    buffer: Into;
  }

  /** Node's `FileHandle`, with the methods that only this library has. */
  export interface FileHandle extends NodeFileHandle {
    /**
     * Reads many parts of the file, with one promise for all of them, into contiguous memory. For
     * hundreds of parts, such as a database or an index reads, this is several times faster than as
     * many `read`s.
     *
     * @param into at least as long as all parts together; memory of `uring.buffers` for O_DIRECT.
     * By default, a new Buffer.
     * @throws AbortError; TypeError and RangeError for invalid parts; Error ESPIPE for files
     * without positions.
     */
    readMany(ranges: FileRanges, into?: undefined, options?: ReadRangesOptions): Promise<ReadRangesResult>;
    readMany<Into extends NodeJS.ArrayBufferView>(
      ranges: FileRanges,
      into: Into,
      options?: ReadRangesOptions,
    ): Promise<ReadRangesResult<Into>>;
  }

  /** open(2), as a `FileHandle`. See `fsPromises.open`. */
  export function open(path: PathLike, flags?: string | number, mode?: Mode): Promise<FileHandle>;

  /** `POSIX_FADV_*`, for {@link fadvise}. */
  export const Advice: {
    readonly NORMAL: 0;
    readonly RANDOM: 1;
    readonly SEQUENTIAL: 2;
    readonly WILLNEED: 3;
    readonly DONTNEED: 4;
    readonly NOREUSE: 5;
  };

  /** `FALLOC_FL_*`, for {@link fallocate}. */
  export const FallocateMode: {
    readonly KEEP_SIZE: 1;
    readonly PUNCH_HOLE: 2;
    readonly COLLAPSE_RANGE: 8;
    readonly ZERO_RANGE: 16;
    readonly INSERT_RANGE: 32;
    readonly UNSHARE_RANGE: 64;
  };

  /**
   * Reads an extended attribute. getxattr(2). Since Linux 5.19.
   *
   * @param target a path, or an open file.
   * @throws Error ENODATA when there is none.
   */
  export function getxattr(target: PathLike | NodeFileHandle, name: string): Promise<Uint8Array>;

  /**
   * Writes an extended attribute. setxattr(2). Since Linux 5.19.
   *
   * @param flags XATTR_CREATE (1), XATTR_REPLACE (2), or 0.
   */
  export function setxattr(
    target: PathLike | NodeFileHandle,
    name: string,
    value: NodeJS.ArrayBufferView | ArrayBufferLike | string,
    flags?: number,
  ): Promise<void>;

  /**
   * Allocates or frees space of an open file. fallocate(2). Since Linux 5.6.
   *
   * @param mode {@link FallocateMode}s; 0 allocates and extends.
   */
  export function fallocate(file: NodeFileHandle, mode: number, offset: number, length: number): Promise<void>;

  /**
   * Announces how an open file will be read. posix_fadvise(2). Since Linux 5.6.
   *
   * @param advice one of {@link Advice}.
   */
  export function fadvise(file: NodeFileHandle, offset: number, length: number, advice: number): Promise<void>;
}

declare module 'uring/net' {
  import type { Server as NodeServer } from 'node:net';

  export * from 'node:net';

  /** The configuration of `uring/net`, `uring/http` and `uring/https` for this thread. */
  export interface Configuration {
    /**
     * Whether Node's own module does the work where io_uring is unavailable. By default, an error
     * reports why.
     */
    readonly fallback?: boolean | undefined;
  }

  /** Configures the modules for this thread. @throws TypeError. */
  export function configure(configuration: Configuration): void;

  /**
   * Returns the backend in use: `'io_uring'`, or `'node'` after falling back.
   *
   * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
   */
  export function backend(): 'io_uring' | 'node';

  /**
   * Makes one of Node's servers (`net`, `http`, `https`, `tls`, `http2`) accept its connections
   * over the ring, starting with its next `listen`.
   *
   * @param server is modified, and returned.
   * @param uring the engine; by default, that of the thread that listens.
   */
  export function overRing<S extends NodeServer>(server: S, uring?: import('uring').Uring): S;
}

declare module 'uring/http' {
  export * from 'node:http';
}

declare module 'uring/https' {
  export * from 'node:https';
}
