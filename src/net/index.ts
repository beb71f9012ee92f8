/**
 * `uring/net`: `node:net` over io_uring.
 *
 * @module
 */

import net from 'node:net';
import { backend, type Configuration, configure } from './backend.js';
import { type ConnectionListener, overRing, Server, type ServerOptions } from './server.js';
import { normalizeArgs, Socket, type SocketOptions } from './socket.js';

/** See `net.createServer` of Node's documentation. */
export function createServer(connectionListener?: ConnectionListener): Server;
export function createServer(options: ServerOptions | undefined, connectionListener?: ConnectionListener): Server;
export function createServer(options?: ServerOptions | ConnectionListener, connectionListener?: ConnectionListener): Server {
  return new Server(options, connectionListener);
}

/** A new {@link Socket} that connects. See `net.connect` of Node's documentation. */
export function connect(options: net.NetConnectOpts & SocketOptions, connectionListener?: () => void): Socket;
export function connect(port: number, host?: string, connectionListener?: () => void): Socket;
export function connect(port: number, connectionListener?: () => void): Socket;
export function connect(path: string, connectionListener?: () => void): Socket;
export function connect(...args: unknown[]): Socket {
  const [options, listener] = normalizeArgs(args);
  const socket = new Socket(options as SocketOptions);
  const { timeout } = options as { timeout?: number };
  if (timeout) socket.setTimeout(timeout);
  return socket.connect(options, listener);
}

export const createConnection = connect;

/** The former name of {@link Socket}. */
export const Stream = Socket;

export const {
  BlockList,
  SocketAddress,
  isIP,
  isIPv4,
  isIPv6,
  getDefaultAutoSelectFamily,
  setDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout,
} = net;

export type { Configuration, ConnectionListener, ServerOptions, SocketOptions };
export { backend, configure, overRing, Server, Socket };

export default {
  BlockList,
  Server,
  Socket,
  SocketAddress,
  Stream,
  backend,
  configure,
  connect,
  createConnection,
  createServer,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  overRing,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
};
