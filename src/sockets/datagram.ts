/**
 * Datagrams: UDP and Unix.
 *
 * @module
 */

import { isIP } from 'node:net';
import type { InspectOptionsStylized } from 'node:util';
import { AbortError, type Message, type MultishotIterator, op, type ReadManyOptions, Uring } from '../engine/index.js';
import { Chunk } from '../engine/internal.js';
import { MSG_NOSIGNAL } from '../linux.js';
import { INSPECT, summary } from '../summary.js';
import { UringError } from '../syscalls/index.js';
import { checkFunction, checkInteger, checkOptions, invalidArgType, invalidArgValue, invalidState } from '../validate.js';
import { checkWritable, type Writable } from './connection.js';
import { changeMembership, type GroupOptions, setMulticastInterface } from './multicast.js';
import { openAt } from './open-at.js';
import { type Lookup, literal, resolve } from './resolve.js';
import { addressError, addressOf, bindTo, closeBound, createSocket, type SocketAddress } from './socket.js';
import { DATAGRAM_OPTIONS, type DatagramSettings } from './socket-options.js';
import { checkHost, checkPath, checkUring } from './target.js';

/** The options of {@link bind}: where and how to receive datagrams. */
export interface BindOptions extends DatagramSettings {
  /** A name or an address. Default: all addresses, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** The port. Default 0: the kernel chooses one. */
  readonly port?: number | undefined;
  /**
   * A Unix socket instead: a path, which is unlinked when the socket closes; an abstract name, with
   * a leading null character; or `''` for an abstract name that the kernel chooses.
   */
  readonly path?: string | undefined;
  /**
   * The resolver for names, here and for {@link DatagramSocket.send}. Default `node:dns/promises`.
   */
  readonly lookup?: Lookup | undefined;
  /** The engine. Default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** A destination: a port of a host, a Unix socket, or the value of {@link Message.sender}. */
export type Destination = { readonly host: string; readonly port: number } | { readonly path: string } | SocketAddress;

/**
 * Creates a datagram socket and binds it to an address.
 *
 * @throws UringError EADDRINUSE, EACCES, EADDRNOTAVAIL, EMFILE, with `address` and `port`; errors
 *   of the resolver.
 * @throws TypeError, RangeError for invalid options.
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
 * A datagram socket. Created by {@link bind}.
 *
 * Each message is sent and received as a whole or not at all. On a network, messages can be lost,
 * duplicated or reordered.
 */
export class DatagramSocket implements AsyncIterable<Message> {
  private descriptor: number;
  private remote: SocketAddress | undefined;
  private closing: Promise<void> | undefined;
  private keepsAlive = true;
  private readonly receiving = new Set<MultishotIterator<Message>>();
  /** The operations in flight on the descriptor. */
  private readonly running = new Set<Promise<unknown>>();
  private readonly stop = new AbortController();
  private readonly cancelThreadEnd: () => void;

  /** @internal */
  constructor(
    private readonly uring: Uring,
    fd: number,
    /** The local address, with the port or the name that the kernel has chosen. */
    readonly address: SocketAddress,
    private readonly lookup: Lookup | undefined,
  ) {
    this.descriptor = fd;
    this.cancelThreadEnd = uring.closeAtThreadEnd(fd);
    uring.sockets.add(this);
  }

  /** The descriptor, or -1 after {@link close}. It remains the socket's. */
  get fd(): number {
    return this.descriptor;
  }

  /** Returns the text that `util.inspect` shows. @internal */
  [INSPECT](depth: number, options: InspectOptionsStylized): string {
    const { fd, address, remoteAddress } = this;
    return summary('DatagramSocket', { fd, address, remoteAddress }, depth, options);
  }

  /** The address that the socket is connected to. */
  get remoteAddress(): SocketAddress | undefined {
    return this.remote;
  }

  /**
   * Receives messages. Returns an iterator; each message is in a buffer that belongs to the reader
   * until it requests the next message or releases this one.
   *
   * Messages that no one takes wait in the kernel, up to `receiveBufferSize`. After that, UDP drops
   * messages, and Unix sockets make their senders wait. Multishot RECVMSG. Since 6.0.
   *
   * @param options `bufferSize`: the length of the longest message in bytes, longer ones are
   *   truncated (default 65,536); `buffers`: how many messages are received ahead (default 16);
   *   `signal` ends the iterator.
   * @throws UringError ECONNREFUSED on a connected socket when there is no peer: another iterator
   *   continues; UringUnavailableError before 6.0.
   */
  receive(options: ReadManyOptions = {}): MultishotIterator<Message> {
    const iterator = this.uring.recvmsgMany(this.checkOpen(), options);
    this.receiving.add(iterator);
    iterator.whenOver(() => this.receiving.delete(iterator));
    this.uring.sockets.reference(iterator, this.keepsAlive);
    return iterator;
  }

