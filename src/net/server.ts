/**
 * `net.Server` over the ring: Node's own, with a different way to accept connections.
 *
 * Node's `listen` ends in `_listen2(address, port, addressType, backlog, fd, flags)`, a name that
 * Node preserves for code that wraps it. There the server gets a handle that listens and accepts
 * over the ring. Everything else (overloads, checks, lookups, events, closing) is Node's. The same
 * applies to servers that are built on `net.Server`: those of `node:http`, `node:https`, `node:tls`
 * and `node:http2`.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import net from 'node:net';
import { callsOf } from '../calls.js';
import type { Uring } from '../engine/index.js';
import { deliver } from '../engine/internal.js';
import { takesInstancesOf } from '../instances.js';
import { Accepting } from '../sockets/accepting.js';
import { literal } from '../sockets/resolve.js';
import { addressOf, bindTo, createSocket, type SocketAddress } from '../sockets/socket.js';
import { STREAM_OPTIONS } from '../sockets/socket-options.js';
import type { UringError } from '../syscalls/index.js';
import { AcceptPace } from './accept-pace.js';
import { uringFor } from './backend.js';
import { errnoException } from './errors.js';
import { readByRing } from './handles.js';
import { connectionHandle, createServerHandle, type NativeHandle, ownerOf } from './natives.js';
import { leavesReadingToNode } from './protocols.js';
import { type Internal, readOn } from './who-reads.js';

/** The value of `flags` of `_listen2` for IPv6 only. */
const UV_TCP_IPV6ONLY = 1;

/** Whether `listen` of this version of Node supports `reusePort`. */
const KNOWS_REUSE_PORT = Number.parseInt(process.versions.node, 10) >= 23;

/**
 * The members of Node's servers that are undocumented, or missing from the types of this version.
 */
interface Internals {
  _handle: NativeHandle | null;
  _listen2(...args: ListenArguments): void;
}

type ListenArguments = [
  address: string | null,
  port: number | null,
  addressType: 4 | 6 | -1 | null,
  backlog: number,
  fd: number | undefined,
  flags: number | undefined,
];

const listenCalls = callsOf('net.Server.listen');
/** Connections: those that Node accepts are not counted. */
const acceptCalls = callsOf('net.Server.accept');

/** An async context without any of the program's state. */
const OUTSIDE = new AsyncResource('URING');

/**
 * Accepts the connections of a server whose handle is libuv's. Replaces some of the handle's
 * methods so that libuv never accepts connections itself.
 *
 * Ends when the server releases the handle: when it closes it, moves it to another thread (Node 26),
 * or, as a cluster's primary does, takes the handle away to accept by itself.
 */
class Acceptor {
  private accepting: Accepting | undefined;
  private hasEnded = false;
  /** Node's own function, to which the handle passes connections. */
  private onconnection: NativeHandle['onconnection'];
  private backlog = 0;
  private readonly context = new AsyncResource('URINGSERVER');
  private readonly pace = new AcceptPace();
  /** The prototype of its sockets, which chooses who reads; `undefined` where Node reads. */
  private readonly methods: object | undefined;

  constructor(
    private readonly uring: Uring,
    private readonly server: net.Server & Internals,
    private readonly handle: NativeHandle,
  ) {
    const { listen, close, ref, unref } = handle;
    const takeOver = (_socket: Internal, client: NativeHandle) => readByRing(uring, client);
    if (!leavesReadingToNode(server)) {
      // A property on each socket would add to the memory of an idle connection.
      this.methods = Object.create(net.Socket.prototype, {
        _read: {
          configurable: true,
          writable: true,
          value(this: Internal, size: number) {
            readOn(this, size, takeOver);
          },
        },
      });
    }
    Object.assign(handle, {
      listen: (backlog: number) => this.listen(backlog, listen),
      close: (done?: () => void) => {
        // First, so that the address is free immediately, as with Node.
        this.end();
        close.call(handle, done);
      },
      ref: () => {
        ref.call(handle);
        this.accepting?.reference(true);
      },
      unref: () => {
        unref.call(handle);
        this.accepting?.reference(false);
      },
    });
    let current: NativeHandle | null = handle;
    Object.defineProperty(server, '_handle', {
      configurable: true,
      enumerable: true,
      get: () => current,
      set: (value: NativeHandle | null) => {
        current = value;
        if (value === handle || this.hasEnded) return;
        this.end();
        // Whoever has taken the handle away expects libuv to accept on it.
        if (handle.onconnection !== this.onconnection) listen.call(handle, this.backlog);
      },
    });
  }

