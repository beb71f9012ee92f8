/**
 * Waiting for a ring's completions without blocking the thread.
 *
 * A ring has one eventfd, and a context may have many threads. So each thread that waits has a small
 * ring of its own, which polls the descriptor of the context's ring, and whose eventfd wakes the
 * event loop.
 *
 * @module
 */

import { prepPollAdd } from '../ops/index.js';
import { PollEvent, Ring } from '../ring/index.js';
import { type EventLoopWaker, type Syscalls, UringError } from '../syscalls/index.js';
import { timers } from '../timers.js';

/** Wakes this thread's event loop when a ring has completions. */
export class AsyncWait {
  private readonly ring: Ring;
  private readonly waker: EventLoopWaker;
  private isPolling = false;
  private readonly waiting = new Set<(error?: UringError) => void>();

  /**
   * @param fd of the ring.
   * @throws UringError when there is no descriptor or memory left.
   */
  constructor(
    private readonly fd: number,
    syscalls: Syscalls,
  ) {
    this.ring = Ring.open({ entries: 2, syscalls });
    try {
      this.waker = syscalls.openWaker(() => this.wake());
    } catch (error) {
      this.ring.close();
      throw error;
    }
    try {
      this.ring.settings.registerEventfd(this.waker.fd);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Waits until there may be completions, or the time has elapsed. Meanwhile, the process stays
   * alive.
   *
   * @throws UringError as io_uring_enter(2).
   */
  async wait(timeoutMs: number | undefined): Promise<void> {
    this.poll();
    await new Promise<void>((resolve, reject) => {
      const timer = timeoutMs === undefined ? undefined : timers.setTimeout(() => end(), timeoutMs);
      const end = (error?: UringError) => {
        timers.clearTimeout(timer);
        this.waiting.delete(end);
        if (this.waiting.size === 0) this.waker.rest();
        if (error === undefined) resolve();
        else reject(error);
      };
      this.waiting.add(end);
      this.waker.watch(true);
    });
  }

  /** Ends all waits, and releases what they need. */
  close(): void {
    const { ring } = this;
    ring.closeWith({
      completed: () => {
        this.isPolling = false;
      },
      idle: () => !this.isPolling,
    });
    this.endAll();
    this.waker.close();
  }

  /** A poll completes at once where there are completions already, so none is missed. */
  private poll(): void {
    if (this.isPolling) return;
    // A poll that the kernel has refused for lack of memory is still in the queue.
    const sqe = this.ring.sq.ready === 0 ? this.ring.getSqe() : null;
    if (sqe !== null) prepPollAdd(sqe, this.fd, PollEvent.IN);
    this.ring.submit();
    this.isPolling = true;
  }

  private wake(): void {
    if (this.ring.closed) return;
    this.ring.forEachCqe(({ res }) => {
      this.isPolling = false;
      this.endAll(res < 0 ? new UringError(res, 'poll') : undefined);
    });
  }

  private endAll(error?: UringError): void {
    for (const end of this.waiting) end(error);
  }
}
