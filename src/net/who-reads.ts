/**
 * The choice of who reads a connection: libuv or the ring.
 *
 * The ring is faster when many connections are busy at once: it takes the data that has arrived for
 * all of them in one call. For a single connection, libuv wakes up sooner; it reads large pieces
 * without a copy; and a short connection ends before the ring has paid off. So libuv reads at
 * first, and the choice is reviewed after a number of reads, based on how many reads other
 * connections have made meanwhile.
 *
 * Node calls `socket._read` for more after each piece, regardless of who read it. Reads are counted
 * there.
 *
 * @module
 */

import type net from 'node:net';
import { callsOf } from '../calls.js';
import { nodesRead } from '../node-net.js';
import type { NativeHandle } from './natives.js';
import { readerOfHandle } from './reader-of-handle.js';

/** The thresholds. Tests change them so that the ring reads from the start. @internal */
export const policy = {
  /** The number of reads of a connection between two decisions. */
  reads: 32,
  /**
   * The average number of connections taking turns from which the ring is worthwhile (`many`), and
   * below which it no longer is (`few`).
   */
  many: 8,
  few: 3,
  /** The average number of bytes per piece above which libuv reads. */
  large: 16 * 1024,
};

/** A socket with its internal members. */
export type Internal = net.Socket & {
  _handle: NativeHandle | null;
  _read(size: number): void;
};

/** Has the ring read a socket that libuv has read so far, if there is a ring. */
export type TakeOver = (socket: Internal, handle: NativeHandle) => void;

type Counted = NativeHandle & { [COUNT]?: Count };

const COUNT = Symbol('reads');

/** Pieces that were read. */
const readCalls = callsOf('net.Socket.read');

/** The number of reads of all connections of this thread. */
let allReads = 0;

/** The counters of one connection since the last decision. */
interface Count {
  reads: number;
  /** The reads of all connections, and the bytes received by this one, at that time. */
  allReadsBefore: number;
  bytesBefore: number;
}

/**
 * Does what `net.Socket.prototype._read` does, by libuv or the ring, whichever is faster.
 *
 * @param takeOver has the ring read.
 */
export function readOn(socket: Internal, size: number, takeOver: TakeOver): void {
  const handle: Counted | null = socket._handle;
  if (socket.connecting || !handle) {
    nodesRead.call(socket, size);
    return;
  }
  const reader = readerOfHandle(handle);
  if (reader === undefined ? handle.reading : reader.isReading) {
    allReads++;
    if (reader?.by === 'ring') readCalls.ring++;
    else readCalls.node++;
    (handle[COUNT] ?? startCount(handle)).reads++;
  } else if (reader?.by === 'ring') {
    // Node's `_read` would read `reading`, which must signal TLS only.
    handle.reading = true;
    reader.start();
  } else {
    nodesRead.call(socket, size);
  }
  // A connection that has read nothing has no count.
  if ((handle[COUNT]?.reads ?? 0) >= policy.reads) decide(socket, handle, takeOver);
}

/**
 * Starts a count. It is kept on the handle: a socket has so many properties that one more would
 * move all of them to a larger store.
 */
function startCount(handle: Counted): Count {
  const count = { reads: 0, allReadsBefore: allReads, bytesBefore: handle.bytesRead };
  handle[COUNT] = count;
  return count;
}

function decide(socket: Internal, handle: Counted, takeOver: TakeOver): void {
  const { reads, allReadsBefore, bytesBefore } = handle[COUNT] ?? startCount(handle);
  const { bytesRead } = handle;
  startCount(handle);
  const all = allReads - allReadsBefore;
  const isLarge = bytesRead - bytesBefore > policy.large * reads;
  const reader = readerOfHandle(handle);
  if (reader?.by === 'ring') {
    if (all < policy.few * reads || isLarge) reader.changeToLibuv();
  } else if (all >= policy.many * reads && !isLarge && !isTaken(socket, handle)) {
    if (reader === undefined) takeOver(socket, handle);
    else reader.changeToRing();
  }
}

/**
 * Returns whether native code reads from the handle (that of TLS, HTTP/1 or HTTP/2), or libuv must
 * keep reading: into the program's buffer (the option `onread`), or for a function that
 * replaces Node's, as tools that monitor connections set it.
 */
function isTaken(socket: Internal, handle: NativeHandle): boolean {
  if ((handle.onread as { name?: unknown } | undefined)?.name !== NODES_ONREAD) return true;
  if (Object.getOwnPropertyDescriptor(handle, 'reading')?.get !== undefined) return true;
  if ((handle as { _consumed?: boolean })._consumed) return true;
  if (socket.listeners('close').some(({ name }) => name === HTTP2_LISTENER)) return true;
  return Object.getOwnPropertySymbols(socket).some((name) => name.description === OWN_BUFFER && (socket as never)[name] !== null);
}

/** The name of Node's function that handles call with data. */
const NODES_ONREAD = 'onStreamRead';

/** The name of the listener with which Node's HTTP/2 session watches for the end of its socket. */
const HTTP2_LISTENER = 'socketOnClose';

/** Node's name for the program's buffer that a socket reads into. */
const OWN_BUFFER = 'kBuffer';
