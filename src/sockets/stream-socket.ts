/**
 * A stream socket on the ring, the basis of connections: a descriptor with its receiver and its
 * sender.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { Endpoint, Receiver, ReceiveSink, Sender } from '../engine/internal.js';
import { UringError } from '../syscalls/index.js';
import { addressOf, closeSocket, type SocketAddress } from './socket.js';
import { type SocketSettings, STREAM_OPTIONS } from './socket-options.js';

/** The owner of a socket, which is notified of received data and of the end of the engine. */
export interface SocketOwner extends ReceiveSink {
  /** Called when the engine closes or has failed. The owner closes the socket. */
  engineClosed(error: Error): void;
}

const SHUT_WR = 1;

/** A stream socket. It owns its descriptor until {@link close}. */
export class StreamSocket implements Endpoint {
  readonly receiver: Receiver;
  readonly sender: Sender;
  private descriptor: number;
  private local: SocketAddress | undefined;
  private remote: SocketAddress | undefined;
  private ending: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private readonly cancelThreadEnd: () => void;

  constructor(
    private readonly uring: Uring,
    fd: number,
    private readonly owner: SocketOwner,
    descriptors = false,
  ) {
    const { sockets } = uring;
    this.descriptor = fd;
    this.receiver = sockets.receiver(fd, owner, descriptors);
    this.sender = sockets.sender(fd);
    this.cancelThreadEnd = uring.closeAtThreadEnd(fd);
    sockets.add(this);
  }

  engineClosed(error: Error): void {
    this.owner.engineClosed(error);
  }

  /** The descriptor; -1 after it is closed. */
  get fd(): number {
    return this.descriptor;
  }

  /** The local address. If it was requested before the socket was closed, it is remembered. */
  get localAddress(): SocketAddress | undefined {
    if (this.descriptor >= 0) this.local ??= addressOf(this.uring.sockets.calls, this.descriptor, 'getsockname');
    return this.local;
  }

  /** The peer's address. It is remembered in the same way. */
  get remoteAddress(): SocketAddress | undefined {
    if (this.descriptor >= 0) this.remote ??= addressOf(this.uring.sockets.calls, this.descriptor, 'getpeername');
    return this.remote;
  }

  /** Sets options. @throws UringError. */
  setOptions(settings: SocketSettings): void {
    STREAM_OPTIONS.set(this.uring.sockets.calls, this.descriptor, settings);
  }

  /** Sets whether waiting for the socket keeps the process alive. */
  reference(wanted: boolean): void {
    const { sockets } = this.uring;
    sockets.reference(this.receiver, wanted);
    sockets.reference(this.sender, wanted);
  }

  /** Whether {@link shutdown} was called. */
  get isEnding(): boolean {
    return this.ending !== undefined;
  }

  /** Ends sending once everything is sent. Idempotent. @throws UringError. */
  shutdown(): Promise<void> {
    this.ending ??= this.shutdownNow();
    return this.ending;
  }

  private async shutdownNow(): Promise<void> {
    await new Promise<void>((resolve) => this.sender.whenDrained(resolve));
    if (this.sender.failure !== undefined) throw this.sender.failure;
    // Not through the ring, which would pass it to a worker: this call does not block.
    const result = this.uring.sockets.calls.shutdown(this.descriptor, SHUT_WR);
    if (result < 0) throw new UringError(result, 'shutdown');
  }

  /**
   * Closes once the kernel is done with the socket; data received until then is dropped.
   * Idempotent. Never rejects.
   *
   * @param unsent the error for data that is not yet sent; without it, that data is sent first. It
   *   also ends the wait of an earlier close.
   */
  close(unsent?: Error): Promise<void> {
    if (unsent !== undefined) this.sender.abort(unsent);
    this.closing ??= this.closeNow();
    return this.closing;
  }

  private async closeNow(): Promise<void> {
    const { uring, sender, receiver } = this;
    const received = new Promise<void>((resolve) => receiver.close(resolve));
    await Promise.all([received, new Promise<void>((resolve) => sender.whenDrained(resolve))]);
    await this.ending?.catch(() => undefined);
    const fd = this.descriptor;
    this.descriptor = -1;
    uring.sockets.remove(this);
    this.cancelThreadEnd();
    await closeSocket(uring, fd);
  }
}
