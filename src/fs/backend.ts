/**
 * Which backend the module works through: io_uring, or `node:fs/promises` where that was allowed.
 *
 * @module
 */

import { Backend, type Configuration, type OpcodeName, type Uring } from '../engine/index.js';

export type { Configuration };

const choice = new Backend('uring/fs', 'node:fs/promises');

/** Sets how the module behaves, for this thread. @throws TypeError. */
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
 * This thread's engine; `undefined` when Node is to be used instead.
 *
 * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
 */
export function ring(): Uring | undefined {
  return choice.ring();
}

/** What functions need of the kernel, by what they do. */
const NEEDS = {
  wholeFiles: ['OPENAT', 'READ', 'WRITE', 'FSYNC', 'CLOSE'],
  stat: ['STATX'],
  mkdir: ['MKDIRAT'],
  unlink: ['UNLINKAT'],
  rename: ['RENAMEAT'],
  link: ['LINKAT'],
  symlink: ['SYMLINKAT'],
} as const satisfies Record<string, readonly OpcodeName[]>;

/** What was found out of this kernel; it does not change. */
const can: Partial<Record<keyof typeof NEEDS, boolean>> = {};

/**
 * The engine, if the kernel has the operations for it; else Node is to be used.
 *
 * @throws as {@link ring}.
 */
export function ringFor(need: keyof typeof NEEDS): Uring | undefined {
  const uring = ring();
  if (uring === undefined) return undefined;
  can[need] ??= NEEDS[need].every((name) => uring.supports(name));
  return can[need] ? uring : undefined;
}
