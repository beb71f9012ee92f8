/**
 * The shim's interface: everything that the library needs from the operating system.
 *
 * It is as small as io_uring allows, and has no notion of rings: another FFI, or the simulated
 * kernel of `uring/testing`, replaces koffi by implementing it. Calls never throw for a system
 * error. They follow the kernel's own convention and return a negative errno, so that the hot path
 * allocates nothing.
 *
 * @module
 */

/** The known facts about the machine, for explaining why no ring could be created. */
export interface HostFacts {
  /** `process.platform`. */
  readonly platform: string;
  /** The kernel release, as of `uname -r`. */
  readonly kernelRelease: string;
  /**
   * The sysctl `kernel.io_uring_disabled`: 0 (allowed), 1 (only members of a group), 2 (no one);
   * `undefined` where the kernel does not have it (before 6.6).
   */
  readonly ioUringDisabled: number | undefined;
  /**
   * The sysctl `kernel.io_uring_group`: the group that may use io_uring when `ioUringDisabled` is
   * 1.
   */
  readonly ioUringGroup: number | undefined;
  /** `Seccomp` of `/proc/self/status`: 0 (none), 1 (strict), 2 (a filter is installed). */
  readonly seccompMode: number | undefined;
  /** RLIMIT_MEMLOCK in bytes (`Infinity` when unlimited): soft and hard. */
  readonly memlock: { readonly soft: number; readonly hard: number } | undefined;
}

/**
 * How a waker reaches Node's event loop: `'poll'`, by the loop's own polling; `'timer'`, by
 * checking periodically.
 */
export type EventLoopKind = 'poll' | 'timer';

/** An eventfd that wakes Node's event loop. */
export interface EventLoopWaker {
  /** The eventfd. A write to it wakes the event loop. */
  readonly fd: number;
  readonly kind: EventLoopKind;
  /**
   * Starts watching, because something is awaited.
   *
   * @param keepAlive whether to keep the process alive meanwhile.
   */
  watch(keepAlive: boolean): void;
  /** Stops watching, because nothing is awaited: the process may end. A new waker is at rest. */
  rest(): void;
  /** Stops calling back, and closes the eventfd. Idempotent. */
  close(): void;
}

/**
 * The system calls of a ring. Negative results are `-errno`.
 *
 * Addresses are plain numbers: user space ends below 2^53 on every architecture that Node runs on.
 */
export interface Syscalls {
  /** The name of the implementation: `'linux'` or `'simulated'`. */
  readonly name: string;

  /**
   * io_uring_setup(2).
   *
   * @param entries the requested number of SQ entries.
   * @param params 120 bytes of `struct io_uring_params`, read and written.
   * @returns the ring's descriptor, or `-errno`.
   */
  setup(entries: number, params: Uint8Array): number;

  /**
   * io_uring_enter(2).
   *
   * @param arg the address of a sigset, the address of an `io_uring_getevents_arg` (EXT_ARG), an
   *   offset (EXT_ARG_REG), or 0.
   * @param argSize the size of the object that `arg` points to.
   * @returns the number of SQEs that the kernel took, or `-errno`.
   */
  enter(fd: number, toSubmit: number, minComplete: number, flags: number, arg: number, argSize: number): number;

  /**
   * io_uring_register(2).
   *
   * @param fd the ring's descriptor, or -1 for operations that need no ring.
   * @param arg the address of the operation's argument, or 0.
   * @returns the operation's result, or `-errno`.
   */
  register(fd: number, opcode: number, arg: number, count: number): number;

  /**
   * mmap(2).
   *
   * @param address 0 to let the kernel choose.
   * @returns the address, or `-errno`.
   */
  mmap(address: number, length: number, protection: number, flags: number, fd: number, offset: number): number;

  /** munmap(2). No view of the range may be accessed afterwards. */
  munmap(address: number, length: number): number;

  /** close(2). */
  close(fd: number): number;

