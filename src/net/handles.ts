/**
 * Handles of libuv's that read by the ring: Node's classes, with other methods in front.
 *
 * Node's native code may take such a handle as it is: for TLS, HTTP/2, or to send it to another process. It works on libuv's stream then, past
 * these methods, so libuv has to read from then on. Each of them is noticed by what it does to the handle before it reads:
 *
 * ```text
 *   TLS                asks for `reading`, and puts a property of its own in its place
 *   HTTP/2, HTTP/1     ask for `isStreamBase`
 *   child.send(), and an Agent of HTTP that watches an idle connection (from Node 22 on), set `onread`
 * ```
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import { isSocketClass, type NativeClass, type NativeHandle } from './natives.js';
import { SocketReader } from './reader.js';

/** Where a handle has its Reader. */
const READER = Symbol('reader');

/** A handle that reads by the ring, or has done so. */
export interface RingHandle extends NativeHandle {
  [READER]: SocketReader;
}

/** The methods in front of those of a class of Node's. */
function readingByRing(Native: NativeClass): NativeHandle {
  const native = Native.prototype as NativeHandle;
  const ringClass = class extends Native {
    override get isStreamBase(): boolean {
      readerOf(this).handOver();
      return super.isStreamBase;
    }

    override get onread(): unknown {
      return super.onread;
    }

    override set onread(callback: unknown) {
      super.onread = callback;
      readerOf(this).giveTo(callback);
    }

    override get bytesRead(): number {
      return readerOf(this).bytesRead + super.bytesRead;
    }

    override readStart(): number {
      return readerOf(this).start();
    }

    override readStop(): number {
      return readerOf(this).stop();
    }

    override close(done?: () => void): void {
      readerOf(this).close();
      super.close(done);
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
  Object.defineProperty(ringClass, 'name', { value: Native.name });
  if (native.reset !== undefined) {
    // Not Node's own, which never closes a descriptor whose end is on its way: libuv refuses to reset it.
    (ringClass.prototype as NativeHandle).reset = function (done) {
      readerOf(this).closeWithReset();
      native.close.call(this, done);
      return 0;
    };
  }
  return ringClass.prototype as NativeHandle;
}

function readerOf(handle: NativeHandle): SocketReader {
  return (handle as RingHandle)[READER];
}

/** The methods of Node's classes, and ours in front of them. */
const ringMethods = new Map<NativeHandle, NativeHandle>();

/**
 * Has a handle read by the ring from now on; it reads by libuv until then.
 *
 * @returns its Reader; `undefined` for what is neither of TCP nor of a Unix socket, and where there is no room for buffers.
 */
export function readByRing(uring: Uring, handle: NativeHandle): SocketReader | undefined {
  const native = Object.getPrototypeOf(handle) as NativeHandle;
  let methods = ringMethods.get(native);
  if (methods === undefined) {
    if (!isSocketClass(native)) return undefined;
    methods = readingByRing(native.constructor as NativeClass);
    ringMethods.set(native, methods);
  }
  let reader: SocketReader;
  try {
    reader = new SocketReader(uring, handle, native);
  } catch {
    // The engine closes, or has no memory for buffers.
    return undefined;
  }
  (handle as RingHandle)[READER] = reader;
  Object.setPrototypeOf(handle, methods);
  reader.changeToRing();
  return reader;
}

/** The Reader of a handle that reads by the ring, or has done so. */
export function readerOfHandle(handle: NativeHandle): SocketReader | undefined {
  return (handle as Partial<RingHandle>)[READER];
}
