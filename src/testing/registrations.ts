/**
 * io_uring_register(2) in the simulated kernel.
 *
 * @module
 */

import {
  BufReg,
  BufRingEntry,
  BufStatus,
  FILES_SKIP,
  FileIndexRange,
  Opcode,
  Probe,
  Query,
  RegisterOp,
  Restriction,
  RsrcRegister,
  RsrcUpdate,
  RsrcUpdate2,
  SQE_SIZE,
  SyncCancel,
} from '../ring/abi/index.js';
import { Errno } from '../syscalls/index.js';
import { BufferRingGroup } from './buffer-groups.js';
import type { EventFile } from './files/event-file.js';
import type { KernelInternals, RingInternals } from './internals.js';
import { cancel } from './operations/cancel.js';
import { canExecute } from './operations/index.js';
import { KernelRequest } from './request.js';

type Registration = (ring: RingInternals, address: number, count: number, kernel: KernelInternals) => number;

/** Runs `body` with the memory of the argument. */
function withData(kernel: KernelInternals, address: number, size: number, body: (data: DataView) => number): number {
  const data = kernel.memory.data(address, size);
  return data ? body(data) : -Errno.EFAULT;
}

/** `IORING_MAX_FIXED_FILES`, `IORING_MAX_REG_BUFFERS`. */
const MOST_FILES = 1 << 20;
const MOST_BUFFERS = 1 << 14;

