/**
 * Tools such as `mock-fs` replace the functions below `node:fs`. The ring and direct system calls
 * would bypass them, so Node's own functions are used meanwhile.
 *
 * @module
 */

import { processBinding } from './process-binding.js';

const binding = processBinding('fs');
const open = binding?.open;

/** Returns whether a tool has replaced the functions below `node:fs`. */
export function isMocked(): boolean {
  return binding !== undefined && binding.open !== open;
}
