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
  dest?: string;
}

/**
 * The error of a failed call.
 *
 * @param errno negative.
 * @param syscall in Node's name: `'open'`, `'fstat'`.
 */
export function systemError(errno: number, syscall: string, path?: string, dest?: string): SystemError {
  const unknown = `Unknown system error ${errno}`;
  const [code, message] = words.get(errno) ?? [unknown, unknown];
  let text = `${code}: ${message}, ${syscall}`;
  if (path !== undefined) text += ` '${path}'`;
  if (dest !== undefined) text += ` -> '${dest}'`;
  const error = Object.assign(new Error(text), { errno, code, syscall });
  if (path !== undefined) Object.assign(error, { path });
  if (dest !== undefined) Object.assign(error, { dest });
  return error;
}

/** What every method of a closed handle answers. */
export function closedHandleError(syscall: string): Error {
  return Object.assign(new Error('file closed'), { code: 'EBADF', syscall });
}
