/**
 * Reading and writing, and moving bytes between files.
 *
 * @module
 */

import { Opcode, SpliceFlag, SqeFlag } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { selectFor } from '../buffer-groups.js';
import type { SimulatedFile } from '../files/file.js';
import { PipeEnd } from '../files/pipe.js';
import type { RingInternals } from '../internals.js';
import type { KernelRequest } from '../request.js';
import {
  bufferFlags,
  fileAt,
  insideRegistered,
  lend,
  type OperationTable,
  type Piece,
  type Result,
  single,
  total,
  vector,
  waitAgain,
  waitFor,
  withFile,
} from './common.js';

/** `RWF_*`. */
const RWF = { HIPRI: 1, DSYNC: 2, SYNC: 4, NOWAIT: 8, APPEND: 16, NOAPPEND: 32 } as const;

const CURRENT = 0xffff_ffff_ffff_ffffn;

const MAX_TRANSFER = 0x7fff_f000;

type Way = 'read' | 'write';

const iovecs = (ring: RingInternals, request: KernelRequest) => vector(ring, request, request.addr, request.len);

/** The opcodes of this family. */
export const TRANSFERS: OperationTable = {
  [Opcode.READ]: (ring, request) => transfer(ring, request, 'read', single(request)),
  [Opcode.WRITE]: (ring, request) => transfer(ring, request, 'write', single(request)),
  [Opcode.READV]: (ring, request) => transfer(ring, request, 'read', iovecs(ring, request)),
  [Opcode.WRITEV]: (ring, request) => transfer(ring, request, 'write', iovecs(ring, request)),
  [Opcode.READ_FIXED]: (ring, request) => transfer(ring, request, 'read', insideRegistered(ring, request, single(request))),
  [Opcode.WRITE_FIXED]: (ring, request) => transfer(ring, request, 'write', insideRegistered(ring, request, single(request))),
  [Opcode.READV_FIXED]: (ring, request) =>
    transfer(ring, request, 'read', insideRegistered(ring, request, iovecs(ring, request))),
  [Opcode.WRITEV_FIXED]: (ring, request) =>
    transfer(ring, request, 'write', insideRegistered(ring, request, iovecs(ring, request))),
  [Opcode.READ_MULTISHOT]: readMultishot,
  [Opcode.SPLICE]: (ring, request) => splice(ring, request, false),
  [Opcode.TEE]: (ring, request) => splice(ring, request, true),
};

function transfer(ring: RingInternals, request: KernelRequest, way: Way, pieces: Piece[] | number): Result {
  return withFile(ring, request, (file) => {
    if (typeof pieces === 'number') return pieces;
    if (request.opFlags & ~(RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.NOWAIT | RWF.APPEND | RWF.NOAPPEND)) return -Errno.EOPNOTSUPP;
    // The direction is checked before a buffer is selected.
    const wrongWay = file.kind === 'pipe-write' ? 'read' : file.kind === 'pipe-read' ? 'write' : undefined;
    if (way === wrongWay) return -Errno.EBADF;
    const selected = request.has(SqeFlag.BUFFER_SELECT);
    if (!selected) {
      request.expected = Math.min(total(pieces), MAX_TRANSFER);
      lend(ring, request, pieces, way === 'read' ? 'kernel writes' : 'kernel reads');
    }
    const group = ring.bufferGroups.get(request.bufIndex);
    const attempt = (): number => {
      const buffer = selected ? selectFor(group, request, request.len, ring.kernel.ownership) : undefined;
      // The buffer is selected before the file is accessed.
      if (selected && !buffer) return -Errno.ENOBUFS;
      const done = moveBytes(ring, request, file, way, buffer ? [buffer] : pieces);
      if (buffer && done >= 0) {
        group?.commit(buffer, done);
        ring.complete(request, done, bufferFlags(buffer));
      }
      return done;
    };
    return waitFor(ring, request, [file], attempt, !(request.opFlags & RWF.NOWAIT));
  });
}

function moveBytes(ring: RingInternals, request: KernelRequest, file: SimulatedFile, way: Way, pieces: readonly Piece[]): number {
  const { kernel } = ring;
  const atCurrent = request.off === CURRENT;
  const start = file.seekable ? (atCurrent ? file.position : Number(request.off)) : undefined;
  // A regular file is read up to the requested length, unless the read must not wait.
  const mayBeShort = way === 'write' || start === undefined || (request.opFlags & RWF.NOWAIT) !== 0;
  let left = mayBeShort ? (kernel.chaos?.shorten(total(pieces)) ?? MAX_TRANSFER) : MAX_TRANSFER;
  let done = 0;
  for (const { address, length: whole } of pieces) {
    const length = Math.min(whole, left);
    if (length === 0) continue;
    const memory = kernel.memory.bytes(address, length);
    const result = memory ? file[way](memory, start === undefined ? undefined : start + done) : -Errno.EFAULT;
    if (result < 0) {
      if (done === 0) return result;
      break;
    }
    done += result;
    left -= result;
    if (result < length) break;
  }
  // A transfer of 0 bytes is tried as well: a file that cannot be read reports an error.
  if (done === 0 && total(pieces) === 0) {
    const result = file[way](new Uint8Array(0), start);
    if (result < 0 && result !== -Errno.EAGAIN) return result;
  }
  if (atCurrent && file.seekable) file.position = positionAfter(file, way, start as number, done);
  return done;
}

