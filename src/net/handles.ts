/**
 * libuv handles that read over the ring: Node's classes, with other methods in front.
 *
 * Node's native code can take over such a handle for TLS, for HTTP/2, or to send it to another
 * process. It then works on libuv's stream and bypasses these methods, so libuv has to read from
 * then on. Each of them is detected by what it does to the handle before it reads:
 *
 * ```text
 *   TLS                reads `reading`, and replaces it with a property of its own
 *   HTTP/2, HTTP/1     read `isStreamBase`
 *   child.send(), and an HTTP Agent that watches an idle connection (since Node 22), set `onread`
 * ```
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import { isSocketClass, type NativeClass, type NativeHandle } from './natives.js';
import { SocketReader } from './reader.js';
import { readerOfHandle, setReaderOfHandle } from './reader-of-handle.js';

/** Creates the methods that go in front of those of one of Node's classes. */
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
  // Node's class name remains visible in `util.inspect` and in lists of what keeps the process
  // alive.
  Object.defineProperty(ringClass, 'name', { value: Native.name });
  if (native.reset !== undefined) {
    // Replaces Node's own, which never closes a descriptor while a shutdown is pending: libuv
    // refuses to reset it.
    (ringClass.prototype as NativeHandle).reset = function (done) {
      readerOf(this).closeWithReset();
      native.close.call(this, done);
      return 0;
    };
  }
  return ringClass.prototype as NativeHandle;
}

function readerOf(handle: NativeHandle): SocketReader {
  return readerOfHandle(handle) as SocketReader;
}

/** The prototypes of Node's classes, and the methods that go in front of each. */
const ringMethods = new Map<NativeHandle, NativeHandle>();

/**
 * Makes a handle read over the ring from now on; until then, libuv reads.
 *
 * @returns its reader; `undefined` if the handle is neither TCP nor a Unix socket, or if there is
 *   no room for buffers.
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
    // The engine is closing, or has no memory for buffers.
    return undefined;
  }
  setReaderOfHandle(handle, reader);
  Object.setPrototypeOf(handle, methods);
  reader.changeToRing();
  return reader;
}