const REGISTRATIONS: { readonly [opcode: number]: Registration } = {
  [RegisterOp.BUFFERS]: (ring, address, count, kernel) => registerBuffers(ring, kernel, address, count, 0),
  [RegisterOp.UNREGISTER_BUFFERS]: (ring) => {
    if (!ring.buffers) return -Errno.ENXIO;
    for (const tag of ring.bufferTags) if (tag) ring.notify(tag, 0);
    ring.buffers = undefined;
    ring.bufferTags = [];
    return 0;
  },
  [RegisterOp.FILES]: (ring, address, count, kernel) => registerFiles(ring, kernel, address, count, 0),
  [RegisterOp.UNREGISTER_FILES]: (ring) => {
    if (!ring.files.exists) return -Errno.ENXIO;
    for (const tag of ring.files.clear()) ring.notify(tag, 0);
    return 0;
  },
  [RegisterOp.EVENTFD]: (ring, address, _count, kernel) => registerEventfd(ring, kernel, address, false),
  [RegisterOp.EVENTFD_ASYNC]: (ring, address, _count, kernel) => registerEventfd(ring, kernel, address, true),
  [RegisterOp.UNREGISTER_EVENTFD]: (ring) => {
    if (!ring.eventfd) return -Errno.ENXIO;
    ring.eventfd = undefined;
    return 0;
  },
  [RegisterOp.FILES_UPDATE]: (ring, address, count, kernel) =>
    withData(kernel, address, RsrcUpdate.SIZE, (data) =>
      updateFiles(ring, kernel, data.getUint32(RsrcUpdate.OFFSET, true), pointer(data, RsrcUpdate.DATA), count, 0),
    ),
  [RegisterOp.PROBE]: (_ring, address, count, kernel) =>
    withData(kernel, address, Probe.HEADER + count * Probe.OP_SIZE, (data) => {
      const length = Math.min(count, kernel.lastOpcode + 1);
      data.setUint8(Probe.LAST_OP, kernel.lastOpcode);
      data.setUint8(Probe.OPS_LENGTH, length);
      for (let opcode = 0; opcode < length; opcode++) {
        const at = Probe.HEADER + opcode * Probe.OP_SIZE;
        data.setUint8(at, opcode);
        data.setUint16(at + Probe.OP_FLAGS, canExecute(opcode) ? Probe.FLAG_SUPPORTED : 0, true);
      }
      return 0;
    }),
  [RegisterOp.PERSONALITY]: (ring) => {
    ring.personalities.add(ring.nextPersonality);
    return ring.nextPersonality++;
  },
  [RegisterOp.UNREGISTER_PERSONALITY]: (ring, _address, id) => (ring.personalities.delete(id) ? 0 : -Errno.EINVAL),
  [RegisterOp.RESTRICTIONS]: (ring, address, count, kernel) => {
    if (!ring.disabled) return -Errno.EBADFD;
    if (ring.restrictions) return -Errno.EBUSY;
    return withData(kernel, address, count * Restriction.SIZE, (data) => {
      const set = { registerOps: new Set<number>(), sqeOps: new Set<number>(), allowedFlags: 0, requiredFlags: 0 };
      for (let index = 0; index < count; index++) {
        const value = data.getUint8(index * Restriction.SIZE + Restriction.VALUE);
        const type = data.getUint16(index * Restriction.SIZE + Restriction.TYPE, true);
        if (type === Restriction.REGISTER_OP) set.registerOps.add(value);
        else if (type === Restriction.SQE_OP) set.sqeOps.add(value);
        else if (type === Restriction.SQE_FLAGS_ALLOWED) set.allowedFlags = value;
        else if (type === Restriction.SQE_FLAGS_REQUIRED) set.requiredFlags = value;
        else return -Errno.EINVAL;
      }
      ring.restrictions = set;
      return 0;
    });
  },
  [RegisterOp.ENABLE_RINGS]: (ring) => {
    if (!ring.disabled) return -Errno.EBADFD;
    ring.disabled = false;
    return 0;
  },
  [RegisterOp.FILES2]: (ring, address, _count, kernel) =>
    withData(kernel, address, RsrcRegister.SIZE, (data) => {
      const count = data.getUint32(RsrcRegister.NR, true);
      if (data.getUint32(RsrcRegister.FLAGS, true) & RsrcRegister.FLAG_SPARSE) {
        if (ring.files.exists) return -Errno.EBUSY;
        if (count === 0) return -Errno.EINVAL;
        if (count > MOST_FILES) return -Errno.EMFILE;
        ring.files.create(count);
        return 0;
      }
      return registerFiles(ring, kernel, pointer(data, RsrcRegister.DATA), count, pointer(data, RsrcRegister.TAGS));
    }),
  [RegisterOp.FILES_UPDATE2]: (ring, address, _count, kernel) =>
    withData(kernel, address, RsrcUpdate2.SIZE, (data) =>
      updateFiles(
        ring,
        kernel,
        data.getUint32(RsrcUpdate2.OFFSET, true),
        pointer(data, RsrcUpdate2.DATA),
        data.getUint32(RsrcUpdate2.NR, true),
        pointer(data, RsrcUpdate2.TAGS),
      ),
    ),
  [RegisterOp.BUFFERS2]: (ring, address, _count, kernel) =>
    withData(kernel, address, RsrcRegister.SIZE, (data) => {
      const count = data.getUint32(RsrcRegister.NR, true);
      if (data.getUint32(RsrcRegister.FLAGS, true) & RsrcRegister.FLAG_SPARSE) {
        if (ring.buffers) return -Errno.EBUSY;
        if (count === 0 || count > MOST_BUFFERS) return -Errno.EINVAL;
        ring.buffers = new Array(count).fill(undefined);
        return 0;
      }
      return registerBuffers(ring, kernel, pointer(data, RsrcRegister.DATA), count, pointer(data, RsrcRegister.TAGS));
    }),
  [RegisterOp.BUFFERS_UPDATE]: (ring, address, _count, kernel) =>
    withData(kernel, address, RsrcUpdate2.SIZE, (data) => {
      const first = data.getUint32(RsrcUpdate2.OFFSET, true);
      const count = data.getUint32(RsrcUpdate2.NR, true);
      if (!ring.buffers) return -Errno.ENXIO;
      if (first + count > ring.buffers.length) return -Errno.EINVAL;
      const fresh = readIovecs(kernel, pointer(data, RsrcUpdate2.DATA), count);
      if (typeof fresh === 'number') return fresh;
      const tags = readTags(kernel, pointer(data, RsrcUpdate2.TAGS), count);
      for (let index = 0; index < count; index++) {
        const old = ring.bufferTags[first + index];
        if (old) ring.notify(old, 0);
        ring.buffers[first + index] = fresh[index];
        ring.bufferTags[first + index] = tags[index] ?? 0n;
      }
      return count;
    }),
  [RegisterOp.IOWQ_AFF]: (_ring, address, count, kernel) => withData(kernel, address, count, () => 0),
  [RegisterOp.UNREGISTER_IOWQ_AFF]: () => 0,
  [RegisterOp.IOWQ_MAX_WORKERS]: (ring, address, _count, kernel) =>
    withData(kernel, address, 8, (data) => {
      for (const kind of [0, 1] as const) {
        const before = ring.workerLimits[kind];
        const wanted = data.getUint32(4 * kind, true);
        if (wanted !== 0) ring.workerLimits[kind] = wanted;
        data.setUint32(4 * kind, before, true);
      }
      return 0;
    }),
  [RegisterOp.RING_FDS]: (_ring, address, _count, kernel) =>
    withData(kernel, address, RsrcUpdate.SIZE, (data) => {
      const index = kernel.registerRing(Number(data.getBigUint64(RsrcUpdate.DATA, true)));
      if (index < 0) return index;
      data.setUint32(RsrcUpdate.OFFSET, index, true);
      return 1;
    }),
  [RegisterOp.UNREGISTER_RING_FDS]: (_ring, address, _count, kernel) =>
    withData(kernel, address, RsrcUpdate.SIZE, (data) => kernel.unregisterRing(data.getUint32(RsrcUpdate.OFFSET, true))),
  [RegisterOp.PBUF_RING]: (ring, address, _count, kernel) =>
    withData(kernel, address, BufReg.SIZE, (data) => {
      const group = data.getUint16(BufReg.BGID, true);
      if (ring.bufferGroups.has(group)) return -Errno.EEXIST;
      const flags = data.getUint16(BufReg.FLAGS, true);
      if (flags & ~BufReg.FLAG_INC) return -Errno.EINVAL;
      const entries = data.getUint32(BufReg.RING_ENTRIES, true);
      if (entries === 0 || (entries & (entries - 1)) !== 0 || entries >= 65536) return -Errno.EINVAL;
      const start = pointer(data, BufReg.RING_ADDR);
      if (start % 4096 !== 0) return -Errno.EINVAL;
      if (!kernel.memory.bytes(start, entries * BufRingEntry.SIZE)) return -Errno.EFAULT;
      ring.bufferGroups.set(group, new BufferRingGroup(kernel.memory, start, entries, flags !== 0));
      return 0;
    }),
  [RegisterOp.UNREGISTER_PBUF_RING]: (ring, address, _count, kernel) =>
    withData(kernel, address, BufReg.SIZE, (data) =>
      ring.bufferGroups.delete(data.getUint16(BufReg.BGID, true)) ? 0 : -Errno.ENOENT,
    ),
  [RegisterOp.PBUF_STATUS]: (ring, address, _count, kernel) =>
    withData(kernel, address, BufStatus.SIZE, (data) => {
      const group = ring.bufferGroups.get(data.getUint32(BufStatus.GROUP, true));
      if (!group) return -Errno.ENOENT;
      if (!(group instanceof BufferRingGroup)) return -Errno.EINVAL;
      data.setUint32(BufStatus.HEAD, group.head, true);
      return 0;
    }),
  [RegisterOp.SYNC_CANCEL]: (ring, address, _count, kernel) =>
    withData(kernel, address, SyncCancel.SIZE, (data) => {
      const flags = data.getUint32(SyncCancel.FLAGS, true);
      const result = cancel(ring, {
        userData: data.getBigUint64(SyncCancel.ADDR, true),
        fd: data.getInt32(SyncCancel.FD, true),
        flags,
        opcode: data.getUint8(SyncCancel.OPCODE),
      });
      // The cancellation waits for the operations that are running.
      while (ring.live.running.size > 0 && kernel.chaos?.hasWork) kernel.chaos.step();
      return result === -Errno.EALREADY ? 0 : result;
    }),
  [RegisterOp.FILE_ALLOC_RANGE]: (ring, address, _count, kernel) =>
    withData(kernel, address, FileIndexRange.SIZE, (data) => {
      const first = data.getUint32(FileIndexRange.OFF, true);
      const length = data.getUint32(FileIndexRange.LEN, true);
      if (first + length > 0xffff_ffff) return -Errno.EOVERFLOW;
      if (first + length > ring.files.length) return -Errno.EINVAL;
      ring.files.limitFree(first, first + length);
      return 0;
    }),
};

