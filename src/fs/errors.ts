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
  dest?: string;
}

/**
 * Creates the error of a failed call.
 *
 * @param errno negative.
 * @param syscall the name that Node uses: `'open'`, `'fstat'`.
 * @param dest the second path of calls that have two.
 */
export function systemError(errno: number, syscall: string, path?: string, dest?: string): SystemError {
  const unknown = `Unknown system error ${errno}`;
  const [code, message] = words.get(errno) ?? [unknown, unknown];
  const text = `${code}: ${message}, ${syscall}`;
  const about = path === undefined ? '' : dest === undefined ? ` '${path}'` : ` '${path}' -> '${dest}'`;
  const error = Object.assign(new Error(`${text}${about}`), { errno, code, syscall });
  return Object.assign(error, path === undefined ? {} : { path }, dest === undefined ? {} : { dest });
}
