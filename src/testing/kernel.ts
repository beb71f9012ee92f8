/**
 * The simulated kernel: an implementation of `Syscalls` that owns rings as Linux does, in memory,
 * on a virtual clock, and entirely under its caller's control. Deterministic: the same calls give
 * the same results, and the same seed gives the same chaos.
 *
 * ```text
 *   Ring / URingContext / Uring
 *        | Syscalls
 *   SimulatedKernel      descriptors, faults, waiting          (this file)
 *     setup              io_uring_setup(2)                     setup.ts
 *     SimulatedRing      queues, links, drains, overflow       simulated-ring.ts
 *       operations       the opcodes                           operations/
 *       registrations    the register operations               registrations.ts
 *     files              pipes, sockets, a file system         files/
 *     ownership          who may access which memory           ownership.ts
 *     chaos              rare behavior, drawn from a seed      chaos.ts
 *     clock, address space
 * ```
 *
 * @module
 */

import { EnterFlag, MmapOffset, RegisterOp, SetupFlag, USE_REGISTERED_RING } from '../ring/abi/index.js';
import { Errno, type EventLoopWaker, type HostFacts, type SocketCalls, type Syscalls, UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { AddressSpace } from './address-space.js';
import { BufferRingGroup } from './buffer-groups.js';
import { Chaos } from './chaos.js';
import { Children } from './children.js';
import { VirtualClock } from './clock.js';
import { Descriptors } from './descriptors.js';
import { enter } from './enter.js';
import { wakerOf } from './event-loop-waker.js';
import { EpollFile } from './files/epoll.js';
import { EventFile } from './files/event-file.js';
import type { SimulatedFile } from './files/file.js';
import { FileSystem } from './files/file-system.js';
import { FileInode } from './files/inode.js';
import { OpenFlag } from './files/open-flags.js';
import { createPipe } from './files/pipe.js';
import { RegularFile } from './files/regular.js';
import { Network, portOf, SimulatedSocket } from './files/sockets.js';
import { Futexes } from './futexes.js';
import { DEFAULTS, type FallibleCall, HOST, type SimulatedKernelOptions, type SubmittedOperation } from './options.js';
import { Ownership, POISON } from './ownership.js';
import { registerWith, registerWithout } from './registrations.js';
import type { KernelRequest } from './request.js';
import { createRing } from './setup.js';
import { SimulatedRing } from './simulated-ring.js';
import { socketCalls } from './socket-calls.js';

const SOCKET_CALLS: Record<keyof SocketCalls, number> = {
  socket: 0,
  socketpair: 0,
  bind: 0,
  listen: 0,
  shutdown: 0,
  getsockname: 0,
  getpeername: 0,
  getsockopt: 0,
  setsockopt: 0,
  unlink: 0,
  interfaceIndex: 0,
};

/**
 * A kernel to test against: pass it as `syscalls` to `Ring.open` or `URingContext`.
 *
 * @example
 * ```ts
 * const kernel = new SimulatedKernel();
 * const context = new URingContext(8, { syscalls: kernel });
 * context.addNop(1);
 * kernel.fail('enter', Errno.EAGAIN);
 * context.submit(); // throws EAGAIN, and the NOP is still there
 * ```
 */
export class SimulatedKernel implements Syscalls {
  readonly name = 'simulated';
  readonly clock = new VirtualClock();
  readonly memory = new AddressSpace();
  /** Who may access which memory, and the violations. */
  readonly ownership = new Ownership(this.memory);
  /** The names of files, and the inodes behind them. @internal */
  readonly files = new FileSystem(() => this.clock.now);
  /** @internal */
  readonly network = new Network(this.files, () => this.clock.now);
  /** @internal */
  readonly futexes = new Futexes();
  /** @internal */
  readonly children = new Children();
  /** @internal */
  readonly chaos: Chaos | undefined;
  readonly options: SimulatedKernelOptions;
  /** Called with each SQE that is taken and each CQE that is posted, for traces. */
  trace: ((kind: 'sqe' | 'cqe', what: unknown) => void) | undefined;
  /** The calling thread, for SINGLE_ISSUER and locks. */
  currentThread = 1;
  private readonly descriptors = new Descriptors();
  /** @internal */
  woken = false;
  private readonly faults = new Map<FallibleCall, number[]>();
  private readonly deadThreads = new Set<number>();
  private interceptor: ((operation: SubmittedOperation) => number | undefined) | undefined;
  private submitBound = Number.POSITIVE_INFINITY;
  private pumping = false;
  /** How many times each call was made. */
  readonly calls = { setup: 0, enter: 0, register: 0, mmap: 0, munmap: 0, close: 0, duplicate: 0, eventfd: 0, ...SOCKET_CALLS };
  readonly sockets: SocketCalls = socketCalls(this, (name, body) => this.call(name, body));

  constructor(options: Partial<SimulatedKernelOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.chaos = this.options.chaos && new Chaos(this.options.chaos);
  }

  get lastOpcode(): number {
    return this.options.lastOpcode;
  }

  get lastRegisterOp(): number {
    return this.options.lastRegisterOp;
  }

  // For tests: files, faults, time

  /** Creates an unnamed regular file, open for reading and writing. @returns its fd. */
  createFile(bytes: Uint8Array = new Uint8Array(0)): number {
    const inode = new FileInode(0o600, this.clock.now, bytes);
    return this.install(new RegularFile(inode, OpenFlag.RDWR, this.files.disk));
  }

  /** Creates a regular file at a path, and its parent directories. */
  putFile(path: string, bytes: Uint8Array): void {
    this.files.put(path, bytes);
  }

  /** Returns the content of the file at a path; `undefined` when there is none. */
  fileAt(path: string): Uint8Array | undefined {
    const inode = this.files.find(this.files.root, path, true);
    return inode instanceof FileInode ? inode.bytes.slice() : undefined;
  }

  /** Limits the total size of all files; beyond it, writes fail with ENOSPC. */
  limitDisk(bytes: number): void {
    this.files.disk.capacity = bytes;
  }

  /** Makes the file system read-only (EROFS), or writable again. */
  setReadOnly(readOnly: boolean): void {
    this.files.disk.readOnly = readOnly;
  }

  /** Creates a pipe. @returns the fds of its read end and its write end. */
  createPipe(): [reader: number, writer: number] {
    const { reader, writer } = createPipe(this.clock.now);
    return [this.install(reader), this.install(writer)];
  }

  /** Creates two connected stream sockets: socketpair(2). @returns their fds. */
  createSocketPair(): [one: number, other: number] {
    const sockets = [0, 1].map(() => new SimulatedSocket(this.network, 1, 1)) as [SimulatedSocket, SimulatedSocket];
    sockets[0].pair(sockets[1]);
    return [this.install(sockets[0]), this.install(sockets[1])];
  }

  /** Creates a TCP socket that listens on a port of 127.0.0.1. */
  createListener(backlog = 128): { readonly fd: number; readonly port: number } {
    const socket = this.network.create(2, 1, 0) as SimulatedSocket;
    socket.listen(backlog);
    return { fd: this.install(socket), port: portOf(socket.address as Uint8Array) };
  }

  /** Returns the port of an internet socket, if it has one. */
  portOf(fd: number): number | undefined {
    const file = this.file(fd);
    return file instanceof SimulatedSocket && file.address !== undefined ? portOf(file.address) : undefined;
  }

  /** Creates an epoll instance. @returns its fd. */
  createEpoll(): number {
    return this.install(new EpollFile());
  }

  /** Creates a child process that does nothing, for WAITID. @returns its pid. */
  createChild(): number {
    return this.children.spawn();
  }

  /**
   * Ends a child process.
   *
   * @param status the exit code, or the signal's number if it was `killed`.
   */
  endChild(pid: number, status: number, killed = false): void {
    this.children.exit(pid, status, killed);
  }

  /** Writes as another process would: write(2). @returns bytes, or `-errno`. */
  writeFile(fd: number, bytes: Uint8Array): number {
    return this.file(fd)?.write(bytes, 0) ?? -Errno.EBADF;
  }

  /** Reads as another process would: read(2). @returns the bytes, or `-errno`. */
  readFile(fd: number, length: number): Uint8Array | number {
    const target = new Uint8Array(length);
    const result = this.file(fd)?.read(target, 0) ?? -Errno.EBADF;
    return result < 0 ? result : target.slice(0, result);
  }

  /** Returns the content of a regular file. */
  contentOf(fd: number): Uint8Array {
    const file = this.file(fd);
    if (!(file instanceof RegularFile)) throw new Error(`fd ${fd} is no regular file`);
    return file.inode.bytes.slice();
  }

  /** Makes the next calls of a kind fail, with these errnos in order. */
  fail(call: FallibleCall, ...errnos: number[]): void {
    this.faults.set(call, [...(this.faults.get(call) ?? []), ...errnos]);
  }

  /**
   * Lets a test choose the results of operations: the value that the function returns is the
   * result; `undefined` runs the operation.
   */
  interceptOperations(decide: ((operation: SubmittedOperation) => number | undefined) | undefined): void {
    this.interceptor = decide;
  }

  /** Limits how many SQEs each `enter` takes, as when memory is short. */
  limitSubmissions(count: number): void {
    this.submitBound = count;
  }

  /** Advances the time. */
  advance(milliseconds: number): void {
    this.clock.advanceTo(this.clock.now + milliseconds * 1e6);
    this.runSqThreads();
  }

  /**
   * Lets workers, SQPOLL threads and random faults take effect, with chaos. The kernel also calls
   * it on its own: within system calls, and while the event loop turns.
   */
  progress(): void {
    const { chaos } = this;
    if (chaos === undefined) return;
    const { random, options } = chaos;
    for (let steps = random.below(4); steps > 0; steps--) chaos.step();
    if (random.chance(options.poison)) this.poison();
    if (random.chance(0.5)) this.runSqThreads();
    if (random.chance(options.spurious)) for (const ring of this.rings()) ring.eventfd?.file.signal();
  }

  private poison(): void {
    const random = this.chaos?.random;
    if (random === undefined) return;
    this.ownership.poison((count) => random.below(count));
    for (const ring of this.rings()) {
      for (const group of ring.bufferGroups.values()) {
        if (!(group instanceof BufferRingGroup)) continue;
        const owned = group.owned();
        if (owned.length === 0) continue;
        const { address, length } = random.pick(owned);
        this.memory.bytes(address, length)?.fill(POISON);
      }
    }
  }

  /** Schedules background work on the event loop. @internal */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    timers.setImmediate(() => {
      this.pumping = false;
      this.progress();
      if (this.chaos?.hasWork) this.pump();
    });
  }

  /** Lets the SQPOLL threads check their queues once. */
  runSqThreads(): void {
    for (const ring of this.rings()) ring.runSqThread();
  }

  /** Marks a thread as ended, as by `worker.terminate()`. */
  endThread(threadId: number): void {
    this.deadThreads.add(threadId);
  }

  /**
   * Returns whether a descriptor belongs to a file or a socket, and not to a ring or an eventfd.
   */
  isProgramFile(fd: number): boolean {
    const kind = this.file(fd)?.kind;
    return kind !== undefined && kind !== 'eventfd';
  }

  /** The open descriptors, for tests that check for leaks. */
  get openDescriptors(): number[] {
    return this.descriptors.all;
  }

  // Syscalls

  setup(entries: number, params: Uint8Array): number {
    return this.call('setup', () => {
      const ring = createRing(this, entries, new DataView(params.buffer, params.byteOffset, params.byteLength));
      if (typeof ring === 'number') return ring;
      if (ring.hasFlag(SetupFlag.SINGLE_ISSUER) && !ring.disabled) ring.owner = this.currentThread;
      return ring.hasFlag(SetupFlag.REGISTERED_FD_ONLY) ? this.descriptors.register(ring) : this.descriptors.install(ring);
    });
  }

  enter(fd: number, toSubmit: number, minComplete: number, flags: number, argument: number, argumentSize: number): number {
    const find = () => this.ringOf(fd, (flags & EnterFlag.REGISTERED_RING) !== 0);
    return this.call('enter', () => enter(this, find, toSubmit, minComplete, flags, argument, argumentSize));
  }

  register(fd: number, opcode: number, arg: number, count: number): number {
    return this.call('register', () => {
      const indexed = opcode >= USE_REGISTERED_RING;
      const operation = indexed ? opcode - USE_REGISTERED_RING : opcode;
      if (fd === -1) return registerWithout(this, operation, arg);
      const ring = this.ringOf(fd, indexed);
      if (typeof ring === 'number') return ring;
      if (operation === RegisterOp.QUERY) return registerWithout(this, operation, arg);
      return registerWith(this, ring, operation, arg, count);
    });
  }

  mmap(address: number, length: number, _protection: number, _flags: number, fd: number, offset: number): number {
    return this.call('mmap', () => {
      // The caller wants to replace an existing mapping.
      if (address !== 0) return this.memory.bytes(address, length) ? address : -Errno.EINVAL;
      const ring = this.ring(fd);
      if (!ring) return -Errno.EBADF;
      const part = ring.mapping(offset === MmapOffset.SQES ? 'sqes' : 'rings');
      if (!part || length > part.byteLength) return -Errno.EINVAL;
      return this.memory.map(part);
    });
  }

  munmap(): number {
    this.calls.munmap++;
    return 0;
  }

  close(fd: number): number {
    return this.call('close', () => this.descriptors.close(fd));
  }

  duplicate(fd: number): number {
    return this.call('duplicate', () => {
      const file = this.descriptors.get(fd);
      return file === undefined ? -Errno.EBADF : this.descriptors.install(file);
    });
  }

  eventfd(initial: number): number {
    return this.call('eventfd', () => {
      return this.install(new EventFile(initial));
    });
  }

  pipe(ends: Int32Array): number {
    ends.set(this.createPipe());
    return 0;
  }

  openWaker(onRing: () => void): EventLoopWaker {
    const fd = this.eventfd(0);
    if (fd < 0) throw new UringError(fd, 'eventfd');
    return wakerOf(this.file(fd) as EventFile, fd, onRing, () => this.close(fd));
  }

  seek(fd: number, offset: number, whence: number): number {
    const file = this.file(fd);
    if (!file) return -Errno.EBADF;
    if (!file.seekable && file.kind !== 'directory') return -Errno.ESPIPE;
    const from = whence === 1 ? file.position : whence === 2 ? file.inode.size : 0;
    if (whence > 2 || from + offset < 0) return -Errno.EINVAL;
    file.position = from + offset;
    return file.position;
  }

  statusFlags(fd: number): number {
    return this.file(fd) === undefined ? -Errno.EBADF : 0;
  }

  fileSystemType(fd: number): number {
    return this.file(fd) === undefined ? -Errno.EBADF : 0;
  }

  discard(): void {}

  addressOf(view: ArrayBufferView): number {
    return this.memory.addressOf(view);
  }

  viewOf(address: number, length: number): ArrayBuffer {
    const buffer = this.memory.bufferAt(address);
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < length) throw new Error('no such mapping');
    return buffer;
  }

  threadId(): number {
    return this.currentThread;
  }

  isThreadAlive(threadId: number): boolean {
    return !this.deadThreads.has(threadId);
  }

  closeAtThreadEnd(): () => void {
    return () => undefined;
  }

  host(): HostFacts {
    return { ...HOST, ...this.options.host };
  }

  // For the rings

  /** Returns an open file. @internal */
  file(fd: number): SimulatedFile | undefined {
    const file = this.descriptors.get(fd);
    return file instanceof SimulatedRing ? undefined : file;
  }

  /** Returns an open ring. @internal */
  ring(fd: number): SimulatedRing | undefined {
    const file = this.descriptors.get(fd);
    return file instanceof SimulatedRing ? file : undefined;
  }

  /** Adds a reference to an open file. @internal */
  retainFile(file: SimulatedFile): void {
    this.descriptors.retain(file);
  }

  /** Drops a reference to an open file. @internal */
  releaseFile(file: SimulatedFile): void {
    this.descriptors.release(file);
  }

  /** Notes that a timeout has fired: all waiters return. @internal */
  wakeWaiters(): void {
    this.woken = true;
  }

  /** Returns a result that a test has chosen. @internal */
  injectResult(request: KernelRequest): number | undefined {
    return this.interceptor?.(request);
  }

  /** Returns how many SQEs one `enter` takes. @internal */
  submitLimit(wanted: number): number {
    const { chaos } = this;
    if (wanted > 1 && chaos?.random.chance(chaos.options.partialSubmission)) return chaos.random.between(1, wanted);
    return this.submitBound;
  }

  /** Installs a file at the lowest free descriptor. @internal */
  install(file: SimulatedFile): number {
    return this.descriptors.install(file);
  }

  /** Registers a ring. RING_FDS. @internal */
  registerRing(fd: number): number {
    const ring = this.ring(fd);
    return ring === undefined ? -Errno.EBADF : this.descriptors.register(ring);
  }

  /** Unregisters a ring. UNREGISTER_RING_FDS. @internal */
  unregisterRing(index: number): number {
    return this.descriptors.unregister(index);
  }

  /** Finds the ring that a call names. @returns it, or `-errno`. */
  private ringOf(fd: number, isRegistered: boolean): SimulatedRing | number {
    const ring = isRegistered ? this.descriptors.ringAt(fd) : this.ring(fd);
    return ring ?? (this.descriptors.has(fd) ? -Errno.EOPNOTSUPP : -Errno.EBADF);
  }

  /** Counts a call, and makes it fail if a fault was injected. */
  private call(name: FallibleCall, body: () => number): number {
    this.calls[name]++;
    const fault = this.faults.get(name)?.shift();
    return fault === undefined ? body() : -fault;
  }

  private *rings(): Generator<SimulatedRing> {
    for (const file of this.descriptors.files) if (file instanceof SimulatedRing) yield file;
  }
}
