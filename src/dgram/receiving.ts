/**
 * Receiving of one socket: by libuv, or by the ring.
 *
 * libuv makes a system call for each datagram, and one more that finds nothing. The ring takes all that have come with one, into buffers that sockets
 * share. For one datagram at a time libuv is woken sooner; so it begins, and every so many it is decided anew, from how many have come together.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import type { Message, Uring } from '../engine/index.js';
import { Arrivals, type DatagramReceiver, type DatagramSink, type Endpoint } from '../engine/internal.js';
import { timers } from '../timers.js';
import type { OnMessage, Sender, UdpHandle } from './natives.js';
import { policy } from './policy.js';
import { senderOf } from './senders.js';

/** What has come: a datagram, or `-errno`. */
type Arrival = Datagram | number;

interface Datagram {
  readonly data: Buffer;
  readonly sender: Sender;
}

/** Datagrams that all sockets of this thread have received. */
let allReceived = 0;

/** The receiving of one handle. */
export class Receiving implements DatagramSink, Endpoint {
  private by: 'libuv' | 'ring' = 'libuv';
  /** It stays libuv's. */
  private isFixed = false;
  private wanted = false;
  private receiver: DatagramReceiver | undefined;
  private readonly context = new AsyncResource('URINGDGRAM');
  private readonly arrivals = new Arrivals<Arrival>(
    (arrival) => {
      this.count++;
      this.context.runInAsyncScope(this.hand, this, arrival);
    },
    () => this.rest(),
  );
  private onmessage: OnMessage | undefined;
  /** Since it was decided last who receives: datagrams, and how often the ring had some. */
  private count = 0;
  private turns = 0;

  /**
   * In the context in which the program is to be told of datagrams.
   *
   * @param native the handle's own methods.
   * @param refused called when the peer of a connected socket has refused what was sent.
   */
  constructor(
    private readonly uring: Uring,
    private readonly handle: UdpHandle,
    private readonly native: UdpHandle,
    private readonly refused: () => void,
  ) {}

  /** `handle.recvStart()`. */
  start(): number {
    this.wanted = true;
    this.arrivals.open();
    if (this.handle.onmessage !== this.counting) {
      this.onmessage = this.handle.onmessage;
      this.handle.onmessage = this.counting;
    }
    if (this.by === 'ring') {
      this.receiver?.start();
      return 0;
    }
    const result = this.native.recvStart.call(this.handle);
    if (policy.receiving.looks === 0) this.changeToRing();
    return result;
  }

  /** `handle.recvStop()`. */
  stop(): number {
    this.wanted = false;
    this.arrivals.close();
    if (this.by === 'libuv') return this.native.recvStop.call(this.handle);
    this.receiver?.stop();
    return 0;
  }

  /** Whether waiting for datagrams keeps the process alive. */
  reference(wanted: boolean): void {
    if (this.receiver !== undefined) this.uring.sockets.reference(this.receiver, wanted);
  }

  /** The descriptor is about to be closed. What has come and was not told is lost, as what is left in a socket of Node's. */
  close(): void {
    this.wanted = false;
    this.isFixed = true;
    this.arrivals.close();
    this.arrivals.waiting.length = 0;
    const { receiver, uring } = this;
    if (receiver === undefined) return;
    this.receiver = undefined;
    uring.sockets.remove(this);
    receiver.close(() => undefined);
    uring.sockets.settleNow(receiver);
  }

  /** Who receives by libuv calls this, in the place of Node's own. */
  private readonly counting: OnMessage = (received, handle, data, sender) => {
    allReceived++;
    if (received < 0) this.refused();
    if (++this.count >= policy.receiving.looks) this.look();
    this.onmessage?.call(handle, received, handle, data, sender);
  };

  /** Looks how many datagrams come in the rest of this turn of the event loop. */
  private look(): void {
    this.count = 0;
    const before = allReceived;
    timers.setImmediate(() => {
      if (allReceived - before >= policy.receiving.many) this.changeToRing();
    });
  }

  private changeToRing(): void {
    if (this.isFixed || this.by === 'ring' || !this.wanted) return;
    const { uring, handle } = this;
    const { sockets } = uring;
    if (this.receiver === undefined) {
      try {
        this.receiver = sockets.datagramReceiver(handle.fd, this);
      } catch {
        // The engine closes, or has no memory for buffers.
        this.isFixed = true;
        return;
      }
      sockets.add(this);
      sockets.reference(this.receiver, handle.hasRef());
    }
    this.native.recvStop.call(handle);
    this.by = 'ring';
    this.count = 0;
    this.turns = 0;
    this.receiver.start();
  }

  /** libuv receives again, once everything is told that the ring has received. */
  private changeToLibuv(): void {
    const { receiver } = this;
    if (receiver !== undefined) {
      receiver.stop();
      this.uring.sockets.settleNow(receiver);
    }
    this.by = 'libuv';
    if (this.wanted && this.arrivals.waiting.length === 0) this.native.recvStart.call(this.handle);
  }

  // What the ring tells

  received(message: Message): void {
    const data = message.copyAlone();
    const sender = senderOf(message);
    message.release();
    this.arrivals.push({ data, sender });
  }

  failed(res: number): void {
    this.refused();
    this.arrivals.push(res);
  }

  ended(): void {
    this.isFixed = true;
    this.changeToLibuv();
  }

  engineClosed(): void {
    this.isFixed = true;
    if (this.by === 'ring') this.changeToLibuv();
  }

  private hand(arrival: Arrival): void {
    const { handle, onmessage } = this;
    if (typeof arrival === 'number') onmessage?.call(handle, arrival, handle);
    else onmessage?.call(handle, arrival.data.length, handle, arrival.data, arrival.sender);
  }

  /** Everything is told that has come in this turn. */
  private rest(): void {
    this.turns++;
    if (this.by === 'libuv') {
      if (this.wanted) this.native.recvStart.call(this.handle);
    } else if (this.count >= policy.receiving.looks) {
      const isWorthIt = this.count >= policy.receiving.few * this.turns;
      this.count = 0;
      this.turns = 0;
      if (!isWorthIt) this.changeToLibuv();
    }
  }
}
