/**
 * Operations on sockets. Socket addresses, message headers and lengths are passed as addresses of
 * the C structs.
 *
 * @module
 */

import { AcceptFlag, RecvSendFlag, type Sqe } from '../ring/index.js';
import {
  checkAddress,
  checkFd,
  checkFlags,
  checkInteger,
  checkRwLength,
  checkSlot,
  checkUint16,
  checkUint32,
  type DirectSlot,
  Opcode,
  SqeWord,
  selectBuffer,
  writeSlot,
} from './encode.js';

/**
 * socket(2). `io_uring_prep_socket`, `io_uring_prep_socket_direct`. Since 5.19.
 *
 * @param flags must be 0 so far; SOCK_NONBLOCK and SOCK_CLOEXEC go into `type`.
 * @param slot opens into the registered files.
 */
export function prepSocket(sqe: Sqe, domain: number, type: number, protocol: number, flags = 0, slot?: DirectSlot): void {
  checkFd('domain', domain);
  checkUint32('type', type);
  checkUint32('protocol', protocol);
  checkFlags('flags', flags);
  checkSlot(slot);
  sqe.prepare(Opcode.SOCKET, domain, 0, protocol, type, flags);
  writeSlot(sqe, slot);
}

/** bind(2). `io_uring_prep_bind`. Since 6.11. */
export function prepBind(sqe: Sqe, fd: number, address: number, addressLength: number): void {
  checkFd('fd', fd);
  checkAddress('address', address);
  checkUint32('addressLength', addressLength);
  sqe.prepare(Opcode.BIND, fd, address, 0, addressLength, 0);
}

/** listen(2). `io_uring_prep_listen`. Since 6.11. */
export function prepListen(sqe: Sqe, fd: number, backlog: number): void {
  checkFd('fd', fd);
  checkUint32('backlog', backlog);
  sqe.prepare(Opcode.LISTEN, fd, 0, backlog, 0, 0);
}

/** connect(2). `io_uring_prep_connect`. Since 5.5. */
export function prepConnect(sqe: Sqe, fd: number, address: number, addressLength: number): void {
  checkFd('fd', fd);
  checkAddress('address', address);
  checkUint32('addressLength', addressLength);
  sqe.prepare(Opcode.CONNECT, fd, address, 0, addressLength, 0);
}

/**
 * accept4(2). `io_uring_prep_accept`, `io_uring_prep_multishot_accept`, and their direct variants.
 * Since 5.5; direct 5.15; multishot 5.19.
 *
 * @param address where to store the peer's address, or 0.
 * @param addressLength address of a `socklen_t`, or 0.
 * @param flags `SOCK_*`.
 * @param ioprio `AcceptFlag`s.
 */
export function prepAccept(sqe: Sqe, fd: number, address = 0, addressLength = 0, flags = 0, ioprio = 0, slot?: DirectSlot): void {
  checkFd('fd', fd);
  checkAddress('address', address);
  checkAddress('addressLength', addressLength);
  checkFlags('flags', flags);
  checkUint16('ioprio', ioprio);
  checkSlot(slot);
  sqe.prepare(Opcode.ACCEPT, fd, address, 0, addressLength, flags);
  if (ioprio !== 0) sqe.setIoprio(ioprio);
  writeSlot(sqe, slot);
}

/**
 * Accepts repeatedly, with a CQE for each connection. `io_uring_prep_multishot_accept`. Since 5.19.
 */
export function prepMultishotAccept(sqe: Sqe, fd: number, flags = 0, slot?: 'auto'): void {
  prepAccept(sqe, fd, 0, 0, flags, AcceptFlag.MULTISHOT, slot);
}

/**
 * send(2), sendto(2). `io_uring_prep_send`, `io_uring_prep_sendto`. Since 5.6; to an address since
 * 6.0.
 *
 * @param flags `MSG_*`.
 * @param ioprio `RecvSendFlag`s.
 * @param destination address of a `sockaddr`, or 0.
 */
export function prepSend(
  sqe: Sqe,
  fd: number,
  buffer: number,
  length: number,
  flags = 0,
  ioprio = 0,
  destination = 0,
  destinationLength = 0,
): void {
  prepareSend(sqe, Opcode.SEND, fd, buffer, length, flags, ioprio, destination, destinationLength);
}

/**
 * send(2) without copying. Posts two CQEs: the result, with `CqeFlag.MORE`, and later a second one
 * with `CqeFlag.NOTIF`. Only then may the buffer be reused. A failed send posts a notification,
 * too. `io_uring_prep_send_zc`. Since 6.0.
 *
 * @param bufferIndex a registered buffer's slot, or `undefined`; `RecvSendFlag.FIXED_BUF` is
 *   implied.
 */