  /** fcntl(2) F_DUPFD_CLOEXEC: a second descriptor for the same file. */
  duplicate(fd: number): number;

  /** eventfd(2). */
  eventfd(initial: number, flags: number): number;

  /** The socket calls that need no ring. */
  readonly sockets: SocketCalls;

  /**
   * pipe2(2), non-blocking.
   *
   * @param ends two words, for the descriptors of the read and write ends.
   */
  pipe(ends: Int32Array): number;

  /**
   * Opens an eventfd that Node's event loop watches.
   *
   * @param onRing called after the eventfd was signaled and has been reset; once, however often it
   *   was signaled. It is called like Node's own callbacks (promises settled in it continue
   *   immediately).
   * @param kind the kind of waker; `undefined` for the best available one.
   * @throws UringError EMFILE, ENFILE, ENOMEM.
   */
  openWaker(onRing: () => void, kind?: EventLoopKind): EventLoopWaker;

  /** lseek(2). @returns the position, or `-errno`. */
  seek(fd: number, offset: number, whence: number): number;

  /**
   * fcntl(2) F_GETFL: the flags with which a descriptor was opened.
   *
   * @returns `O_*` flags, or `-errno`.
   */
  statusFlags(fd: number): number;

  /**
   * fstatfs(2).
   *
   * @returns `f_type`, the type of the file system that a descriptor is on, or `-errno`.
   */
  fileSystemType(fd: number): number;

  /**
   * madvise(2) MADV_DONTNEED: returns memory to the system; it reads as zeros afterwards. The
   * kernel must not be using it.
   */
  discard(address: number, length: number): void;

  /**
   * Returns the address of a view's first byte. The memory must stay referenced for as long as the
   * address is in use, and the view must not be empty (an empty one has no address).
   */
  addressOf(view: ArrayBufferView): number;

  /** Returns the memory at an address as an ArrayBuffer that does not own it. */
  viewOf(address: number, length: number): ArrayBuffer;

  /** Returns the calling thread's id, as the kernel numbers threads (gettid(2)). */
  threadId(): number;

  /** Returns whether a thread of this process, given by {@link Syscalls.threadId}, still exists. */
  isThreadAlive(threadId: number): boolean;

  /**
   * Arranges for `fd` to be closed when the calling thread's JavaScript ends, even by
   * `worker.terminate()`, when no JavaScript runs.
   *
   * @returns a function that cancels the arrangement. It must be called before `fd` is closed by
   *   other means; otherwise an unrelated descriptor with the same number would be closed.
   */
  closeAtThreadEnd(fd: number): () => void;

  /** Returns the facts that explain a refused ring. */
  host(): HostFacts;
}

/**
 * Socket calls that do not wait. Addresses are bytes of a `struct sockaddr`; negative results are
 * `-errno`.
 */
export interface SocketCalls {
  /** socket(2). @param type including SOCK_CLOEXEC. @returns the descriptor. */
  socket(family: number, type: number, protocol: number): number;
  /** socketpair(2). @param ends two words, for the descriptors. */
  socketpair(family: number, type: number, protocol: number, ends: Int32Array): number;
  /** bind(2). */
  bind(fd: number, address: Uint8Array): number;
  /** listen(2). */
  listen(fd: number, backlog: number): number;
  /** shutdown(2). @param how 0 for reading, 1 for writing, 2 for both. */
  shutdown(fd: number, how: number): number;
  /**
   * getsockname(2).
   *
   * @param address filled with the address.
   * @returns the length of the address, which can exceed the given space.
   */
  getsockname(fd: number, address: Uint8Array): number;
  /** getpeername(2), like {@link getsockname}. */
  getpeername(fd: number, address: Uint8Array): number;
  /** getsockopt(2). @param value filled with the value. @returns the length of the value. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** setsockopt(2). */
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** unlink(2), for the path of a socket. */
  unlink(path: string): number;
  /** if_nametoindex(3). @returns the index, or `-ENODEV`. */
  interfaceIndex(name: string): number;
}
