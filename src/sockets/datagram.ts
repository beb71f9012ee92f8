/**
 * Datagrams: UDP and Unix.
 *
 * @module
 */

import { isIP } from 'node:net';
import { AbortError, type Message, type MultishotIterator, op, type ReadManyOptions, Uring } from '../engine/index.js';
import { Chunk } from '../engine/internal.js';
import { MSG_NOSIGNAL } from '../linux.js';
import { UringError } from '../syscalls/index.js';
import { checkFunction, checkInteger, checkOptions, invalidArgType, invalidArgValue, invalidState } from '../validate.js';
import { checkWritable, type Writable } from './connection.js';
import { changeMembership, type GroupOptions, setMulticastInterface } from './multicast.js';
import { openAt } from './open-at.js';
import { type Lookup, literal, resolve } from './resolve.js';
import { addressError, addressOf, bindTo, closeBound, createSocket, type SocketAddress } from './socket.js';
import { DATAGRAM_OPTIONS, type DatagramSettings } from './socket-options.js';
import { checkHost, checkPath, checkUring } from './target.js';

/** Where to receive datagrams, and how. */
export interface BindOptions extends DatagramSettings {
  /** A name or an address. Default: all addresses, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** Default 0: one of the kernel's choice. */
  readonly port?: number | undefined;
  /**
   * A Unix socket instead: a path, which is unlinked when the socket closes; an abstract name, with a null character in front; or `''` for
   * an abstract name of the kernel's choice.
   */
  readonly path?: string | undefined;
  /** The resolver for names, here and for {@link DatagramSocket.send}. Default `node:dns/promises`. */
  readonly lookup?: Lookup | undefined;
  /** The engine; default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** Where to send to: a port of a host, a Unix socket, or what {@link Message.sender} says. */
export type Destination = { readonly host: string; readonly port: number } | { readonly path: string } | SocketAddress;

/**
 * Makes a socket for datagrams, with an address.
 *
 * @throws UringError EADDRINUSE, EACCES, EADDRNOTAVAIL, EMFILE, with `address` and `port`; those of the resolver.
 * @throws TypeError, RangeError for options that make no sense.
 *
 * @example
 * ```ts
 * await using socket = await bind({ port: 7 });
 * for await (const message of socket) await socket.send(message, message.sender);
 * ```
 */
export async function bind(options: BindOptions = {}): Promise<DatagramSocket> {
  checkBindOptions(options);
  const { uring = Uring.default() } = options;
  if (uring.closed) throw invalidState('the engine is closed');
  return openAt(options, (address) => open(uring, options, address));
}

function open(uring: Uring, options: BindOptions, address: SocketAddress): DatagramSocket {
  const { calls } = uring.sockets;
  const fd = createSocket(calls, address.family, 'datagram');
  try {
    DATAGRAM_OPTIONS[address.family].apply(calls, fd, options);
    bindTo(calls, fd, address);
    return new DatagramSocket(uring, fd, addressOf(calls, fd, 'getsockname') ?? address, options.lookup);
  } catch (error) {
    uring.closeDescriptor(fd);
    throw error;
  }
}

function checkBindOptions(options: BindOptions): void {
  const isUnix = (options as BindOptions | null)?.path !== undefined;
  const table = DATAGRAM_OPTIONS[isUnix ? 'unix' : 'IPv6'];
  checkOptions(options, ['host', 'port', 'path', 'lookup', 'uring', ...table.names]);
  const { host, port, path, lookup, uring } = options;
  if (host !== undefined) checkHost('options.host', host);
  if (port !== undefined) checkInteger('options.port', port, 0, 0xffff);
  if (path !== undefined) {
    checkPath('options.path', path);
    if (host !== undefined || port !== undefined) throw invalidArgValue('options.path', path, 'excludes host and port');
  }
  if (lookup !== undefined) checkFunction('options.lookup', lookup);
  if (uring !== undefined) checkUring(uring);
  table.check(options);
}

/**
 * A socket for datagrams. Made by {@link bind}.
 *
 * Each message is sent, and received, as a whole or not at all: over a network it can be lost, doubled or overtaken.
 */
export class DatagramSocket implements AsyncIterable<Message> {
  private descriptor: number;
  private remote: SocketAddress | undefined;
  private closing: Promise<void> | undefined;
  private keepsAlive = true;
  private readonly receiving = new Set<MultishotIterator<Message>>();
  /** What is under way on the descriptor. */
  private readonly running = new Set<Promise<unknown>>();
  private readonly stop = new AbortController();
  private readonly cancelThreadEnd: () => void;

