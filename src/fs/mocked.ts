/**
 * Tools such as `mock-fs` replace the functions below `node:fs`. The ring and direct system calls
 * would bypass them, so Node's own functions are used meanwhile. So does `simulate()`.
 *
 * @module
 */

import { processBinding } from './process-binding.js';

const binding = processBinding('fs');
const open = binding?.open;

let isSimulated = false;

/** Notes that Node's functions, as the library has captured them, are replaced by a simulation. */
export function setSimulated(value: boolean): void {
  isSimulated = value;
}

/** Returns whether a tool has replaced the functions below `node:fs`. */
export function isMocked(): boolean {
  return isSimulated || (binding !== undefined && binding.open !== open);
}
