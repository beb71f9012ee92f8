/**
 * io_uring_setup(2): the flags, the features, and the layout of `struct io_uring_params`.
 *
 * @module
 */

/**
 * `IORING_SETUP_*` up to Linux 6.18. See io_uring_setup(2).
 */
export const SetupFlag = {
  /**
   * Completions are busy-polled. Only for files opened with O_DIRECT, and for a few operations.
   * Since 5.1.
   */
  IOPOLL: 1 << 0,
  /** A kernel thread polls for submissions. Since 5.1; unprivileged since 5.12. */
  SQPOLL: 1 << 1,
  /** The SQPOLL thread is bound to `sqThreadCpu`. Since 5.1. */
  SQ_AFF: 1 << 2,
  /** The program sets the size of the completion queue (`cqEntries`). Since 5.5. */
  CQSIZE: 1 << 3,
  /** Sizes above the limits are clamped to them. Since 5.6. */
  CLAMP: 1 << 4,
  /** Shares the workers (and SQPOLL thread) of another ring (`attachTo`). Since 5.6. */
  ATTACH_WQ: 1 << 5,
  /** The ring starts disabled, so that restrictions can be registered. Since 5.10. */
  R_DISABLED: 1 << 6,
  /** A bad SQE does not stop the rest of the submission. Since 5.18. */
  SUBMIT_ALL: 1 << 7,
  /**
   * The task is not interrupted to run completion work, which runs at the next system call. Since
   * 5.19.
   */
  COOP_TASKRUN: 1 << 8,
  /**
   * `SqRingFlag.TASKRUN` indicates pending completion work. Since 5.19; with COOP_TASKRUN or
   * DEFER_TASKRUN.
   */
  TASKRUN_FLAG: 1 << 9,
  /** SQEs of 128 bytes. Since 5.19. */
  SQE128: 1 << 10,
  /** CQEs of 32 bytes. Since 5.19. */
  CQE32: 1 << 11,
  /** Only one thread submits. Since 6.0. */
  SINGLE_ISSUER: 1 << 12,
  /** Completion work runs only when completions are requested. Since 6.1; needs SINGLE_ISSUER. */
  DEFER_TASKRUN: 1 << 13,
  /** The program provides the memory of the ring. Since 6.5. */
  NO_MMAP: 1 << 14,
  /** The ring has a registered index instead of an fd. Since 6.5; needs NO_MMAP. */
  REGISTERED_FD_ONLY: 1 << 15,
  /** There is no indirection array between the submission ring and the SQEs. Since 6.6. */
  NO_SQARRAY: 1 << 16,
  /** IOPOLL that sleeps before it polls. Since 6.13; needs IOPOLL. */
  HYBRID_IOPOLL: 1 << 17,
  /** CQEs of 16 and 32 bytes in one ring. Since 6.18. */
  CQE_MIXED: 1 << 18,
} as const;

/** The name of a setup flag, without its prefix. */
export type SetupFlagName = keyof typeof SetupFlag;

/** `IORING_FEAT_*`, as reported by io_uring_setup(2). */
export const Feature = {
  /** One mapping holds both rings. Since 5.4. */
  SINGLE_MMAP: 1 << 0,
  /** Completions that find the queue full are kept instead of dropped. Since 5.5. */
  NODROP: 1 << 1,
  /**
   * The data that an SQE points to can be reused after submission, where the operation allows it.
   * Since 5.5.
   */
  SUBMIT_STABLE: 1 << 2,
  /** Offset -1 means the current file position. Since 5.6. */
  RW_CUR_POS: 1 << 3,
  /** Operations run with the credentials of the submitting task. Since 5.6. */
  CUR_PERSONALITY: 1 << 4,
  /** Operations on pollable files need no worker. Since 5.7. */
  FAST_POLL: 1 << 5,
  /** Poll masks have 32 bits. Since 5.9. */
  POLL_32BITS: 1 << 6,
  /** SQPOLL works with ordinary fds. Since 5.11. */
  SQPOLL_NONFIXED: 1 << 7,
  /** `enter` accepts a timeout. Since 5.11. */
  EXT_ARG: 1 << 8,
  /** Workers are threads of the process. Since 5.12. */
  NATIVE_WORKERS: 1 << 9,
  /** Registered resources can have tags. Since 5.13. */
  RSRC_TAGS: 1 << 10,
  /** CQE_SKIP_SUCCESS is supported. Since 5.17. */
  CQE_SKIP: 1 << 11,
  /** A linked operation's fd is looked up when it starts. Since 5.17. */
  LINKED_FILE: 1 << 12,
  /** `register` accepts a registered ring. Since 6.3. */
  REG_REG_RING: 1 << 13,
  /** Send and receive accept bundles of buffers. Since 6.10. */
  RECVSEND_BUNDLE: 1 << 14,
  /** `enter` accepts a minimum wait. Since 6.12. */
  MIN_TIMEOUT: 1 << 15,
  /** Reads and writes accept attributes. Since 6.14. */
  RW_ATTR: 1 << 16,
  /** `EnterFlag.NO_IOWAIT` is supported. Since 6.15. */
  NO_IOWAIT: 1 << 17,
} as const;

/** The name of a feature, without its prefix. */
export type FeatureName = keyof typeof Feature;

/** Byte offsets in `struct io_uring_params`, which is 120 bytes long. */
export const Params = {
  SIZE: 120,
  SQ_ENTRIES: 0,
  CQ_ENTRIES: 4,
  FLAGS: 8,
  SQ_THREAD_CPU: 12,
  SQ_THREAD_IDLE: 16,
  FEATURES: 20,
  WQ_FD: 24,
  SQ_OFF_HEAD: 40,
  SQ_OFF_TAIL: 44,
  SQ_OFF_RING_MASK: 48,
  SQ_OFF_RING_ENTRIES: 52,
  SQ_OFF_FLAGS: 56,
  SQ_OFF_DROPPED: 60,
  SQ_OFF_ARRAY: 64,
  /** NO_MMAP: the address of the SQEs. */
  SQ_OFF_USER_ADDR: 72,
  CQ_OFF_HEAD: 80,
  CQ_OFF_TAIL: 84,
  CQ_OFF_RING_MASK: 88,
  CQ_OFF_RING_ENTRIES: 92,
  CQ_OFF_OVERFLOW: 96,
  CQ_OFF_CQES: 100,
  CQ_OFF_FLAGS: 104,
  /** NO_MMAP: the address of the rings. */
  CQ_OFF_USER_ADDR: 112,
} as const;

/** The maximum number of SQ entries of a ring (`IORING_MAX_ENTRIES`). */
export const MAX_ENTRIES = 32768;

/** The maximum number of CQ entries of a ring. */
export const MAX_CQ_ENTRIES = 2 * MAX_ENTRIES;

/** mmap(2) offsets of the parts of a ring (`IORING_OFF_*`). */
export const MmapOffset = { SQ_RING: 0, CQ_RING: 0x800_0000, SQES: 0x1000_0000, PBUF_RING: 0x8000_0000, PBUF_SHIFT: 16 } as const;
