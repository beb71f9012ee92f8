/**
 * Cancellation.
 *
 * @module
 */

import { CancelFlag, Opcode } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import type { RingInternals } from '../internals.js';
import type { KernelRequest } from '../request.js';
import { fileAt, type OperationTable } from './common.js';

/** The opcodes of this family. */
export const CANCELS: OperationTable = {
  [Opcode.ASYNC_CANCEL]: (ring, request) => {
    const { opFlags } = request;
    if (opFlags & ~ALL_FLAGS || (opFlags & CancelFlag.FD && opFlags & CancelFlag.ANY)) return -Errno.EINVAL;
    const { chaos } = ring.kernel;
    if (chaos?.random.chance(chaos.options.lostCancel)) return -Errno.ENOENT;
    return cancel(ring, { userData: request.addr64, fd: request.fd, flags: opFlags, opcode: request.len, except: request });
  },
};

const ALL_FLAGS = Object.values(CancelFlag).reduce((all, flag) => all | flag, 0);

/** The criteria of a cancellation. */
export interface CancelCriteria {
  readonly userData: bigint;
  readonly fd: number;
  readonly flags: number;
  readonly opcode: number;
  readonly except?: KernelRequest;
}

/**
 * Cancels matching requests.
 *
 * @returns how many with ALL or ANY, otherwise 0; -ENOENT for none, -EALREADY for one that is
 *   running.
 */
export function cancel(ring: RingInternals, criteria: CancelCriteria): number {
  const { flags } = criteria;
  const file = flags & CancelFlag.FD ? fileAt(ring, criteria.fd, (flags & CancelFlag.FD_FIXED) !== 0) : undefined;
  if (flags & CancelFlag.FD && file === undefined) return -Errno.EBADF;
  const isAny = (flags & CancelFlag.ANY) !== 0;
  const byUserData = !isAny && (!(flags & (CancelFlag.FD | CancelFlag.OP)) || (flags & CancelFlag.USERDATA) !== 0);
  const all = (flags & (CancelFlag.ALL | CancelFlag.ANY)) !== 0;
  let found = 0;
  let running = false;
  for (const request of byUserData ? ring.live.named(criteria.userData) : ring.live) {
    if (request === criteria.except || request.done || !isCancellable(request)) continue;
    if (!isAny) {
      if (flags & CancelFlag.FD && request.file !== file) continue;
      if (flags & CancelFlag.OP && request.opcode !== criteria.opcode) continue;
    }
    if (request.running) {
      running = true;
      if (all) continue;
      break;
    }
    ring.cancelNow(request);
    found++;
    if (!all) break;
  }
  if (all) return found;
  return found > 0 ? 0 : running ? -Errno.EALREADY : -Errno.ENOENT;
}

/** Returns whether a cancellation finds the request, although it may be too late to stop it. */
function isCancellable({ started, answered, cancel, running }: KernelRequest): boolean {
  return started && !answered && (cancel !== undefined || running);
}
