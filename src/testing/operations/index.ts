/**
 * The implementation of each operation in the simulated kernel. An operation returns its result, or
 * `PENDING` when it completes later; then it stores in `request.cancel` how to stop it.
 *
 * Operations that are in no table fail with EOPNOTSUPP, as in a kernel built without them.
 *
 * @module
 */

import { Errno } from '../../syscalls/index.js';
import type { RingInternals } from '../internals.js';
import type { KernelRequest } from '../request.js';
import { CANCELS } from './cancel.js';
import type { OperationTable, Result } from './common.js';
import { DESCRIPTORS } from './descriptors.js';
import { PATHS } from './paths.js';
import { POLLS } from './poll.js';
import { SOCKETS } from './sockets.js';
import { TIMEOUTS } from './timeout.js';
import { TRANSFERS } from './transfer.js';
import { WAITS } from './waiting.js';

const OPERATIONS: OperationTable = {
  ...TRANSFERS,
  ...DESCRIPTORS,
  ...PATHS,
  ...POLLS,
  ...TIMEOUTS,
  ...CANCELS,
  ...SOCKETS,
  ...WAITS,
};

/** Runs a request. */
export function execute(ring: RingInternals, request: KernelRequest): Result {
  const operation = OPERATIONS[request.opcode];
  return operation ? operation(ring, request) : -Errno.EOPNOTSUPP;
}

/** Returns whether the simulated kernel supports an operation. */
export function canExecute(opcode: number): boolean {
  return opcode in OPERATIONS;
}
