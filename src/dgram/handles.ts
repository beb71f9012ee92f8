/**
 * Handles of libuv's that send and receive by the ring as well: Node's class, with other methods in front.
 *
 * What a handle is told about sending (whom it is connected to, options) goes for what is sent afterwards, so what was put together goes first.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { UdpHandle } from './natives.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';

/** Where a handle has what the ring needs. */
const RING = Symbol('ring');

interface RingHandle extends UdpHandle {
  [RING]?: { readonly sending: Sending; readonly receiving: Receiving };
}

/** Methods that change what sending means, or ask about it. */
const AFTER_SENDING = [
  'connect',
  'connect6',
  'disconnect',
  'bufferSize',
  'setBroadcast',
  'setTTL',
  'setMulticastTTL',
  'setMulticastLoopback',
  'setMulticastInterface',
  'getSendQueueSize',
  'getSendQueueCount',
] as const;

let methods: UdpHandle | undefined;

/** The methods in front of those of Node's class. A cluster's worker takes `send` from one handle to another, which is not the ring's. */
function ringMethods(native: UdpHandle): UdpHandle {
  const sendBy = (nodes: UdpHandle['send']): UdpHandle['send'] =>
    function (this: RingHandle, request, list, count, port, address, hasCallback) {
      const sending = this[RING]?.sending;
      if (sending !== undefined) return sending.send(request, list, count, port, address, hasCallback);
      return typeof port === 'boolean'
        ? nodes.call(this, request, list, count, port)
        : nodes.call(this, request, list, count, port, address, hasCallback);
    };
  const ours: ThisType<RingHandle> & Partial<UdpHandle> = {
    send: sendBy(native.send),
    send6: sendBy(native.send6),
    recvStart() {
      return receivingOf(this).start();
    },
    recvStop() {
      return receivingOf(this).stop();
    },
    close(done) {
      this[RING]?.sending.close();
      receivingOf(this).close();
      native.close.call(this, done);
    },
    ref() {
      native.ref.call(this);
      receivingOf(this).reference(true);
    },
    unref() {
      native.unref.call(this);
      receivingOf(this).reference(false);
    },
  };
  for (const name of AFTER_SENDING) {
    const nodes = native[name] as (...args: unknown[]) => never;
    ours[name] = function (this: RingHandle, ...args: unknown[]) {
      this[RING]?.sending.flush();
      return nodes.apply(this, args);
    } as never;
  }
  // It stays of Node's class, in `util.inspect` and in lists of what keeps the process alive.
  return Object.assign(Object.create(native), ours);
}

function receivingOf(handle: RingHandle): Receiving {
  return (handle[RING] as NonNullable<RingHandle[typeof RING]>).receiving;
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