/** Returns the position after a transfer: after an append, it is the end of the file. */
function positionAfter(file: SimulatedFile, way: Way, start: number, done: number): number {
  const appended = way === 'write' && 'flags' in file && ((file.flags as number) & 0o2000) !== 0;
  return appended && done > 0 ? file.inode.size : start + done;
}

function readMultishot(ring: RingInternals, request: KernelRequest): Result {
  return withFile(ring, request, (file) => {
    if (!request.has(SqeFlag.BUFFER_SELECT)) return -Errno.EINVAL;
    if (file.seekable || file.kind === 'directory') return -Errno.EBADFD;
    if (file.kind === 'pipe-write') return -Errno.EBADF;
    const group = ring.bufferGroups.get(request.bufIndex);
    return waitAgain(ring, request, file, () => {
      const buffer = selectFor(group, request, request.len, ring.kernel.ownership);
      if (!buffer) return { last: -Errno.ENOBUFS };
      const result = moveBytes(ring, request, file, 'read', [buffer]);
      if (result === -Errno.EAGAIN) return 'wait';
      if (result < 0) return { last: result };
      group?.commit(buffer, result);
      if (result === 0) return { last: 0, flags: bufferFlags(buffer) };
      ring.progress(request, result, bufferFlags(buffer));
      return 'more';
    });
  });
}

/** Implements splice(2) and tee(2): the source is in `splice_fd_in`. */
function splice(ring: RingInternals, request: KernelRequest, copy: boolean): Result {
  const flags = request.opFlags;
  if (flags & ~(SpliceFlag.MOVE | SpliceFlag.NONBLOCK | SpliceFlag.MORE | SpliceFlag.FD_IN_FIXED)) return -Errno.EINVAL;
  const source = fileAt(ring, request.fileIndex | 0, (flags & SpliceFlag.FD_IN_FIXED) !== 0);
  if (!source) return -Errno.EBADF;
  return withFile(ring, request, (target) => {
    if (request.len === 0) return 0;
    const pipeIn = source instanceof PipeEnd ? source : undefined;
    const pipeOut = target instanceof PipeEnd ? target : undefined;
    if (pipeIn?.kind === 'pipe-write' || pipeOut?.kind === 'pipe-read') return -Errno.EBADF;
    if (copy ? !pipeIn || !pipeOut : !pipeIn && !pipeOut) return -Errno.EINVAL;
    if (copy ? request.addr64 !== 0n || request.off !== 0n : hasOffset(request, pipeIn, pipeOut)) {
      return copy ? -Errno.EINVAL : -Errno.ESPIPE;
    }
    const attempt = () => spliceBytes(request, source, target, pipeIn, copy);
    return waitFor(ring, request, [source, target], attempt, !(flags & SpliceFlag.NONBLOCK));
  });
}

/** Returns whether an offset was passed for a pipe, which has no positions. */
function hasOffset(request: KernelRequest, pipeIn: PipeEnd | undefined, pipeOut: PipeEnd | undefined): boolean {
  return (pipeIn !== undefined && request.addr64 !== CURRENT) || (pipeOut !== undefined && request.off !== CURRENT);
}

function spliceBytes(
  request: KernelRequest,
  source: SimulatedFile,
  target: SimulatedFile,
  pipeIn: PipeEnd | undefined,
  copy: boolean,
): number {
  const room = target instanceof PipeEnd ? target.bytes.room : request.len;
  if (room === 0) return -Errno.EAGAIN;
  const bytes = new Uint8Array(Math.min(request.len, room));
  const from = request.addr64 === CURRENT ? source.position : Number(request.addr64);
  const to = request.off === CURRENT ? target.position : Number(request.off);
  let count: number;
  if (pipeIn) {
    count = pipeIn.bytes.peek(bytes);
    if (count === 0) return pipeIn.ended ? 0 : -Errno.EAGAIN;
  } else {
    count = source.read(bytes, source.seekable ? from : undefined);
    if (count <= 0) return count;
    if (source.seekable && request.addr64 === CURRENT) source.position += count;
  }
  const written = target.write(bytes.subarray(0, count), target.seekable ? to : undefined);
  if (written <= 0) return written;
  if (target.seekable && request.off === CURRENT) target.position += written;
  if (pipeIn && !copy) {
    // Consumes the bytes, and notifies those who wait for room.
    pipeIn.read(new Uint8Array(written));
  }
  return written;
}
