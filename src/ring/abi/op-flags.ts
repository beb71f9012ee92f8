/**
 * Flags of individual operations, under their kernel names.
 *
 * @module
 */

import { POLLPRI } from '../../linux.js';

/** `IORING_NOP_*`. */
export const NopFlag = {
  /** `len` is the result. Since 6.10. */
  INJECT_RESULT: 1 << 0,
  /** Posts a CQE of 32 bytes. Since 6.18. */
  CQE32: 1 << 5,
} as const;

/** `IORING_FSYNC_*`. */
export const FsyncFlag = { DATASYNC: 1 << 0 } as const;

/** `IORING_TIMEOUT_*`. See io_uring_prep_timeout(3). */
export const TimeoutFlag = {
  /** The time is absolute. Since 5.5. */
  ABS: 1 << 0,
  /** TIMEOUT_REMOVE updates the timeout instead of removing it. Since 5.11. */
  UPDATE: 1 << 1,
  /** CLOCK_BOOTTIME. Since 5.15. */
  BOOTTIME: 1 << 2,
  /** CLOCK_REALTIME. Since 5.15. */
  REALTIME: 1 << 3,
  /** Updates a linked timeout. Since 5.15. */
  LINK_UPDATE: 1 << 4,
  /** Expiring counts as success for links and CQE_SKIP_SUCCESS; `res` stays -ETIME. Since 5.16. */
  ETIME_SUCCESS: 1 << 5,
  /** Fires repeatedly. Since 6.4. */
  MULTISHOT: 1 << 6,
} as const;

/** `POLL*` of poll(2). */
export const PollEvent = {
  IN: 0x001,
  PRI: POLLPRI,
  OUT: 0x004,
  ERR: 0x008,
  HUP: 0x010,
  RDHUP: 0x2000,
  /** `EPOLLEXCLUSIVE`. Since 5.10. */
  EXCLUSIVE: 1 << 28,
} as const;

/** `IORING_POLL_*`, in `len` of POLL_ADD and POLL_REMOVE. */
export const PollFlag = {
  /** Posts a CQE for each event (multishot). Since 5.13. */
  ADD_MULTI: 1 << 0,
  /** POLL_REMOVE updates the events. Since 5.13. */
  UPDATE_EVENTS: 1 << 1,
  /** POLL_REMOVE updates the user data. Since 5.13. */
  UPDATE_USER_DATA: 1 << 2,
  /** Level-triggered. Since 5.19. */
  ADD_LEVEL: 1 << 3,
} as const;

/** `IORING_ASYNC_CANCEL_*`. See io_uring_prep_cancel(3). */
export const CancelFlag = {
  /** Cancel all matching operations. Since 5.19. */
  ALL: 1 << 0,
  /** Match by fd. Since 5.19. */
  FD: 1 << 1,
  /** Match any operation. Since 5.19. */
  ANY: 1 << 2,
  /** The fd is a registered one. Since 6.0. */
  FD_FIXED: 1 << 3,
  /** Also match by user data. Since 6.6. */
  USERDATA: 1 << 4,
  /** Also match by opcode. Since 6.6. */
  OP: 1 << 5,
} as const;

/** `IORING_RECVSEND_*` and related flags, in `ioprio` of the socket operations. */
export const RecvSendFlag = {
  /** Wait for readiness first. Since 5.19. */
  POLL_FIRST: 1 << 0,
  /** RECV and RECVMSG post a CQE for each message. Since 6.0. */
  RECV_MULTISHOT: 1 << 1,
  /** The buffer is a registered one. Since 6.0. */
  FIXED_BUF: 1 << 2,
  /** The notification reports whether data was copied. Since 6.2. */
  ZC_REPORT_USAGE: 1 << 3,
  /** Uses several provided buffers at once. Since 6.10. */
  BUNDLE: 1 << 4,
  /** The buffer of a SEND is an iovec. Since 6.17. */
  SEND_VECTORIZED: 1 << 5,
} as const;

/** `IORING_ACCEPT_*`, in `ioprio` of ACCEPT. */
export const AcceptFlag = {
  /** Posts a CQE for each connection. Since 5.19. */
  MULTISHOT: 1 << 0,
  /** Fails with EAGAIN instead of waiting. Since 6.10. */
  DONTWAIT: 1 << 1,
  /** Waits for readiness first. Since 6.10. */
  POLL_FIRST: 1 << 2,
} as const;

/** `IORING_MSG_*`: the command of a MSG_RING, in `addr`. */
export const MsgRingCommand = { DATA: 0, SEND_FD: 1 } as const;

/** `IORING_MSG_RING_*` flags. */
export const MsgRingFlag = {
  /** The target gets no CQE (with SEND_FD). Since 6.0. */
  CQE_SKIP: 1 << 0,
  /** The target's CQE carries the given flags. Since 6.3. */
  FLAGS_PASS: 1 << 1,
} as const;

/** `SPLICE_F_*`, and the flag that io_uring adds. */
export const SpliceFlag = {
  MOVE: 1 << 0,
  NONBLOCK: 1 << 1,
  MORE: 1 << 2,
  /** `splice_fd_in` is a registered file. */
  FD_IN_FIXED: 0x8000_0000,
} as const;

/** `IORING_FIXED_FD_NO_CLOEXEC`. */
export const InstallFdFlag = { NO_CLOEXEC: 1 << 0 } as const;

/** `SOCKET_URING_OP_*`: the `cmd_op` of URING_CMD on a socket. */
export const SocketCommand = { SIOCINQ: 0, SIOCOUTQ: 1, GETSOCKOPT: 2, SETSOCKOPT: 3, TX_TIMESTAMP: 4 } as const;
