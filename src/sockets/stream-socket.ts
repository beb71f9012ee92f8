/**
 * A stream socket on the ring, which connections are made of: a descriptor with its receiver and its sender.
 *
 * @module
 */

import type { Uring } from '../engine/index.js';
import type { Endpoint, Receiver, ReceiveSink, Sender } from '../engine/internal.js';
import { UringError } from '../syscalls/index.js';
import { addressOf, closeSocket, type SocketAddress } from './socket.js';
import { type SocketSettings, STREAM_OPTIONS } from './socket-options.js';

/** Who is told what a socket receives, and the end of its engine. */
export interface SocketOwner extends ReceiveSink {
  /** The engine closes, or has failed. The owner closes the socket. */
  engineClosed(error: Error): void;
}

const SHUT_WR = 1;

/** Owns a descriptor until {@link close}. */
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

  /** The descriptor; -1 when it is closed. */
  get fd(): number {
    return this.descriptor;
  }

  /** Its own address. What was asked before it was closed is remembered. */
  get localAddress(): SocketAddress | undefined {
    if (this.descriptor >= 0) this.local ??= addressOf(this.uring.sockets.calls, this.descriptor, 'getsockname');
    return this.local;
  }

  /** The peer's. */
  get remoteAddress(): SocketAddress | undefined {
    if (this.descriptor >= 0) this.remote ??= addressOf(this.uring.sockets.calls, this.descriptor, 'getpeername');
    return this.remote;
  }

  /** Sets options. @throws UringError. */
  setOptions(settings: SocketSettings): void {
    STREAM_OPTIONS.set(this.uring.sockets.calls, this.descriptor, settings);
  }

  /** Whether waiting on it keeps the process alive. */
  reference(wanted: boolean): void {
    const { sockets } = this.uring;
    sockets.reference(this.receiver, wanted);
    sockets.reference(this.sender, wanted);
  }

  /** Whether {@link shutdown} was called. */
  get isEnding(): boolean {
    return this.ending !== undefined;
  }

  /** Ends sending, when everything is sent. Idempotent. @throws UringError. */
  shutdown(): Promise<void> {
    this.ending ??= this.shutdownNow();
    return this.ending;
  }

  private async shutdownNow(): Promise<void> {
    await new Promise<void>((resolve) => this.sender.whenDrained(resolve));
    if (this.sender.failure !== undefined) throw this.sender.failure;
    // Not by the ring, which gives it to a worker: this does not wait.
    const result = this.uring.sockets.calls.shutdown(this.descriptor, SHUT_WR);
    if (result < 0) throw new UringError(result, 'shutdown');
  }

  /**
   * Closes, when the kernel is done with it: what is received until then is dropped. Idempotent. Never rejects.
   *
   * @param unsent the error of what is not sent yet; without, it is sent first. Also ends the waiting of a close before.
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