  /** Does the same as {@link receive}. */
  [Symbol.asyncIterator](): MultishotIterator<Message> {
    return this.receive();
  }

  /**
   * Sends one message. Concurrent messages can overtake each other when one has to wait for room.
   * The caller's own memory may be changed as soon as the call returns, unless a name has to be
   * looked up.
   *
   * @param data text (UTF-8), bytes, a chunk, or an array of these, which is one message.
   * @param to the destination; optional if the socket is connected.
   * @returns when the kernel has taken the message.
   * @throws UringError EMSGSIZE, ECONNREFUSED, EDESTADDRREQ, ENETUNREACH, with `address` and
   *   `port`; AbortError when it is closed; TypeError.
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
   * Connects to one peer: from now on, the socket sends to it by default and receives from it
   * alone. connect(2).
   *
   * @throws UringError ECONNREFUSED (Unix), ENOENT, ENETUNREACH; errors of the resolver; AbortError
   *   when it is closed.
   */
  async connect(to: Destination): Promise<void> {
    const fd = this.checkOpen();
    const address = await this.addressFor(to);
    if (this.closing !== undefined) throw new AbortError(invalidState('the socket was closed'));
    const operation = op.connect(fd, address, { signal: this.stop.signal });
    await this.track(this.uring.run(operation.withError((res) => addressError(res, 'connect', address))));
    this.remote = address;
  }

  /**
   * Sets socket options. setsockopt(2).
   *
   * @throws UringError; TypeError, RangeError; Error ERR_INVALID_STATE when it is closed.
   */
  setOptions(settings: DatagramSettings): void {
    DATAGRAM_OPTIONS[this.address.family].set(this.uring.sockets.calls, this.checkOpen(), settings);
  }

  /** Returns a socket option. getsockopt(2). @throws as {@link setOptions}. */
  getOption<Name extends keyof DatagramSettings>(name: Name): NonNullable<DatagramSettings[Name]> {
    return DATAGRAM_OPTIONS[this.address.family].get(this.uring.sockets.calls, this.checkOpen(), name);
  }

  /**
   * Joins a multicast group, to receive what is sent to it, too. MCAST_JOIN_GROUP,
   * MCAST_JOIN_SOURCE_GROUP.
   *
   * @param group the address of the group; IPv4 only on an IPv4 socket.
   * @throws UringError EADDRINUSE (already joined), ENODEV, EINVAL (not a multicast address);
   *   TypeError.
   */
  joinGroup(group: string, options: GroupOptions = {}): void {
    changeMembership(this.uring.sockets.calls, this.checkOpen(), 'join', group, options);
  }

  /**
   * Leaves a group joined with {@link joinGroup}. MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP.
   *
   * @throws UringError EADDRNOTAVAIL (not joined); TypeError.
   */
  leaveGroup(group: string, options: GroupOptions = {}): void {
    changeMembership(this.uring.sockets.calls, this.checkOpen(), 'leave', group, options);
  }

  /**
   * Sets the network interface for messages to groups, by name or number. IP_MULTICAST_IF,
   * IPV6_MULTICAST_IF.
   *
   * @throws UringError ENODEV; TypeError.
   */
  setMulticastInterface(name: string | number): void {
    const { family } = this.address;
    if (family === 'unix') throw invalidState('Unix sockets have no groups');
    setMulticastInterface(this.uring.sockets.calls, this.checkOpen(), family, name);
  }

  /**
   * Makes waiting for messages keep the process alive, which is the default until {@link unref}.
   */
  ref(): this {
    return this.reference(true);
  }

  /** Lets the process end while the socket waits for messages. */
  unref(): this {
    return this.reference(false);
  }

  /**
   * Stops receiving, cancels what is not yet sent, and closes. Iterators end. Idempotent; never
   * rejects.
   */
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

  /** Returns the checked address: synchronously, unless a name has to be looked up. */
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

  /** Returns the first address of a name. */
  private async find(host: string, port: number): Promise<SocketAddress> {
    const [first] = await resolve(host, port, this.address.family === 'IPv4' ? 4 : 0, this.lookup);
    if (first === undefined) throw invalidArgValue('to.host', host, 'has no address');
    return this.fitting(first);
  }

  /** Returns an IPv4 address in the form that an IPv6 socket requires. */
  private fitting(address: SocketAddress): SocketAddress {
    if (this.address.family !== 'IPv6' || address.family !== 'IPv4') return address;
    return { family: 'IPv6', address: `::ffff:${address.address}`, port: address.port };
  }

  /** @internal */
  engineClosed(error: Error): void {
    for (const iterator of this.receiving) iterator.engineClosed(error);
    void this.close();
  }

  /** Tracks an operation, so that the descriptor is not closed before it has completed. */
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
