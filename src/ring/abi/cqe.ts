/**
 * The completion queue entry, `struct io_uring_cqe`.
 *
 * ```text
 *  byte  0              8        12        16 (CQE32, or F_32 in a mixed ring)
 *       +--------------+--------+---------+---------------+---------------+
 *       |  user_data   |  res   |  flags  |  big_cqe[0]   |  big_cqe[1]   |
 *       +--------------+--------+---------+---------------+---------------+
 *  word  0       1      2        3         4       5       6       7
 * ```
 *
 * @module
 */

/**
 * The size of a CQE in bytes; twice that with `SETUP_CQE32`, or with `CqeFlag.BIG` in a
 * `SETUP_CQE_MIXED` ring.
 */
export const CQE_SIZE = 16;

/** The index of each 32-bit word of a CQE. */
export const CqeWord = { USER_DATA: 0, RES: 2, FLAGS: 3, EXTRA1: 4, EXTRA2: 6 } as const;

/** `IORING_CQE_F_*`. See io_uring_cqe(3) and io_uring(7). */
export const CqeFlag = {
  /** A provided buffer was used; its id is in the upper 16 bits of the flags. Since 5.7. */
  BUFFER: 1 << 0,
  /** The operation will post more CQEs. Since 5.13. */
  MORE: 1 << 1,
  /** The socket has more data to read. Since 5.19. */
  SOCK_NONEMPTY: 1 << 2,
  /** The buffer of a zero-copy send can be reused. Since 6.0. */
  NOTIF: 1 << 3,
  /** The buffer, which belongs to an incremental buffer ring, will be used again. Since 6.12. */
  BUF_MORE: 1 << 4,
  /** A filler at the end of a mixed ring, to be skipped. Since 6.18. */
  SKIP: 1 << 5,
  /** The CQE is 32 bytes long, in a mixed ring. Since 6.18. */
  BIG: 1 << 15,
} as const;

/** The buffer id is stored in the flags from this bit on (`IORING_CQE_BUFFER_SHIFT`). */
export const CQE_BUFFER_SHIFT = 16;
