/**
 * Opens a ring: io_uring_setup(2) with those of the requested flags that the kernel supports.
 *
 * No decision depends on the kernel version. Where the kernel refuses, IORING_REGISTER_QUERY or
 * further attempts without some of the flags determine which flags are unsupported.
 *
 * @module
 */

import { Errno, explainDisabled, type Syscalls, setupError, UringError, UringUnavailableError } from '../syscalls/index.js';
import { RegisterOp, RsrcUpdate, USE_REGISTERED_RING } from './abi/register.js';
import { Params, SetupFlag } from './abi/setup.js';
import { Arena } from './arena.js';
import { type RingLayout, readLayout } from './layout.js';
import { allocateQueues, freeQueues, mapMemory, type RingMemory, sharedMemory } from './memory.js';
import { type SetupRequest, setupFlagNames } from './options.js';
import { queryKernel } from './query.js';

/** A ring as returned by the kernel. */
export interface OpenedRing {
  /** The descriptor, or the registered index with REGISTERED_FD_ONLY. */
  readonly fd: number;
  readonly arena: Arena;
  readonly layout: RingLayout;
  readonly memory: RingMemory;
  /** Optional flags that the kernel refused. */
  readonly dropped: number;
}

/**
 * Opens a ring.
 *
 * @throws UringUnavailableError, or UringError for ENOMEM, EMFILE, and ENFILE, and for a flag that
 *   the kernel refuses.
 */
export function openRing(request: SetupRequest, syscalls: Syscalls): OpenedRing {
  if (process.env.URING_DISABLE === '1') throw new UringUnavailableError(explainDisabled());
  const arena = Arena.create(syscalls, request.arenaSize);
  let lastError = 0;
  for (const flags of candidates(request, syscalls, arena)) {
    const result = attempt(request, flags, syscalls, arena);
    if (typeof result !== 'number') {
      return { ...result, arena, dropped: request.optional & ~flags };
    }
    lastError = result;
    if (result !== -Errno.EINVAL && result !== -Errno.EPERM && result !== -Errno.ENOMEM) break;
  }
  throw refusal(request, lastError, syscalls, arena);
}

/** Yields the sets of flags to try, best first. */
function* candidates(request: SetupRequest, syscalls: Syscalls, arena: Arena): Generator<number> {
  const { required, optional, memory } = request;
  const all = required | optional;
  const memories = memory === 'auto' ? [SetupFlag.NO_MMAP, 0] : [memory === 'shared' ? SetupFlag.NO_MMAP : 0];
  for (const noMmap of memories) yield all | noMmap;
  if (optional === 0) return;
  const known = queryKernel(syscalls, arena)?.setupFlags;
  for (const noMmap of memories) {
    if (known !== undefined && optional & ~known) yield required | (optional & known) | noMmap;
    const bits = Object.values(SetupFlag).filter((bit) => optional & bit);
    // A single flag may be at fault; otherwise the newest ones are.
    for (const bit of bits) yield (all & ~bit) | noMmap;
    let left = all;
    for (const bit of bits.reverse()) {
      left &= ~bit;
      yield left | noMmap;
    }
  }
}

function attempt(
  request: SetupRequest,
  flags: number,
  syscalls: Syscalls,
  arena: Arena,
): Pick<OpenedRing, 'fd' | 'layout' | 'memory'> | number {
  const params = new Uint8Array(Params.SIZE);
  const view = new DataView(params.buffer);
  const u32 = (offset: number, value: number) => view.setUint32(offset, value, true);
  u32(Params.FLAGS, flags);
  if (flags & SetupFlag.CQSIZE) u32(Params.CQ_ENTRIES, request.cqEntries);
  u32(Params.SQ_THREAD_CPU, request.sqThreadCpu);
  u32(Params.SQ_THREAD_IDLE, request.sqThreadIdle);
  u32(Params.WQ_FD, request.wqFd);
  if (!(flags & SetupFlag.NO_MMAP)) {
    const fd = syscalls.setup(request.entries, params);
    if (fd < 0) return fd;
    const layout = readLayout(view);
    try {
      return { fd, layout, memory: mapMemory(syscalls, fd, layout) };
    } catch (error) {
      syscalls.close(fd);
      throw error;
    }
  }
  const room = allocateQueues(arena, request.entries, request.cqEntries, flags);
  view.setBigUint64(Params.SQ_OFF_USER_ADDR, BigInt(arena.address(room.sqes)), true);
  view.setBigUint64(Params.CQ_OFF_USER_ADDR, BigInt(arena.address(room.rings)), true);
  const fd = syscalls.setup(request.entries, params);
  if (fd < 0) {
    freeQueues(arena, room);
    return fd;
  }
  return { fd, layout: readLayout(view), memory: sharedMemory(arena, room) };
}

