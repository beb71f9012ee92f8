/**
 * Errors as `node:fs` makes them: in libuv's words, with `errno`, `code`, `syscall`, `path` and `dest`. All are built here.
 *
 * @module
 */

import { getSystemErrorMap } from 'node:util';

const words = getSystemErrorMap();

/** A system error of `node:fs`. */
export interface SystemError extends Error {
  errno: number;
  code: string;
  syscall: string;
  path?: string;
}

/**
 * The error of a failed call.
 *
 * @param errno negative.
 * @param syscall in Node's name: `'open'`, `'fstat'`.
 */
export function systemError(errno: number, syscall: string, path?: string): SystemError {
  const unknown = `Unknown system error ${errno}`;
  const [code, message] = words.get(errno) ?? [unknown, unknown];
  const text = `${code}: ${message}, ${syscall}`;
  const error = Object.assign(new Error(path === undefined ? text : `${text} '${path}'`), { errno, code, syscall });
  return path === undefined ? error : Object.assign(error, { path });
}