  /** @internal */
  constructor(
    private readonly uring: Uring,
    fd: number,
    /** Its address: with the port, or the name, that the kernel has chosen. */
    readonly address: SocketAddress,
    private readonly lookup: Lookup | undefined,
  ) {
    this.descriptor = fd;
    this.cancelThreadEnd = uring.closeAtThreadEnd(fd);
    uring.sockets.add(this);
  }

  /** The descriptor, or -1 after {@link close}. It stays the socket's. */
  get fd(): number {
    return this.descriptor;
  }

  /** Whom it is connected to. */
  get remoteAddress(): SocketAddress | undefined {
    return this.remote;
  }

  /**
   * What comes: an iterator over messages, each in a buffer that is the reader's until it asks for the next, or releases it.
   *
   * While nobody takes them, messages wait in the kernel, up to `receiveBufferSize`; UDP drops what comes then, Unix sockets have their senders
   * wait. Multishot RECVMSG. Since 6.0.
   *
   * @param options `bufferSize`: bytes of the longest message, the rest of longer ones is cut off (default 65,536); `buffers`: how many are
   *   received ahead (default 16); `signal` ends it.
   * @throws UringError ECONNREFUSED of one that is connected, when nobody is there: a next iterator goes on; UringUnavailableError before 6.0.
   */
  receive(options: ReadManyOptions = {}): MultishotIterator<Message> {
    const iterator = this.uring.recvmsgMany(this.checkOpen(), options);
    this.receiving.add(iterator);
    iterator.whenOver(() => this.receiving.delete(iterator));
    this.uring.sockets.reference(iterator, this.keepsAlive);
    return iterator;
  }

  /** As {@link receive}. */
  [Symbol.asyncIterator](): MultishotIterator<Message> {
    return this.receive();
  }

  /**
   * Sends one message. Several that are not waited for can overtake each other, when one has to wait for room. Memory of the program's own may
   * be changed as soon as the call has returned, unless a name has to be looked up.
   *
   * @param data text (UTF-8), bytes, a chunk, or several of them, which are one message.
   * @param to where to; for one that is connected it may be left out.
   * @returns when the kernel has taken it.
   * @throws UringError EMSGSIZE, ECONNREFUSED, EDESTADDRREQ, ENETUNREACH, with `address` and `port`; AbortError when it is closed; TypeError.
   */
  async send(data: Writable | readonly Writable[], to?: Destination): Promise<void> {
    const fd = this.checkOpen();
    const pieces = (Array.isArray(data) ? data : [data]).map(checkWritable);
    const found = to === undefined ? undefined : this.addressFor(to);
    const address = found instanceof Promise ? await found : found;
    if (this.closing !== undefined) throw new AbortError(invalidState('the socket was closed'));
    const views = pieces.map((piece) => (piece instanceof Chunk ? piece.bytes : piece));
    const options = { address, flags: MSG_NOSIGNAL, signal: this.stop.signal };
    const [first] = views;
    const operation = views.length === 1 && first !== undefined ? op.send(fd, first, options) : op.sendmsg(fd, views, options);
    const target = address ?? this.remote;
    const error = (res: number) => (target === undefined ? new UringError(res, 'send') : addressError(res, 'send', target));
    await this.track(this.uring.run(operation.withError(error)));
  }

  /**
   * Sends to one peer, and receives from it alone, from now on. connect(2).
   *
   * @throws UringError ECONNREFUSED (Unix), ENOENT, ENETUNREACH; those of the resolver; AbortError when it is closed.
   */
  async connect(to: Destination): Promise<void> {
    const fd = this.checkOpen();
    const address = await this.addressFor(to);
    if (this.closing !== undefined) throw new AbortError(invalidState('the socket was closed'));
    const operation = op.connect(fd, address, { signal: this.stop.signal });
    await this.track(this.uring.run(operation.withError((res) => addressError(res, 'connect', address))));
    this.remote = address;
  }

  /** Sets options of the socket. setsockopt(2). @throws UringError; TypeError, RangeError; Error ERR_INVALID_STATE when it is closed. */
  setOptions(settings: DatagramSettings): void {
    DATAGRAM_OPTIONS[this.address.family].set(this.uring.sockets.calls, this.checkOpen(), settings);
  }

