/**
 * The file that is read and written, as transfers see it.
 *
 * @module
 */

import { SqeFlag } from '../../ring/index.js';

/** A file as transfers see it. */
export interface TransferFile {
  /** The descriptor, or the slot of a registered file. */
  readonly fd: number;
  /** `SqeFlag.FIXED_FILE` for a slot, otherwise 0. */
  readonly sqeFlags: number;
  /**
   * Whether it is read and written at offsets, and a short result can be continued: regular files
   * and block devices.
   */
  readonly hasOffsets: boolean;
  /**
   * Whether reads that must not wait can be tried. Not with O_DIRECT, where they do not complete
   * within the call.
   */
  canTry: boolean;
  /** Whether it was opened with O_APPEND. */
  readonly appends: boolean;
  /**
   * Advances the file's own position by a length.
   *
   * @returns the previous position, or -1 where there is none.
   */
  claim(length: number): number;
  /** Returns the part of a claim that was not used. */
  unclaim(position: number, length: number, done: number): void;
  /** Returns the error of a failed call, as the opener of the file reports it. */
  error(res: number, syscall: 'read' | 'write'): Error;
  /**
   * Makes the same call by other means, for when the kernel has no worker for it; returns
   * `undefined` when there are none.
   *
   * @returns bytes.
   */
  elsewhere(
    way: 'read' | 'write',
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
  ): Promise<number> | undefined;
  /** References the file for another transfer. Each transfer ends with `unref`. */
  ref(): void;
  /** Releases the reference of a transfer. */
  unref(): void;
}

/** A placeholder for no file. */
export const NO_FILE: TransferFile = {
  fd: -1,
  sqeFlags: 0,
  hasOffsets: false,
  appends: false,
  canTry: false,
  claim: () => -1,
  unclaim: () => undefined,
  error: () => new Error('no file'),
  elsewhere: () => undefined,
  ref: () => undefined,
  unref: () => undefined,
};

/**
 * Returns a regular file in a slot of the registered files, read at offsets.
 *
 * @param error as {@link TransferFile.error}.
 */
export function fileInSlot(slot: number, error: (res: number) => Error): TransferFile {
  return { ...NO_FILE, fd: slot, sqeFlags: SqeFlag.FIXED_FILE, hasOffsets: true, canTry: true, error };
}
