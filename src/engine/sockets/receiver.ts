/**
 * Receiving from a stream socket.
 *
 * @module
 */

import { UringError, withoutFrames } from '../../syscalls/index.js';
import type { Chunk } from '../memory/chunk.js';
import type { Core } from '../queue/core.js';
import { Receiving } from './receiving.js';
import type { SharedBuffers } from './shared-buffers.js';

/** Receives the data of a socket. */
export interface ReceiveSink {
  /** Called with data. Can still be called shortly after {@link Receiver.stop}. */
  received(chunk: Chunk): void;
  /**
   * Called once, when nothing more arrives: the peer has ended (`undefined`), or there was an
   * error.
   */
  ended(error: Error | undefined): void;
}

/** Receives from one connection. */
export class Receiver extends Receiving {
  constructor(
    core: Core,
    buffers: SharedBuffers,
    fd: number,
    private readonly sink: ReceiveSink,
  ) {
    super(core, buffers, fd);
  }

  protected received(chunk: Chunk): void {
    if (chunk.length > 0) {
      this.sink.received(chunk);
      return;
    }
    // A header without data is the end.
    chunk.release();
    this.end(undefined);
  }

  protected failed(res: number): void {
    this.end(res === 0 ? undefined : withoutFrames(() => new UringError(res, 'recv')));
  }

  protected ended(error: Error | undefined): void {
    this.sink.ended(error);
  }
}
