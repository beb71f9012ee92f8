/**
 * io_uring_enter(2) in the simulated kernel.
 *
 * @module
 */

import { EnterFlag, GeteventsArg, RegWait, SetupFlag } from '../ring/abi/index.js';
import { Errno } from '../syscalls/index.js';
import type { KernelInternals } from './internals.js';
import { all } from './options.js';
import type { SimulatedRing } from './simulated-ring.js';

const ALL_FLAGS = all(EnterFlag);

/** The parts of the kernel that `enter` needs. */
export interface EnterContext extends KernelInternals {
  readonly currentThread: number;
  /** Whether a timeout has fired since this was last set to `false`. */
  woken: boolean;
  /** Runs a step of the background work, with chaos. */
  progress(): void;
}

/** Enters the kernel on a ring. @param find finds the ring, once the flags have been checked. */
export function enter(
  kernel: EnterContext,
  find: () => SimulatedRing | number,
  toSubmit: number,
  minComplete: number,
  flags: number,
  argument: number,
  argumentSize: number,
): number {
  if (flags & ~ALL_FLAGS) return -Errno.EINVAL;
  const ring = find();
  if (typeof ring === 'number') return ring;
  if (ring.disabled) return -Errno.EBADFD;
  const limit = waitLimit(kernel, ring, flags, argument, argumentSize);
  if (limit < 0) return limit;
  const failure = failureOf(kernel, ring, toSubmit, flags);
  if (failure !== 0) return failure;
  kernel.progress();
  const submitted = submit(kernel, ring, toSubmit, flags);
  // A submission that failed or stopped early does not wait.
  if (submitted !== toSubmit) return submitted;
  if (!(flags & EnterFlag.GETEVENTS)) {
    if (!ring.hasFlag(SetupFlag.DEFER_TASKRUN)) ring.taskWork.run();
    return submitted;
  }
  const result = wait(kernel, ring, minComplete, limit);
  return submitted > 0 ? submitted : result;
}

/** @returns how many SQEs were taken, or `-errno`. */
function submit(kernel: EnterContext, ring: SimulatedRing, toSubmit: number, flags: number): number {
  if (ring.hasFlag(SetupFlag.SQPOLL)) {
    if (flags & EnterFlag.SQ_WAKEUP) ring.wakeSqThread();
    if (flags & (EnterFlag.SQ_WAKEUP | EnterFlag.SQ_WAIT)) ring.runSqThread();
    return toSubmit;
  }
  if (toSubmit === 0) return 0;
  if (ring.owner !== undefined && ring.owner !== kernel.currentThread) return -Errno.EEXIST;
  const { completions } = ring;
  if (kernel.options.busyOnOverflow && completions.hasOverflow) {
    completions.flushOverflow();
    if (completions.hasOverflow) return -Errno.EBUSY;
  }
  return ring.submit(toSubmit);
}

/** Returns an error of `enter` that is not the program's fault; 0 for none. */
function failureOf({ chaos }: KernelInternals, ring: SimulatedRing, toSubmit: number, flags: number): number {
  if (!chaos?.random.chance(chaos.options.enterFails)) return 0;
  if (toSubmit > 0) return ring.hasFlag(SetupFlag.SQPOLL) ? 0 : -chaos.random.pick([Errno.EAGAIN, Errno.EBUSY]);
  return flags & EnterFlag.GETEVENTS ? -Errno.EINTR : 0;
}

/**
 * Computes the end of a wait as an absolute time; Infinity means to wait indefinitely.
 *
 * @returns the time, or `-errno` for an invalid argument.
 */
function waitLimit(
  { memory, clock }: KernelInternals,
  ring: SimulatedRing,
  flags: number,
  argument: number,
  size: number,
): number {
  if (!(flags & EnterFlag.EXT_ARG)) return Number.POSITIVE_INFINITY;
  let timespec: number;
  if (flags & EnterFlag.EXT_ARG_REG) {
    if (size !== RegWait.SIZE || ring.waitRegion === undefined) return -Errno.EINVAL;
    timespec = ring.waitRegion + argument + RegWait.TS;
  } else {
    if (size !== GeteventsArg.SIZE) return -Errno.EINVAL;
    const data = memory.data(argument, GeteventsArg.SIZE);
    if (!data) return -Errno.EFAULT;
    timespec = Number(data.getBigUint64(GeteventsArg.TS, true));
    if (timespec === 0) return Number.POSITIVE_INFINITY;
  }
  const data = memory.data(timespec, 16);
  if (!data) return -Errno.EFAULT;
  const time = Number(data.getBigInt64(0, true)) * 1e9 + Number(data.getBigInt64(8, true));
  return flags & EnterFlag.ABS_TIMER ? time : clock.now + time;
}

function wait(kernel: EnterContext, ring: SimulatedRing, minComplete: number, limit: number): number {
  const { clock, chaos } = kernel;
  const { completions, taskWork } = ring;
  kernel.woken = false;
  for (;;) {
    ring.runSqThread();
    taskWork.run(minComplete);
    completions.flushOverflow();
    if (completions.ready >= minComplete || completions.hasOverflow) return 0;
    if (kernel.woken && completions.ready > 0) return 0;
    if (taskWork.isPending) continue;
    if (chaos?.hasWork) {
      chaos.step();
      continue;
    }
    const { next } = clock;
    if (next === undefined && limit === Number.POSITIVE_INFINITY) {
      throw new Error('the simulated kernel would wait for ever: nothing that is pending can complete');
    }
    if (next === undefined || next > limit) {
      clock.advanceTo(limit);
      return -Errno.ETIME;
    }
    clock.advanceTo(next);
  }
}
