/**
 * `node:perf_hooks`, loaded when it is needed: it takes 1 MiB and 1.5 ms.
 *
 * @module
 */

import { createRequire } from 'node:module';

/** Returns Node's module. */
export function perfHooks(): typeof import('node:perf_hooks') {
  return createRequire(import.meta.url)('node:perf_hooks');
}
