/**
 * Code shared by the functions of `op`.
 *
 * @module
 */

import type { DirectSlot } from '../../../ops/index.js';
import { checkCString, invalidArgType, invalidArgValue, isDetached } from '../../../validate.js';
import { bytesOf, type Memory } from '../../memory/lease.js';

export { checkFd } from '../../../validate.js';
export { bytesOf, type Memory } from '../../memory/lease.js';
export { checkArgument, checkRunOptions, openFlagsOf } from '../arguments.js';
export { type DirectFile, type File, fdOf, isDirect, Operation, type RunOptions } from '../operation.js';
export type { Scope } from '../scope.js';

/**
 * A path: text or bytes, without null bytes. Relative to `directory`, or to the working directory.
 */
export type Path = string | Uint8Array;

/** Checks a path. */
export function checkPath(name: string, value: unknown): asserts value is Path {
  if (value instanceof Uint8Array) {
    if (isDetached(value.buffer)) throw invalidArgValue(name, value, 'is detached');
    if (value.includes(0)) checkCString(name, '\0');
    return;
  }
  checkCString(name, value);
}

/** Returns the bytes of memory that a user passed. */
export function checkMemory(name: string, value: unknown): Uint8Array {
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return bytesOf(value);
  if (!ArrayBuffer.isView(value)) {
    throw invalidArgType(name, 'an instance of Buffer, TypedArray, DataView, ArrayBuffer or SharedArrayBuffer', value);
  }
  // Distinguishes a detached view from one that is empty on purpose.
  if (value.byteLength === 0 && isDetached(value.buffer)) throw invalidArgValue(name, value, 'is detached');
  return bytesOf(value as ArrayBufferView as Memory);
}

/** Returns the bytes of several pieces of memory. */
export function checkMemories(name: string, value: unknown): Uint8Array[] {
  if (!Array.isArray(value)) throw invalidArgType(name, 'an array of Buffer, TypedArray, or DataView', value);
  return value.map((item, index) => checkMemory(`${name}[${index}]`, item));
}

/** The values of `slot` for a direct open. */
export type { DirectSlot };
