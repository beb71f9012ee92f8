/**
 * Errors as `node:net` has them.
 *
 * @module
 */

import { getSystemErrorName } from 'node:util';
import { withoutFrames } from '../syscalls/index.js';

/** An error of a system call on a socket. */
export function errnoException(errno: number, syscall: string): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(
    withoutFrames(() => new Error(`${syscall} ${code}`)),
    { errno, code, syscall },
  );
}
