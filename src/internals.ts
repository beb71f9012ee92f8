/**
 * What tests and benchmarks of the built package reach into: not exported from it.
 *
 * @module
 */

export { policy as dgramPolicy } from './dgram/policy.js';
export { policy as readPolicy } from './net/who-reads.js';
