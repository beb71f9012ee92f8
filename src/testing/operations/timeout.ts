/**
 * Time: TIMEOUT, TIMEOUT_REMOVE, LINK_TIMEOUT.
 *
 * @module
 */

import { Opcode, TimeoutFlag } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import type { RingInternals } from '../internals.js';
import { type KernelRequest, PENDING } from '../request.js';
import type { OperationTable, Result } from './common.js';

/** The opcodes of this family. */
export const TIMEOUTS: OperationTable = {
  [Opcode.TIMEOUT]: timeout,
  [Opcode.TIMEOUT_REMOVE]: timeoutRemove,
  // A linked timeout without a preceding operation in the link is invalid.
  [Opcode.LINK_TIMEOUT]: () => -Errno.EINVAL,
};

interface TimeoutState {
  arm(nanoseconds: number, flags: number): void;
}

const timeouts = new WeakMap<KernelRequest, TimeoutState>();
const linkTimeouts = new WeakMap<KernelRequest, TimeoutState>();

function readTimespec(ring: RingInternals, request: KernelRequest, address: number): number {
  const data = ring.kernel.memory.data(address, 16);
  if (data === undefined) return -Errno.EFAULT;
  ring.kernel.ownership.lend(request, address, 16, 'kernel reads');
  const seconds = Number(data.getBigInt64(0, true));
  const nanoseconds = Number(data.getBigInt64(8, true));
  return seconds < 0 || nanoseconds < 0 ? -Errno.EINVAL : seconds * 1e9 + nanoseconds;
}

const CLOCKS = TimeoutFlag.BOOTTIME | TimeoutFlag.REALTIME;

function timeout(ring: RingInternals, request: KernelRequest): Result {
  const { opFlags } = request;
  const known = TimeoutFlag.ABS | CLOCKS | TimeoutFlag.ETIME_SUCCESS | TimeoutFlag.MULTISHOT;
  if (request.len !== 1 || opFlags & ~known || (opFlags & CLOCKS) === CLOCKS) return -Errno.EINVAL;
  const multishot = (opFlags & TimeoutFlag.MULTISHOT) !== 0;
  if (multishot && opFlags & TimeoutFlag.ABS) return -Errno.EINVAL;
  const time = readTimespec(ring, request, request.addr);
  if (time < 0) return time;
  request.multishot = multishot;
  if (opFlags & TimeoutFlag.ETIME_SUCCESS) request.success = -Errno.ETIME;
  let left = Number(request.off) || Number.POSITIVE_INFINITY;
  const { clock } = ring.kernel;
  let timer = { cancel: () => {} };
  const arm = (nanoseconds: number, flags: number) => {
    timer.cancel();
    timer = clock.at(flags & TimeoutFlag.ABS ? nanoseconds : clock.now + nanoseconds, () => {
      ring.kernel.wakeWaiters();
      if (multishot && --left > 0) {
        ring.progress(request, -Errno.ETIME);
        arm(nanoseconds, 0);
      } else {
        stopCounting();
        ring.complete(request, -Errno.ETIME);
      }
    });
  };
  // It also completes when as many other operations have completed as its offset specifies.
  const stopCounting =
    !multishot && request.off > 0n
      ? ring.countCompletions(Number(request.off), () => {
          timer.cancel();
          ring.complete(request, 0);
        })
      : () => {};
  request.cancel = () => {
    timer.cancel();
    stopCounting();
  };
  timeouts.set(request, { arm });
  arm(time, opFlags);
  return PENDING;
}

function timeoutRemove(ring: RingInternals, request: KernelRequest): Result {
  const linked = (request.opFlags & TimeoutFlag.LINK_UPDATE) !== 0;
  const updates = (request.opFlags & (TimeoutFlag.UPDATE | TimeoutFlag.LINK_UPDATE)) !== 0;
  if (!updates && request.opFlags !== 0) return -Errno.EINVAL;
  const states = linked ? linkTimeouts : timeouts;
  const target = [...ring.live.named(request.addr64)].find((other) => !other.done && states.has(other));
  if (updates) {
    const time = readTimespec(ring, request, Number(request.off));
    if (time < 0) return time;
    if (!target) return -Errno.ENOENT;
    states.get(target)?.arm(time, request.opFlags);
    return 0;
  }
  if (!target) return -Errno.ENOENT;
  target.cancel?.();
  ring.complete(target, -Errno.ECANCELED);
  return 0;
}

/** Starts a linked timeout for the preceding request. */
export function armLinkTimeout(ring: RingInternals, target: KernelRequest, request: KernelRequest): void {
  const time = readTimespec(ring, request, request.addr);
  const { clock } = ring.kernel;
  if (time < 0) {
    ring.finishOnly(request, time);
    return;
  }
  let timer = { cancel: () => {} };
  const arm = (nanoseconds: number, flags: number) => {
    timer.cancel();
    timer = clock.at(flags & TimeoutFlag.ABS ? nanoseconds : clock.now + nanoseconds, () => {
      ring.kernel.wakeWaiters();
      // A request that a worker is running cannot be cancelled: it completes on its own.
      if (target.running) {
        ring.finishOnly(request, -Errno.EALREADY);
        return;
      }
      // The timeout's CQE is posted before its target's.
      ring.finishOnly(request, -Errno.ETIME);
      target.cancel?.();
      ring.complete(target, -Errno.ECANCELED);
    });
  };
  request.cancel = () => timer.cancel();
  linkTimeouts.set(request, { arm });
  arm(time, request.opFlags);
}
