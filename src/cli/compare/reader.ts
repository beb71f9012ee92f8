/**
 * What the three ways of reading have in common.
 *
 * @module
 */

/** Large files come in pieces of this size, at multiples of it; others in one piece. */
export const PIECE_SIZE = 1024 * 1024;

/** Files that do not fill this are small: one open, one read, one close. */
export const SMALL_SIZE = 64 * 1024;

/** Files in flight at once, where the way of reading has any. */
export const IN_FLIGHT = 64;

/** Receives what is read. The bytes are valid during the call only. */
export interface Sink {
  /** Bytes of file `index` at `offset`. */
  piece(index: number, offset: number, bytes: Uint8Array): void;
  /** File `index` could not be read (further). */
  failed(index: number, code: string): void;
  /** File `index` has been read. */
  done(index: number): void;
}

/** A way of reading a list of files. */
export interface Reader {
  readonly name: string;
  /** Reads all files; ends early when the signal is aborted. */
  read(paths: readonly string[], sink: Sink, signal: AbortSignal): Promise<void>;
  close(): void;
}
