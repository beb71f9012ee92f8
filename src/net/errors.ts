/**
 * Errors in the form of `node:net`.
 *
 * @module
 */

import { getSystemErrorName } from 'node:util';
import { withoutFrames } from '../syscalls/index.js';

/** Creates the error of a system call on a socket. */
export function errnoException(errno: number, syscall: string): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(
    withoutFrames(() => new Error(`${syscall} ${code}`)),
    { errno, code, syscall },
  );
}
