/**
 * io_uring_register(2): its operations and the layouts of their arguments.
 *
 * @module
 */

/**
 * `IORING_REGISTER_*` without the prefix: the operations of Linux 6.18 (0 to 35), and ZCRX_CTRL
 * (36, since 6.19).
 */
export const RegisterOp = {
  BUFFERS: 0,
  UNREGISTER_BUFFERS: 1,
  FILES: 2,
  UNREGISTER_FILES: 3,
  EVENTFD: 4,
  UNREGISTER_EVENTFD: 5,
  FILES_UPDATE: 6,
  EVENTFD_ASYNC: 7,
  PROBE: 8,
  PERSONALITY: 9,
  UNREGISTER_PERSONALITY: 10,
  RESTRICTIONS: 11,
  ENABLE_RINGS: 12,
  FILES2: 13,
  FILES_UPDATE2: 14,
  BUFFERS2: 15,
  BUFFERS_UPDATE: 16,
  IOWQ_AFF: 17,
  UNREGISTER_IOWQ_AFF: 18,
  IOWQ_MAX_WORKERS: 19,
  RING_FDS: 20,
  UNREGISTER_RING_FDS: 21,
  PBUF_RING: 22,
  UNREGISTER_PBUF_RING: 23,
  SYNC_CANCEL: 24,
  FILE_ALLOC_RANGE: 25,
  PBUF_STATUS: 26,
  NAPI: 27,
  UNREGISTER_NAPI: 28,
  CLOCK: 29,
  CLONE_BUFFERS: 30,
  SEND_MSG_RING: 31,
  ZCRX_IFQ: 32,
  RESIZE_RINGS: 33,
  MEM_REGION: 34,
  QUERY: 35,
  ZCRX_CTRL: 36,
} as const;

/** The name of a register operation, without the prefix. */
export type RegisterOpName = keyof typeof RegisterOp;

/**
 * The Linux version that introduced each register operation. Used for reports, never for decisions.
 */
export const REGISTER_OP_SINCE: { readonly [Name in RegisterOpName]: string } = {
  BUFFERS: '5.1',
  UNREGISTER_BUFFERS: '5.1',
  FILES: '5.1',
  UNREGISTER_FILES: '5.1',
  EVENTFD: '5.2',
  UNREGISTER_EVENTFD: '5.2',
  FILES_UPDATE: '5.5',
  EVENTFD_ASYNC: '5.6',
  PROBE: '5.6',
  PERSONALITY: '5.6',
  UNREGISTER_PERSONALITY: '5.6',
  RESTRICTIONS: '5.10',
  ENABLE_RINGS: '5.10',
  FILES2: '5.13',
  FILES_UPDATE2: '5.13',
  BUFFERS2: '5.13',
  BUFFERS_UPDATE: '5.13',
  IOWQ_AFF: '5.14',
  UNREGISTER_IOWQ_AFF: '5.14',
  IOWQ_MAX_WORKERS: '5.15',
  RING_FDS: '5.18',
  UNREGISTER_RING_FDS: '5.18',
  PBUF_RING: '5.19',
  UNREGISTER_PBUF_RING: '5.19',
  SYNC_CANCEL: '6.0',
  FILE_ALLOC_RANGE: '6.0',
  PBUF_STATUS: '6.8',
  NAPI: '6.9',
  UNREGISTER_NAPI: '6.9',
  CLOCK: '6.12',
  CLONE_BUFFERS: '6.12',
  SEND_MSG_RING: '6.13',
  ZCRX_IFQ: '6.15',
  RESIZE_RINGS: '6.13',
  MEM_REGION: '6.13',
  QUERY: '6.18',
  ZCRX_CTRL: '6.19',
};

/**
 * ORed into the opcode when the ring is identified by its registered index
 * (`IORING_REGISTER_USE_REGISTERED_RING`). Since 6.3.
 */
export const USE_REGISTERED_RING = 0x8000_0000;

/**
 * In a list of descriptors: leave this slot unchanged (`IORING_REGISTER_FILES_SKIP`). Since 5.12.
 */
export const FILES_SKIP = -2;

/** `struct iovec`. */
export const Iovec = { SIZE: 16, BASE: 0, LEN: 8 } as const;

/** `struct io_uring_rsrc_register`. */
export const RsrcRegister = { SIZE: 32, NR: 0, FLAGS: 4, DATA: 16, TAGS: 24, FLAG_SPARSE: 1 } as const;

