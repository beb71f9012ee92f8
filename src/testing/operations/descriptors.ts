/**
 * Operations on open files other than reading and writing, and on descriptors and slots.
 *
 * @module
 */

import { FILE_INDEX_ALLOC, MsgRingCommand, MsgRingFlag, NopFlag, Opcode } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { BufferListGroup } from '../buffer-groups.js';
import { OpenFlag } from '../files/open-flags.js';
import { createPipe } from '../files/pipe.js';
import { RegularFile } from '../files/regular.js';
import type { RingInternals } from '../internals.js';
import { type KernelRequest, PENDING } from '../request.js';
import { installFile, type OperationTable, type Result, withFile } from './common.js';

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;

/** The opcodes of this family. */
export const DESCRIPTORS: OperationTable = {
  [Opcode.NOP]: (ring, request) => {
    const known = Object.values(NopFlag).reduce((all, flag) => all | flag, 0) | NOP_FILE_AND_BUFFER;
    if (request.opFlags & ~known) return -Errno.EINVAL;
    const result = request.opFlags & NopFlag.INJECT_RESULT ? request.len | 0 : 0;
    if (!(request.opFlags & NopFlag.CQE32)) return result;
    ring.complete(request, result, 0, [request.off, request.addr64]);
    return PENDING;
  },
  [Opcode.FSYNC]: (ring, request) =>
    withFile(ring, request, (file) => {
      if (request.opFlags & ~1) return -Errno.EINVAL;
      return file.kind === 'file' || file.kind === 'directory' ? 0 : file.kind === 'path' ? -Errno.EBADF : -Errno.EINVAL;
    }),
  [Opcode.SYNC_FILE_RANGE]: (ring, request) =>
    withFile(ring, request, (file) => {
      if (request.opFlags & ~7) return -Errno.EINVAL;
      return file.kind === 'file' || file.kind === 'directory' ? 0 : -Errno.ESPIPE;
    }),
  [Opcode.FADVISE]: (ring, request) =>
    withFile(ring, request, (file) => (file.kind.startsWith('pipe') ? -Errno.ESPIPE : request.opFlags > 5 ? -Errno.EINVAL : 0)),
  [Opcode.MADVISE]: (ring, request) => (ring.kernel.memory.bytes(request.addr, request.len) ? 0 : -Errno.ENOMEM),
  [Opcode.FALLOCATE]: (ring, request) =>
    withFile(ring, request, (file) =>
      file instanceof RegularFile
        ? file.allocate(request.len, Number(request.off), request.addr)
        : file.kind.startsWith('pipe')
          ? -Errno.ESPIPE
          : -Errno.ENODEV,
    ),
  [Opcode.FTRUNCATE]: (ring, request) =>
    withFile(ring, request, (file) =>
      file instanceof RegularFile ? file.truncate(Number(BigInt.asIntN(64, request.off))) : -Errno.EINVAL,
    ),
  [Opcode.CLOSE]: close,
  [Opcode.PIPE]: pipe,
  [Opcode.FIXED_FD_INSTALL]: (ring, request) => {
    if (request.opFlags & ~1 || !request.fixed) return request.fixed ? -Errno.EINVAL : -Errno.EBADF;
    return withFile(ring, request, (file) => ring.kernel.install(file));
  },
  [Opcode.FILES_UPDATE]: filesUpdate,
  [Opcode.MSG_RING]: messageRing,
  [Opcode.PROVIDE_BUFFERS]: provideBuffers,
  [Opcode.REMOVE_BUFFERS]: removeBuffers,
};

/**
 * NOP_FILE, NOP_FIXED_FILE, NOP_FIXED_BUFFER, NOP_TW: NOPs that pretend to use files or buffers.
 */
const NOP_FILE_AND_BUFFER = 0x1e;

function close(ring: RingInternals, request: KernelRequest): Result {
  if (request.fileIndex === 0) return ring.kernel.ring(request.fd) ? -Errno.EBADF : ring.kernel.close(request.fd);
  const slot = request.fileIndex - 1;
  if (!ring.files.exists) return -Errno.ENXIO;
  if (slot >= ring.files.length) return -Errno.EINVAL;
  if (!ring.files.at(slot)) return -Errno.EBADF;
  ring.files.set(slot, undefined);
  return 0;
}