  private listen(backlog: number, native: NativeHandle['listen']): number {
    const { uring, handle } = this;
    const { calls } = uring.sockets;
    const local = addressOf(calls, handle.fd, 'getsockname');
    // libuv reports errors of bind(2) here.
    if (local === undefined || (local.family !== 'unix' && local.port === 0)) return native.call(handle, backlog);
    const result = calls.listen(handle.fd, backlog);
    if (result < 0) return result;
    this.onconnection = handle.onconnection;
    this.backlog = backlog;
    this.accepting = new Accepting(uring, handle.fd);
    if (!handle.hasRef()) this.accepting.reference(false);
    void this.accept(this.accepting);
    return 0;
  }

  private end(): void {
    this.hasEnded = true;
    this.accepting?.stopNow();
    this.accepting = undefined;
  }

  private async accept(accepting: Accepting): Promise<void> {
    try {
      for (let fd = await accepting.next(); fd !== null; fd = await accepting.next()) {
        const turn = this.pace.wait();
        if (turn !== undefined) await turn;
        // New connections have no async context, as in Node.
        const client = OUTSIDE.runInAsyncScope(connectionHandle, undefined, this.handle, fd);
        acceptCalls.ring++;
        if (client === undefined) this.uring.closeDescriptor(fd);
        else deliver(() => this.tell(client));
      }
    } catch (error) {
      const { errno } = error as UringError;
      // Without an errno, the engine has closed or failed, as the error states. No more connections
      // will arrive.
      deliver(() => {
        if (!this.hasEnded) this.server.close();
        this.server.emit('error', errno === undefined ? error : errnoException(errno, 'accept'));
      });
    }
  }

  /** Reports a connection to Node's own `onconnection`, which creates the socket. */
  private tell(client: NativeHandle): void {
    if (this.hasEnded) {
      client.close();
      return;
    }
    try {
      this.context.runInAsyncScope(() => this.handle.onconnection?.(0, client));
    } finally {
      const socket = ownerOf(client) as Internal | null | undefined;
      // There is no socket if the server has refused the connection.
      if (socket && this.methods && Object.getPrototypeOf(socket) === net.Socket.prototype) {
        Object.setPrototypeOf(socket, this.methods);
      }
    }
  }
}

/** The options of `listen` that are not passed on to `_listen2`. */
interface MoreListenOptions {
  readonly reusePort?: boolean | undefined;
}

/**
 * Makes a Node server accept its connections over the ring: its sockets are {@link Socket}s
 * from the next `listen` on. Sockets of servers that speak TLS or HTTP/2 remain Node's own, as
 * these protocols require.
 *
 * For servers of `node:net`, `node:http`, `node:https`, `node:tls` and `node:http2`. Handles that
 * Node has created itself (`listen(handle)`, and those that the primary of a cluster shares with
 * its workers) stay Node's.
 *
 * @param server the server, which is modified and returned.
 * @param uring the engine. Default: that of the thread that listens. Without io_uring, `listen`
 *   throws, or is Node's own: see `configure`.
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
  return Object.assign(server, listenOverRing(server as unknown as Own, uring));
}

/** How a server listens. */
interface Listening {
  /** `undefined` for Node's own way. */
  readonly engine: Uring | undefined;
  readonly reusePort: boolean;
}

type Own = net.Server & Internals;

/** The methods of a server that are replaced. */
export type ListenMethods = Pick<Own, 'listen' | '_listen2'>;

/**
 * Methods that listen over the ring, in front of others.
 *
 * @param before those of a server, or of the prototype of servers.
 * @param wanted whether a server is to; default: all of them.
 */
