/**
 * The sockets of one machine: streams, datagrams and sequenced packets over loopback addresses and
 * Unix names.
 *
 * @module
 */

import { PollEvent } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { ByteQueue } from './byte-queue.js';
import { notify, type SimulatedFile } from './file.js';
import type { FileSystem } from './file-system.js';
import { FileType, Inode } from './inode.js';

/** The most bytes in transit to one socket. */
const CAPACITY = 65536;

/** The most datagrams in transit to one socket. */
const MOST_MESSAGES = 256;

const FIRST_EPHEMERAL_PORT = 32768;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const STREAM = 1;
const DATAGRAM = 2;
const SEQPACKET = 5;

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ERROR = 4;

/** `MSG_*`. */
export const MessageFlag = { PEEK: 2, TRUNC: 0x20, DONTWAIT: 0x40, WAITALL: 0x100, NOSIGNAL: 0x4000 } as const;

interface Message {
  readonly bytes: Uint8Array;
  readonly from: Uint8Array;
}

/** A received message. */
export interface Received {
  /** Bytes, or `-errno`. */
  readonly result: number;
  /** The sender's `struct sockaddr`. */
  readonly from?: Uint8Array | undefined;
  /** `MSG_TRUNC`. */
  readonly truncated?: boolean;
}

/** The addresses that sockets are bound to. */
export class Network {
  private readonly bound = new Map<string, SimulatedSocket>();
  private nextPort = FIRST_EPHEMERAL_PORT;
  private nextName = 1;

  constructor(
    private readonly files: FileSystem,
    readonly now: () => number,
  ) {}

  /** socket(2). */
  create(family: number, type: number, protocol: number): SimulatedSocket | number {
    if (family !== AF_UNIX && family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
    const kind = type & 0xf;
    if (kind !== STREAM && kind !== DATAGRAM && !(kind === SEQPACKET && family === AF_UNIX)) return -Errno.ESOCKTNOSUPPORT;
    const fits = protocol === 0 || (family !== AF_UNIX && protocol === (kind === STREAM ? 6 : 17));
    return fits ? new SimulatedSocket(this, family, kind) : -Errno.EPROTONOSUPPORT;
  }

  /** Binds a socket to an address. @returns 0, or `-errno`. */
  bind(socket: SimulatedSocket, address: Uint8Array): number {
    const own = address.length === 2 ? this.freeName() : address.slice();
    if (socket.family !== AF_UNIX) {
      if (!isLocal(own)) return -Errno.EADDRNOTAVAIL;
      if (portOf(own) === 0) setPort(own, this.freePort(socket, own));
    } else if (own.length > 2 && own[2] !== 0) {
      const error = this.files.bindSocket(pathOf(own));
      if (error !== 0) return error;
    }
    const key = keyOf(socket.type, own);
    if (this.bound.has(key)) return -Errno.EADDRINUSE;
    this.bound.set(key, socket);
    socket.address = own;
    return 0;
  }

  private freePort(socket: SimulatedSocket, address: Uint8Array): number {
    for (;;) {
      const port = this.nextPort++;
      if (this.nextPort > 60999) this.nextPort = FIRST_EPHEMERAL_PORT;
      setPort(address, port);
      if (!this.bound.has(keyOf(socket.type, address))) return port;
    }
  }

  /** Returns an unused abstract name: a null byte and five digits. */
  private freeName(): Uint8Array {
    const digits = (this.nextName++).toString(16).padStart(5, '0');
    return Uint8Array.of(AF_UNIX, 0, 0, ...Buffer.from(digits));
  }

  /** Finds the socket bound to an address. @returns the socket, or `-errno`. */
  find(type: number, address: Uint8Array): SimulatedSocket | number {
    const found = this.bound.get(keyOf(type, address));
    if (found !== undefined) return found;
    if (familyOf(address) !== AF_UNIX) return isLocal(address) ? -Errno.ECONNREFUSED : -Errno.ENETUNREACH;
    if (address[2] === 0) return -Errno.ECONNREFUSED;
    const named = this.files.find(this.files.root, pathOf(address), true);
    return typeof named === 'number' ? named : -Errno.ECONNREFUSED;
  }

  /** Releases the addresses of a closed socket. */
  unbind(socket: SimulatedSocket): void {
    for (const [key, other] of this.bound) if (other === socket) this.bound.delete(key);
  }
}

/** A socket. */
export class SimulatedSocket implements SimulatedFile {
  readonly kind = 'socket';
  readonly seekable = false;
  readonly watchers = new Set<() => void>();
  readonly inode: Inode;
  position = 0;
  address: Uint8Array | undefined;
  private readonly options = new Map<string, Uint8Array>();
  private readonly incoming = new ByteQueue(CAPACITY);
  private readonly messages: Message[] = [];
  private peer: SimulatedSocket | undefined;
  private backlog: SimulatedSocket[] | undefined;
  private mostWaiting = 0;
  private ended = false;
  private shutForWriting = false;
  private shutForReading = false;
  private connected = false;
  private pendingError = 0;
  private closed = false;

