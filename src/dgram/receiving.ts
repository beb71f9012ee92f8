/**
 * Receiving on one socket, by libuv or by the ring.
 *
 * libuv makes one system call for each datagram, and one more that finds nothing. The ring receives
 * everything available with a single call, into buffers that sockets share. For one datagram at a
 * time, libuv wakes up sooner. So libuv starts, and the choice is reviewed at regular intervals,
 * based on how many datagrams arrive together.
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

/** An arrival: a datagram, or `-errno`. */
type Arrival = Datagram | number;

interface Datagram {
  readonly data: Buffer;
  readonly sender: Sender;
}

/** The number of datagrams that all sockets of this thread have received. */
let allReceived = 0;

/** The receiving side of one handle. */
export class Receiving implements DatagramSink, Endpoint {
  private by: 'libuv' | 'ring' = 'libuv';
  /** Whether libuv keeps receiving permanently. */
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
  /**
   * Since the last decision: the datagrams received, and the turns in which the ring delivered any.
   */
  private count = 0;
  private turns = 0;

  /**
   * Must be called in the async context in which the program is to receive its datagrams.
   *
   * @param native the handle's own methods.
   * @param refused called when the peer of a connected socket has refused a datagram.
   */
  constructor(
    private readonly uring: Uring,
    private readonly handle: UdpHandle,
    private readonly native: UdpHandle,
    private readonly refused: () => void,
  ) {}

  /** Implements `handle.recvStart()`. */
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

  /** Implements `handle.recvStop()`. */
  stop(): number {
    this.wanted = false;
    this.arrivals.close();
    if (this.by === 'libuv') return this.native.recvStop.call(this.handle);
    this.receiver?.stop();
    return 0;
  }

  /** Sets whether waiting for datagrams keeps the process alive. */
  reference(wanted: boolean): void {
    if (this.receiver !== undefined) this.uring.sockets.reference(this.receiver, wanted);
  }

  /**
   * Must be called before the descriptor is closed. Datagrams that were received but not delivered
   * are lost, as are those left in a Node socket.
   */
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

  /** Replaces Node's `onmessage` while libuv receives. */
  private readonly counting: OnMessage = (received, handle, data, sender) => {
    allReceived++;
    if (received < 0) this.refused();
    if (++this.count >= policy.receiving.looks) this.look();
    this.onmessage?.call(handle, received, handle, data, sender);
  };

  /** Counts the datagrams that arrive in the rest of this turn of the event loop. */
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
        // The engine is closing, or has no memory for buffers.
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

  /** Makes libuv receive again, once everything that the ring has received is delivered. */
  private changeToLibuv(): void {
    const { receiver } = this;
    if (receiver !== undefined) {
      receiver.stop();
      this.uring.sockets.settleNow(receiver);
    }
    this.by = 'libuv';
    if (this.wanted && this.arrivals.waiting.length === 0) this.native.recvStart.call(this.handle);
  }

  // Callbacks of the ring

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

  /** Called when everything that arrived in this turn has been delivered. */
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
