/**
 * `uring/net`: `node:net` over io_uring.
 *
 * @module uring/net
 */

import net from 'node:net';
import { backend, type Configuration, configure } from './backend.js';
import { type ConnectionListener, overRing, Server, type ServerOptions } from './server.js';
import { Socket, type SocketOptions } from './socket.js';

// The declarations below override Node's.
export * from 'node:net';

/** Creates a server. See `net.createServer` in Node's documentation. */
export function createServer(connectionListener?: ConnectionListener): Server;
export function createServer(options: ServerOptions | undefined, connectionListener?: ConnectionListener): Server;
export function createServer(options?: ServerOptions | ConnectionListener, connectionListener?: ConnectionListener): Server {
  return new Server(options, connectionListener);
}

/** Creates a {@link Socket} and connects it. See `net.connect` in Node's documentation. */
export function connect(options: net.NetConnectOpts & SocketOptions, connectionListener?: () => void): net.Socket;
export function connect(port: number, host?: string, connectionListener?: () => void): net.Socket;
export function connect(port: number, connectionListener?: () => void): net.Socket;
export function connect(path: string, connectionListener?: () => void): net.Socket;
export function connect(...args: unknown[]): net.Socket {
  const normalized = normalizeArgs(args);
  const [options] = normalized;
  const socket = new Socket(options);
  if (options.timeout) socket.setTimeout(options.timeout);
  // Node accepts normalized arguments as they are.
  return (socket.connect as (normalized: unknown) => net.Socket)(normalized);
}

const { _normalizeArgs: normalizeArgs } = net as unknown as {
  _normalizeArgs(args: readonly unknown[]): [options: SocketOptions & { timeout?: number }, listener: unknown];
};

export const createConnection = connect;

/** The former name of {@link Socket}. */
export const Stream = Socket;

export type { Configuration, ConnectionListener, ServerOptions, SocketOptions };
export { backend, configure, overRing, Server, Socket };

export default {
  // Everything else that this version of Node exports.
  ...net,
  Server,
  Socket,
  Stream,
  backend,
  configure,
  connect,
  createConnection,
  createServer,
  overRing,
};
