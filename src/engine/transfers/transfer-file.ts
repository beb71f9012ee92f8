/**
 * What is read and written: a file, as the transfers know it.
 *
 * @module
 */

import { SqeFlag } from '../../ring/index.js';

/** A file as the transfers know it. */
export interface TransferFile {
  /** The descriptor, or the slot of a registered file. */
  readonly fd: number;
  /** `SqeFlag.FIXED_FILE` for a slot, otherwise 0. */
  readonly sqeFlags: number;
  /** Whether it is read and written at offsets, and a short result can be continued: regular files and block devices. */
  readonly hasOffsets: boolean;
  /** Whether reads that must not wait can be tried: not with O_DIRECT, where they do not end within the call. */
  canTry: boolean;
  /** Opened with O_APPEND. */
  readonly appends: boolean;
  /** Moves the file's own position by a length. @returns where it was, or -1 where there is none. */
  claim(length: number): number;
  /** Takes back what was claimed and not used. */
  unclaim(position: number, length: number, done: number): void;
  /** The error of a failed call, in the words of whoever opened the file. */
  error(res: number, syscall: 'read' | 'write'): Error;
  /** The same call by other means, for when the kernel has no worker to do it; `undefined` when there are none. @returns bytes. */
  elsewhere(
    way: 'read' | 'write',
    view: ArrayBufferView,
    offset: number,
    length: number,
    position: number | bigint,
  ): Promise<number> | undefined;
  /** Another transfer begins; each ends with `unref`. */
  ref(): void;
  /** A transfer is over. */
  unref(): void;
}

/** No file at all. */
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

/** A regular file in a slot of the registered files, read at offsets. @param error as {@link TransferFile.error}. */
export function fileInSlot(slot: number, error: (res: number) => Error): TransferFile {
  return { ...NO_FILE, fd: slot, sqeFlags: SqeFlag.FIXED_FILE, hasOffsets: true, canTry: true, error };
}
