/**
 * io_uring_setup(2) in the simulated kernel.
 *
 * @module
 */

import { CQE_SIZE, MAX_CQ_ENTRIES, MAX_ENTRIES, Params, SetupFlag, SQE_SIZE } from '../ring/abi/index.js';
import { powerOfTwo, readLayout } from '../ring/layout.js';
import { Errno } from '../syscalls/index.js';
import type { KernelInternals } from './internals.js';
import { QueueMemory } from './queue-memory.js';
import { SimulatedRing } from './simulated-ring.js';

/** Creates a ring, and fills in the params. @returns the ring, or `-errno`. */
export function createRing(kernel: KernelInternals, entries: number, data: DataView): SimulatedRing | number {
  const flags = data.getUint32(Params.FLAGS, true);
  if (flags & ~kernel.options.setupFlags || refuses(flags)) return -Errno.EINVAL;
  const clamp = (flags & SetupFlag.CLAMP) !== 0;
  if (entries === 0 || (entries > MAX_ENTRIES && !clamp)) return -Errno.EINVAL;
  const sqEntries = powerOfTwo(Math.min(entries, MAX_ENTRIES));
  let cqEntries = 2 * sqEntries;
  if (flags & SetupFlag.CQSIZE) {
    const wanted = data.getUint32(Params.CQ_ENTRIES, true);
    if (wanted === 0 || (wanted > MAX_CQ_ENTRIES && !clamp)) return -Errno.EINVAL;
    cqEntries = powerOfTwo(Math.min(wanted, MAX_CQ_ENTRIES));
    if (cqEntries < sqEntries) return -Errno.EINVAL;
  }
  if (flags & SetupFlag.ATTACH_WQ) {
    const fd = data.getUint32(Params.WQ_FD, true);
    if (!kernel.ring(fd)) return kernel.file(fd) ? -Errno.EINVAL : -Errno.ENXIO;
  }
  const cqeSize = flags & SetupFlag.CQE32 ? 2 * CQE_SIZE : CQE_SIZE;
  const sqeSize = flags & SetupFlag.SQE128 ? 2 * SQE_SIZE : SQE_SIZE;
  const sqArray = flags & SetupFlag.NO_SQARRAY ? 0 : Math.ceil((64 + cqEntries * cqeSize) / 64) * 64;
  const ringsSize = (sqArray || 64 + cqEntries * cqeSize) + (sqArray ? 4 * sqEntries : 0);
  const sqesSize = sqEntries * sqeSize;
  let rings: Uint8Array | undefined;
  let sqes: Uint8Array | undefined;
  if (flags & SetupFlag.NO_MMAP) {
    const ringsAddress = Number(data.getBigUint64(Params.CQ_OFF_USER_ADDR, true));
    const sqesAddress = Number(data.getBigUint64(Params.SQ_OFF_USER_ADDR, true));
    if (ringsAddress % 4096 || sqesAddress % 4096) return -Errno.EINVAL;
    rings = kernel.memory.bytes(ringsAddress, ringsSize);
    sqes = kernel.memory.bytes(sqesAddress, sqesSize);
    if (!rings || !sqes) return -Errno.EFAULT;
    rings.fill(0);
  } else {
    rings = new Uint8Array(new ArrayBuffer(Math.ceil(ringsSize / 4096) * 4096));
    sqes = new Uint8Array(new ArrayBuffer(Math.ceil(sqesSize / 4096) * 4096));
  }
  const answer: [offset: number, value: number][] = [
    [Params.SQ_ENTRIES, sqEntries],
    [Params.CQ_ENTRIES, cqEntries],
    [Params.FEATURES, kernel.options.features],
    [Params.SQ_OFF_HEAD, 0],
    [Params.SQ_OFF_TAIL, 4],
    [Params.SQ_OFF_RING_MASK, 16],
    [Params.SQ_OFF_RING_ENTRIES, 24],
    [Params.SQ_OFF_DROPPED, 32],
    [Params.SQ_OFF_FLAGS, 36],
    [Params.SQ_OFF_ARRAY, sqArray],
    [Params.CQ_OFF_HEAD, 8],
    [Params.CQ_OFF_TAIL, 12],
    [Params.CQ_OFF_RING_MASK, 20],
    [Params.CQ_OFF_RING_ENTRIES, 28],
    [Params.CQ_OFF_FLAGS, 40],
    [Params.CQ_OFF_OVERFLOW, 44],
    [Params.CQ_OFF_CQES, 64],
  ];
  for (const [offset, value] of answer) data.setUint32(offset, value, true);
  const idle = data.getUint32(Params.SQ_THREAD_IDLE, true) || 1000;
  const memory = new QueueMemory(readLayout(data), rings, sqes, kernel.options.counterStart);
  return new SimulatedRing(kernel, memory, idle);
}

/** Returns whether Linux refuses a combination of setup flags. */
function refuses(flags: number): boolean {
  const has = (flag: number) => (flags & flag) !== 0;
  return (
    (has(SetupFlag.SQ_AFF) && !has(SetupFlag.SQPOLL)) ||
    (has(SetupFlag.DEFER_TASKRUN) && (!has(SetupFlag.SINGLE_ISSUER) || has(SetupFlag.SQPOLL))) ||
    (has(SetupFlag.COOP_TASKRUN) && has(SetupFlag.SQPOLL)) ||
    (has(SetupFlag.TASKRUN_FLAG) && !has(SetupFlag.COOP_TASKRUN) && !has(SetupFlag.DEFER_TASKRUN)) ||
    (has(SetupFlag.HYBRID_IOPOLL) && !has(SetupFlag.IOPOLL)) ||
    (has(SetupFlag.REGISTERED_FD_ONLY) && !has(SetupFlag.NO_MMAP)) ||
    (has(SetupFlag.CQE_MIXED) && has(SetupFlag.CQE32))
  );
}
