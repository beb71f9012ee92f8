/**
 * The shim's interface: everything the library asks of the operating system.
 *
 * It is as small as io_uring allows, and knows nothing of rings: another FFI, or the simulated kernel of
 * `uring/testing`, takes koffi's place by implementing it. Calls never throw for a system error: they return
 * the kernel's own convention, a negative errno, so that the hot path allocates nothing.
 *
 * @module
 */

/** What is known of the machine, for explaining why a ring could not be had. */
export interface HostFacts {
  /** `process.platform`. */
  readonly platform: string;
  /** The kernel's release, `uname -r`. */
  readonly kernelRelease: string;
  /** The sysctl `kernel.io_uring_disabled`: 0 (allowed), 1 (members of a group only), 2 (nobody); `undefined` where the kernel has none (before 6.6). */
  readonly ioUringDisabled: number | undefined;
  /** The sysctl `kernel.io_uring_group`: the group that may use io_uring when `ioUringDisabled` is 1. */
  readonly ioUringGroup: number | undefined;
  /** `Seccomp` of `/proc/self/status`: 0 (none), 1 (strict), 2 (a filter is installed). */
  readonly seccompMode: number | undefined;
  /** RLIMIT_MEMLOCK in bytes (`Infinity` when unlimited): soft and hard. */
  readonly memlock: { readonly soft: number; readonly hard: number } | undefined;
}

/** How a waker reaches Node's event loop: `'poll'`, by the loop's own polling; `'timer'`, by looking now and then. */
export type EventLoopKind = 'poll' | 'timer';

/** An eventfd that wakes Node's event loop. */
export interface EventLoopWaker {
  /** The eventfd: whoever writes to it rings. */
  readonly fd: number;
  readonly kind: EventLoopKind;
  /** Something is awaited. @param keepAlive keeps the process alive meanwhile. */
  watch(keepAlive: boolean): void;
  /** Nothing is awaited: the process may end. A new waker is at rest. */
  rest(): void;
  /** Rings no more, and closes the eventfd. Idempotent. */
  close(): void;
}

/**
 * The system calls of a ring. Results that are negative are `-errno`.
 *
 * Addresses are plain numbers: user space ends below 2^53 on every architecture Node runs on.
 */
export interface Syscalls {
  /** Which implementation this is: `'linux'`, or `'simulated'`. */
  readonly name: string;

  /**
   * io_uring_setup(2).
   *
   * @param entries SQ entries asked for.
   * @param params 120 bytes of `struct io_uring_params`, read and written.
   * @returns the ring's fd, or `-errno`.
   */
  setup(entries: number, params: Uint8Array): number;

  /**
   * io_uring_enter(2).
   *
   * @param arg address of a sigset, of a `io_uring_getevents_arg` (EXT_ARG), an offset (EXT_ARG_REG), or 0.
   * @param argSize size of what `arg` points to.
   * @returns how many SQEs the kernel took, or `-errno`.
   */
  enter(fd: number, toSubmit: number, minComplete: number, flags: number, arg: number, argSize: number): number;

  /**
   * io_uring_register(2).
   *
   * @param fd the ring's, or -1 for the operations that need no ring.
   * @param arg address of the operation's argument, or 0.
   * @returns the operation's result, or `-errno`.
   */
  register(fd: number, opcode: number, arg: number, count: number): number;

  /**
   * mmap(2).
   *
   * @param address 0 for one of the kernel's choice.
   * @returns the address, or `-errno`.
   */
  mmap(address: number, length: number, protection: number, flags: number, fd: number, offset: number): number;

  /** munmap(2). No view of the range may be touched afterwards. */
  munmap(address: number, length: number): number;

  /** close(2). */
  close(fd: number): number;

  /** fcntl(2) F_DUPFD_CLOEXEC: a second descriptor for the same file. */
  duplicate(fd: number): number;

  /** eventfd(2). */
  eventfd(initial: number, flags: number): number;

  /** What is asked about sockets without a ring. */
  readonly sockets: SocketCalls;

  /** pipe2(2), non-blocking. @param ends two words, for the fds of the read end and the write end. */
  pipe(ends: Int32Array): number;

  /**
   * An eventfd that Node's event loop watches.
   *
   * @param onRing called as Node's own callbacks are (promises settled in it go on at once) after the eventfd was signalled, and
   *   reset; once, however often it was signalled.
   * @param kind how; `undefined` for the best there is.
   * @throws UringError EMFILE, ENFILE, ENOMEM.
   */
  openWaker(onRing: () => void, kind?: EventLoopKind): EventLoopWaker;

  /** lseek(2). @returns the position, or `-errno`. */
  seek(fd: number, offset: number, whence: number): number;

  /** fcntl(2) F_GETFL: the flags that a descriptor was opened with. @returns `O_*` flags, or `-errno`. */
  statusFlags(fd: number): number;

  /** fstatfs(2). @returns `f_type`, the type of the file system that a descriptor lies on, or `-errno`. */
  fileSystemType(fd: number): number;

  /** madvise(2) MADV_DONTNEED: gives memory back to the system; it reads as zeros afterwards. The kernel must not be using it. */
  discard(address: number, length: number): void;

  /**
   * The address of a view's first byte. The memory must stay referenced for as long as the address is in use, and
   * the view must not be empty (an empty one has no address).
   */
  addressOf(view: ArrayBufferView): number;

  /** The memory at an address as an ArrayBuffer that does not own it. */
  viewOf(address: number, length: number): ArrayBuffer;

  /** The calling thread's id, as the kernel numbers threads (gettid(2)). */
  threadId(): number;

  /** Whether a thread of this process, by {@link Syscalls.threadId}, still exists. */
  isThreadAlive(threadId: number): boolean;

  /**
   * Has `fd` closed when the calling thread's JavaScript ends, even by `worker.terminate()`, when no JavaScript runs.
   *
   * @returns takes the arrangement back; must be called before `fd` is closed by other means, or the arrangement would
   * close a stranger's descriptor of the same number.
   */
  closeAtThreadEnd(fd: number): () => void;

  /** The facts that explain a refused ring. */
  host(): HostFacts;
}

/** Calls about sockets that do not wait. Addresses are bytes of a `struct sockaddr`; results that are negative are `-errno`. */
export interface SocketCalls {
  /** socket(2). @param type with SOCK_CLOEXEC. @returns the fd. */
  socket(family: number, type: number, protocol: number): number;
  /** socketpair(2). @param ends two words, for the fds. */
  socketpair(family: number, type: number, protocol: number, ends: Int32Array): number;
  /** bind(2). */
  bind(fd: number, address: Uint8Array): number;
  /** listen(2). */
  listen(fd: number, backlog: number): number;
  /** shutdown(2). @param how 0 for reading, 1 for writing, 2 for both. */
  shutdown(fd: number, how: number): number;
  /** getsockname(2). @param address filled. @returns the address's length, which can be more than there was room for. */
  getsockname(fd: number, address: Uint8Array): number;
  /** getpeername(2), as {@link getsockname}. */
  getpeername(fd: number, address: Uint8Array): number;
  /** getsockopt(2). @param value filled. @returns the value's length. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** setsockopt(2). */
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** unlink(2), of a socket's path. */
  unlink(path: string): number;
  /** if_nametoindex(3). @returns its number, or `-ENODEV`. */
  interfaceIndex(name: string): number;
}
