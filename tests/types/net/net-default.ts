/** `net` by its default import: servers, connections, and their types. */

import net from 'node:net';

export interface Peer {
  readonly socket: net.Socket;
  readonly address: net.AddressInfo;
}

export function serve(options: net.ServerOpts, listen: net.ListenOptions, found: (peer: Peer) => void): net.Server {
  const server: net.Server = net.createServer({ ...options, allowHalfOpen: true }, (socket) => {
    const { address, family, port } = socket.address() as net.AddressInfo;
    found({ socket, address: { address, family, port } });
    socket.on('data', (bytes) => socket.write(bytes.toString('hex'), 'latin1', (error) => error && socket.destroy(error)));
  });
  server.on('drop', (data) => console.warn(data?.remoteAddress));
  return server.listen(listen, () => console.log(server.address())).unref();
}

export function call(target: net.NetConnectOpts, timeout: number): net.Socket {
  const socket: net.Socket = net.connect(target, () => socket.setNoDelay().setKeepAlive(true, 1000));
  return socket
    .setTimeout(timeout, () => socket.destroy())
    .once('error', (error: NodeJS.ErrnoException) => console.error(error.code));
}

export const tcp: net.TcpNetConnectOpts = { port: 1, host: 'localhost', autoSelectFamily: true, timeout: 100 };
export const ipc: net.IpcNetConnectOpts = { path: '/tmp/socket', allowHalfOpen: true };
export const sockets: net.Socket[] = [
  net.connect(1),
  net.connect(1, 'a', () => {}),
  net.createConnection('/tmp/socket'),
  call(ipc, 1),
];
export const blocked: net.BlockList = new net.BlockList();
export const version: number = net.isIP('::1');

export const arguments_ = (...given: Parameters<typeof net.createServer>): net.Server => net.createServer(...given);
export const options: ConstructorParameters<typeof net.Socket> = [{ fd: 3, readable: true }];
arguments_();

// @ts-expect-error A server is not a socket.
export const wrong: net.Socket = net.createServer();
// @ts-expect-error There is no such option.
net.connect({ port: 1, hots: 'localhost' });
// @ts-expect-error A listener gets a socket of this type.
net.createServer((socket: string) => socket);
// @ts-expect-error There is no such option for a server.
net.createServer({ allowHalfOpn: true });
// @ts-expect-error Nor for a socket.
new net.Socket({ allowHalfOpn: true });
// @ts-expect-error A class cannot be called.
net.Socket();
// @ts-expect-error There is no such type.
export type Missing = net.Sockets;
