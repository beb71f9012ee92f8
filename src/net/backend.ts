/**
 * The backend of the module: io_uring, or `node:net` where the fallback is allowed.
 *
 * @module
 */

import type { Configuration, Uring } from '../engine/index.js';
import { Backend } from '../engine/internal.js';

export type { Configuration };

const choice = new Backend('uring/net', 'node:net', (uring) => uring.sockets.prepare());

/**
 * Configures `uring/net` and `uring/http` for this thread. Applies to objects created afterwards.
 *
 * @throws TypeError.
 */
export function configure(configuration: Configuration): void {
  choice.configure(configuration);
}

/**
 * Returns the backend in use: `'io_uring'`, or `'node'` after falling back.
 *
 * @throws UringUnavailableError when io_uring (with rings of buffers, 5.19) is unavailable and no
 *   fallback is configured.
 */
export function backend(): 'io_uring' | 'node' {
  return choice.name;
}

/**
 * Returns the engine to use: the given one, or that of this thread; `undefined` if Node is to be
 * used instead.
 *
 * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
 */
export function uringFor(given: Uring | undefined): Uring | undefined {
  given?.sockets.prepare();
  return given ?? choice.uring();
}
