/**
 * Receiving datagrams.
 *
 * @module
 */

import { Errno, UringError, withoutFrames } from '../../syscalls/index.js';
import type { Chunk } from '../memory/chunk.js';
import type { Message } from '../memory/message.js';
import type { Core } from '../queue/core.js';
import { Receiving } from './receiving.js';
import type { SharedBuffers } from './shared-buffers.js';

/** Who is told what was received. */
export interface DatagramSink {
  /** A datagram, whose buffer is to be released before this returns. It comes for a moment even after {@link DatagramReceiver.stop}. */
  received(message: Message): void;
  /** What became of one that was sent before. Receiving goes on. @param res `-errno`. */
  failed(res: number): void;
  /** Nothing more comes. Told once. */
  ended(error: Error): void;
}

/** What is wrong with the descriptor, and stays so. */
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
