/**
 * Arguments as `node:fs` accepts them. The functions here convert ordinary, valid arguments to the
 * kernel's form. For anything else they return `undefined`, and the call is passed to Node's own
 * function, which decides on unusual and invalid arguments.
 *
 * @module
 */

import { constants, type OpenMode, type PathLike } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isUint8Array } from 'node:util/types';
import type { Path } from '../engine/index.js';
import { openFlagsOf } from '../engine/internal.js';
import { isDetached } from '../validate.js';

const { O_RDONLY } = constants;

/** PATH_MAX: a longer path is an error, which Node reports. */
const PATH_MAX = 4096;

/** Converts a path for the kernel. */
export function plainPath(path: PathLike): Path | undefined {
  if (typeof path === 'string') return path.length >= PATH_MAX || path.includes('\0') ? undefined : path;
  // From any realm. Node rejects a detached one.
  if (isUint8Array(path)) {
    if (path.length >= PATH_MAX || isDetached(path.buffer) || path.includes(0)) return undefined;
    return new Uint8Array(path.buffer, path.byteOffset, path.byteLength);
  }
  if (!(path instanceof URL)) return undefined;
  try {
    return plainPath(fileURLToPath(path));
  } catch {
    return undefined;
  }
}

/** Returns a path as error messages show it. */
export function pathText(path: Path): string {
  // Half of a surrogate pair has no UTF-8 encoding.
  return typeof path === 'string' ? path.toWellFormed() : Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString();
}

/** Returns the flags for open(2). */
export function plainFlags(flags: OpenMode | null | undefined): number | undefined {
  if (flags === undefined || flags === null) return O_RDONLY;
  if (typeof flags === 'string') return openFlagsOf(flags);
  return typeof flags === 'number' && (flags | 0) === flags ? flags >>> 0 : undefined;
}

/** Returns a file mode as a number. */
export function plainMode(mode: number | string | null | undefined, otherwise: number): number | undefined {
  if (mode === undefined || mode === null) return otherwise;
  if (typeof mode === 'string') return /^[0-7]+$/.test(mode) ? plainMode(Number.parseInt(mode, 8), otherwise) : undefined;
  return typeof mode === 'number' && mode >>> 0 === mode ? mode : undefined;
}

/** Returns whether options are absent, or an object with no other properties than these. */
export function hasOnly(options: unknown, ...names: string[]): boolean {
  if (options === undefined || options === null) return true;
  if (typeof options !== 'object' || Array.isArray(options)) return false;
  for (const name in options) if (!names.includes(name)) return false;
  return true;
}

/** The options of the functions that read or write whole files. */
export interface FileOptions {
  readonly encoding: BufferEncoding | undefined;
  readonly flag: number;
  readonly mode: number;
  readonly flush: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Checks the options of `readFile`, `writeFile` and `appendFile`. */
export function plainFileOptions(options: unknown, defaultFlag: string): FileOptions | undefined {
  const object = (typeof options === 'string' ? { encoding: options } : (options ?? {})) as Record<string, unknown>;
  if (typeof options === 'function' || !hasOnly(object, 'encoding', 'flag', 'mode', 'flush', 'signal')) return undefined;
  const { encoding, flush, signal } = object;
  const named = encoding !== undefined && encoding !== null && encoding !== '';
  // For readFile, Node takes 'buffer' to mean no encoding, and rejects it elsewhere.
  if (named && (typeof encoding !== 'string' || !Buffer.isEncoding(encoding))) return undefined;
  if (flush !== undefined && flush !== null && typeof flush !== 'boolean') return undefined;
  if (signal !== undefined && !(signal instanceof AbortSignal)) return undefined;
  const flag = plainFlags((object.flag || defaultFlag) as OpenMode);
  const mode = plainMode(object.mode as number, 0o666);
  if (flag === undefined || mode === undefined) return undefined;
  return {
    encoding: named ? (encoding as BufferEncoding) : undefined,
    flag,
    mode,
    flush: flush === true,
    signal,
  };
}
