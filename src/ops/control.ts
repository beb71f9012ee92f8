/**
 * Operations on the ring itself: NOP, cancellation, messages between rings, registered files, and
 * device commands.
 *
 * @module
 */

import { CancelFlag, MsgRingCommand, NopFlag, type Sqe } from '../ring/index.js';
import { invalidArgType } from '../validate.js';
import {
  addSqeFlags,
  checkAddress,
  checkFd,
  checkFlags,
  checkInt32,
  checkInteger,
  checkUint32,
  checkUint64,
  Opcode,
  SqeFlag,
  SqeWord,
} from './encode.js';

/**
 * Does nothing, and completes with 0. `io_uring_prep_nop`. Since 5.1.
 */
export function prepNop(sqe: Sqe): void {
  sqe.prepare(Opcode.NOP, -1, 0, 0, 0, 0);
}

/**
 * Prepares a NOP with `NopFlag`s. With INJECT_RESULT it completes with `result`. Since 6.10; CQE32
 * since 6.18.
 *
 * @param result an s32; negative for an errno.
 */
export function prepNopWith(sqe: Sqe, flags: number, result = 0): void {
  checkFlags('flags', flags);
  checkInt32('result', result);
  sqe.prepare(Opcode.NOP, -1, 0, flags & NopFlag.INJECT_RESULT ? result : 0, 0, flags);
}

/**
 * Cancels the operation with this user data. `io_uring_prep_cancel64`. Since 5.5.
 *
 * Completes with 0 (or, with ALL, the number of operations cancelled), with -ENOENT when nothing
 * matches, or with -EALREADY when the operation is running and may or may not end early. The target
 * completes separately, with -ECANCELED or its own result, before or after.
 *
 * @param flags `CancelFlag`s, except those that name an fd. Since 5.19.
 */
export function prepCancel(sqe: Sqe, userData: number | bigint, flags = 0): void {
  checkUint64('userData', userData);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.ASYNC_CANCEL, -1, 0, 0, 0, flags);
  sqe.set64(SqeWord.ADDR, userData);
}

/**
 * Cancels operations on a file. `io_uring_prep_cancel_fd`. Since 5.19.
 *
 * @param fd a descriptor, or with `CancelFlag.FD_FIXED` a registered file (6.0).
 * @param flags `CancelFlag`s; FD is implied.
 */
export function prepCancelFd(sqe: Sqe, fd: number, flags = 0): void {
  checkFd('fd', fd);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.ASYNC_CANCEL, fd, 0, 0, 0, flags | CancelFlag.FD);
}

/**
 * Cancels operations by opcode. Since 6.6.
 *
 * @param flags `CancelFlag`s; OP is implied.
 */
export function prepCancelOpcode(sqe: Sqe, opcode: number, flags = 0): void {
  checkInteger('opcode', opcode, 0, 255);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.ASYNC_CANCEL, -1, 0, opcode, 0, flags | CancelFlag.OP);
}

/**
 * Posts a completion to another ring. `io_uring_prep_msg_ring`. Since 5.18.
 *
 * @param fd the other ring's.
 * @param result the `res` of its CQE, a u32.
 * @param userData the user data of its CQE.
 * @param flags `MsgRingFlag`s.
 * @param cqeFlags the flags of its CQE, with FLAGS_PASS (6.3).
 */
export function prepMsgRing(sqe: Sqe, fd: number, result: number, userData: number | bigint, flags = 0, cqeFlags = 0): void {
  checkFd('fd', fd);
  checkUint32('result', result);
  checkUint64('userData', userData);
  checkFlags('flags', flags);
  checkUint32('cqeFlags', cqeFlags);
  sqe.prepare(Opcode.MSG_RING, fd, MsgRingCommand.DATA, result, 0, flags);
  sqe.set64(SqeWord.OFF, userData);
  sqe.set32(SqeWord.FILE_INDEX, cqeFlags);
}

/**
 * Sends a registered file to another ring's table. `io_uring_prep_msg_ring_fd`,
 * `io_uring_prep_msg_ring_fd_alloc`. Since 6.0.
 *
 * @param fd the other ring's.
 * @param sourceSlot slot in this ring's table.
 * @param targetSlot slot in the other ring's table, or `'auto'`.
 * @param userData the user data of the other ring's CQE; none is posted with
 *   `MsgRingFlag.CQE_SKIP`.
 */