  constructor(
    private readonly network: Network,
    readonly family: number,
    readonly type: number,
  ) {
    this.inode = new Inode(FileType.SOCKET, 0o777, network.now());
  }

  get listening(): boolean {
    return this.backlog !== undefined;
  }

  /** The socket's own address; unnamed if it has none. */
  get ownAddress(): Uint8Array {
    return this.address ?? unnamedAddress(this.family);
  }

  /** Whether it is connected. */
  get hasPeer(): boolean {
    return this.connected;
  }

  /** Returns the value of an option: the value that was set, or 0. */
  getOption(level: number, option: number): Uint8Array {
    if (level === SOL_SOCKET && option === SO_TYPE) return int(this.type);
    if (level === SOL_SOCKET && option === SO_ERROR) return int(this.takeError());
    return this.options.get(`${level}:${option}`) ?? int(0);
  }

  setOption(level: number, option: number, value: Uint8Array): void {
    this.options.set(`${level}:${option}`, value.slice());
  }

  /** The peer's address. */
  get peerAddress(): Uint8Array {
    return this.peer?.address ?? unnamedAddress(this.family);
  }

  bind(address: Uint8Array): number {
    if (familyOf(address) !== this.family) return this.family === AF_UNIX ? -Errno.EINVAL : -Errno.EAFNOSUPPORT;
    if (this.address !== undefined) return -Errno.EINVAL;
    return this.network.bind(this, address);
  }

  listen(backlog: number): number {
    if (this.type === DATAGRAM) return -Errno.EOPNOTSUPP;
    if (this.connected) return -Errno.EINVAL;
    if (this.address === undefined) {
      if (this.family === AF_UNIX) return -Errno.EINVAL;
      this.network.bind(this, unnamedAddress(this.family));
    }
    this.mostWaiting = Math.max(0, backlog);
    this.backlog ??= [];
    return 0;
  }

  /** Connects two sockets to each other. */
  pair(peer: SimulatedSocket): void {
    this.peer = peer;
    peer.peer = this;
    this.connected = peer.connected = true;
  }

  connect(address: Uint8Array): number {
    if (familyOf(address) !== this.family) return this.family === AF_UNIX ? -Errno.EINVAL : -Errno.EAFNOSUPPORT;
    if (this.type !== DATAGRAM && this.connected) return -Errno.EISCONN;
    const other = this.network.find(this.type, address);
    if (this.type === DATAGRAM) {
      if (typeof other === 'number' && (this.family === AF_UNIX || other === -Errno.ENETUNREACH)) return other;
      this.peer = typeof other === 'number' ? undefined : other;
      this.connected = true;
      return 0;
    }
    if (typeof other === 'number') return other;
    if (other.backlog === undefined) return -Errno.ECONNREFUSED;
    if (other.backlog.length > other.mostWaiting) return -Errno.EAGAIN;
    if (this.address === undefined && this.family !== AF_UNIX) this.network.bind(this, unnamedAddress(this.family));
    const accepted = new SimulatedSocket(this.network, this.family, this.type);
    accepted.address = other.address;
    this.pair(accepted);
    other.backlog.push(accepted);
    notify(other.watchers);
    return 0;
  }

  /** Returns the listener that a connection waits for when its backlog is full. */
  listenerAt(address: Uint8Array): SimulatedSocket | undefined {
    const other = this.network.find(this.type, address);
    return typeof other === 'number' ? undefined : other;
  }

