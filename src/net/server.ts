/**
 * `net.Server` over the ring: Node's own, with another way to its connections.
 *
 * Node's `listen` ends in `_listen2(address, port, addressType, backlog, fd, flags)`, a name that Node keeps for those who wrap it. There the
 * server gets a handle; ours listens and accepts on the ring, and everything else (overloads, checks, look-ups, events, closing) is Node's.
 * The same goes for servers that are built on `net.Server`: those of `node:http`, `node:https`, `node:tls` and `node:http2`.
 *
 * @module
 */

import { chmodSync, statSync } from 'node:fs';
import net from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Uring } from '../engine/index.js';
import { Listener } from '../sockets/listen.js';
import { literal } from '../sockets/resolve.js';
import { addressOf, bindTo, createSocket, type SocketAddress } from '../sockets/socket.js';
import { type SocketSettings, STREAM_OPTIONS } from '../sockets/socket-options.js';
import { Errno, type UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { ring } from './backend.js';
import { errnoException } from './errors.js';
import { CONNECTED, type CountingServer, Socket } from './socket.js';

/** `flags` of `_listen2`. */
const UV_TCP_IPV6ONLY = 1;

/** `mode` of `fchmod`. */
const UV_READABLE = 1;
const UV_WRITABLE = 2;

/** What Node's servers have that is not in their documentation, or not in the types of this version. */
interface Internals extends CountingServer {
  _handle: Handle | null;
  _listen2(...args: ListenArguments): void;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  /** Seconds. */
  keepAliveInitialDelay: number;
  highWaterMark: number | undefined;
  blockList?: net.BlockList | undefined;
}

type ListenArguments = [
  address: string | null,
  port: number | null,
  addressType: 4 | 6 | -1 | null,
  backlog: number,
  fd: number | undefined,
  flags: number | undefined,
];

/** What the server calls its handle. */
class Handle {
  /** Of TCP only: Node asks for its name otherwise. */
  getsockname: ((out: Record<string, unknown>) => number) | undefined;
  /** What the server has in its `_handle`. */
  face: object = this;
  private listener: Listener | undefined;

  constructor(
    private readonly uring: Uring,
    private readonly server: net.Server & Internals,
    private readonly fd_: number,
    private readonly address: SocketAddress,
    /** What binding has failed with. */
    private readonly failure: number,
    private readonly onClosed: () => void,
  ) {
    if (address.family !== 'unix') {
      this.getsockname = (out) => {
        const own = addressOf(uring.sockets.calls, fd_, 'getsockname');
        if (own === undefined) return -Errno.EBADF;
        if (own.family !== 'unix') Object.assign(out, { address: own.address, family: own.family, port: own.port });
        return 0;
      };
    }
  }

  get fd(): number {
    return this.listener?.fd ?? this.fd_;
  }

  /** Node calls it, and tells what it fails with. */
  listen(backlog: number): number {
    if (this.failure < 0) return this.failure;
    const result = this.uring.sockets.calls.listen(this.fd_, backlog);
    if (result < 0) return result;
    this.listener = new Listener(this.uring, this.fd_, this.address);
    void this.accept(this.listener);
    return 0;
  }

  close(): void {
    if (this.listener !== undefined) void this.listener.close().then(this.onClosed);
    else {
      if (this.fd_ >= 0) this.uring.closeDescriptor(this.fd_);
      this.onClosed();
    }
  }

  ref(): void {
    this.listener?.ref();
  }

  unref(): void {
    this.listener?.unref();
  }

  fchmod(mode: number): number {
    const { address } = this;
    if (address.family !== 'unix') return -Errno.EINVAL;
    try {
      const more = (mode & UV_READABLE ? 0o444 : 0) | (mode & UV_WRITABLE ? 0o222 : 0);
      chmodSync(address.path, (statSync(address.path).mode & 0o777) | more);
      return 0;
    } catch (error) {
      return (error as NodeJS.ErrnoException).errno ?? -Errno.EINVAL;
    }
  }

  private async accept(listener: Listener): Promise<void> {
    try {
      for (let fd = await listener.acceptDescriptor(); fd !== null; fd = await listener.acceptDescriptor()) this.tell(fd);
    } catch (error) {
      const { errno } = error as UringError;
      // Without a number it is the engine that has gone, and the error says why. No connection will come any more.
      timers.nextTick(() => {
        if (this.server._handle === this.face) this.server.close();
        this.server.emit('error', errno === undefined ? error : errnoException(errno, 'accept'));
      });
    }
  }

  private tell(fd: number): void {
    try {
      onConnection(this.server, this.uring, fd);
    } catch (error) {
      // What listeners throw is the program's, and the next connection comes all the same.
      timers.nextTick(() => {
        throw error;
      });
    }
  }
}

/** What Node makes handles of descriptors with; not in its documentation. */
const { _createServerHandle: createNative } = net as unknown as {
  _createServerHandle(address: null, port: null, addressType: -1, fd: number): object | number;
};

/**
 * One of libuv's handles with our methods in place of its own. What travels to other processes (`child.send(message, server)`) is looked for inside of it,
 * by Node's native code, which anything else would crash. It has a second descriptor of the same socket, and never listens itself.
 */
function nativeFor(handle: Handle, uring: Uring): Handle {
  const second = uring.duplicateDescriptor(handle.fd);
  const native = second < 0 ? second : createNative(null, null, -1, second);
  if (typeof native === 'number') {
    if (second >= 0) uring.closeDescriptor(second);
    return handle;
  }
  const { close } = native as Handle;
  Object.assign(native, {
    listen: (backlog: number) => handle.listen(backlog),
    close() {
      handle.close();
      close.call(native as Handle);
    },
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    fchmod: (mode: number) => handle.fchmod(mode),
  });
  Object.defineProperty(native, 'fd', { get: () => handle.fd });
  handle.face = native;
  return native as Handle;
}

/** As Node's own `onconnection`. */
function onConnection(server: net.Server & Internals, uring: Uring, fd: number): void {
  const { calls } = uring.sockets;
  const isFull = Boolean(server.maxConnections) && server._connections >= server.maxConnections;
  const isBlocked = () => {
    const peer = server.blockList === undefined ? undefined : addressOf(calls, fd, 'getpeername');
    return (
      peer !== undefined &&
      peer.family !== 'unix' &&
      server.blockList?.check(peer.address, peer.family === 'IPv6' ? 'ipv6' : 'ipv4')
    );
  };
  if (isFull || isBlocked()) {
    const [local, remote] = [addressOf(calls, fd, 'getsockname'), addressOf(calls, fd, 'getpeername')];
    uring.closeDescriptor(fd);
    server.emit(
      'drop',
      isFull && local?.family !== 'unix' ? { ...dropInfo('local', local), ...dropInfo('remote', remote) } : undefined,
    );
    return;
  }
  const { noDelay, keepAlive, keepAliveInitialDelay, highWaterMark } = server;
  const options = {
    allowHalfOpen: server.allowHalfOpen,
    pauseOnCreate: server.pauseOnConnect,
    readableHighWaterMark: highWaterMark,
    writableHighWaterMark: highWaterMark,
  };
  const delay = 1000 * keepAliveInitialDelay;
  const socket = wantsHandles(server)
    ? nodeSocket(fd, options, noDelay, keepAlive, delay)
    : new Socket({ ...options, [CONNECTED]: fd, uring, noDelay, keepAlive, keepAliveInitialDelay: delay });
  server._connections++;
  Object.assign(socket, { server, _server: server });
  server.emit('connection', socket as unknown as net.Socket);
}

/**
 * Whether a server lays a protocol of its own over handles of libuv's: TLS and HTTP/2. Over any other stream Node does it in JavaScript, loses
 * addresses, options and half-closes on the way, and takes several times as long. There the ring accepts, and Node does the rest.
 */
function wantsHandles(server: net.Server): boolean {
  // Node does not export the class of HTTP/2 servers without TLS.
  return server instanceof TlsServer || typeof (server as { updateSettings?: unknown }).updateSettings === 'function';
}

/** One of Node's own sockets for a descriptor that the ring has accepted, as Node's `onconnection` makes it. */
function nodeSocket(fd: number, options: object, noDelay: boolean, keepAlive: boolean, delay: number): net.Socket {
  const socket = new net.Socket({ ...options, fd, readable: true, writable: true });
  if (noDelay) socket.setNoDelay(true);
  if (keepAlive) socket.setKeepAlive(true, delay);
  return socket;
}

function dropInfo(whose: 'local' | 'remote', address: SocketAddress | undefined): Record<string, unknown> {
  if (address === undefined || address.family === 'unix') return {};
  return { [`${whose}Address`]: address.address, [`${whose}Port`]: address.port, [`${whose}Family`]: address.family };
}

/** Which options of `listen` do not get as far as `_listen2`. */
interface MoreListenOptions {
  readonly reusePort?: boolean | undefined;
}

/**
 * Has a server of Node's accept its connections over the ring: its sockets are {@link Socket}s from the next `listen` on. Those of servers that speak TLS or
 * HTTP/2 are Node's own, which these protocols need.
 *
 * For servers of `node:net`, `node:http`, `node:https`, `node:tls` and `node:http2`. Handles that Node has made itself (`listen(handle)`, and what a
 * cluster's primary shares with its workers) stay Node's.
 *
 * @param server is changed, and returned.
 * @param uring the engine; default: that of the thread that listens. Without io_uring, `listen` throws, or is Node's own: see `configure`.
 *
 * @example
 * ```ts
 * import https from 'node:https';
 * import { overRing } from 'uring/net';
 *
 * overRing(https.createServer({ key, cert }, app)).listen(443);
 * ```
 */
export function overRing<Server extends net.Server>(server: Server, uring?: Uring): Server {
  const own = server as unknown as net.Server & Internals;
  const listen = own.listen as (...args: unknown[]) => typeof own;
  let closing = 0;
  let reusePort = false;
  /** Of the next `listen`; `undefined` for Node's own way. */
  let engine: Uring | undefined;
  const methods = {
    listen(...args: unknown[]) {
      engine = ring(uring);
      reusePort = Boolean((args[0] as MoreListenOptions | null | undefined)?.reusePort);
      return listen.apply(own, args);
    },
    _listen2(...args: ListenArguments) {
      if (own._handle === null && engine !== undefined) {
        closing++;
        own._handle = bind(own, engine, args, reusePort, () => {
          closing--;
          own._emitCloseIfDrained();
        });
      }
      listen2.apply(own, args);
    },
    // Its address is free again when it says that it is closed.
    _emitCloseIfDrained() {
      const isOpen = own._handle !== null;
      if (isOpen || closing === 0) emitCloseIfDrained.call(own);
    },
  };
  const { _listen2: listen2, _emitCloseIfDrained: emitCloseIfDrained } = own;
  return Object.assign(server, methods);
}

function bind(
  server: net.Server & Internals,
  uring: Uring,
  args: ListenArguments,
  reusePort: boolean,
  onClosed: () => void,
): Handle {
  const [address, port, addressType, , fd, flags = 0] = args;
  const { calls } = uring.sockets;
  if (typeof fd === 'number') {
    const own = addressOf(calls, fd, 'getsockname');
    // What is no socket stays the caller's.
    if (own === undefined) return new Handle(uring, server, -1, { family: 'unix', path: '' }, -Errno.EINVAL, onClosed);
    return nativeFor(new Handle(uring, server, fd, own, 0, onClosed), uring);
  }
  const open = (where: SocketAddress): Handle => {
    let socket = -1;
    let failure = 0;
    try {
      socket = createSocket(calls, where.family);
      const settings: SocketSettings = where.family === 'unix' ? {} : { reuseAddress: true };
      const ipv6Only = where.family === 'IPv6' && (flags & UV_TCP_IPV6ONLY) !== 0;
      STREAM_OPTIONS.apply(calls, socket, {
        ...settings,
        ...(ipv6Only ? { ipv6Only } : {}),
        ...(reusePort ? { reusePort } : {}),
      });
      bindTo(calls, socket, where);
    } catch (error) {
      failure = (error as UringError).errno;
    }
    const handle = new Handle(uring, server, socket, where, failure, onClosed);
    return failure < 0 ? handle : nativeFor(handle, uring);
  };
  if (addressType === -1) return open({ family: 'unix', path: address as string });
  if (address) {
    return open(literal(address, port as number));
  }
  // Both, where there is IPv6.
  args[0] = hasIPv6(uring) ? '::' : '0.0.0.0';
  args[2] = args[0] === '::' ? 6 : 4;
  return open(literal(args[0], port as number));
}

function hasIPv6(uring: Uring): boolean {
  const { calls } = uring.sockets;
  let fd = -1;
  try {
    fd = createSocket(calls, 'IPv6');
    bindTo(calls, fd, { family: 'IPv6', address: '::', port: 0 });
    return true;
  } catch {
    return false;
  } finally {
    if (fd >= 0) uring.closeDescriptor(fd);
  }
}

/** What a server takes: as `node:net`. */
export interface ServerOptions extends net.ServerOpts {
  /** The engine; default: that of the thread that listens. */
  readonly uring?: Uring | undefined;
}

/** `net.Server` with {@link Socket}s. See Node's documentation; `instanceof net.Server` holds. */
export class Server extends net.Server {
  constructor(options?: ServerOptions | ConnectionListener, connectionListener?: ConnectionListener) {
    const given = typeof options === 'function' ? {} : (options ?? {});
    const listener = typeof options === 'function' ? options : connectionListener;
    super(given, listener as ((socket: unknown) => void) | undefined);
    overRing(this, given.uring);
  }
}

/** Who is told of connections. */
export type ConnectionListener = (socket: Socket) => void;