export function prepMsgRingFd(
  sqe: Sqe,
  fd: number,
  sourceSlot: number,
  targetSlot: number | 'auto',
  userData: number | bigint,
  flags = 0,
): void {
  checkFd('fd', fd);
  checkFd('sourceSlot', sourceSlot);
  if (targetSlot !== 'auto') checkFd('targetSlot', targetSlot);
  checkUint64('userData', userData);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.MSG_RING, fd, MsgRingCommand.SEND_FD, 0, 0, flags);
  sqe.set64(SqeWord.OFF, userData);
  sqe.set64(SqeWord.ADDR3, sourceSlot);
  sqe.set32(SqeWord.FILE_INDEX, targetSlot === 'auto' ? -1 : targetSlot + 1);
}

/**
 * Puts files into slots of the registered table. `io_uring_prep_files_update`. Since 5.6.
 *
 * @param fds address of s32s: descriptors, or -1 to empty a slot; with an `offset` of `'auto'`
 *   (5.19), the kernel writes the slots that it chose.
 * @param count how many.
 * @param offset the first slot, or `'auto'`.
 */
export function prepFilesUpdate(sqe: Sqe, fds: number, count: number, offset: number | 'auto'): void {
  checkAddress('fds', fds);
  checkUint32('count', count);
  if (offset !== 'auto') checkFd('offset', offset);
  sqe.prepare(Opcode.FILES_UPDATE, -1, fds, count, 0, 0);
  // The kernel compares with a sign-extended IORING_FILE_INDEX_ALLOC, as liburing's int parameter
  // passes it.
  sqe.set64(SqeWord.OFF, offset === 'auto' ? -1 : offset);
}

/**
 * Installs a registered file as an ordinary descriptor; the CQE's `res` is the fd.
 * `io_uring_prep_fixed_fd_install`. Since 6.8.
 *
 * @param flags `InstallFdFlag`s.
 */
export function prepFixedFdInstall(sqe: Sqe, slot: number, flags = 0): void {
  checkFd('slot', slot);
  checkFlags('flags', flags);
  sqe.prepare(Opcode.FIXED_FD_INSTALL, slot, 0, 0, 0, flags);
  addSqeFlags(sqe, SqeFlag.FIXED_FILE);
}

/**
 * Sends a command to the file's driver. `io_uring_prep_uring_cmd`. Since 5.19.
 *
 * @param command the driver's number for it.
 * @param flags `1` (IORING_URING_CMD_FIXED) to use a registered buffer.
 * @param payload bytes for the command: up to 16, or up to 80 in a ring with SQE128.
 */
export function prepUringCmd(sqe: Sqe, command: number, fd: number, flags = 0, payload?: Uint8Array): void {
  checkUint32('command', command);
  checkFd('fd', fd);
  checkFlags('flags', flags);
  if (payload !== undefined) {
    if (!ArrayBuffer.isView(payload)) throw invalidArgType('payload', 'an instance of Uint8Array', payload);
    checkInteger('payload.byteLength', payload.byteLength, 0, sqe.size > 16 ? 80 : 16);
  }
  sqe.prepare(Opcode.URING_CMD, fd, 0, 0, 0, flags);
  sqe.set32(SqeWord.OFF, command);
  if (payload === undefined) return;
  const start = (sqe.base + SqeWord.ADDR3) * 4 + sqe.words.byteOffset;
  new Uint8Array(sqe.words.buffer, start, payload.byteLength).set(
    new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength),
  );
}

/**
 * Sends a command to a socket: `SocketCommand`. `io_uring_prep_cmd_sock`. Since 6.7.
 *
 * @param level as for getsockopt(2).
 * @param option as for getsockopt(2).
 * @param value address of the option's value.
 * @param length size of the value; the CQE's `res` of GETSOCKOPT is the size written.
 */
export function prepSocketCommand(
  sqe: Sqe,
  command: number,
  fd: number,
  level: number,
  option: number,
  value: number,
  length: number,
): void {
  checkUint32('command', command);
  checkFd('fd', fd);
  checkInt32('level', level);
  checkInt32('option', option);
  checkAddress('value', value);
  checkUint32('length', length);
  sqe.prepare(Opcode.URING_CMD, fd, 0, 0, 0, 0);
  sqe.set32(SqeWord.OFF, command);
  sqe.set32(SqeWord.ADDR, level);
  sqe.set32(SqeWord.ADDR + 1, option);
  sqe.set64(SqeWord.ADDR3, value);
  sqe.set32(SqeWord.FILE_INDEX, length);
}
