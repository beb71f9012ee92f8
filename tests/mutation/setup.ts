/**
 * Ends loops that would ask the simulated kernel for ever. Real time ends them too (a ring that does not come to rest is given
 * 5 s), but a mutation run meets thousands of them.
 */

import { beforeEach } from '@jest/globals';
import { SimulatedKernel } from '../../src/testing/index.js';

/** No test needs as many. */
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
