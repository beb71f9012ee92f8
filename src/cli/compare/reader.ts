/**
 * The common interface of the ways of reading.
 *
 * @module
 */

/** Large files are delivered in pieces of this size, at multiples of it; others in one piece. */
export const PIECE_SIZE = 1024 * 1024;

/** Files that do not fill this are small: one open, one read, one close. */
export const SMALL_SIZE = 64 * 1024;

/** The number of files in flight at once, for readers that are asynchronous. */
export const IN_FLIGHT = 64;

/** Receives what is read. The bytes are valid only during the call. */
export interface Sink {
  /** Receives bytes of file `index` at `offset`. */
  piece(index: number, offset: number, bytes: Uint8Array): void;
  /** Reports that file `index` could not be read (further). */
  failed(index: number, code: string): void;
  /** Reports that file `index` has been read. */
  done(index: number): void;
}

/** A way of reading a list of files. */
export interface Reader {
  readonly name: string;
  /** Reads all files; stops early when the signal is aborted. */
  read(paths: readonly string[], sink: Sink, signal: AbortSignal): Promise<void>;
  close(): void;
}
