/**
 * Handles of libuv's that send and receive by the ring as well: Node's class, with other methods in front.
 *
 * What a handle is told about sending (whom it is connected to, options) goes for what is sent afterwards, so what was put together goes first.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { SendRequest, UdpClass, UdpHandle } from './natives.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';

/** Where a handle has what the ring needs. */
const RING = Symbol('ring');

interface RingHandle extends UdpHandle {
  [RING]?: { readonly sending: Sending; readonly receiving: Receiving };
}

let methods: UdpHandle | undefined;

/** The methods in front of those of Node's class. A cluster's worker takes `send` from one handle to another, which is not the ring's. */
function ringMethods(native: UdpHandle): UdpHandle {
  const flush = (handle: RingHandle) => handle[RING]?.sending.flush();
  const ringClass = class extends (native.constructor as UdpClass) {
    override recvStart(): number {
      return receivingOf(this).start();
    }

    override recvStop(): number {
      return receivingOf(this).stop();
    }

    override send(
      request: SendRequest,
      list: readonly NodeJS.ArrayBufferView[],
      count: number,
      port: number | boolean,
      address?: string,
      hasCallback?: boolean,
    ): number {
      const ring = (this as RingHandle)[RING];
      if (ring !== undefined) return ring.sending.send(request, list, count, port, address, hasCallback);
      return typeof port === 'boolean'
        ? super.send(request, list, count, port)
        : super.send(request, list, count, port, address, hasCallback);
    }

    override send6(
      request: SendRequest,
      list: readonly NodeJS.ArrayBufferView[],
      count: number,
      port: number | boolean,
      address?: string,
      hasCallback?: boolean,
    ): number {
      const ring = (this as RingHandle)[RING];
      if (ring !== undefined) return ring.sending.send(request, list, count, port, address, hasCallback);
      return typeof port === 'boolean'
        ? super.send6(request, list, count, port)
        : super.send6(request, list, count, port, address, hasCallback);
    }

    override connect(address: string, port: number): number {
      flush(this);
      return super.connect(address, port);
    }

    override connect6(address: string, port: number): number {
      flush(this);
      return super.connect6(address, port);
    }

    override disconnect(): number {
      flush(this);
      return super.disconnect();
    }

    override bufferSize(size: number, isReceiving: boolean, context: object): number | undefined {
      flush(this);
      return super.bufferSize(size, isReceiving, context);
    }

    override setBroadcast(on: number): number {
      flush(this);
      return super.setBroadcast(on);
    }

    override setTTL(ttl: number): number {
      flush(this);
      return super.setTTL(ttl);
    }

    override setMulticastTTL(ttl: number): number {
      flush(this);
      return super.setMulticastTTL(ttl);
    }

    override setMulticastLoopback(on: number): number {
      flush(this);
      return super.setMulticastLoopback(on);
    }

    override setMulticastInterface(address: string): number {
      flush(this);
      return super.setMulticastInterface(address);
    }

    override getSendQueueSize(): number {
      flush(this);
      return super.getSendQueueSize();
    }

    override getSendQueueCount(): number {
      flush(this);
      return super.getSendQueueCount();
    }

    override close(done?: () => void): void {
      const ring = (this as RingHandle)[RING];
      ring?.sending.close();
      ring?.receiving.close();
      super.close(done);
    }

    override ref(): void {
      super.ref();
      receivingOf(this).reference(true);
    }

    override unref(): void {
      super.unref();
      receivingOf(this).reference(false);
    }
  };
  // It looks like what it is, in `util.inspect` and in lists of what keeps the process alive.
  Object.defineProperty(ringClass, 'name', { value: native.constructor.name });
  return ringClass.prototype as UdpHandle;
}

function receivingOf(handle: UdpHandle): Receiving {
  return ((handle as RingHandle)[RING] as NonNullable<RingHandle[typeof RING]>).receiving;
}

/** Has a new handle send and receive by the ring where that is faster. */
export function overRing(uring: Uring, handle: UdpHandle): void {
  const native = Object.getPrototypeOf(handle) as UdpHandle;
  methods ??= ringMethods(native);
  // Node gives those for IPv6 the names of the others.
  const isIPv6 = handle.send === native.send6;
  Object.setPrototypeOf(handle, methods);
  if (isIPv6) Object.assign(handle, { send: methods.send6, connect: methods.connect6 });
  const sending = new Sending(uring, handle, native, isIPv6);
  const receiving = new Receiving(uring, handle, native, () => sending.refused());
  Object.defineProperty(handle, RING, { value: { sending, receiving } });
}