  /** An option of the socket. getsockopt(2). @throws as {@link setOptions}. */
  getOption<Name extends keyof DatagramSettings>(name: Name): NonNullable<DatagramSettings[Name]> {
    return DATAGRAM_OPTIONS[this.address.family].get(this.uring.sockets.calls, this.checkOpen(), name);
  }

  /**
   * Receives what is sent to a group, too. MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP.
   *
   * @param group its address; of IPv4 only where the socket is.
   * @throws UringError EADDRINUSE (joined already), ENODEV, EINVAL (no group's address); TypeError.
   */
  joinGroup(group: string, options: GroupOptions = {}): void {
    changeMembership(this.uring.sockets.calls, this.checkOpen(), 'join', group, options);
  }

  /** Takes {@link joinGroup} back. MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP. @throws UringError EADDRNOTAVAIL (not joined); TypeError. */
  leaveGroup(group: string, options: GroupOptions = {}): void {
    changeMembership(this.uring.sockets.calls, this.checkOpen(), 'leave', group, options);
  }

  /**
   * Sends what goes to groups by a network interface: its name, or its number. IP_MULTICAST_IF, IPV6_MULTICAST_IF.
   *
   * @throws UringError ENODEV; TypeError.
   */
  setMulticastInterface(name: string | number): void {
    const { family } = this.address;
    if (family === 'unix') throw invalidState('Unix sockets have no groups');
    setMulticastInterface(this.uring.sockets.calls, this.checkOpen(), family, name);
  }

  /** Whether waiting for messages keeps the process alive: it does, until {@link unref}. */
  ref(): this {
    return this.reference(true);
  }

  /** Lets the process end although messages could come. */
  unref(): this {
    return this.reference(false);
  }

  /** Receives no more, gives up what is not sent yet, and closes. Iterators end. Idempotent; never rejects. */
  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private reference(wanted: boolean): this {
    this.keepsAlive = wanted;
    for (const iterator of this.receiving) this.uring.sockets.reference(iterator, wanted);
    return this;
  }

  /** The address, checked: at once, unless there is a name to look up. */
  private addressFor(to: Destination): SocketAddress | Promise<SocketAddress> {
    if (typeof to !== 'object' || to === null) throw invalidArgType('to', 'an address', to);
    if ('host' in to) {
      checkHost('to.host', to.host);
      checkInteger('to.port', to.port, 1, 0xffff);
      return isIP(to.host) === 0 ? this.find(to.host, to.port) : this.fitting(literal(to.host, to.port));
    }
    if ('family' in to) return this.fitting(to);
    checkPath('to.path', to.path);
    return { family: 'unix', path: to.path };
  }

  /** The first address of a name. */
  private async find(host: string, port: number): Promise<SocketAddress> {
    const [first] = await resolve(host, port, this.address.family === 'IPv4' ? 4 : 0, this.lookup);
    if (first === undefined) throw invalidArgValue('to.host', host, 'has no address');
    return this.fitting(first);
  }

  /** IPv4 as a socket for IPv6 wants it. */
  private fitting(address: SocketAddress): SocketAddress {
    if (this.address.family !== 'IPv6' || address.family !== 'IPv4') return address;
    return { family: 'IPv6', address: `::ffff:${address.address}`, port: address.port };
  }

  /** @internal */
  engineClosed(error: Error): void {
    for (const iterator of this.receiving) iterator.engineClosed(error);
    void this.close();
  }

  /** The descriptor is not closed before it is over. */
  private async track<Result>(running: Promise<Result>): Promise<Result> {
    this.running.add(running);
    try {
      return await running;
    } finally {
      this.running.delete(running);
    }
  }

  private checkOpen(): number {
    if (this.closing !== undefined) throw invalidState('the socket is closed');
    return this.descriptor;
  }

  private async closeNow(): Promise<void> {
    const { uring, address } = this;
    this.stop.abort(invalidState('the socket was closed'));
    await Promise.allSettled([...this.running, ...[...this.receiving].map((iterator) => iterator.return())]);
    const fd = this.descriptor;
    this.descriptor = -1;
    uring.sockets.remove(this);
    this.cancelThreadEnd();
    await closeBound(uring, fd, address);
  }
}
