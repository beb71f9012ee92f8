/**
 * Datagram sockets: default, named, and namespace imports, a class that extends Node's, and each
 * module passed to the other.
 */

import * as all from 'node:dgram';
import dgram, { createSocket, type RemoteInfo, Socket, type SocketOptions, type SocketType } from 'node:dgram';
import { ownDgram } from './own.js';

declare module 'node:dgram' {
  interface Socket {
    label?: string;
  }
}

const options: SocketOptions = { type: 'udp4', reuseAddr: true, recvBufferSize: 1 << 16, signal: AbortSignal.timeout(5) };
export const socket: dgram.Socket = createSocket(options, (message: Buffer, { address, port, size }: RemoteInfo) => {
  socket.send(message.subarray(0, size), port, address, (error, bytes) => console.log(error?.message, bytes));
});
socket.label = 'mine';
socket.on('message', (message, { family }) => console.log(message.length, family satisfies 'IPv4' | 'IPv6'));

export class Counted extends Socket {
  count = 0;
  constructor(type: SocketType) {
    super(type as never);
    this.on('message', () => this.count++);
  }
  override close(callback?: () => void): this {
    return super.close(callback);
  }
}

export const ours: Socket = ownDgram.createSocket('udp6');
export const nodes: ownDgram.Socket = all.createSocket({ type: 'udp6' });
export const factory: typeof ownDgram.createSocket = dgram.createSocket;
export const module: typeof ownDgram = dgram;
export const isOne = (value: unknown): value is dgram.Socket => value instanceof all.Socket;

// @ts-expect-error: there is no such type.
createSocket('udp5');
// @ts-expect-error: a port is a number.
socket.send('x', '9');
// @ts-expect-error: Node exports no such function.
dgram.connect(1);
