/**
 * Which backend the module works through: io_uring, or `node:fs/promises` where that was allowed.
 *
 * @module
 */

import { type OpcodeName, Uring } from '../engine/index.js';
import { checkOptions, invalidArgType } from '../validate.js';

/** What {@link configure} takes. */
export interface Configuration {
  /**
   * Work through `node:fs/promises` where there is no io_uring, with one warning, instead of failing with the reason. Default: whether
   * the environment says `URING_FALLBACK=1`.
   */
  readonly fallback?: boolean | undefined;
}

const TEMPORARY = new Set<string | undefined>(['EMFILE', 'ENFILE']);

let fallback = process.env.URING_FALLBACK === '1';
let current: Uring | undefined;
/** Why there is no io_uring, since the fallback took over. */
let reason: unknown;

/** Sets how the module behaves, for this thread. */
export function configure(configuration: Configuration): void {
  checkOptions(configuration, ['fallback'], 'configuration');
  if (configuration.fallback === undefined) return;
  if (typeof configuration.fallback !== 'boolean') {
    throw invalidArgType('configuration.fallback', 'of type boolean', configuration.fallback);
  }
  fallback = configuration.fallback;
  if (!fallback) reason = undefined;
}

/**
 * What the module works through: `'io_uring'`, or `'node'` after falling back.
 *
 * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
 */
export function backend(): 'io_uring' | 'node' {
  return ring() === undefined ? 'node' : 'io_uring';
}

/**
 * This thread's engine; `undefined` when Node is to be used instead.
 *
 * @throws UringUnavailableError when there is no io_uring, and no fallback is wanted.
 */
export function ring(): Uring | undefined {
  if (current !== undefined && !current.closed) return current;
  if (reason !== undefined) return undefined;
  try {
    current = Uring.default();
    return current;
  } catch (error) {
    // Too many descriptors: not for ever, and Node needs one as well.
    if (!fallback || TEMPORARY.has((error as { code?: string }).code)) throw error;
    reason = error;
    process.emitWarning(`uring/fs falls back to node:fs/promises. ${(error as Error).message}`, { code: 'URING_FALLBACK' });
    return undefined;
  }
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
