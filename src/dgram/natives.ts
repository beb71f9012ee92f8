/**
 * Internals of `node:dgram` that it does not export: libuv's handles, and where a socket keeps its
 * handle. They are the same from Node 20 to 26.
 *
 * @module
 */

import type dgram from 'node:dgram';

/** A request to send, which libuv notifies on completion. */
export interface SendRequest {
  /** Present only if the program passed a callback. */
  oncomplete?(status: number, sent: number): void;
}

/** Called for each datagram that is received. */
export type OnMessage = (received: number, handle: UdpHandle, data?: Buffer, sender?: Sender) => void;

/** The sender as listeners receive it; Node adds `size`. */
export interface Sender {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** A libuv handle. Calls return 0 or `-errno` unless noted otherwise. */
export interface UdpHandle {
  readonly fd: number;
  onmessage: OnMessage;
  recvStart(): number;
  recvStop(): number;
  /**
   * Takes a port, an address and whether there is a callback; on a connected handle, only the last
   * of these. Node's binding distinguishes the two by the number of arguments.
   *
   * @returns one more than the number of bytes sent, if the datagram was sent immediately.
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

/** Returns a socket's handle; `null` if the socket is closed, including by an aborted signal. */
export function handleOf(socket: dgram.Socket): UdpHandle | null {
  stateName ??= Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const state = (socket as unknown as Record<symbol, { handle: UdpHandle | null }>)[stateName as symbol];
  return state?.handle ?? null;
}
