/**
 * Sockets.
 *
 * @module
 */

import { AcceptFlag, CqeFlag, Opcode, RecvSendFlag, SocketCommand, SqeFlag } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { type SelectedBuffer, selectFor } from '../buffer-groups.js';
import { MessageFlag, type Received, SimulatedSocket } from '../files/sockets.js';
import type { RingInternals } from '../internals.js';
import type { KernelRequest } from '../request.js';
import {
  bufferFlags,
  insideRegistered,
  installFile,
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

/** `struct msghdr`. */
const Msghdr = { SIZE: 56, NAME: 0, NAMELEN: 8, IOV: 16, IOVLEN: 24, CONTROL: 32, CONTROLLEN: 40, FLAGS: 48 } as const;

/**
 * Byte offsets of a `struct cmsghdr` with 16 bits of data: UDP_SEGMENT, the size of the datagrams
 * that a message is split into.
 */
const Cmsghdr = { LEN: 0, LEVEL: 8, TYPE: 12, DATA: 16, SIZE: 18 } as const;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const MOST_SEGMENTS = 64;

/** `struct io_uring_recvmsg_out`, at the start of each buffer of a multishot RECVMSG. */
const RecvmsgOut = { SIZE: 16, NAMELEN: 0, CONTROLLEN: 4, PAYLOADLEN: 8, FLAGS: 12 } as const;

/** The result of a zero-copy send's notification when the data was copied, as over loopback. */
const NOTIF_USAGE_COPIED = 0x8000_0000;

const SEND_FLAGS = RecvSendFlag.POLL_FIRST | RecvSendFlag.FIXED_BUF | RecvSendFlag.ZC_REPORT_USAGE;

const SOL_SOCKET = 1;

/** The opcodes of this family. */
export const SOCKETS: OperationTable = {
  [Opcode.SOCKET]: (ring, request) => {
    if (request.opFlags !== 0) return -Errno.EINVAL;
    const socket = ring.kernel.network.create(request.fd, Number(request.off), request.len);
    return typeof socket === 'number' ? socket : installFile(ring, request, socket);
  },
  [Opcode.BIND]: (ring, request) =>
    withAddress(ring, request, request.addr, Number(request.off), (socket, address) => socket.bind(address)),
  [Opcode.LISTEN]: (ring, request) => withSocket(ring, request, (socket) => socket.listen(request.len | 0)),
  [Opcode.CONNECT]: (ring, request) =>
    withAddress(ring, request, request.addr, Number(request.off), (socket, address) => {
      const listener = socket.listenerAt(address);
      return waitFor(ring, request, listener ? [listener] : [], () => socket.connect(address));
    }),
  [Opcode.ACCEPT]: accept,
  [Opcode.SHUTDOWN]: (ring, request) => withSocket(ring, request, (socket) => socket.shutdown(request.len)),
  [Opcode.SEND]: (ring, request) => send(ring, request, false),
  [Opcode.SEND_ZC]: (ring, request) => send(ring, request, true),
  [Opcode.SENDMSG]: (ring, request) => sendMessage(ring, request, false),
  [Opcode.SENDMSG_ZC]: (ring, request) => sendMessage(ring, request, true),
  [Opcode.RECV]: recv,
  [Opcode.RECVMSG]: recvMessage,
  [Opcode.URING_CMD]: socketCommand,
};

function withSocket(ring: RingInternals, request: KernelRequest, body: (socket: SimulatedSocket) => Result): Result {
  return withFile(ring, request, (file) => (file instanceof SimulatedSocket ? body(file) : -Errno.ENOTSOCK));
}

function withAddress(
  ring: RingInternals,
  request: KernelRequest,
  pointer: number,
  length: number,
  body: (socket: SimulatedSocket, address: Uint8Array) => Result,
): Result {
  return withSocket(ring, request, (socket) => {
    if (length < 2 || length > 128) return -Errno.EINVAL;
    const address = ring.kernel.memory.bytes(pointer, length);
    if (!address) return -Errno.EFAULT;
    lend(ring, request, [{ address: pointer, length }], 'kernel reads');
    return body(socket, address.slice());
  });
}

// Accepting

const SOCK_FLAGS = 0o2000000 | 0o4000;

function accept(ring: RingInternals, request: KernelRequest): Result {
  const { ioprio } = request;
  const multishot = (ioprio & AcceptFlag.MULTISHOT) !== 0;
  if (ioprio & ~(AcceptFlag.MULTISHOT | AcceptFlag.DONTWAIT | AcceptFlag.POLL_FIRST)) return -Errno.EINVAL;
  if (request.opFlags & ~SOCK_FLAGS || (request.fileIndex !== 0 && request.opFlags & 0o2000000)) return -Errno.EINVAL;
  return withSocket(ring, request, (socket) => {
    const take = (): number => {
      const connection = socket.accept();
      if (typeof connection === 'number') return connection;
      writeAddress(ring, request.addr, Number(request.off), connection.peerAddress);
      return installFile(ring, request, connection);
    };
    if (!multishot) {
      if (request.addr !== 0) {
        const size = ring.kernel.memory.data(Number(request.off), 4)?.getUint32(0, true) ?? 0;
        lend(
          ring,
          request,
          [
            { address: request.addr, length: size },
            { address: Number(request.off), length: 4 },
          ],
          'kernel writes',
        );
      }
      return waitFor(ring, request, [socket], take, !(ioprio & AcceptFlag.DONTWAIT));
    }
    return waitAgain(ring, request, socket, () => {
      const result = take();
      if (result === -Errno.EAGAIN) return 'wait';
      if (result < 0) return { last: result };
      ring.progress(request, result);
      return 'more';
    });
  });
}

function writeAddress(ring: RingInternals, pointer: number, sizePointer: number, address: Uint8Array): void {
  if (pointer === 0) return;
  const size = ring.kernel.memory.data(sizePointer, 4);
  const room = size?.getUint32(0, true) ?? 0;
  ring.kernel.memory.bytes(pointer, Math.min(room, address.length))?.set(address.subarray(0, room));
  size?.setUint32(0, address.length, true);
}

// Sending

function send(ring: RingInternals, request: KernelRequest, zeroCopy: boolean): Result {
  if (request.ioprio & ~SEND_FLAGS) return -Errno.EINVAL;
  const length = request.fileIndex & 0xffff;
  const pieces =
    zeroCopy && request.ioprio & RecvSendFlag.FIXED_BUF ? insideRegistered(ring, request, single(request)) : single(request);
  const target = length === 0 ? undefined : { address: Number(request.off), length };
  return sendPieces(ring, request, zeroCopy, pieces, target);
}

function sendMessage(ring: RingInternals, request: KernelRequest, zeroCopy: boolean): Result {
  if (request.ioprio & ~SEND_FLAGS) return -Errno.EINVAL;
  return withFile(ring, request, () => {
    const header = ring.kernel.memory.data(request.addr, Msghdr.SIZE);
    if (!header) return -Errno.EFAULT;
    lend(ring, request, [{ address: request.addr, length: Msghdr.SIZE }], 'kernel reads');
    const name = pointer(header, Msghdr.NAME);
    const length = header.getUint32(Msghdr.NAMELEN, true);
    const pieces = vector(ring, request, pointer(header, Msghdr.IOV), pointer(header, Msghdr.IOVLEN));
    const segment = segmentOf(ring, header);
    if (segment < 0) return segment;
    const target = name === 0 || length === 0 ? undefined : { address: name, length };
    return sendPieces(ring, request, zeroCopy, pieces, target, segment);
  });
}

/** Returns the size of the datagrams that a message is split into; 0 if it is not split. */
function segmentOf(ring: RingInternals, header: DataView): number {
  const size = pointer(header, Msghdr.CONTROLLEN);
  if (size === 0) return 0;
  const message = ring.kernel.memory.data(pointer(header, Msghdr.CONTROL), size);
  if (!message) return -Errno.EFAULT;
  const isSegment =
    size >= Cmsghdr.SIZE &&
    message.getInt32(Cmsghdr.LEVEL, true) === SOL_UDP &&
    message.getInt32(Cmsghdr.TYPE, true) === UDP_SEGMENT;
  // Other control messages are accepted and have no effect.
  if (!isSegment) return 0;
  if (message.getUint32(Cmsghdr.LEN, true) !== Cmsghdr.SIZE) return -Errno.EINVAL;
  return message.getUint16(Cmsghdr.DATA, true);
}

function sendPieces(
  ring: RingInternals,
  request: KernelRequest,
  zeroCopy: boolean,
  pieces: Piece[] | number,
  target: Piece | undefined,
  segment = 0,
): Result {
  return withSocket(ring, request, (socket) => {
    if (typeof pieces === 'number') return pieces;
    if (segment > 0 && total(pieces) > segment * MOST_SEGMENTS) return -Errno.EINVAL;
    const memory = gather(ring, pieces);
    if (!memory) return -Errno.EFAULT;
    lend(ring, request, target ? [...pieces, target] : pieces, 'kernel reads');
    const address = target && ring.kernel.memory.bytes(target.address, target.length)?.slice();
    if (target && !address) return -Errno.EFAULT;
    const length = total(pieces);
    const all = (request.opFlags & MessageFlag.WAITALL) !== 0 && socket.type === 1;
    if (all) request.expected = length;
    let done = 0;
    const attempt = (): number => {
      // The data is read only now: it could have been changed until now, but must not have been.
      const bytes = (gather(ring, pieces) as Uint8Array).subarray(done);
      const piece = socket.type === 1 ? bytes.subarray(0, ring.kernel.chaos?.shorten(bytes.length) ?? bytes.length) : bytes;
      const result = segment === 0 ? socket.send(piece, address) : sendSegments(socket, piece, address, segment);
      if (result < 0) return done > 0 && result !== -Errno.EAGAIN ? done : result;
      done += result;
      return all && done < length ? -Errno.EAGAIN : done;
    };
    if (zeroCopy && request.ioprio & RecvSendFlag.ZC_REPORT_USAGE) request.notification = NOTIF_USAGE_COPIED;
    const mayWait = !(request.opFlags & MessageFlag.DONTWAIT);
    const result = waitFor(ring, request, [socket], attempt, mayWait);
    return result === -Errno.EAGAIN && done > 0 ? done : result;
  });
}

/**
 * Sends the datagrams in order. Only the first can fail: the others count as sent and may be lost
 * in the network.
 */
function sendSegments(socket: SimulatedSocket, bytes: Uint8Array, address: Uint8Array | undefined, segment: number): number {
  for (let start = 0; start < bytes.length; start += segment) {
    const result = socket.send(bytes.subarray(start, start + segment), address);
    if (result < 0 && start === 0) return result;
  }
  return bytes.length;
}

function gather(ring: RingInternals, pieces: readonly Piece[]): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (const { address, length } of pieces) {
    if (length === 0) continue;
    const part = ring.kernel.memory.bytes(address, length);
    if (!part) return undefined;
    parts.push(part);
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

// Receiving

function recv(ring: RingInternals, request: KernelRequest): Result {
  if (request.ioprio & ~(RecvSendFlag.POLL_FIRST | RecvSendFlag.RECV_MULTISHOT)) return -Errno.EINVAL;
  return withSocket(ring, request, (socket) => {
    const selected = request.has(SqeFlag.BUFFER_SELECT);
    if (request.ioprio & RecvSendFlag.RECV_MULTISHOT) {
      if (!selected || request.opFlags & MessageFlag.WAITALL) return -Errno.EINVAL;
      return receiveAgain(ring, request, socket, { length: request.len, nameSize: 0, controlSize: 0 });
    }
    if (!selected) {
      lend(ring, request, single(request), 'kernel writes');
      return receivePieces(ring, request, socket, single(request)).result;
    }
    const attempt = () =>
      withBuffer(ring, request, request.len, (buffer) => {
        const memory = ring.kernel.memory.bytes(buffer.address, buffer.length);
        return memory ? socket.receive(memory, request.opFlags).result : -Errno.EFAULT;
      });
    return waitFor(ring, request, [socket], attempt, !(request.opFlags & MessageFlag.DONTWAIT));
  });
}

/**
 * Runs `body` with a buffer of the group, and posts the CQE that passes it.
 *
 * @returns the result, or -ENOBUFS.
 */
function withBuffer(
  ring: RingInternals,
  request: KernelRequest,
  length: number,
  body: (buffer: SelectedBuffer) => number,
): number {
  const group = ring.bufferGroups.get(request.bufIndex);
  const buffer = selectFor(group, request, length, ring.kernel.ownership);
  if (!buffer) return -Errno.ENOBUFS;
  const result = body(buffer);
  if (result >= 0) {
    group?.commit(buffer, result);
    ring.complete(request, result, bufferFlags(buffer));
  }
  return result;
}

function receivePieces(
  ring: RingInternals,
  request: KernelRequest,
  socket: SimulatedSocket,
  pieces: Piece[],
  received?: (message: Received) => void,
): { readonly result: Result } {
  const length = total(pieces);
  request.expected = (request.opFlags & MessageFlag.WAITALL) !== 0 ? length : undefined;
  let done = 0;
  const attempt = (): number => {
    const stream = socket.type === 1;
    const bytes = new Uint8Array(stream ? (ring.kernel.chaos?.shorten(length - done) ?? length - done) : length);
    const message = socket.receive(bytes, request.opFlags);
    if (message.result < 0) return message.result;
    if (!scatter(ring, pieces, done, bytes.subarray(0, Math.min(message.result, bytes.length)))) return -Errno.EFAULT;
    received?.(message);
    done += message.result;
    const all = stream && (request.opFlags & MessageFlag.WAITALL) !== 0 && message.result > 0;
    return all && done < length ? -Errno.EAGAIN : done;
  };
  return { result: waitFor(ring, request, [socket], attempt, !(request.opFlags & MessageFlag.DONTWAIT)) };
}

function scatter(ring: RingInternals, pieces: readonly Piece[], start: number, bytes: Uint8Array): boolean {
  let at = 0;
  let skip = start;
  for (const { address, length } of pieces) {
    const from = Math.min(skip, length);
    skip -= from;
    const count = Math.min(length - from, bytes.length - at);
    if (count <= 0) continue;
    const memory = ring.kernel.memory.bytes(address + from, count);
    if (!memory) return false;
    memory.set(bytes.subarray(at, at + count));
    at += count;
  }
  return true;
}

/**
 * Runs RECV or RECVMSG repeatedly. With RECVMSG, each buffer starts with a header, and with room
 * for the name and the control messages.
 */
function receiveAgain(
  ring: RingInternals,
  request: KernelRequest,
  socket: SimulatedSocket,
  { length, nameSize, controlSize }: { readonly length: number; readonly nameSize: number; readonly controlSize: number },
): Result {
  const group = ring.bufferGroups.get(request.bufIndex);
  const withHeader = request.opcode === Opcode.RECVMSG;
  const overhead = withHeader ? RecvmsgOut.SIZE + nameSize + controlSize : 0;
  return waitAgain(ring, request, socket, () => {
    const buffer = selectFor(group, request, length, ring.kernel.ownership);
    if (!buffer) return { last: -Errno.ENOBUFS };
    const memory = ring.kernel.memory.bytes(buffer.address, buffer.length);
    if (!memory || memory.length < overhead) return { last: -Errno.EFAULT };
    const room = memory.subarray(overhead);
    const wanted = socket.type === 1 ? (ring.kernel.chaos?.shorten(room.length) ?? room.length) : room.length;
    const message = socket.receive(room.subarray(0, wanted), request.opFlags);
    if (message.result === -Errno.EAGAIN) return 'wait';
    if (message.result < 0) return { last: message.result };
    if (withHeader) writeHeader(memory, nameSize, message);
    const result = message.result + overhead;
    // The end of a stream consumes no buffer.
    if (message.result === 0 && socket.type !== 2) return { last: 0 };
    group?.commit(buffer, result);
    ring.progress(request, result, bufferFlags(buffer) | (socket.readable > 0 ? CqeFlag.SOCK_NONEMPTY : 0));
    return 'more';
  });
}

/**
 * Returns how many bytes a message in a group's buffer may have: the length of the only piece; 0,
 * or no piece, means the whole buffer.
 */
function firstLength(ring: RingInternals, header: DataView): number | undefined {
  if (pointer(header, Msghdr.IOVLEN) === 0) return 0;
  const piece = ring.kernel.memory.data(pointer(header, Msghdr.IOV), 16);
  return piece && pointer(piece, 8);
}

function writeHeader(memory: Uint8Array, nameSize: number, message: Received): void {
  const data = new DataView(memory.buffer, memory.byteOffset, memory.length);
  const from = message.from ?? new Uint8Array(0);
  data.setUint32(RecvmsgOut.NAMELEN, from.length, true);
  data.setUint32(RecvmsgOut.CONTROLLEN, 0, true);
  data.setUint32(RecvmsgOut.PAYLOADLEN, message.result, true);
  data.setUint32(RecvmsgOut.FLAGS, message.truncated ? MessageFlag.TRUNC : 0, true);
  memory.set(from.subarray(0, nameSize), RecvmsgOut.SIZE);
}

function recvMessage(ring: RingInternals, request: KernelRequest): Result {
  return withSocket(ring, request, (socket) => {
    const header = ring.kernel.memory.data(request.addr, Msghdr.SIZE);
    if (!header) return -Errno.EFAULT;
    const name = pointer(header, Msghdr.NAME);
    const room = header.getUint32(Msghdr.NAMELEN, true);
    if (request.ioprio & RecvSendFlag.RECV_MULTISHOT) {
      if (!request.has(SqeFlag.BUFFER_SELECT)) return -Errno.EINVAL;
      const length = firstLength(ring, header);
      if (length === undefined) return -Errno.EFAULT;
      return receiveAgain(ring, request, socket, { length, nameSize: room, controlSize: pointer(header, Msghdr.CONTROLLEN) });
    }
    const pieces = vector(ring, request, pointer(header, Msghdr.IOV), pointer(header, Msghdr.IOVLEN));
    if (typeof pieces === 'number') return pieces;
    if (request.has(SqeFlag.BUFFER_SELECT)) {
      // At most one piece: its length limits the data; its address is not used, as the group
      // provides the buffer.
      const attempt = () =>
        withBuffer(ring, request, pieces[0]?.length ?? 0, (buffer) => {
          const memory = ring.kernel.memory.bytes(buffer.address, buffer.length);
          return memory ? socket.receive(memory, request.opFlags).result : -Errno.EFAULT;
        });
      return waitFor(ring, request, [socket], attempt, !(request.opFlags & MessageFlag.DONTWAIT));
    }
    lend(ring, request, [{ address: request.addr, length: Msghdr.SIZE }, ...pieces], 'kernel writes');
    if (name !== 0) lend(ring, request, [{ address: name, length: room }], 'kernel writes');
    return receivePieces(ring, request, socket, pieces, ({ from, truncated }) => {
      if (name !== 0) {
        ring.kernel.memory.bytes(name, Math.min(room, from?.length ?? 0))?.set(from?.subarray(0, room) ?? []);
        header.setUint32(Msghdr.NAMELEN, from?.length ?? 0, true);
      }
      header.setUint32(Msghdr.FLAGS, truncated ? MessageFlag.TRUNC : 0, true);
    }).result;
  });
}

// Options

function socketCommand(ring: RingInternals, request: KernelRequest): Result {
  return withFile(ring, request, (file) => {
    if (!(file instanceof SimulatedSocket)) return -Errno.EOPNOTSUPP;
    const level = Number(request.addr64 & 0xffff_ffffn);
    const option = Number(request.addr64 >> 32n);
    const address = Number(request.addr3);
    const size = request.fileIndex;
    switch (Number(request.off & 0xffff_ffffn)) {
      case SocketCommand.SIOCINQ:
        return file.readable;
      case SocketCommand.SIOCOUTQ:
        return 0;
      case SocketCommand.GETSOCKOPT: {
        if (level !== SOL_SOCKET) return -Errno.EOPNOTSUPP;
        const value = file.getOption(level, option);
        const memory = ring.kernel.memory.bytes(address, Math.min(size, value.length));
        if (!memory) return -Errno.EFAULT;
        lend(ring, request, [{ address, length: memory.length }], 'kernel writes');
        memory.set(value.subarray(0, memory.length));
        return memory.length;
      }
      case SocketCommand.SETSOCKOPT: {
        const value = ring.kernel.memory.bytes(address, size);
        if (!value) return -Errno.EFAULT;
        if (size < 4) return -Errno.EINVAL;
        lend(ring, request, [{ address, length: size }], 'kernel reads');
        file.setOption(level, option, value);
        return 0;
      }
      default:
        return -Errno.EOPNOTSUPP;
    }
  });
}

function pointer(data: DataView, offset: number): number {
  return Number(data.getBigUint64(offset, true));
}
