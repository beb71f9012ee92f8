/**
 * The submission queue entry, `struct io_uring_sqe`: where its fields are, and what its flags mean.
 *
 * ```text
 *  byte  0      1      2       4            8               16              24        28
 *       +------+------+-------+------------+---------------+---------------+---------+----------+
 *       |opcode|flags |ioprio |     fd     |  off / addr2  | addr          |   len   | op flags |
 *       +------+------+-------+------------+---------------+---------------+---------+----------+
 *  word  0                     1            2       3       4       5       6         7
 *
 *  byte  32             40        42           44            48              56
 *       +--------------+---------+------------+-------------+---------------+---------------+
 *       |  user_data   |buf_index|personality | file_index  | addr3 / cmd[] | pad2          |
 *       +--------------+---------+------------+-------------+---------------+---------------+
 *  word  8       9      10                     11            12      13      14      15
 * ```
 *
 * With SETUP_SQE128 an entry is 128 bytes, and `cmd[]` runs from byte 48 to its end.
 *
 * @module
 */

/** The size of an SQE in bytes; twice that with `SETUP_SQE128`. */
export const SQE_SIZE = 64;

/** The number of 32-bit words of an SQE. */
export const SQE_WORDS = 16;

/**
 * The index of each 32-bit word of an SQE. 64-bit fields occupy the named word and the next one.
 */
export const SqeWord = {
  /** opcode (bits 0 to 7), flags (8 to 15), ioprio (16 to 31). */
  OPCODE_FLAGS_IOPRIO: 0,
  FD: 1,
  /** `off`, `addr2`, or `cmd_op`. */
  OFF: 2,
  /** `addr`, `splice_off_in`, or `level` and `optname`. */
  ADDR: 4,
  LEN: 6,
  /** `rw_flags`, and the flag words of the other operations. */
  OP_FLAGS: 7,
  USER_DATA: 8,
  /** `buf_index` or `buf_group` (bits 0 to 15), `personality` (16 to 31). */
  BUFFER_PERSONALITY: 10,
  /** `splice_fd_in`, `file_index`, `zcrx_ifq_idx`, `optlen`, or `addr_len`. */
  FILE_INDEX: 11,
  /** `addr3`, `attr_ptr`, `optval`, or the start of `cmd[]`. */
  ADDR3: 12,
  /** `attr_type_mask`, or padding. */
  PAD2: 14,
} as const;

/** `IOSQE_*`: flags common to all operations. See io_uring_sqe_set_flags(3). */
export const SqeFlag = {
  /** `fd` is an index into the registered files. Since 5.1. */
  FIXED_FILE: 1 << 0,
  /** Starts only after everything submitted before it has completed. Since 5.2. */
  IO_DRAIN: 1 << 1,
  /**
   * The next SQE starts when this one has succeeded. It is canceled when this one fails or is
   * short. Since 5.3.
   */
  IO_LINK: 1 << 2,
  /** Like IO_LINK, but a failure does not break the chain. Since 5.5. */
  IO_HARDLINK: 1 << 3,
  /** Runs in a kernel worker immediately, without an inline attempt. Since 5.6. */
  ASYNC: 1 << 4,
  /** Selects its buffer from the group `buf_group` when it is ready to use one. Since 5.7. */
  BUFFER_SELECT: 1 << 5,
  /** Posts no CQE if it succeeds. Since 5.17. */
  CQE_SKIP_SUCCESS: 1 << 6,
} as const;

/**
 * The maximum number of bytes that one read or write moves. The kernel's MAX_RW_COUNT is just under
 * 2 GiB.
 */
export const MAX_RW_LENGTH = 0x7fff_ffff;

/** The `file_index` that makes the kernel choose a free slot (`IORING_FILE_INDEX_ALLOC`). */
export const FILE_INDEX_ALLOC = 0xffff_ffff;
