/**
 * Handles of libuv's that read by the ring: Node's classes, with other methods in front.
 *
 * Node's native code may take such a handle as it is: for TLS, HTTP/2, or to send it to another process. It works on libuv's stream then, past
 * these methods, so libuv has to read from then on. Each of them is noticed by what it does to the handle before it reads:
 *
 * ```text
 *   TLS                asks for `reading`, and puts a property of its own in its place
 *   HTTP/2, HTTP/1     ask for `isStreamBase`
 *   child.send()       sets `onread`
 * ```
 *
 * @module
 */

import net from 'node:net';
import type { Uring } from '../engine/index.js';
import { timers } from '../timers.js';
import { errnoException } from './errors.js';
import { isSocketClass, type NativeClass, type NativeHandle, ownerOf } from './natives.js';
import { Reader } from './reader.js';

/** Where a handle has its Reader. */
const READER = Symbol('reader');

/** Set on the handle of an HTTP server's connection, which would take it for itself at once: the first who asks is told that it cannot. */
const BY_EVENTS = Symbol('by events');

/** Set on a socket whose reading is to stay libuv's, on this handle or another. */
const LEFT_TO_NODE = Symbol('left to node');

/** A handle that reads by the ring. */
export interface RingHandle extends NativeHandle {
  [READER]: Reader;
  [BY_EVENTS]?: boolean;
}

function readingByRing(Native: NativeClass): NativeClass {
  const native = Native.prototype as NativeHandle;
  const ringHandle = class extends Native {
    override get reading(): boolean {
      const reader = readerOf(this);
      // It may be TLS that asks.
      timers.nextTick(handOverIfTaken, this, reader);
      return reader.isReading;
    }

    override set reading(value: boolean) {
      readerOf(this).isReading = value;
    }

    override get isStreamBase(): boolean {
      if ((this as unknown as RingHandle)[BY_EVENTS]) {
        (this as unknown as RingHandle)[BY_EVENTS] = false;
        return false;
      }
      readerOf(this).handOver();
      leaveToNode(ownerOf(this));
      return super.isStreamBase;
    }

    override get onread(): unknown {
      return super.onread;
    }

    override set onread(callback: unknown) {
      super.onread = callback;
      readerOf(this).withdraw();
    }

    override get bytesRead(): number {
      return readerOf(this).bytesRead + super.bytesRead;
    }

    override readStart(): number {
      const reader = readerOf(this);
      if (!reader.started) replaceRead(ownerOf(this) as Reading | undefined);
      return reader.start();
    }

    override readStop(): number {
      return readerOf(this).stop();
    }

    override useUserBuffer(buffer: Uint8Array): void {
      readerOf(this).useNative();
      super.useUserBuffer(buffer);
    }

    override close(done?: () => void): void {
      readerOf(this).close(() => super.close(done));
    }

    override ref(): void {
      super.ref();
      readerOf(this).reference(true);
    }

    override unref(): void {
      super.unref();
      readerOf(this).reference(false);
    }
  };
  // It looks like what it is, in `util.inspect` and in lists of what keeps the process alive.
  Object.defineProperty(ringHandle, 'name', { value: Native.name });
  if (native.reset !== undefined) {
    const { reset } = native;
    (ringHandle.prototype as NativeHandle).reset = function (done) {
      readerOf(this).close(() => reset.call(this, done));
      return 0;
    };
  }
  return ringHandle;
}

function readerOf(handle: NativeHandle): Reader {
  return (handle as RingHandle)[READER];
}

function handOverIfTaken(handle: NativeHandle, reader: Reader): void {
  if (Object.hasOwn(handle, 'reading')) reader.handOver();
}

/** The classes of Node's, by their prototypes, and ours in front of them. */
const classes = new Map<NativeHandle, NativeClass>();

/** Whether it reads by the ring already. */
export function isRingHandle(handle: NativeHandle): handle is RingHandle {
  return READER in handle;
}

/** Has a socket read by libuv: also on the handles that it tries other addresses with. */
export function leaveToNode(socket: net.Socket | undefined): void {
  if (socket !== undefined) Object.defineProperty(socket, LEFT_TO_NODE, { value: true });
}

/** Whether a socket reads by libuv. */
export function isLeftToNode(socket: net.Socket): boolean {
  return LEFT_TO_NODE in socket;
}

/**
 * Has a handle read by the ring from its next `readStart` on.
 *
 * @param byEvents its socket is an HTTP server's.
 * @returns whether it is one that can: of TCP or of a Unix socket.
 */
export function readByRing(uring: Uring, handle: NativeHandle, byEvents = false): handle is RingHandle {
  if (isRingHandle(handle)) return true;
  const native = Object.getPrototypeOf(handle) as NativeHandle;
  let ringClass = classes.get(native);
  if (ringClass === undefined) {
    if (!isSocketClass(native)) return false;
    ringClass = readingByRing(native.constructor as NativeClass);
    classes.set(native, ringClass);
  }
  const ringHandle = handle as RingHandle;
  ringHandle[READER] = new Reader(uring, handle, native);
  if (byEvents) ringHandle[BY_EVENTS] = true;
  Object.setPrototypeOf(handle, ringClass.prototype);
  // Node's, from before: ours is the prototype's.
  delete (handle as { reading?: boolean }).reading;
  return true;
}

type Reading = net.Socket & { _handle: NativeHandle | null; _read(size: number): void };

const { _read: read } = net.Socket.prototype as Reading;

/** `socket._read` of Node's, but without asking a handle for `reading`, as only TLS is to do. */
export function readByHandle(this: net.Socket, size: number): void {
  const { _handle: handle } = this as Reading;
  if (this.connecting || handle === null || !isRingHandle(handle) || Object.hasOwn(handle, 'reading')) {
    read.call(this as Reading, size);
    return;
  }
  const reader = handle[READER];
  if (reader.isReading) return;
  reader.isReading = true;
  const result = reader.start();
  if (result < 0) this.destroy(errnoException(result, 'read'));
}

/** For the sockets that Node's servers make. */
function replaceRead(socket: Reading | undefined): void {
  if (socket?._read === read) socket._read = readByHandle;
}
