/**
 * Linux constants other than those of io_uring (`ring/abi`) and the errnos (`syscalls/errno.ts`),
 * under their kernel names: from `<fcntl.h>`, `<sys/socket.h>`, `<linux/stat.h>`, and others. The
 * simulated kernel defines its own numbers independently: where the two agree, both are right.
 *
 * @module
 */

// open(2), openat2(2)

export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

/** A flag of `struct open_how`: resolve only what the kernel has cached. Since 5.12. */
export const RESOLVE_CACHED = 0x20n;
export const OPEN_HOW_SIZE = 24;

/** Stands for the working directory in place of a directory descriptor. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const AT_STATX_DONT_SYNC = 0x4000;

// statx(2)

export const STATX_TYPE = 0x001;
export const STATX_MODE = 0x002;
export const STATX_NLINK = 0x004;
export const STATX_BLOCKS = 0x400;
export const STATX_MNT_ID = 0x1000;
/** `STATX_BASIC_STATS | STATX_BTIME`. */
export const STATX_ALL = 0xfff;

/** Byte offsets in `struct statx`. Times are 64-bit seconds followed by 32-bit nanoseconds. */
export const Statx = {
  MASK: 0,
  BLKSIZE: 4,
  NLINK: 16,
  UID: 20,
  GID: 24,
  /** 16 bits. */
  MODE: 28,
  INO: 32,
  SIZE: 40,
  BLOCKS: 48,
  ATIME: 64,
  BTIME: 80,
  CTIME: 96,
  MTIME: 112,
  RDEV_MAJOR: 128,
  DEV_MAJOR: 136,
  MNT_ID: 144,
} as const;
export const SIZEOF_STATX = 256;

// Reading and writing

/** preadv2(2): do not wait for data that is not immediately available. */
export const RWF_NOWAIT = 0x8;
/** The maximum number of buffers in one vectored call. */
export const IOV_MAX = 1024;
/** The size of `struct iovec` in bytes. */
export const IOVEC_SIZE = 16;

// fcntl(2), eventfd(2), poll(2), madvise(2)

export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;
export const EFD_NONBLOCK = O_NONBLOCK;
export const EFD_CLOEXEC = O_CLOEXEC;
export const POLLPRI = 0x2;
export const MADV_DONTNEED = 4;

// socket(7)

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
export const SOCK_CLOEXEC = O_CLOEXEC;

export const SOL_SOCKET = 1;
export const SO_TYPE = 3;
export const SO_LINGER = 13;
export const SCM_RIGHTS = 1;

export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;

/** udp(7): the kernel splits a message into datagrams of this many bytes. Since 4.18. */
export const UDP_SEGMENT = 103;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** Address families and socket types by the names that this library uses. */
export const FAMILIES = { unix: AF_UNIX, IPv4: AF_INET, IPv6: AF_INET6 } as const;
export const SOCKET_TYPES = { stream: SOCK_STREAM, datagram: SOCK_DGRAM, seqpacket: SOCK_SEQPACKET } as const;

/** The size of `struct sockaddr_storage` in bytes, which is large enough for any address. */
export const SOCKADDR_SIZE = 128;

/**
 * The result of a system call that a signal interrupted in a kernel worker. Programs see this value
 * only through io_uring.
 */
export const ERESTARTSYS = 512;