  /** @returns the connection, or `-errno`. */
  accept(): SimulatedSocket | number {
    if (this.type === DATAGRAM) return -Errno.EOPNOTSUPP;
    if (this.backlog === undefined || this.shutForReading) return -Errno.EINVAL;
    const connection = this.backlog.shift();
    if (connection === undefined) return -Errno.EAGAIN;
    // The backlog has room for another connection.
    notify(this.watchers);
    return connection;
  }

  receive(target: Uint8Array, flags: number): Received {
    if (this.type !== STREAM) return this.receiveMessage(target, flags);
    if (!this.connected) return { result: this.family === AF_UNIX ? -Errno.EINVAL : -Errno.ENOTCONN };
    if (this.incoming.size === 0) {
      if (this.pendingError !== 0) return { result: -this.takeError() };
      return { result: this.ended || this.shutForReading || target.length === 0 ? 0 : -Errno.EAGAIN };
    }
    if (flags & MessageFlag.PEEK) return { result: this.incoming.peek(target) };
    const result = this.incoming.shift(target);
    // The peer can send again.
    if (this.peer !== undefined) notify(this.peer.watchers);
    return { result };
  }

  private receiveMessage(target: Uint8Array, flags: number): Received {
    const message = this.messages[0];
    if (message === undefined) {
      if (this.type === SEQPACKET && !this.connected) return { result: -Errno.ENOTCONN };
      const ended = this.shutForReading || (this.type === SEQPACKET && this.ended);
      return { result: ended ? 0 : -Errno.EAGAIN };
    }
    if (!(flags & MessageFlag.PEEK)) {
      this.messages.shift();
      if (this.peer !== undefined) notify(this.peer.watchers);
    }
    const piece = message.bytes.subarray(0, target.length);
    target.set(piece);
    const truncated = message.bytes.length > target.length;
    return { result: flags & MessageFlag.TRUNC ? message.bytes.length : piece.length, from: message.from, truncated };
  }

  send(source: Uint8Array, address: Uint8Array | undefined): number {
    if (this.shutForWriting) return -Errno.EPIPE;
    if (this.type === DATAGRAM) return this.sendMessage(source, address);
    if (address !== undefined && this.family !== AF_UNIX && !this.connected) return -Errno.EPIPE;
    if (!this.connected) return this.family === AF_UNIX ? -Errno.ENOTCONN : -Errno.EPIPE;
    const { peer } = this;
    if (this.pendingError !== 0) return -this.takeError();
    if (peer === undefined || peer.closed || peer.shutForReading) return -Errno.EPIPE;
    if (this.type === SEQPACKET) return this.deliver(peer, source);
    const count = peer.incoming.push(source);
    if (count === 0 && source.length > 0) return -Errno.EAGAIN;
    notify(peer.watchers);
    return count;
  }

  private sendMessage(source: Uint8Array, address: Uint8Array | undefined): number {
    let target: SimulatedSocket | number | undefined = this.peer;
    if (address !== undefined) {
      if (familyOf(address) !== this.family) return -Errno.EAFNOSUPPORT;
      target = this.network.find(this.type, address);
    } else if (!this.connected) {
      return this.family === AF_UNIX ? -Errno.ENOTCONN : -Errno.EDESTADDRREQ;
    }
    if (this.family !== AF_UNIX && source.length > 65507) return -Errno.EMSGSIZE;
    if (this.address === undefined && this.family !== AF_UNIX) this.network.bind(this, unnamedAddress(this.family));
    // No socket has the address: over a network, the sender is not notified immediately.
    if (typeof target === 'number') return this.family === AF_UNIX || target === -Errno.ENETUNREACH ? target : source.length;
    if (target === undefined || target.closed) return this.family === AF_UNIX ? -Errno.ECONNREFUSED : source.length;
    return this.deliver(target, source);
  }

  private deliver(target: SimulatedSocket, source: Uint8Array): number {
    if (target.messages.length >= MOST_MESSAGES) return -Errno.EAGAIN;
    target.messages.push({ bytes: source.slice(), from: this.address ?? this.nobody() });
    notify(target.watchers);
    return source.length;
  }