export function listenOverRing(
  before: ListenMethods,
  uring?: Uring,
  wanted: (server: net.Server) => boolean = () => true,
): ListenMethods {
  const { listen, _listen2: listen2 } = before;
  const listening = new WeakMap<net.Server, Listening>();
  return {
    listen(this: Own, ...args: unknown[]) {
      const reusePort = Boolean((args[0] as MoreListenOptions | null | undefined)?.reusePort);
      listening.set(this, { engine: wanted(this) ? uringFor(uring) : undefined, reusePort });
      return (listen as (...args: unknown[]) => Own).apply(this, args);
    },
    _listen2(this: Own, ...args: ListenArguments) {
      const { engine, reusePort = false } = listening.get(this) ?? {};
      const handle = this._handle === null && engine !== undefined ? bind(engine, args, reusePort) : undefined;
      if (handle === undefined) listenCalls.node++;
      else {
        listenCalls.ring++;
        new Acceptor(engine as Uring, this, handle);
      }
      listen2.apply(this, args);
    },
  };
}

/**
 * Creates the handle that Node would create. Returns `undefined` on failure: Node then finds and
 * reports the error itself.
 */
function bind(uring: Uring, args: ListenArguments, reusePort: boolean): NativeHandle | undefined {
  const [address, port, addressType, , fd, flags = 0] = args;
  const open = (where: string | null, type: ListenArguments[2]): NativeHandle | undefined => {
    const handle =
      reusePort && !KNOWS_REUSE_PORT && where !== null && type !== -1
        ? bindReusablePort(uring, literal(where, port as number), flags)
        : createServerHandle(where, port, type, fd, flags);
    if (typeof handle === 'number') return undefined;
    args[0] = where;
    args[2] = type;
    return handle;
  };
  if (address || typeof fd === 'number') return open(address, addressType);
  // Both families where IPv6 is available.
  return open('::', 6) ?? open('0.0.0.0', 4);
}

function bindReusablePort(uring: Uring, where: SocketAddress, flags: number): NativeHandle | number {
  const { calls } = uring.sockets;
  const fd = createSocket(calls, where.family);
  try {
    const ipv6Only = where.family === 'IPv6' && (flags & UV_TCP_IPV6ONLY) !== 0;
    STREAM_OPTIONS.apply(calls, fd, { reuseAddress: true, reusePort: true, ...(ipv6Only ? { ipv6Only } : {}) });
    bindTo(calls, fd, where);
    return createServerHandle(null, null, null, fd);
  } catch (error) {
    uring.closeDescriptor(fd);
    return (error as UringError).errno;
  }
}

/** The options of a server: those of `node:net`, and the engine. */
export interface ServerOptions extends net.ServerOpts {
  /** The engine. Default: that of the thread that listens. */
  readonly uring?: Uring | undefined;
}

/** The constructor. As with `net.Server`, `new` is optional. */
export interface ServerConstructor {
  new (options?: ServerOptions | ConnectionListener, connectionListener?: ConnectionListener): net.Server;
  (options?: ServerOptions | ConnectionListener, connectionListener?: ConnectionListener): net.Server;
  readonly prototype: net.Server;
}

/** A Node server whose connections are accepted over the ring. */
export type Server = net.Server;

/** `net.Server` over the ring. See Node's documentation. */
export const Server = function Server(
  this: net.Server | undefined,
  options?: ServerOptions | ConnectionListener,
  connectionListener?: ConnectionListener,
): net.Server {
  if (this === undefined || !Object.prototype.isPrototypeOf.call(Server.prototype, this)) {
    return new (Server as ServerConstructor)(options, connectionListener);
  }
  const nodes = net.Server as unknown as (this: net.Server, options: unknown, listener: unknown) => void;
  nodes.call(this, options, connectionListener);
  return overRing(this, (options as ServerOptions | null | undefined)?.uring);
} as unknown as ServerConstructor;

Object.setPrototypeOf(Server, net.Server);
Object.setPrototypeOf(Server.prototype, net.Server.prototype);
Object.defineProperty(Server.prototype, 'constructor', { value: Server, configurable: true, writable: true });
takesInstancesOf(Server, net.Server);

/** A listener for connections. */
export type ConnectionListener = (socket: net.Socket) => void;
