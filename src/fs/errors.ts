/**
 * Errors as `node:fs` creates them: with libuv's messages, and with `errno`, `code`, `syscall`,
 * `path` and `dest`. All of them are created here.
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
 * Creates the error of a failed call.
 *
 * @param errno negative.
 * @param syscall the name that Node uses: `'open'`, `'fstat'`.
 */
export function systemError(errno: number, syscall: string, path?: string): SystemError {
  const unknown = `Unknown system error ${errno}`;
  const [code, message] = words.get(errno) ?? [unknown, unknown];
  const text = `${code}: ${message}, ${syscall}`;
  const error = Object.assign(new Error(path === undefined ? text : `${text} '${path}'`), { errno, code, syscall });
  return path === undefined ? error : Object.assign(error, { path });
}