  /** The address of an unbound sender: Unix sockets do not even report the family. */
  private nobody(): Uint8Array {
    return this.family === AF_UNIX ? new Uint8Array(0) : unnamedAddress(this.family);
  }

  shutdown(how: number): number {
    if (how < 0 || how > 2) return -Errno.EINVAL;
    if (!this.connected && !this.listening) return -Errno.ENOTCONN;
    if (how !== 1) this.shutForReading = true;
    if (how !== 0) {
      this.shutForWriting = true;
      if (this.peer !== undefined && this.type !== DATAGRAM) {
        this.peer.ended = true;
        notify(this.peer.watchers);
      }
    }
    notify(this.watchers);
    return 0;
  }

  /** SIOCINQ. */
  get readable(): number {
    return this.type === STREAM ? this.incoming.size : (this.messages[0]?.bytes.length ?? 0);
  }

  read(target: Uint8Array): number {
    return this.receive(target, 0).result;
  }

  write(source: Uint8Array): number {
    return this.send(source, undefined);
  }

  poll(): number {
    if (this.backlog !== undefined) return this.backlog.length > 0 ? PollEvent.IN : 0;
    const { IN, OUT, HUP, RDHUP, ERR } = PollEvent;
    if (this.type === DATAGRAM) return (this.messages.length > 0 ? IN : 0) | OUT;
    if (!this.connected) return OUT | HUP;
    const gone = this.ended || this.shutForReading;
    const data = this.incoming.size > 0 || this.messages.length > 0;
    const room = this.peer !== undefined && this.peer.incoming.room > 0 && this.peer.messages.length < MOST_MESSAGES;
    return (
      (data || gone || this.pendingError !== 0 ? IN : 0) |
      (room || this.shutForWriting || this.peer?.closed ? OUT : 0) |
      (gone ? RDHUP : 0) |
      ((this.ended && this.shutForWriting) || this.peer?.closed ? HUP : 0) |
      (this.pendingError !== 0 ? ERR : 0)
    );
  }

  close(): void {
    this.closed = true;
    this.network.unbind(this);
    for (const connection of this.backlog?.splice(0) ?? []) connection.close();
    const { peer } = this;
    if (peer !== undefined && this.type !== DATAGRAM) {
      peer.ended = true;
      // Data that was sent and never read causes a reset.
      if (this.incoming.size > 0 || this.messages.length > 0) peer.pendingError = Errno.ECONNRESET;
      notify(peer.watchers);
    }
    notify(this.watchers);
  }

  private takeError(): number {
    const error = this.pendingError;
    this.pendingError = 0;
    return error;
  }
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** `sa_family`. */
export function familyOf(address: Uint8Array): number {
  return (address[0] as number) | ((address[1] as number) << 8);
}

/** The port of an internet address. */
export function portOf(address: Uint8Array): number {
  return ((address[2] as number) << 8) | (address[3] as number);
}

function setPort(address: Uint8Array, port: number): void {
  address[2] = port >>> 8;
  address[3] = port & 0xff;
}

function unnamedAddress(family: number): Uint8Array {
  const address = new Uint8Array(family === AF_UNIX ? 2 : family === AF_INET ? 16 : 28);
  address[0] = family;
  // The loopback address: no other address is reachable here.
  if (family === AF_INET) address.set([127, 0, 0, 1], 4);
  if (family === AF_INET6) address[23] = 1;
  return address;
}

function pathOf(address: Uint8Array): string {
  const end = address.indexOf(0, 2);
  return Buffer.from(address.subarray(2, end < 0 ? undefined : end)).toString();
}

/** Returns whether an address is any loopback address, or the wildcard. */
function isLocal(address: Uint8Array): boolean {
  if (familyOf(address) === AF_INET) return address[4] === 127 || address.subarray(4, 8).every((byte) => byte === 0);
  return address.subarray(8, 23).every((byte) => byte === 0);
}

function keyOf(type: number, address: Uint8Array): string {
  const family = familyOf(address);
  // All loopback addresses are equivalent.
  if (family !== AF_UNIX) return `${family}:${type}:${portOf(address)}`;
  return `${family}:${type}:${Buffer.from(address.subarray(2)).toString('latin1').replace(/\0+$/, '') || '\0'}`;
}
