/**
 * The parts that connections consist of.
 *
 * @module
 */

import { Errno, explainMissing, type SocketCalls, UringError, UringUnavailableError } from '../../syscalls/index.js';
import { invalidState } from '../../validate.js';
import type { Engine } from '../operations/operation.js';
import type { Request } from '../queue/request.js';
import { DatagramReceiver, type DatagramSink } from './datagram-receiver.js';
import { DatagramSender, type SentSink } from './datagram-sender.js';
import { DATA, datagrams, withDescriptors } from './forms.js';
import { Receiver, type ReceiveSink } from './receiver.js';
import { Sender } from './sender.js';
import { SharedBuffers } from './shared-buffers.js';

/** Something that is notified when the engine is closing or has failed. */
export interface Endpoint {
  engineClosed(error: Error): void;
}

/** Sockets on an engine. */
export class Sockets {
  /** Created by the first receiver of data, descriptors, or datagrams. */
  private buffers: SharedBuffers | undefined;
  private descriptorBuffers: SharedBuffers | undefined;
  private datagramBuffers: SharedBuffers | undefined;

  constructor(private readonly engine: Engine) {}

  /** System calls on sockets outside the ring. */
  get calls(): SocketCalls {
    return this.engine.core.syscalls.sockets;
  }

  /**
   * Makes sure that there are buffers for connections to receive into. Called before the first
   * socket is created, so that none fails for lack of them.
   *
   * @param descriptors also for connections that receive descriptors.
   * @throws UringUnavailableError where the kernel has no provided buffer rings (before 5.19);
   * UringError ENOMEM; Error ERR_INVALID_STATE.
   */
  prepare(descriptors = false): void {
    const { core } = this.engine;
    if (core.closing) throw invalidState('the engine is closed');
    try {
      this.buffers ??= new SharedBuffers(this.engine, DATA);
      if (descriptors) this.descriptorBuffers ??= new SharedBuffers(this.engine, withDescriptors(this.engine));
    } catch (error) {
      if (!(error instanceof UringError) || error.errno !== -Errno.EINVAL) throw error;
      throw new UringUnavailableError(
        explainMissing('rings of buffers, which sockets receive into', '5.19', core.syscalls.host()),
        {
          cause: error,
        },
      );
    }
  }

  /** Creates a receiver. @throws as {@link prepare}. */
  receiver(fd: number, sink: ReceiveSink, descriptors = false): Receiver {
    const existing = () => (descriptors ? this.descriptorBuffers : this.buffers);
    // Not if there are buffers: a connection that an engine accepts while it closes is notified of
    // that, and its descriptor is closed.
    if (existing() === undefined) this.prepare(descriptors);
    return new Receiver(this.engine.core, existing() as SharedBuffers, fd, sink);
  }

  sender(fd: number): Sender {
    return new Sender(this.engine, fd);
  }

  /**
   * Creates a receiver of datagrams.
   *
   * @throws UringError, RangeError where there is no room for buffers; Error ERR_INVALID_STATE.
   */
  datagramReceiver(fd: number, sink: DatagramSink): DatagramReceiver {
    const { core } = this.engine;
    if (core.closing) throw invalidState('the engine is closed');
    this.datagramBuffers ??= new SharedBuffers(this.engine, datagrams(this.engine));
    return new DatagramReceiver(core, this.datagramBuffers, fd, sink);
  }

  datagramSender<Token>(fd: number, sink: SentSink<Token>): DatagramSender<Token> {
    return new DatagramSender(this.engine, fd, sink);
  }

  /** Sets whether a receiver, sender or iterator keeps the process alive while it waits. */
  reference(request: Request, wanted: boolean): void {
    this.engine.core.reference(request, wanted);
  }

  /**
   * Enters the kernel repeatedly until a cancelled operation has completed, including the data that
   * it delivers until then.
   */
  settleNow(request: Request): void {
    this.engine.core.settleNow(request);
  }

  /** Notifies an endpoint of the engine's end, until {@link remove}. */
  add(endpoint: Endpoint): void {
    this.engine.iterators.add(endpoint);
  }

  remove(endpoint: Endpoint): void {
    this.engine.iterators.delete(endpoint);
  }
}