/** Calls io_uring_register(2) on a ring. */
export function registerWith(
  kernel: KernelInternals,
  ring: RingInternals,
  opcode: number,
  address: number,
  count: number,
): number {
  if (ring.restrictions && !ring.disabled && !ring.restrictions.registerOps.has(opcode)) return -Errno.EACCES;
  const registration = kernel.lastRegisterOp >= opcode ? REGISTRATIONS[opcode] : undefined;
  return registration ? registration(ring, address, count, kernel) : -Errno.EINVAL;
}

/** Calls io_uring_register(2) without a ring: queries and messages. */
export function registerWithout(kernel: KernelInternals, opcode: number, address: number): number {
  if (opcode > kernel.lastRegisterOp) return -Errno.EINVAL;
  if (opcode === RegisterOp.QUERY) {
    return withData(kernel, address, Query.HEADER, (header) =>
      withData(kernel, pointer(header, Query.DATA), Query.OPCODES.SIZE, (data) => {
        data.setUint32(Query.OPCODES.REQUEST, kernel.lastOpcode + 1, true);
        data.setUint32(Query.OPCODES.REGISTER, kernel.lastRegisterOp + 1, true);
        data.setBigUint64(Query.OPCODES.FEATURES, BigInt(kernel.options.features), true);
        data.setBigUint64(Query.OPCODES.SETUP, BigInt(kernel.options.setupFlags), true);
        data.setBigUint64(Query.OPCODES.ENTER, 0xffn, true);
        data.setBigUint64(Query.OPCODES.SQE, 0x7fn, true);
        data.setUint32(Query.OPCODES.QUERIES, 1, true);
        return 0;
      }),
    );
  }
  if (opcode === RegisterOp.SEND_MSG_RING) {
    const bytes = kernel.memory.bytes(address, SQE_SIZE);
    if (!bytes) return -Errno.EFAULT;
    const message = new KernelRequest(bytes);
    if (message.opcode !== Opcode.MSG_RING || message.addr !== 0) return -Errno.EINVAL;
    const target = kernel.ring(message.fd);
    if (!target) return -Errno.EBADFD;
    target.notify(message.off, message.len | 0);
    return 0;
  }
  return -Errno.EINVAL;
}

