/**
 * Which backend the module works through: io_uring, or `node:fs/promises` where that was allowed.
 *
 * @module
 */

import type { Configuration, OpcodeName, Uring } from '../engine/index.js';
import { Backend } from '../engine/internal.js';

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
export function currentUring(): Uring | undefined {
  return choice.uring();
}

/** The engine; none, where it cannot be had: then a call that can say so tells why. */
export function uringOrNone(): Uring | undefined {
  try {
    return currentUring();
  } catch {
    return undefined;
  }
}

/** Whether the kernel can open, read and close a file in one submission. It does not change. */
let knowsChains: boolean | undefined;

/**
 * The engine, if the kernel has what whole files need; else Node is to be used.
 *
 * @throws as {@link currentUring}.
 */
export function uringForChains(): Uring | undefined {
  const uring = currentUring();
  if (uring === undefined) return undefined;
  knowsChains ??= CHAIN_OPERATIONS.every((name) => uring.supports(name));
  return knowsChains ? uring : undefined;
}

const CHAIN_OPERATIONS = ['OPENAT', 'READ', 'WRITE', 'FSYNC', 'CLOSE'] as const satisfies readonly OpcodeName[];
