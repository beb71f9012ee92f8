/**
 * Sending on one socket, by libuv or by the ring.
 *
 * libuv sends immediately, with one system call per datagram. A single datagram takes that path, so
 * the kernel has it when `send` returns, as with Node. Further datagrams of the same turn are
 * batched and sent with one `enter` at the end of the turn. Any operation that could observe the
 * difference flushes the batch first.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import { callsOf } from '../calls.js';
import type { Uring } from '../engine/index.js';
import type { DatagramSender, SentSink } from '../engine/internal.js';
import { timers } from '../timers.js';
import type { SendRequest, UdpHandle } from './natives.js';
import { policy } from './policy.js';
import { Receivers } from './receivers.js';

/** The number of bytes from which copying costs more than it saves. */
const LARGE = 16 * 1024;

/** IOV_MAX. The kernel refuses a datagram in more pieces. */
const MOST_PIECES = 1024;

/**
 * The number of datagrams that libuv sends after batching did not pay off: the first time, and the
 * maximum if that continues.
 */
const FIRST_PAUSE = 1024;
const LONGEST_PAUSE = 1 << 20;

/** A datagram that the ring sends. */
interface Datagram {
  readonly request: SendRequest;
  readonly port: number | boolean;
  readonly address: string;
  /** The async context of the callback; `undefined` if there is no callback. */
  readonly context: AsyncResource | undefined;
}

const calls = callsOf('dgram.Socket.send');

/** The objects that may have datagrams to send when the process exits. */
const open = new Set<Sending>();
let watchesExit = false;

/** The sending side of one handle. */
export class Sending implements SentSink<Datagram> {
  private sender: DatagramSender<Datagram> | undefined;
  private readonly receivers: Receivers;
  private readonly libuvSend: UdpHandle['send'];
  /** Whether datagrams are batched, because several are sent in one turn. */
  private isTogether = policy.sending.looks === 0;
  /** Since the last decision: datagrams, and turns with at least one. */
  private count = 0;
  private turns = 0;
  /** How many of them had nothing in common with others. */
  private apartCount = 0;
  /** The number of datagrams that libuv sends after the next failure of batching. */
  private pause = FIRST_PAUSE;
  /** Whether the datagrams of this turn are being counted. */
  private isLooking = false;
  /** Whether datagrams wait in libuv's queue for room. Others must not overtake them. */
  private libuvWaits = false;

  /** @param native the handle's own methods. */
  constructor(
    private readonly uring: Uring,
    private readonly handle: UdpHandle,
    private readonly native: UdpHandle,
    isIPv6: boolean,
  ) {
    this.libuvSend = isIPv6 ? native.send6 : native.send;
    this.receivers = new Receivers(isIPv6);
  }

  /**
   * Implements `handle.send()`, with or without a receiver: without one, `port` states whether
   * there is a callback.
   */
  send(
    request: SendRequest,
    list: readonly NodeJS.ArrayBufferView[],
    count: number,
    port: number | boolean,
    address = '',
    hasCallback = false,
  ): number {
    if ((this.isTogether || !this.isAlone()) && this.put(request, list, port, address, hasCallback)) return 0;
    this.flush();
    calls.node++;
    return this.sendByLibuv(request, list, count, port, address, hasCallback);
  }

  /** Adds a datagram to the batch of this turn. Returns whether that is possible. */
  private put(
    request: SendRequest,
    list: readonly NodeJS.ArrayBufferView[],
    port: number | boolean,
    address: string,
    hasCallback: boolean,
  ): boolean {
    let length = 0;
    for (const piece of list) length += piece.byteLength;
    if (length > LARGE || list.length > MOST_PIECES || this.isLibuvs()) return false;
    const isConnected = typeof port === 'boolean';
    const name = isConnected ? undefined : this.receivers.find(address, port);
    if (name === undefined && !isConnected) return false;
    const context = (isConnected ? port : hasCallback) ? new AsyncResource('URINGSEND') : undefined;
    this.sender ??= this.createSender();
    const isFirst = !this.sender.isBusy;
    if (!this.sender.add(name, bytesOf(list), length, { request, port, address, context })) return false;
    this.count++;
    calls.ring++;
    if (isFirst) this.beginTurn();
    return true;
  }