function pointer(data: DataView, offset: number): number {
  return Number(data.getBigUint64(offset, true));
}

function readTags(kernel: KernelInternals, address: number, count: number): bigint[] {
  const data = address === 0 ? undefined : kernel.memory.data(address, 8 * count);
  return data ? Array.from({ length: count }, (_, index) => data.getBigUint64(8 * index, true)) : [];
}

function readIovecs(
  kernel: KernelInternals,
  address: number,
  count: number,
): ({ address: number; length: number } | undefined)[] | number {
  const data = kernel.memory.data(address, 16 * count);
  if (!data) return -Errno.EFAULT;
  const pieces: ({ address: number; length: number } | undefined)[] = [];
  for (let index = 0; index < count; index++) {
    const address = pointer(data, 16 * index);
    const length = pointer(data, 16 * index + 8);
    // Both or neither must be 0: a hole has no length.
    if ((address === 0) !== (length === 0)) return -Errno.EFAULT;
    pieces.push(address === 0 ? undefined : { address, length });
  }
  return pieces;
}

function registerBuffers(ring: RingInternals, kernel: KernelInternals, address: number, count: number, tags: number): number {
  if (ring.buffers) return -Errno.EBUSY;
  if (count === 0 || count > MOST_BUFFERS) return -Errno.EINVAL;
  const buffers = readIovecs(kernel, address, count);
  if (typeof buffers === 'number') return buffers;
  if (buffers.some((buffer) => buffer && !kernel.memory.bytes(buffer.address, buffer.length))) return -Errno.EFAULT;
  ring.buffers = buffers;
  ring.bufferTags = readTags(kernel, tags, count);
  return 0;
}

function registerFiles(ring: RingInternals, kernel: KernelInternals, address: number, count: number, tags: number): number {
  if (ring.files.exists) return -Errno.EBUSY;
  if (count === 0) return -Errno.EINVAL;
  if (count > MOST_FILES) return -Errno.EMFILE;
  return withData(kernel, address, 4 * count, (data) => {
    const fds = Array.from({ length: count }, (_, index) => data.getInt32(4 * index, true));
    if (fds.some((fd) => fd !== -1 && !kernel.file(fd))) return -Errno.EBADF;
    ring.files.create(count);
    fds.forEach((fd, slot) => {
      ring.files.set(slot, fd === -1 ? undefined : kernel.file(fd));
    });
    readTags(kernel, tags, count).forEach((tag, slot) => {
      ring.files.setTag(slot, tag);
    });
    return 0;
  });
}

function updateFiles(
  ring: RingInternals,
  kernel: KernelInternals,
  first: number,
  address: number,
  count: number,
  tagsAddress: number,
): number {
  const { files } = ring;
  if (!files.exists) return -Errno.ENXIO;
  if (first + count > files.length) return -Errno.EINVAL;
  const tags = readTags(kernel, tagsAddress, count);
  return withData(kernel, address, 4 * count, (data) => {
    for (let index = 0; index < count; index++) {
      const fd = data.getInt32(4 * index, true);
      if (fd === FILES_SKIP) continue;
      const file = fd === -1 ? undefined : kernel.file(fd);
      if (fd !== -1 && !file) return index > 0 ? index : -Errno.EBADF;
      const old = files.setTag(first + index, tags[index] ?? 0n);
      if (old !== 0n) ring.notify(old, 0);
      files.set(first + index, file);
    }
    return count;
  });
}

function registerEventfd(ring: RingInternals, kernel: KernelInternals, address: number, asyncOnly: boolean): number {
  if (ring.eventfd) return -Errno.EBUSY;
  return withData(kernel, address, 4, (data) => {
    const file = kernel.file(data.getInt32(0, true));
    if (!file) return -Errno.EBADF;
    if (file.kind !== 'eventfd') return -Errno.EINVAL;
    ring.eventfd = { file: file as EventFile, asyncOnly };
    return 0;
  });
}

/** Returns whether the simulated kernel supports a register operation. */
export function canRegister(opcode: number): boolean {
  return opcode in REGISTRATIONS || opcode === RegisterOp.QUERY || opcode === RegisterOp.SEND_MSG_RING;
}
