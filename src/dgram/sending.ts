/**
 * Sending of one socket: by libuv, or by the ring.
 *
 * libuv sends at once, with one system call each. A datagram on its own goes that way, so it is with the kernel when `send` returns, as with Node. The
 * others of the same turn are put together, and go with one `enter` when the turn ends; whatever could tell the difference has them go before.
 *
 * @module
 */

import { AsyncResource } from 'node:async_hooks';
import type { Uring } from '../engine/index.js';
import type { DatagramSender, SentSink } from '../engine/internal.js';
import { timers } from '../timers.js';
import type { SendRequest, UdpHandle } from './natives.js';
import { policy } from './policy.js';
import { Receivers } from './receivers.js';

/** Bytes from which on copying costs more than it saves. */
const LARGE = 16 * 1024;

/** IOV_MAX: a datagram in more pieces is refused. */
const MOST_PIECES = 1024;

/** For how many datagrams libuv sends when sending them together was of no use: at first, and at most, when that goes on. */
const FIRST_PAUSE = 1024;
const LONGEST_PAUSE = 1 << 20;

/** A datagram that the ring sends. */
interface Datagram {
  readonly request: SendRequest;
  readonly port: number | boolean;
  readonly address: string;
  /** In which its callback is called; `undefined` where there is none. */
  readonly context: AsyncResource | undefined;
}

/** Those that may have something to send when the process exits. */
const open = new Set<Sending>();
let watchesExit = false;

/** The sending of one handle. */
export class Sending implements SentSink<Datagram> {
  private sender: DatagramSender<Datagram> | undefined;
  private readonly receivers: Receivers;
  private readonly libuvSend: UdpHandle['send'];
  /** Several datagrams come in a turn: they are put together. */
  private isTogether = policy.sending.looks === 0;
  /** Since it was decided last: datagrams, and turns in which there were some. */
  private count = 0;
  private turns = 0;
  /** How many of them had nothing in common with others. */
  private apartCount = 0;
  /** For how many libuv sends the next time. */
  private pause = FIRST_PAUSE;
  /** While it is looked how many come in this turn. */
  private isLooking = false;
  /** libuv has some that wait for room, which others must not overtake. */
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

  /** `handle.send()`, with or without a receiver: without, `port` says whether there is a callback. */
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
    return this.sendByLibuv(request, list, count, port, address, hasCallback);
  }

  /** Puts it together with others of this turn. Returns whether that can be. */
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
    if (isFirst) this.beginTurn();
    return true;
  }

  /** Whether a datagram is better sent at once: few come in a turn. Looks into it now and then. */
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

  /** The first of a turn: whether it is still worth it. */
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

  /** Decides, and counts anew. */
  private begin(isTogether: boolean): void {
    this.isTogether = isTogether;
    this.count = 0;
    this.turns = 0;
    this.apartCount = 0;
  }

  /** libuv sends, for longer each time. */
  private giveUp(): void {
    this.begin(false);
    this.count = -this.pause;
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  /** Whether everything is libuv's for now. */
  private isLibuvs(): boolean {
    if ((process as { _exiting?: boolean })._exiting) return true;
    this.libuvWaits &&= this.native.getSendQueueCount.call(this.handle) > 0;
    return this.libuvWaits;
  }

  /** Sends what was put together, now. */
  flush(): void {
    if (this.sender?.isBusy) this.sender.flush();
  }

  /** Nothing more comes. */
  close(): void {
    this.flush();
    open.delete(this);
  }

  private createSender(): DatagramSender<Datagram> {
    open.add(this);
    if (!watchesExit) {
      watchesExit = true;
      // After `process.exit()` in the same turn, too, what was sent is with the kernel, as with Node. Before other listeners, which may throw.
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

  /** A datagram was refused. libuv sends the next ones: each has its own answer then, as with Node. */
  refused(): void {
    // Unless that is so already.
    if (this.isTogether || this.count >= 0) this.giveUp();
  }

  apart(count: number): void {
    this.apartCount += count;
  }

  sent({ request, context }: Datagram, res: number): void {
    if (res < 0) this.refused();
    // In a tick, as Node does with what was sent at once: before `'close'`, and before what is sent later.
    if (context !== undefined) timers.nextTick(tell, context, request, res);
  }

  unsent(datagram: Datagram, data: Uint8Array): void {
    const { request, port, address, context } = datagram;
    // libuv may keep it.
    const result = this.sendByLibuv(request, [Buffer.from(data)], 1, port, address, context !== undefined);
    // With 0, libuv tells.
    if (result !== 0) this.sent(datagram, result > 0 ? result - 1 : result);
  }
}

function tell(context: AsyncResource, request: SendRequest, res: number): void {
  context.runInAsyncScope(request.oncomplete as () => void, request, Math.min(res, 0), Math.max(res, 0));
}

/** Node hands on views of any kind, those whose memory was taken away included. */
function bytesOf(list: readonly NodeJS.ArrayBufferView[]): readonly Uint8Array[] {
  const isBytes = (view: NodeJS.ArrayBufferView): view is Uint8Array => view instanceof Uint8Array && view.byteLength > 0;
  if (list.every(isBytes)) return list;
  const filled = list.filter(({ byteLength }) => byteLength > 0);
  return filled.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}
