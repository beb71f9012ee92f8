/**
 * Internals of the built package for its tests and benchmarks. Not exported from it.
 *
 * @module
 */

export { policy as dgramPolicy } from './dgram/policy.js';
export { policy as readPolicy } from './net/who-reads.js';