/** Closes a ring's descriptor, or unregisters its index if it has no descriptor. */
export function closeRing(syscalls: Syscalls, arena: Arena, fd: number, setupFlags: number): void {
  if (setupFlags & SetupFlag.REGISTERED_FD_ONLY) unregisterRingFd(syscalls, arena, fd, USE_REGISTERED_RING, fd);
  else syscalls.close(fd);
}

/**
 * Unregisters one registered ring index of this thread.
 *
 * @param fd the ring, by descriptor or (with `registerFlag`) by registered index.
 * @param index the index to unregister.
 */
export function unregisterRingFd(syscalls: Syscalls, arena: Arena, fd: number, registerFlag: number, index: number): number {
  return arena.scratch(RsrcUpdate.SIZE, (offset, address) => {
    arena.data.setUint32(offset + RsrcUpdate.OFFSET, index, true);
    return syscalls.register(fd, (RegisterOp.UNREGISTER_RING_FDS | registerFlag) >>> 0, address, 1);
  });
}

/** Creates the error for a ring that the kernel refused with every set of flags. */
function refusal(request: SetupRequest, errno: number, syscalls: Syscalls, arena: Arena): Error {
  const mayBeFlags = errno === -Errno.EINVAL || errno === -Errno.EPERM;
  const asked = request.required | (request.memory === 'shared' ? SetupFlag.NO_MMAP : 0);
  if (mayBeFlags && asked !== 0) {
    const refused = refusedFlags(request, asked, syscalls, arena);
    if (refused !== 0) {
      const names = setupFlagNames(refused).join(', ');
      return new UringError(errno, 'io_uring_setup', `the kernel refuses the flag ${names}${rulesOf(asked)}`);
    }
  }
  return setupError(errno, syscalls.host());
}

/**
 * Returns which of the requested flags are at fault: those unknown to the kernel, or those without
 * which it accepts. Returns 0 if it refuses a ring without any of them, too.
 */
function refusedFlags(request: SetupRequest, asked: number, syscalls: Syscalls, arena: Arena): number {
  const agrees = (flags: number) => {
    const result = attempt(request, flags, syscalls, arena);
    if (typeof result === 'number') return false;
    result.memory.release();
    closeRing(syscalls, arena, result.fd, flags);
    return true;
  };
  if (!agrees(0)) return 0;
  const known = queryKernel(syscalls, arena)?.setupFlags;
  if (known !== undefined && asked & ~known) return asked & ~known;
  const bits = Object.values(SetupFlag).filter((bit) => asked & bit);
  const alone = bits.filter((bit) => agrees(asked & ~bit));
  return (alone.length > 0 ? alone : bits).reduce((mask, bit) => mask | bit, 0);
}

/**
 * Describes the kernel's rules about combinations of flags. Used for the message, never for a
 * decision.
 */
function rulesOf(asked: number): string {
  const has = (flag: number) => (asked & flag) !== 0;
  if (has(SetupFlag.SQ_AFF) && !has(SetupFlag.SQPOLL)) return '; SQ_AFF needs SQPOLL';
  if (has(SetupFlag.DEFER_TASKRUN) && !has(SetupFlag.SINGLE_ISSUER)) return '; DEFER_TASKRUN needs SINGLE_ISSUER';
  if (has(SetupFlag.DEFER_TASKRUN) && has(SetupFlag.SQPOLL)) return '; DEFER_TASKRUN does not go with SQPOLL';
  if (has(SetupFlag.COOP_TASKRUN) && has(SetupFlag.SQPOLL)) return '; COOP_TASKRUN does not go with SQPOLL';
  if (has(SetupFlag.TASKRUN_FLAG) && !has(SetupFlag.COOP_TASKRUN) && !has(SetupFlag.DEFER_TASKRUN)) {
    return '; TASKRUN_FLAG needs COOP_TASKRUN or DEFER_TASKRUN';
  }
  if (has(SetupFlag.HYBRID_IOPOLL) && !has(SetupFlag.IOPOLL)) return '; HYBRID_IOPOLL needs IOPOLL';
  if (has(SetupFlag.REGISTERED_FD_ONLY) && !has(SetupFlag.NO_MMAP)) return '; REGISTERED_FD_ONLY needs NO_MMAP';
  if (has(SetupFlag.CQE_MIXED) && has(SetupFlag.CQE32)) return '; CQE_MIXED does not go with CQE32';
  return '';
}
