/**
 * Which backend the module works through: io_uring, or `node:dgram` where that was allowed.
 *
 * @module
 */

import type { Configuration, Uring } from '../engine/index.js';
import { Backend } from '../engine/internal.js';

export type { Configuration };

const choice = new Backend('uring/dgram', 'node:dgram');

/** Sets how `uring/dgram` behaves, for this thread: what is made from now on. @throws TypeError. */
export function configure(configuration: Configuration): void {
  choice.configure(configuration);
}

/**
 * What the module works through: `'io_uring'`, or `'node'` after falling back.
 *
 * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
 */
export function backend(): 'io_uring' | 'node' {
  return choice.name;
}

/**
 * The engine to use: the one that was given, or this thread's; `undefined` when Node is to be used instead.
 *
 * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
 */
export function uringFor(given: Uring | undefined): Uring | undefined {
  return given ?? choice.uring();
}
