/**
 * The choice of the backend: io_uring, or `node:fs/promises` where falling back is allowed.
 *
 * @module
 */

import type { Configuration, OpcodeName, Uring } from '../engine/index.js';
import { Backend } from '../engine/internal.js';
import { isMocked } from './mocked.js';

export type { Configuration };

const choice = new Backend('uring/fs', 'node:fs/promises');

/** Configures the module for this thread. @throws TypeError. */
export function configure(configuration: Configuration): void {
  choice.configure(configuration);
}

/**
 * Returns the backend in use: `'io_uring'`, or `'node'` after falling back.
 *
 * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
 */
export function backend(): 'io_uring' | 'node' {
  return choice.name;
}

/**
 * Returns this thread's engine, or `undefined` when Node is to be used instead.
 *
 * @throws UringUnavailableError when io_uring is unavailable and no fallback is configured.
 */
export function currentUring(): Uring | undefined {
  return isMocked() ? undefined : choice.uring();
}

/** Returns the engine, or `undefined` where it is unavailable: a call that can fail reports why. */
export function uringOrNone(): Uring | undefined {
  try {
    return currentUring();
  } catch {
    return undefined;
  }
}

/** Whether the kernel can open, read and close a file in one submission. This does not change. */
let knowsChains: boolean | undefined;

/**
 * Returns the engine if the kernel supports what whole files need. Otherwise Node is to be used.
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
