/**
 * Receiving from a socket: one operation that continues for as long as data is wanted.
 *
 * ```text
 *   idle --start()--> armed --completions--> received(chunk)
 *     ^                 |  stop(): cancelled in the kernel; completions posted before still arrive
 *     |                 v
 *     +------------- stopping        ENOBUFS: starved, until a buffer is free again
 * ```
 *
 * While others wait for buffers, each receiver takes one at a time and goes to the end of the
 * queue.
 *
 * @module
 */

import { CqeFlag } from '../../ring/index.js';
import { Errno } from '../../syscalls/index.js';
import type { Chunk } from '../memory/chunk.js';
import type { Core } from '../queue/core.js';
import { Request } from '../queue/request.js';
import type { SharedBuffers, Starved } from './shared-buffers.js';

/** Receives for one socket of any kind. */
export abstract class Receiving extends Request implements Starved {
  private state: 'idle' | 'armed' | 'stopping' | 'starved' = 'idle';
  private wanted = false;
  private hasEnded = false;
  private single = false;
  /** How often in a row the kernel had no buffer for it. */
  private refusals = 0;
  private closed: (() => void) | undefined;

  constructor(
    private readonly core: Core,
    private readonly buffers: SharedBuffers,
    private readonly fd: number,
  ) {
    super();
  }

  /** Handles data. Can still be called shortly after {@link stop}. */
  protected abstract received(chunk: Chunk): void;

  /** Handles an error of the socket. @param res `-errno`; 0 for the end. */
  protected abstract failed(res: number): void;

  /** Called once, when nothing more arrives. @param error `undefined` when the peer has ended. */
  protected abstract ended(error: Error | undefined): void;

  /** Whether data is wanted. */
  get wants(): boolean {
    return this.wanted;
  }

  /** Starts receiving. Idempotent. */
  start(): void {
    this.wanted = true;
    if (this.state === 'idle') this.arm();
  }

  /** Stops receiving for now. Idempotent. */
  stop(): void {
    this.wanted = false;
    if (this.state === 'armed') {
      this.state = 'stopping';
      this.core.cancel(this);
    } else if (this.state === 'starved') {
      this.buffers.forget(this);
      this.state = 'idle';
    }
  }

  /**
   * Stops receiving for good; data that still arrives is dropped.
   *
   * @param done called when the kernel is done with the socket.
   */
  close(done: () => void): void {
    this.hasEnded = true;
    this.closed = done;
    this.stop();
    if (this.state === 'idle') this.rest();
  }

  replenished(): void {
    this.state = 'idle';
    this.rest(true);
  }

  complete(res: number, flags: number): void {
    const more = (flags & CqeFlag.MORE) !== 0;
    if (!more) this.state = 'idle';
    if (res > 0) {
      this.refusals = 0;
      const chunk = this.buffers.take(res, flags);
      if (this.hasEnded) chunk.release();
      else this.received(chunk);
    } else {
      this.buffers.group.unused(flags);
      this.over(res);
    }
    // The callback may have started it again.
    if (!more && this.state === 'idle') this.rest();
  }

  abandon(error: Error): void {
    this.state = 'idle';
    this.end(error);
    this.rest();
  }

  /** Handles a completion without data: the end, or a reason to stop. */
  private over(res: number): void {
    const { core } = this;
    if (res === -Errno.ECANCELED) {
      if (core.closing) this.end(core.closingError());
    } else if (res === -Errno.ENOBUFS || res === -Errno.ENOMEM) {
      // Never an error, however long it takes: the data waits in the socket, and its window closes.
      this.refusals++;
      if (this.wanted) this.queue();
    } else if (res === -Errno.EINVAL && !this.single) {
      // A kernel without the multishot form (before 6.0).
      this.single = true;
    } else if (res !== -Errno.EINTR && !this.hasEnded) {
      this.failed(res);
    }
  }

  /** Reports that nothing more arrives. */
  protected end(error: Error | undefined): void {
    this.wanted = false;
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.ended(error);
  }

  /**
   * Decides how to continue when nothing is in the kernel.
   *
   * @param isItsTurn whether it has waited for buffers.
   */
  private rest(isItsTurn = false): void {
    const { closed } = this;
    if (closed !== undefined) {
      this.closed = undefined;
      closed();
    } else if (this.wanted) {
      if (isItsTurn || !this.buffers.crowded) this.arm();
      else this.queue();
    }
  }

  private queue(): void {
    this.state = 'starved';
    this.buffers.wait(this, this.refusals);
  }

  private arm(): void {
    if (this.hasEnded) return;
    const { core } = this;
    // Not while the engine waits for all operations to end.
    if (core.closing) {
      this.end(core.closingError());
      return;
    }
    try {
      this.buffers.prepare(core.begin(), this.fd, this.single);
    } catch (error) {
      this.end(error as Error);
      return;
    }
    core.commit(this);
    this.state = 'armed';
  }
}