  /**
   * Returns whether a datagram is better sent immediately because few are sent in a turn. Counts
   * the datagrams of a turn at regular intervals.
   */
  private isAlone(): boolean {
    this.count++;
    if (this.isLooking) {
      if (this.count < policy.sending.many) return true;
      this.isLooking = false;
      this.begin(true);
      return false;
    }
    if (this.count >= policy.sending.looks) {
      this.count = 0;
      this.isLooking = true;
      timers.nextTick(this.endLook);
    }
    return true;
  }

  private readonly endLook = (): void => {
    this.isLooking = false;
  };

  /** Called for the first datagram of a turn: decides whether batching is still worthwhile. */
  private beginTurn(): void {
    this.turns++;
    if (this.count < policy.sending.looks) return;
    const { few, apart } = policy.sending;
    if (this.apartCount > apart * this.count) {
      this.giveUp();
      return;
    }
    this.pause = FIRST_PAUSE;
    this.begin(this.count >= few * this.turns);
  }

  /** Makes a decision, and resets the counters. */
  private begin(isTogether: boolean): void {
    this.isTogether = isTogether;
    this.count = 0;
    this.turns = 0;
    this.apartCount = 0;
  }

  /** Leaves sending to libuv, for longer each time. */
  private giveUp(): void {
    this.begin(false);
    this.count = -this.pause;
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  /** Returns whether everything must go through libuv for now. */
  private isLibuvs(): boolean {
    if ((process as { _exiting?: boolean })._exiting) return true;
    this.libuvWaits &&= this.native.getSendQueueCount.call(this.handle) > 0;
    return this.libuvWaits;
  }

  /** Sends the batch immediately. */
  flush(): void {
    if (this.sender?.isBusy) this.sender.flush();
  }

  /** Sends the batch; no further datagrams follow. */
  close(): void {
    this.flush();
    open.delete(this);
  }

  private createSender(): DatagramSender<Datagram> {
    open.add(this);
    if (!watchesExit) {
      watchesExit = true;
      // The kernel must have everything that was sent even if `process.exit()` is called in the
      // same turn, as with Node. Before other listeners, which may throw.
      process.prependOnceListener('exit', () => {
        for (const sending of open) sending.flush();
      });
    }
    return this.uring.sockets.datagramSender(this.handle.fd, this);
  }

  private sendByLibuv(
    request: SendRequest,
    list: readonly NodeJS.ArrayBufferView[],
    count: number,
    port: number | boolean,
    address: string,
    hasCallback: boolean,
  ): number {
    const { handle, libuvSend } = this;
    const result =
      typeof port === 'boolean'
        ? libuvSend.call(handle, request, list, count, port)
        : libuvSend.call(handle, request, list, count, port, address, hasCallback);
    if (result === 0) this.libuvWaits = true;
    return result;
  }

  /**
   * Called when a datagram was refused. libuv sends the next ones, so that each gets its own
   * result, as with Node.
   */
  refused(): void {
    // Unless libuv is sending already.
    if (this.isTogether || this.count >= 0) this.giveUp();
  }

  apart(count: number): void {
    this.apartCount += count;
  }

  sent({ request, context }: Datagram, res: number): void {
    if (res < 0) this.refused();
    // In the next tick, as Node does for datagrams sent immediately: before `'close'`, and before
    // the callbacks of later datagrams.
    if (context !== undefined) timers.nextTick(tell, context, request, res);
  }

  unsent(datagram: Datagram, data: Uint8Array): void {
    const { request, port, address, context } = datagram;
    // A copy, because libuv may keep the data.
    const result = this.sendByLibuv(request, [Buffer.from(data)], 1, port, address, context !== undefined);
    // With 0, libuv calls the callback.
    if (result !== 0) this.sent(datagram, result > 0 ? result - 1 : result);
  }
}

function tell(context: AsyncResource, request: SendRequest, res: number): void {
  context.runInAsyncScope(request.oncomplete as () => void, request, Math.min(res, 0), Math.max(res, 0));
}

/** Converts the list to bytes. Node passes views of any kind, including detached ones. */
function bytesOf(list: readonly NodeJS.ArrayBufferView[]): readonly Uint8Array[] {
  const isBytes = (view: NodeJS.ArrayBufferView): view is Uint8Array => view instanceof Uint8Array && view.byteLength > 0;
  if (list.every(isBytes)) return list;
  const filled = list.filter(({ byteLength }) => byteLength > 0);
  return filled.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}
