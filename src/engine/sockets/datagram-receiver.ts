/**
 * Receiving of datagrams.
 *
 * @module
 */

import { Errno, UringError, withoutFrames } from '../../syscalls/index.js';
import type { Chunk } from '../memory/chunk.js';
import type { Message } from '../memory/message.js';
import type { Core } from '../queue/core.js';
import { Receiving } from './receiving.js';
import type { SharedBuffers } from './shared-buffers.js';

/** Receives the datagrams and errors of a socket. */
export interface DatagramSink {
  /**
   * Called with a datagram, whose buffer must be released before this returns. Can still be called
   * shortly after {@link DatagramReceiver.stop}.
   */
  received(message: Message): void;
  /**
   * Called with the error of a datagram that was sent before. Receiving continues.
   *
   * @param res `-errno`.
   */
  failed(res: number): void;
  /** Called once, when nothing more arrives. */
  ended(error: Error): void;
}

/** Errors of the descriptor that are permanent. */
const LASTING = new Set([-Errno.EBADF, -Errno.ENOTSOCK, -Errno.EOPNOTSUPP, -Errno.EINVAL]);

/** Receives for one socket. */
export class DatagramReceiver extends Receiving {
  constructor(
    core: Core,
    buffers: SharedBuffers,
    fd: number,
    private readonly sink: DatagramSink,
  ) {
    super(core, buffers, fd);
  }

  protected received(chunk: Chunk): void {
    this.sink.received(chunk as Message);
  }

  protected failed(res: number): void {
    if (LASTING.has(res)) this.end(withoutFrames(() => new UringError(res, 'recvmsg')));
    else if (res < 0) this.sink.failed(res);
  }

  protected ended(error: Error | undefined): void {
    this.sink.ended(error as Error);
  }
}