/** `struct io_uring_rsrc_update`, and `io_uring_files_update`. */
export const RsrcUpdate = { SIZE: 16, OFFSET: 0, DATA: 8 } as const;

/** `struct io_uring_rsrc_update2`. */
export const RsrcUpdate2 = { SIZE: 32, OFFSET: 0, DATA: 8, TAGS: 16, NR: 24 } as const;

/** `struct io_uring_probe` and the `io_uring_probe_op` entries that follow it. */
export const Probe = { HEADER: 16, OP_SIZE: 8, LAST_OP: 0, OPS_LENGTH: 1, OP_FLAGS: 2, FLAG_SUPPORTED: 1, MAX_OPS: 256 } as const;

/** `struct io_uring_restriction`; `IORING_RESTRICTION_*`. */
export const Restriction = {
  SIZE: 16,
  TYPE: 0,
  VALUE: 2,
  REGISTER_OP: 0,
  SQE_OP: 1,
  SQE_FLAGS_ALLOWED: 2,
  SQE_FLAGS_REQUIRED: 3,
} as const;

/**
 * `struct io_uring_buf`, an entry of a buffer ring. The ring's tail overlays `resv` of the first
 * entry.
 */
export const BufRingEntry = { SIZE: 16, ADDR: 0, LEN: 8, BID: 12, TAIL: 14 } as const;

/** `struct io_uring_buf_reg`. */
export const BufReg = {
  SIZE: 40,
  RING_ADDR: 0,
  RING_ENTRIES: 8,
  BGID: 12,
  FLAGS: 14,
  FLAG_MMAP: 1,
  FLAG_INC: 2,
} as const;

/** `struct io_uring_buf_status`. */
export const BufStatus = { SIZE: 40, GROUP: 0, HEAD: 4 } as const;

/** `struct io_uring_sync_cancel_reg`. */
export const SyncCancel = { SIZE: 64, ADDR: 0, FD: 8, FLAGS: 12, TIMEOUT: 16, OPCODE: 32 } as const;

/** `struct io_uring_file_index_range`. */
export const FileIndexRange = { SIZE: 16, OFF: 0, LEN: 4 } as const;

/** `struct io_uring_napi`. */
export const Napi = { SIZE: 16, BUSY_POLL_TO: 0, PREFER_BUSY_POLL: 4 } as const;

/** `struct io_uring_clock_register`. */
export const ClockRegister = { SIZE: 16, CLOCKID: 0 } as const;

/** `struct io_uring_clone_buffers`. */
export const CloneBuffers = {
  SIZE: 32,
  SRC_FD: 0,
  FLAGS: 4,
  SRC_OFF: 8,
  DST_OFF: 12,
  NR: 16,
  FLAG_SRC_REGISTERED: 1,
  FLAG_DST_REPLACE: 2,
} as const;

/** `struct io_uring_region_desc`. */
export const RegionDesc = { SIZE: 64, USER_ADDR: 0, REGION_SIZE: 8, FLAGS: 16, ID: 20, MMAP_OFFSET: 24, FLAG_USER: 1 } as const;

/** `struct io_uring_mem_region_reg`. */
export const MemRegionReg = { SIZE: 32, REGION: 0, FLAGS: 8, FLAG_WAIT_ARG: 1 } as const;

/** `struct io_uring_query_hdr` and `io_uring_query_opcode`. */
export const Query = {
  HEADER: 40,
  NEXT: 0,
  DATA: 8,
  OP: 16,
  SIZE: 20,
  RESULT: 24,
  OP_OPCODES: 0,
  OPCODES: { SIZE: 48, REQUEST: 0, REGISTER: 4, FEATURES: 8, SETUP: 16, ENTER: 24, SQE: 32, QUERIES: 40 },
} as const;

/** `struct io_uring_zcrx_ifq_reg`. */
export const ZcrxIfqReg = {
  SIZE: 96,
  IF_IDX: 0,
  IF_RXQ: 4,
  RQ_ENTRIES: 8,
  FLAGS: 12,
  AREA_PTR: 16,
  REGION_PTR: 24,
  OFFSETS: 32,
  ZCRX_ID: 64,
} as const;

/** `struct io_uring_zcrx_area_reg`. */
export const ZcrxAreaReg = { SIZE: 48, ADDR: 0, LEN: 8, TOKEN: 16, FLAGS: 24 } as const;

/** `struct zcrx_ctrl`. */
export const ZcrxCtrl = { SIZE: 72, ZCRX_ID: 0, OP: 4, FLUSH_RQ: 0 } as const;
