/**
 * `uring/testing`: a simulated kernel to test against, and a simulated disk for the tests of
 * programs, on any machine.
 *
 * @module uring/testing
 */

export * from './simulation/index.js';
export * from './testing/index.js';
