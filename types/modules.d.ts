/**
 * What TypeScript knows of the drop-ins: the types of Node's modules, of whatever version of `@types/node` a program has. Declared by their names, as Node's own are: so a default
 * import is a namespace of types (`fs.Stats`), an augmentation of Node's types goes for ours, and `typeof fs` is the same for both.
 *
 * Written by hand. That the modules have what is declared here is checked by `tests/helpers/drop-ins.ts`.
 */

declare module 'uring/dgram' {
  export * from 'node:dgram';

  /** How `uring/dgram` behaves on this thread. */
  export interface Configuration {
    /** Whether Node's own module does the work where there is no io_uring. Default: an error that says why. */
    readonly fallback?: boolean | undefined;
  }

  /** Sets how the module behaves, for this thread. @throws TypeError. */
  export function configure(configuration: Configuration): void;

  /**
   * What the module works through: `'io_uring'`, or `'node'` after falling back.
   *
   * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
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

  /** How `uring/fs` behaves on this thread. */
  export interface Configuration {
    /** Whether Node's own module does the work where there is no io_uring. Default: an error that says why. */
    readonly fallback?: boolean | undefined;
  }

  /** Sets how `uring/fs` and `uring/fs/promises` behave, for this thread. @throws TypeError. */
  export function configure(configuration: Configuration): void;

  /**
   * What the modules work through: `'io_uring'`, or `'node'` after falling back.
   *
   * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
   */
  export function backend(): 'io_uring' | 'node';

  /** A part of a file. */
  export interface FileRange {
    /** Where it begins in the file, in bytes. */
    readonly offset: number;
    /** In bytes. */
    readonly length: number;
  }

  /** Parts of a file: objects, or an array of offsets and lengths in turns, which costs less. */
  export type FileRanges = readonly FileRange[] | Int32Array | Uint32Array | Float64Array;

  /** What {@link FileHandle.readMany} can be told. */
  export interface ReadRangesOptions {
    /** Cancels what is not over. */
    readonly signal?: AbortSignal | undefined;
  }

  /** What {@link FileHandle.readMany} has read. */
  export interface ReadRangesResult<Into extends NodeJS.ArrayBufferView = Buffer> {
    /** Of each part its bytes, fewer than its length at the end of the file only; or the kernel's error, as a negative number. */
    results: Int32Array;
    /** The parts, one after another, each in as much room as its length; zeros where a new Buffer was not filled. */
    buffer: Into;
  }

  /** Node's `FileHandle`, and what only this library has. */
  export interface FileHandle extends NodeFileHandle {
    /**
     * Reads many parts of the file: one promise for all of them, into memory that lies together. For hundreds of parts, such as a database or an index reads, several times faster
     * than as many `read`s.
     *
     * @param into at least as long as all parts together; memory of `uring.buffers` for O_DIRECT. Otherwise a new Buffer.
     * @throws AbortError; TypeError and RangeError for parts that make no sense; Error ESPIPE for what has no positions.
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

  /** Writes an extended attribute. setxattr(2). Since Linux 5.19. @param flags XATTR_CREATE (1), XATTR_REPLACE (2), or 0. */
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

  /** Announces how an open file will be read. posix_fadvise(2). Since Linux 5.6. @param advice one of {@link Advice}. */
  export function fadvise(file: NodeFileHandle, offset: number, length: number, advice: number): Promise<void>;
}

declare module 'uring/net' {
  import type { Server as NodeServer } from 'node:net';

  export * from 'node:net';

  /** How `uring/net`, `uring/http` and `uring/https` behave on this thread. */
  export interface Configuration {
    /** Whether Node's own module does the work where there is no io_uring. Default: an error that says why. */
    readonly fallback?: boolean | undefined;
  }

  /** Sets how the modules behave, for this thread. @throws TypeError. */
  export function configure(configuration: Configuration): void;

  /**
   * What the modules work through: `'io_uring'`, or `'node'` after falling back.
   *
   * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
   */
  export function backend(): 'io_uring' | 'node';

  /**
   * Has a server of Node's (`net`, `http`, `https`, `tls`, `http2`) accept its connections over the ring, from its next `listen` on.
   *
   * @param server is changed, and returned.
   * @param uring the engine; default: that of the thread that listens.
   */
  export function overRing<S extends NodeServer>(server: S, uring?: import('uring').Uring): S;
}

declare module 'uring/http' {
  export * from 'node:http';
}

declare module 'uring/https' {
  export * from 'node:https';
}
