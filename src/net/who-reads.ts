/**
 * Who reads a connection: libuv or the ring.
 *
 * The ring is faster for many connections that are at work at once: it takes what has come for all of them in one call. For a connection on its own libuv
 * wakes up sooner; what comes in large pieces it reads without a copy; and a short connection is over before the ring has paid. So libuv reads at first, and
 * every so many reads it is decided anew, from how many others have read meanwhile.
 *
 * Node calls `socket._read` for more after each piece, whoever has read it: that is where it is counted.
 *
 * @module
 */

import net from 'node:net';
import type { Uring } from '../engine/index.js';
import { readByRing, readerOfHandle } from './handles.js';
import type { NativeHandle } from './natives.js';

/** When the ring reads. Tests set it, so that it does from the start. @internal */
export const policy = {
  /** After how many reads of a connection it is decided. */
  reads: 32,
  /** With how many others it takes turns, at least and on average, for the ring to be worth it; with how few no more. */
  many: 8,
  few: 3,
  /** Bytes of a piece, on average, from which on libuv reads. */
  large: 16 * 1024,
};

/** A socket, with what is Node's own of it. */
export type Internal = net.Socket & {
  _handle: NativeHandle | null;
  _read(size: number): void;
};

type Counted = NativeHandle & { [COUNT]?: Count };

const COUNT = Symbol('reads');

/** Reads of all connections of this thread. */
let allReads = 0;

/** Of one connection, since it was decided last. */
interface Count {
  reads: number;
  /** What all had read, and this one received, by then. */
  allReadsBefore: number;
  bytesBefore: number;
}

const { _read: nodesRead } = net.Socket.prototype as Internal;

/** As `net.Socket.prototype._read`, by whoever reads faster. @param engine the ring; `undefined` for libuv. */
export function readOn(socket: Internal, size: number, engine: () => Uring | undefined): void {
  const handle: Counted | null = socket._handle;
  if (socket.connecting || !handle) {
    nodesRead.call(socket, size);
    return;
  }
  const reader = readerOfHandle(handle);
  if (reader === undefined ? handle.reading : reader.isReading) {
    allReads++;
    (handle[COUNT] ?? startCount(handle)).reads++;
  } else if (reader?.by === 'ring') {
    // Node's would ask for `reading`, as only TLS is to do.
    handle.reading = true;
    reader.start();
  } else {
    nodesRead.call(socket, size);
  }
  // What has read nothing has no count.
  if ((handle[COUNT]?.reads ?? 0) >= policy.reads) decide(socket, handle, engine);
}

/** On the handle: a socket has so many properties that one more has all of them moved, to where there is room for others. */
function startCount(handle: Counted): Count {
  const count = { reads: 0, allReadsBefore: allReads, bytesBefore: handle.bytesRead };
  handle[COUNT] = count;
  return count;
}

function decide(socket: Internal, handle: Counted, engine: () => Uring | undefined): void {
  const { reads, allReadsBefore, bytesBefore } = handle[COUNT] ?? startCount(handle);
  const { bytesRead } = handle;
  startCount(handle);
  const all = allReads - allReadsBefore;
  const isLarge = bytesRead - bytesBefore > policy.large * reads;
  const reader = readerOfHandle(handle);
  if (reader?.by === 'ring') {
    if (all < policy.few * reads || isLarge) reader.changeToLibuv();
  } else if (all >= policy.many * reads && !isLarge && !isTaken(socket, handle)) {
    if (reader !== undefined) {
      reader.changeToRing();
      return;
    }
    const uring = engine();
    if (uring !== undefined) readByRing(uring, handle);
  }
}

/**
 * Whether native code reads from the handle: that of TLS, HTTP/1 or HTTP/2. Or libuv reads into a buffer of the program's (the option `onread`), or calls
 * what somebody has put in the place of Node's function: tools that watch connections do that.
 */
function isTaken(socket: Internal, handle: NativeHandle): boolean {
  if ((handle.onread as { name?: unknown } | undefined)?.name !== NODES_ONREAD) return true;
  if (Object.getOwnPropertyDescriptor(handle, 'reading')?.get !== undefined) return true;
  if ((handle as { _consumed?: boolean })._consumed) return true;
  if (socket.listeners('close').some(({ name }) => name === HTTP2_LISTENER)) return true;
  return Object.getOwnPropertySymbols(socket).some((name) => name.description === OWN_BUFFER && (socket as never)[name] !== null);
}

/** Node's function that handles call with what they have read. */
const NODES_ONREAD = 'onStreamRead';

/** What Node's HTTP/2 session listens to its socket's end with. */
const HTTP2_LISTENER = 'socketOnClose';

/** Node's name for the buffer of a program's that a socket reads into. */
const OWN_BUFFER = 'kBuffer';