function pipe(ring: RingInternals, request: KernelRequest): Result {
  // O_DIRECT means packet mode, which these pipes do not implement; it is accepted anyway.
  if (request.opFlags & ~(O_CLOEXEC | O_NONBLOCK | OpenFlag.DIRECT)) return -Errno.EINVAL;
  const ends = ring.kernel.memory.data(request.addr, 8);
  if (!ends) return -Errno.EFAULT;
  ring.kernel.ownership.lend(request, request.addr, 8, 'kernel writes');
  const { reader, writer } = createPipe(ring.kernel.clock.now);
  const first = installFile(ring, request, reader);
  if (first < 0) return first;
  // The writer goes into the next slot, if a slot was specified.
  if (request.fileIndex !== 0 && request.fileIndex !== FILE_INDEX_ALLOC) {
    const slot = request.fileIndex;
    if (slot >= ring.files.length) {
      ring.files.set(slot - 1, undefined);
      return -Errno.EINVAL;
    }
    ring.files.set(slot, writer);
    ends.setInt32(0, slot - 1, true);
    ends.setInt32(4, slot, true);
    return 0;
  }
  const second = installFile(ring, request, writer);
  if (second < 0) return second;
  ends.setInt32(0, first, true);
  ends.setInt32(4, second, true);
  return 0;
}

function filesUpdate(ring: RingInternals, request: KernelRequest): Result {
  if (!ring.files.exists) return -Errno.ENXIO;
  const data = ring.kernel.memory.data(request.addr, 4 * request.len);
  if (!data) return -Errno.EFAULT;
  const automatic = request.off === 0xffff_ffffn || request.off === 0xffff_ffff_ffff_ffffn;
  for (let index = 0; index < request.len; index++) {
    const fd = data.getInt32(4 * index, true);
    const file = fd < 0 ? undefined : ring.kernel.file(fd);
    if (fd >= 0 && !file) return index > 0 ? index : -Errno.EBADF;
    const slot = automatic ? ring.files.free() : Number(request.off) + index;
    if (slot < 0) return index > 0 ? index : -Errno.ENFILE;
    if (slot >= ring.files.length) return -Errno.EINVAL;
    ring.files.set(slot, file);
    if (automatic) data.setInt32(4 * index, slot, true);
  }
  return request.len;
}

function messageRing(ring: RingInternals, request: KernelRequest): Result {
  const target = ring.kernel.ring(request.fd);
  if (!target) return ring.kernel.file(request.fd) ? -Errno.EBADFD : -Errno.EBADF;
  if (target.disabled) return -Errno.EBADFD;
  if (request.opFlags & ~(MsgRingFlag.CQE_SKIP | MsgRingFlag.FLAGS_PASS)) return -Errno.EINVAL;
  if (request.addr === MsgRingCommand.SEND_FD) {
    if (target === ring) return -Errno.EINVAL;
    const file = ring.files.at(Number(request.addr3));
    if (!file) return -Errno.EBADF;
    const automatic = request.fileIndex === FILE_INDEX_ALLOC;
    const slot = automatic ? target.files.free() : request.fileIndex - 1;
    if (!target.files.exists) return -Errno.ENXIO;
    if (slot < 0 || slot >= target.files.length) return automatic ? -Errno.ENFILE : -Errno.EINVAL;
    target.files.set(slot, file);
    if (!(request.opFlags & MsgRingFlag.CQE_SKIP)) target.notify(request.off, automatic ? slot : 0);
    return automatic ? slot : 0;
  }
  if (request.addr !== MsgRingCommand.DATA) return -Errno.EINVAL;
  target.notify(request.off, request.len | 0, request.opFlags & MsgRingFlag.FLAGS_PASS ? request.fileIndex : 0);
  return 0;
}

function provideBuffers(ring: RingInternals, request: KernelRequest): Result {
  const count = request.fd;
  const first = Number(request.off);
  if (count <= 0 || count > 65536 || first + count > 65536) return count <= 0 || count > 65536 ? -Errno.E2BIG : -Errno.EINVAL;
  if (request.len === 0) return -Errno.EINVAL;
  if (!ring.kernel.memory.bytes(request.addr, request.len * count)) return -Errno.EFAULT;
  const group = ring.bufferGroups.get(request.bufIndex) ?? new BufferListGroup();
  if (!(group instanceof BufferListGroup)) return -Errno.EINVAL;
  ring.bufferGroups.set(request.bufIndex, group);
  for (let index = 0; index < count; index++) {
    group.buffers.push({ address: request.addr + index * request.len, length: request.len, id: first + index });
  }
  return 0;
}

function removeBuffers(ring: RingInternals, request: KernelRequest): Result {
  const count = request.fd;
  if (count <= 0 || count > 65536) return -Errno.EINVAL;
  const group = ring.bufferGroups.get(request.bufIndex);
  if (group === undefined) return -Errno.ENOENT;
  if (!(group instanceof BufferListGroup)) return -Errno.EINVAL;
  return group.buffers.splice(0, count).length;
}
