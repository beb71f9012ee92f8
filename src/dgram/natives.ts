/**
 * What `node:dgram` is made of and does not export: libuv's handles, and where a socket has its own. The same from Node 20 to 26.
 *
 * @module
 */

import type dgram from 'node:dgram';

/** Who asks libuv to send, and is told. */
export interface SendRequest {
  /** There for sockets' callbacks alone. */
  oncomplete?(status: number, sent: number): void;
}

/** Called with what is received. */
export type OnMessage = (received: number, handle: UdpHandle, data?: Buffer, sender?: Sender) => void;

/** The sender, as a listener gets it; Node adds `size`. */
export interface Sender {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** libuv's handle. Calls return 0 or `-errno`, unless something else is said. */
export interface UdpHandle {
  readonly fd: number;
  onmessage: OnMessage;
  recvStart(): number;
  recvStop(): number;
  /**
   * With a port, an address and whether there is a callback; of a connected handle, with the last alone. libuv counts its arguments.
   *
   * @returns one more than what was sent, if it was sent at once.
   */
  send(
    request: SendRequest,
    list: readonly NodeJS.ArrayBufferView[],
    count: number,
    port: number | boolean,
    address?: string,
    hasCallback?: boolean,
  ): number;
  send6(...args: Parameters<UdpHandle['send']>): number;
  connect(address: string, port: number): number;
  connect6(address: string, port: number): number;
  disconnect(): number;
  bufferSize(size: number, isReceiving: boolean, context: object): number | undefined;
  setBroadcast(on: number): number;
  setTTL(ttl: number): number;
  setMulticastTTL(ttl: number): number;
  setMulticastLoopback(on: number): number;
  setMulticastInterface(address: string): number;
  getSendQueueSize(): number;
  getSendQueueCount(): number;
  close(done?: () => void): void;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

let stateName: symbol | undefined;

/** A socket's handle; `null` when it is closed, as is one whose signal was aborted. */
export function handleOf(socket: dgram.Socket): UdpHandle | null {
  stateName ??= Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const state = (socket as unknown as Record<symbol, { handle: UdpHandle | null }>)[stateName as symbol];
  return state?.handle ?? null;
}
