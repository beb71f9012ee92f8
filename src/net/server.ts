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

import net from 'node:net';
import { callsOf } from '../calls.js';
import type { Uring } from '../engine/index.js';
import { takesInstancesOf } from '../instances.js';
import { literal } from '../sockets/resolve.js';
import { bindTo, createSocket, type SocketAddress } from '../sockets/socket.js';
import { STREAM_OPTIONS } from '../sockets/socket-options.js';
import type { UringError } from '../syscalls/index.js';
import { Acceptor, type ListenArguments, type NodesServer } from './acceptor.js';
import { uringFor } from './backend.js';
import { createServerHandle, type NativeHandle } from './natives.js';

/** The value of `flags` of `_listen2` for IPv6 only. */
const UV_TCP_IPV6ONLY = 1;

/** Whether `listen` of this version of Node supports `reusePort`. */
const KNOWS_REUSE_PORT = Number.parseInt(process.versions.node, 10) >= 23;

const listenCalls = callsOf('net.Server.listen');
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
  return Object.assign(server, listenOverRing(server as unknown as NodesServer, { uring }));
}

/** How a server listens. */
interface Listening {
  /** `undefined` for Node's own way. */
  readonly engine: Uring | undefined;
  readonly reusePort: boolean;
}

/** The methods of a server that are replaced. */
export type ListenMethods = Pick<NodesServer, 'listen' | '_listen2'>;

/** Which servers listen over the ring, and how. */
export interface ListenOverRingOptions {
  /** The engine. Default: that of the thread that listens. */
  readonly uring?: Uring | undefined;
  /** Returns whether a server is to; default: all of them. */
  readonly wanted?: (server: net.Server) => boolean;
  /** Whether their sockets choose who reads; not if all of Node's do. Default: `true`. */
  readonly choosesReaders?: boolean;
}

/**
 * Methods that listen over the ring, in front of others.
 *
 * @param before those of a server, or of the prototype of servers.
 */
export function listenOverRing(
  before: ListenMethods,
  { uring, wanted = () => true, choosesReaders = true }: ListenOverRingOptions = {},
): ListenMethods {
  const { listen, _listen2: listen2 } = before;
  const listening = new WeakMap<net.Server, Listening>();
  return {
    listen(this: NodesServer, ...args: unknown[]) {
      const reusePort = Boolean((args[0] as MoreListenOptions | null | undefined)?.reusePort);
      listening.set(this, { engine: wanted(this) ? uringFor(uring) : undefined, reusePort });
      return (listen as (...args: unknown[]) => NodesServer).apply(this, args);
    },
    _listen2(this: NodesServer, ...args: ListenArguments) {
      const { engine, reusePort = false } = listening.get(this) ?? {};
      const handle = this._handle === null && engine !== undefined ? bind(engine, args, reusePort) : undefined;
      if (handle === undefined) listenCalls.node++;
      else {
        listenCalls.ring++;
        new Acceptor(engine as Uring, this, handle, choosesReaders);
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
