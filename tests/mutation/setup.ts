/**
 * Ends loops that would call the simulated kernel indefinitely. Real time would end them, too (a
 * ring that does not come to rest is given up after 5 s), but a mutation run has thousands of them.
 */

import { beforeEach } from '@jest/globals';
import { SimulatedKernel } from '../../src/testing/index.js';

/** More calls than any test needs. */
const CALLS_PER_TEST = 25_000;

let calls = 0;
beforeEach(() => {
  calls = 0;
});

const kernel = SimulatedKernel.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
for (const name of ['enter', 'register', 'close']) {
  const original = kernel[name];
  kernel[name] = function (this: unknown, ...args: unknown[]) {
    if (++calls > CALLS_PER_TEST) throw new Error(`more than ${CALLS_PER_TEST} calls of the kernel in one test`);
    return original.apply(this, args);
  };
}
