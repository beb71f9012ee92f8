/**
 * `uring/net`: `node:net` over io_uring.
 *
 * @module
 */

import net from 'node:net';
import { backend, type Configuration, configure } from './backend.js';
import { type ConnectionListener, overRing, Server, type ServerOptions } from './server.js';
import { Socket, type SocketOptions } from './socket.js';

// What is declared here takes the place of Node's.
export * from 'node:net';

/** See `net.createServer` of Node's documentation. */
export function createServer(connectionListener?: ConnectionListener): Server;
export function createServer(options: ServerOptions | undefined, connectionListener?: ConnectionListener): Server;
export function createServer(options?: ServerOptions | ConnectionListener, connectionListener?: ConnectionListener): Server {
  return new Server(options, connectionListener);
}

/** A new {@link Socket} that connects. See `net.connect` of Node's documentation. */
export function connect(options: net.NetConnectOpts & SocketOptions, connectionListener?: () => void): net.Socket;
export function connect(port: number, host?: string, connectionListener?: () => void): net.Socket;
export function connect(port: number, connectionListener?: () => void): net.Socket;
export function connect(path: string, connectionListener?: () => void): net.Socket;
export function connect(...args: unknown[]): net.Socket {
  const normalized = normalizeArgs(args);
  const [options] = normalized;
  const socket = new Socket(options);
  if (options.timeout) socket.setTimeout(options.timeout);
  // What is normalized already is taken as it is.
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
  // Whatever else this version of Node has.
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
