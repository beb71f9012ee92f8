/**
 * libuv handles that can also send and receive over the ring: Node's class, with other methods in
 * front.
 *
 * Calls that affect sending (connecting, options) apply only to datagrams sent afterwards, so
 * pending datagrams are flushed first.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { UdpHandle } from './natives.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';

/** The key under which a handle keeps its ring state. */
const RING = Symbol('ring');

interface RingHandle extends UdpHandle {
  [RING]?: { readonly sending: Sending; readonly receiving: Receiving };
}

/** The methods that change or query how a handle sends. */
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

/**
 * Creates the methods that go in front of those of Node's class. A cluster worker copies `send`
 * from one handle to another, which is not on the ring.
 */
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
  // Node's class remains visible in `util.inspect` and in lists of what keeps the process alive.
  return Object.assign(Object.create(native), ours);
}

function receivingOf(handle: RingHandle): Receiving {
  return (handle[RING] as NonNullable<RingHandle[typeof RING]>).receiving;
}

/** Makes a new handle send and receive over the ring where that is faster. */
export function overRing(uring: Uring, handle: UdpHandle): void {
  const native = Object.getPrototypeOf(handle) as UdpHandle;
  methods ??= ringMethods(native);
  // For IPv6, Node assigns `send6` and `connect6` to the names `send` and `connect`.
  const isIPv6 = handle.send === native.send6;
  Object.setPrototypeOf(handle, methods);
  if (isIPv6) Object.assign(handle, { send: methods.send6, connect: methods.connect6 });
  const sending = new Sending(uring, handle, native, isIPv6);
  const receiving = new Receiving(uring, handle, native, () => sending.refused());
  Object.defineProperty(handle, RING, { value: { sending, receiving } });
}
