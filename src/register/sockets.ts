/**
 * The functions of `node:net` and `node:dgram`, replaced. What they need is loaded when there are so
 * many connections that the ring is to accept or read them, or when a datagram socket is created.
 * Until then, everything is Node's.
 *
 * @module
 */

import '../timers.js';
import dgram from 'node:dgram';
import net from 'node:net';
import { nodesSocket } from '../dgram/nodes-socket.js';
import { inPlaceOf } from '../fs/in-place.js';
import { takesInstancesOf } from '../instances.js';
import { type Internal, readOn, type TakeOver } from '../net/who-reads.js';
import type { LatePart } from './late.js';
import type { Patch } from './patch.js';

export { replaceListening } from './listening.js';

type LateSockets = LatePart<typeof import('./parts/sockets.js')>;
type LateDatagrams = LatePart<typeof import('./parts/datagrams.js')>;

/**
 * How often busy connections ask for the ring before the library is loaded. They ask after 32 reads
 * each (`policy.reads`). In as many reads, the ring would have saved 18 ms of CPU time (2.3 µs for
 * each, `npm run bench -- net --short`); loading takes 30 ms.
 */
const ASKED_BEFORE = 250;

/** Makes busy connections read over the ring. */
export function replaceReading(patch: Patch, sockets: LateSockets): void {
  let byRing: TakeOver | undefined;
  let left = ASKED_BEFORE;
  sockets.whenLoaded(({ takeOver }) => {
    byRing = takeOver;
  });
  const takeOver: TakeOver = (socket, handle) => {
    if (left-- <= 0) sockets.tryToLoad();
    byRing?.(socket, handle);
  };
  const { prototype } = net.Socket;
  const _read = function (this: Internal, size: number): void {
    readOn(this, size, takeOver);
  };
  patch.replace(prototype, '_read', inPlaceOf(prototype._read, _read));
}

/** Makes datagram sockets use the ring. */
export function replaceDatagrams(patch: Patch, datagrams: LateDatagrams): void {
  type Constructor = (this: object, ...args: unknown[]) => void;
  let construct: Constructor = nodesSocket as Constructor;
  datagrams.whenLoaded((part) => {
    construct = part.Socket as unknown as Constructor;
  });
  const Socket = function Socket(this: dgram.Socket, ...args: unknown[]): void {
    datagrams.tryToLoad();
    construct.apply(this, args);
  } as unknown as new (
    ...args: unknown[]
  ) => dgram.Socket;
  Object.setPrototypeOf(Socket, nodesSocket);
  Object.setPrototypeOf(Socket.prototype, nodesSocket.prototype);
  Object.defineProperty(Socket.prototype, 'constructor', { value: Socket, configurable: true, writable: true });
  takesInstancesOf(Socket, nodesSocket);
  const createSocket = (...args: unknown[]) => new Socket(...args);
  patch.replace(dgram, 'createSocket', inPlaceOf(dgram.createSocket, createSocket));
  patch.replace(dgram, 'Socket', Socket);
}
