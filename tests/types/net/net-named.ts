/** `net` by named and namespace imports. */

import { once } from 'node:events';
import * as net from 'node:net';
import {
  type AddressInfo,
  connect,
  createServer,
  isIPv6,
  type NetConnectOpts,
  Server,
  Socket,
  type SocketConnectOpts,
} from 'node:net';

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
  return port;
}

export async function ask(options: NetConnectOpts, question: string): Promise<string> {
  const socket: Socket = connect(options);
  socket.setEncoding('utf8').end(question);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

export function again(socket: Socket, options: SocketConnectOpts): Socket {
  return socket.destroyed ? new Socket({ allowHalfOpen: true }).connect(options) : socket;
}

export const isSocket = (value: unknown): value is net.Socket => value instanceof Socket;
export const isServer = (value: net.Server | net.Socket): value is Server => value instanceof net.Server;
export const server: Server = new Server({ pauseOnConnect: true }, (socket) => socket.resume());
export const other: net.Server = new net.Server((socket) => socket.end());
export const make: typeof createServer = net.createServer;
export const state = (socket: Socket): net.SocketReadyState =>
  isIPv6(socket.remoteAddress ?? '') ? socket.readyState : 'closed';
export const sockets = new WeakMap<Socket, AddressInfo | object>();

// @ts-expect-error An address can be a path, or null.
server.address().port;
// @ts-expect-error It takes no text.
new Socket('text');
// @ts-expect-error Its types do not take a number either.
new Socket(3);
// @ts-expect-error A remote address can be missing.
isIPv6(new Socket().remoteAddress);
// @ts-expect-error Names of a namespace import are read-only.
net.connect = connect;
