/**
 * Makes the ring read every connection from the start, for a program that runs with
 * `uring/register`. A program that never used it fails.
 */

import { Uring } from '../../dist/index.js';
import { readPolicy } from '../../dist/internals.js';

Object.assign(readPolicy, { reads: 0, many: 0, few: 0, large: Number.POSITIVE_INFINITY });
process.on('exit', (code) => {
  if (code !== 0 || Uring.default().counters.submitted > 0) return;
  console.error('the ring has not read');
  process.exitCode = 99;
});