export function prepSendZc(
  sqe: Sqe,
  fd: number,
  buffer: number,
  length: number,
  flags = 0,
  ioprio = 0,
  destination = 0,
  destinationLength = 0,
  bufferIndex?: number,
): void {
  checkUint16('ioprio', ioprio);
  if (bufferIndex !== undefined) checkUint16('bufferIndex', bufferIndex);
  const fixed = bufferIndex === undefined ? 0 : RecvSendFlag.FIXED_BUF;
  prepareSend(sqe, Opcode.SEND_ZC, fd, buffer, length, flags, ioprio | fixed, destination, destinationLength);
  if (bufferIndex !== undefined) sqe.setBufferIndex(bufferIndex);
}

/** sendmsg(2). `io_uring_prep_sendmsg`. Since 5.3. @param message address of a `struct msghdr`. */
export function prepSendmsg(sqe: Sqe, fd: number, message: number, flags = 0, ioprio = 0): void {
  prepareMessage(sqe, Opcode.SENDMSG, fd, message, flags, ioprio);
}

/** sendmsg(2) without copying; as {@link prepSendZc}. `io_uring_prep_sendmsg_zc`. Since 6.1. */
export function prepSendmsgZc(sqe: Sqe, fd: number, message: number, flags = 0, ioprio = 0): void {
  prepareMessage(sqe, Opcode.SENDMSG_ZC, fd, message, flags, ioprio);
}

/**
 * recvmsg(2). `io_uring_prep_recvmsg`, `io_uring_prep_recvmsg_multishot`. Since 5.3; multishot
 * since 6.0.
 *
 * @param ioprio `RecvSendFlag`s.
 * @param group buffers to select from; required with RECV_MULTISHOT.
 */
export function prepRecvmsg(sqe: Sqe, fd: number, message: number, flags = 0, ioprio = 0, group?: number): void {
  if (group !== undefined) checkUint16('group', group);
  prepareMessage(sqe, Opcode.RECVMSG, fd, message, flags, ioprio);
  if (group !== undefined) selectBuffer(sqe, group);
}

/**
 * recv(2). `io_uring_prep_recv`. Since 5.6.
 *
 * @param ioprio `RecvSendFlag`s.
 */
export function prepRecv(sqe: Sqe, fd: number, buffer: number, length: number, flags = 0, ioprio = 0): void {
  prepareSend(sqe, Opcode.RECV, fd, buffer, length, flags, ioprio, 0, 0);
}

/**
 * recv(2) into a buffer that the kernel selects from a group, once or, with
 * `RecvSendFlag.RECV_MULTISHOT`, repeatedly until the group is empty (-ENOBUFS).
 * `io_uring_prep_recv_multishot`. Since 5.7; multishot since 6.0.
 *
 * @param length bytes at most; 0 for the size of the buffer, and for multishot.
 */
export function prepRecvSelect(sqe: Sqe, fd: number, group: number, length = 0, flags = 0, ioprio = 0): void {
  checkUint16('group', group);
  prepareSend(sqe, Opcode.RECV, fd, 0, length, flags, ioprio, 0, 0);
  selectBuffer(sqe, group);
}

/**
 * Receives without copying, into the area of a zero-copy queue. Multishot. Since 6.15; requires
 * support by the NIC.
 *
 * @param length bytes at most, 0 for no limit.
 * @param queue the registered queue's id.
 */
export function prepRecvZc(sqe: Sqe, fd: number, length: number, queue: number): void {
  checkFd('fd', fd);
  checkUint32('length', length);
  checkUint32('queue', queue);
  sqe.prepare(Opcode.RECV_ZC, fd, 0, length, 0, 0);
  sqe.setIoprio(RecvSendFlag.RECV_MULTISHOT);
  sqe.set32(SqeWord.FILE_INDEX, queue);
}

/**
 * shutdown(2). `io_uring_prep_shutdown`. Since 5.11.
 *
 * @param how 0 for reading, 1 for writing, 2 for both.
 */
export function prepShutdown(sqe: Sqe, fd: number, how: number): void {
  checkFd('fd', fd);
  checkInteger('how', how, 0, 2);
  sqe.prepare(Opcode.SHUTDOWN, fd, 0, how, 0, 0);
}

function prepareSend(
  sqe: Sqe,
  opcode: number,
  fd: number,
  buffer: number,
  length: number,
  flags: number,
  ioprio: number,
  destination: number,
  destinationLength: number,
): void {
  checkFd('fd', fd);
  checkAddress('buffer', buffer);
  checkRwLength('length', length);
  checkFlags('flags', flags);
  checkUint16('ioprio', ioprio);
  checkAddress('destination', destination);
  checkUint16('destinationLength', destinationLength);
  sqe.prepare(opcode, fd, buffer, length, destination, flags);
  if (ioprio !== 0) sqe.setIoprio(ioprio);
  if (destinationLength !== 0) sqe.set32(SqeWord.FILE_INDEX, destinationLength);
}

function prepareMessage(sqe: Sqe, opcode: number, fd: number, message: number, flags: number, ioprio: number): void {
  checkFd('fd', fd);
  checkAddress('message', message);
  checkFlags('flags', flags);
  checkUint16('ioprio', ioprio);
  sqe.prepare(opcode, fd, message, 1, 0, flags);
  if (ioprio !== 0) sqe.setIoprio(ioprio);
}
