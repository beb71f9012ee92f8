/**
 * The catalogue of operations: one record per opcode. The probe, the doctor, the decoder, the
 * documentation and the tests all iterate over it.
 *
 * @module
 */

import { Opcode, type OpcodeName } from '../ring/index.js';

/** The groups of operations, each with a file of encoders. */
export type OpFamily = 'control' | 'read-write' | 'file' | 'path' | 'xattr' | 'poll' | 'time' | 'socket' | 'buffer' | 'sync';

/** The facts about an operation. */
export interface OperationInfo {
  /** The opcode. */
  readonly code: number;
  /** The kernel name, without `IORING_OP_`. */
  readonly name: OpcodeName;
  /** The Linux version that introduced it; for reports, never for decisions. */
  readonly since: string;
  /** The file of `src/ops` that contains the encoder. */
  readonly family: OpFamily;
  /** The encoder's name. */
  readonly encoder: string;
  /** How to read the SQE's `fd`: as a file, as nothing, or as a value specific to the operation. */
  readonly fd: 'file' | 'none' | 'other';
}

type Row = readonly [name: OpcodeName, since: string, family: OpFamily, encoder: string, fd: OperationInfo['fd']];

const ROWS: readonly Row[] = [
  ['NOP', '5.1', 'control', 'prepNop', 'none'],
  ['READV', '5.1', 'read-write', 'prepReadv', 'file'],
  ['WRITEV', '5.1', 'read-write', 'prepWritev', 'file'],
  ['FSYNC', '5.1', 'file', 'prepFsync', 'file'],
  ['READ_FIXED', '5.1', 'read-write', 'prepReadFixed', 'file'],
  ['WRITE_FIXED', '5.1', 'read-write', 'prepWriteFixed', 'file'],
  ['POLL_ADD', '5.1', 'poll', 'prepPollAdd', 'file'],
  ['POLL_REMOVE', '5.1', 'poll', 'prepPollRemove', 'none'],
  ['SYNC_FILE_RANGE', '5.2', 'file', 'prepSyncFileRange', 'file'],
  ['SENDMSG', '5.3', 'socket', 'prepSendmsg', 'file'],
  ['RECVMSG', '5.3', 'socket', 'prepRecvmsg', 'file'],
  ['TIMEOUT', '5.4', 'time', 'prepTimeout', 'none'],
  ['TIMEOUT_REMOVE', '5.5', 'time', 'prepTimeoutRemove', 'none'],
  ['ACCEPT', '5.5', 'socket', 'prepAccept', 'file'],
  ['ASYNC_CANCEL', '5.5', 'control', 'prepCancel', 'other'],
  ['LINK_TIMEOUT', '5.5', 'time', 'prepLinkTimeout', 'none'],
  ['CONNECT', '5.5', 'socket', 'prepConnect', 'file'],
  ['FALLOCATE', '5.6', 'file', 'prepFallocate', 'file'],
  ['OPENAT', '5.6', 'path', 'prepOpenat', 'other'],
  ['CLOSE', '5.6', 'file', 'prepClose', 'file'],
  ['FILES_UPDATE', '5.6', 'control', 'prepFilesUpdate', 'none'],
  ['STATX', '5.6', 'path', 'prepStatx', 'other'],
  ['READ', '5.6', 'read-write', 'prepRead', 'file'],
  ['WRITE', '5.6', 'read-write', 'prepWrite', 'file'],
  ['FADVISE', '5.6', 'file', 'prepFadvise', 'file'],
  ['MADVISE', '5.6', 'file', 'prepMadvise', 'none'],
  ['SEND', '5.6', 'socket', 'prepSend', 'file'],
  ['RECV', '5.6', 'socket', 'prepRecv', 'file'],
  ['OPENAT2', '5.6', 'path', 'prepOpenat2', 'other'],
  ['EPOLL_CTL', '5.6', 'poll', 'prepEpollCtl', 'file'],
  ['SPLICE', '5.7', 'file', 'prepSplice', 'file'],
  ['PROVIDE_BUFFERS', '5.7', 'buffer', 'prepProvideBuffers', 'other'],
  ['REMOVE_BUFFERS', '5.7', 'buffer', 'prepRemoveBuffers', 'other'],
  ['TEE', '5.8', 'file', 'prepTee', 'file'],
  ['SHUTDOWN', '5.11', 'socket', 'prepShutdown', 'file'],
  ['RENAMEAT', '5.11', 'path', 'prepRenameat', 'other'],
  ['UNLINKAT', '5.11', 'path', 'prepUnlinkat', 'other'],
  ['MKDIRAT', '5.15', 'path', 'prepMkdirat', 'other'],
  ['SYMLINKAT', '5.15', 'path', 'prepSymlinkat', 'other'],
  ['LINKAT', '5.15', 'path', 'prepLinkat', 'other'],
  ['MSG_RING', '5.18', 'control', 'prepMsgRing', 'file'],
  ['FSETXATTR', '5.19', 'xattr', 'prepFsetxattr', 'file'],
  ['SETXATTR', '5.19', 'xattr', 'prepSetxattr', 'none'],
  ['FGETXATTR', '5.19', 'xattr', 'prepFgetxattr', 'file'],
  ['GETXATTR', '5.19', 'xattr', 'prepGetxattr', 'none'],
  ['SOCKET', '5.19', 'socket', 'prepSocket', 'other'],
  ['URING_CMD', '5.19', 'control', 'prepUringCmd', 'file'],
  ['SEND_ZC', '6.0', 'socket', 'prepSendZc', 'file'],
  ['SENDMSG_ZC', '6.1', 'socket', 'prepSendmsgZc', 'file'],
  ['READ_MULTISHOT', '6.7', 'read-write', 'prepReadMultishot', 'file'],
  ['WAITID', '6.7', 'sync', 'prepWaitid', 'other'],
  ['FUTEX_WAIT', '6.7', 'sync', 'prepFutexWait', 'other'],
  ['FUTEX_WAKE', '6.7', 'sync', 'prepFutexWake', 'other'],
  ['FUTEX_WAITV', '6.7', 'sync', 'prepFutexWaitv', 'none'],
  ['FIXED_FD_INSTALL', '6.8', 'control', 'prepFixedFdInstall', 'file'],
  ['FTRUNCATE', '6.9', 'file', 'prepFtruncate', 'file'],
  ['BIND', '6.11', 'socket', 'prepBind', 'file'],
  ['LISTEN', '6.11', 'socket', 'prepListen', 'file'],
  ['RECV_ZC', '6.15', 'socket', 'prepRecvZc', 'file'],
  ['EPOLL_WAIT', '6.15', 'poll', 'prepEpollWait', 'file'],
  ['READV_FIXED', '6.15', 'read-write', 'prepReadvFixed', 'file'],
  ['WRITEV_FIXED', '6.15', 'read-write', 'prepWritevFixed', 'file'],
  ['PIPE', '6.16', 'file', 'prepPipe', 'other'],
];

/** All operations, indexed by opcode. */
export const OPERATIONS: readonly OperationInfo[] = ROWS.map(([name, since, family, encoder, fd]) => ({
  code: Opcode[name],
  name,
  since,
  family,
  encoder,
  fd,
}));

/** Returns the operation of an opcode, or `undefined` for a number that 6.18 does not use. */
export function operationOf(opcode: number): OperationInfo | undefined {
  return OPERATIONS[opcode];
}
