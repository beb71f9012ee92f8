/**
 * One call of the kernel's with Node's errors.
 *
 * @module
 */

import type { Operation, Path, Uring } from '../engine/index.js';
import { Errno } from '../syscalls/index.js';
import { pathText } from './arguments.js';
import { systemError } from './errors.js';

/**
 * Runs an operation, again when a signal interrupted it.
 *
 * @param syscall what an error calls it.
 */
export async function call<T>(uring: Uring, operation: Operation<T>, syscall: string, path?: Path, dest?: Path): Promise<T> {
  for (;;) {
    let errno = 0;
    const named = operation.withError((res) => {
      errno = res;
      const text = path === undefined ? undefined : pathText(path);
      return systemError(res, syscall, text, dest === undefined ? undefined : pathText(dest));
    });
    try {
      return await uring.run(named);
    } catch (error) {
      if (errno !== -Errno.EINTR) throw error;
    }
  }
}
