/**
 * Which handles read over the ring.
 *
 * @module
 */

import type { NativeHandle } from './natives.js';
import type { SocketReader } from './reader.js';

/** The key under which a handle keeps its reader. */
const READER = Symbol('reader');

type RingHandle = NativeHandle & { [READER]: SocketReader };

/** Returns the reader of a handle that reads over the ring, or has done so. */
export function readerOfHandle(handle: NativeHandle): SocketReader | undefined {
  return (handle as Partial<RingHandle>)[READER];
}

/** Gives a handle its reader, which it keeps. */
export function setReaderOfHandle(handle: NativeHandle, reader: SocketReader): void {
  (handle as RingHandle)[READER] = reader;
}
