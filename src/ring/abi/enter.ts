/**
 * io_uring_enter(2): its flags, the flag words that indicate when to call it, and its extended
 * arguments.
 *
 * @module
 */

/** `IORING_ENTER_*`. See io_uring_enter(2). */
export const EnterFlag = {
  /** Wait for completions, or at least run the work that makes them visible. Since 5.1. */
  GETEVENTS: 1 << 0,
  /** Wake the SQPOLL thread. Since 5.1. */
  SQ_WAKEUP: 1 << 1,
  /** Wait until the SQPOLL thread has freed space in the SQ. Since 5.10. */
  SQ_WAIT: 1 << 2,
  /** The argument is a `struct io_uring_getevents_arg`. Since 5.11. */
  EXT_ARG: 1 << 3,
  /** The ring is identified by its registered index. Since 5.18. */
  REGISTERED_RING: 1 << 4,
  /** The timeout is an absolute time. Since 6.12. */
  ABS_TIMER: 1 << 5,
  /** The argument is an offset into the registered wait region. Since 6.13. */
  EXT_ARG_REG: 1 << 6,
  /** The wait does not count as I/O wait. Since 6.15. */
  NO_IOWAIT: 1 << 7,
} as const;

/** Bits of the SQ ring's flag word (`IORING_SQ_*`), which the kernel sets. */
export const SqRingFlag = {
  /** The SQPOLL thread is asleep: call `enter` with SQ_WAKEUP. Since 5.1. */
  NEED_WAKEUP: 1 << 0,
  /** Completions wait for space in the CQ: call `enter` with GETEVENTS. Since 5.8. */
  CQ_OVERFLOW: 1 << 1,
  /** Completion work is pending: call `enter` with GETEVENTS. Since 5.19, with TASKRUN_FLAG. */
  TASKRUN: 1 << 2,
} as const;

/** Bits of the CQ ring's flag word (`IORING_CQ_*`), which the program sets. */
export const CqRingFlag = {
  /** The kernel does not signal the registered eventfd. Since 5.8. */
  EVENTFD_DISABLED: 1 << 0,
} as const;

/** Byte offsets in `struct io_uring_getevents_arg`. */
export const GeteventsArg = { SIZE: 24, SIGMASK: 0, SIGMASK_SIZE: 8, MIN_WAIT_USEC: 12, TS: 16 } as const;

/** Byte offsets in `struct io_uring_reg_wait`, and its flag. */
export const RegWait = { SIZE: 64, TS: 0, MIN_WAIT_USEC: 16, FLAGS: 20, SIGMASK: 24, SIGMASK_SIZE: 32, FLAG_TS: 1 } as const;

/** The size of `struct __kernel_timespec`: 64-bit seconds and 64-bit nanoseconds. */
export const TIMESPEC_SIZE = 16;
