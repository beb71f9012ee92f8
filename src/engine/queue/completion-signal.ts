/**
 * How completions wake the event loop: the kernel signals the ring's eventfd, which the loop polls.
 *
 * The eventfd is enabled only while the engine does not look at the queue: signaling costs more
 * than most operations do. Polling it keeps the process alive if an operation in flight should.
 *
 * @module
 */

import { type CompletionQueue, CqRingFlag, type Ring } from '../../ring/index.js';
import type { EventLoopWaker } from '../../syscalls/index.js';
import type { InFlight } from './in-flight.js';

/** The wakeups of one engine. */
export class CompletionSignal {
  /** Whether the kernel signals the eventfd. */
  private armed = false;
  /** Whether the event loop polls it. */
  private watching = false;
  private wantsReference = true;
  /** Whether polling keeps the process alive. */
  private referenced = false;

  private readonly cq: CompletionQueue;

  /** @throws UringError when the eventfd cannot be registered; the waker is closed then. */
  constructor(
    ring: Ring,
    readonly waker: EventLoopWaker,
    private readonly inFlight: InFlight,
  ) {
    this.cq = ring.cq;
    this.cq.flags = CqRingFlag.EVENTFD_DISABLED;
    try {
      ring.settings.registerEventfd(waker.fd);
    } catch (error) {
      waker.close();
      throw error;
    }
  }

  /**
   * Makes the next completion wake the loop. The caller must look at the queue once more: earlier
   * completions are not signaled.
   */
  arm(): void {
    this.armed = true;
    this.cq.flags = 0;
    this.watch();
  }

  /** Disables signaling while the engine looks at the queue. */
  disarm(): void {
    if (!this.armed) return;
    this.armed = false;
    this.cq.flags = CqRingFlag.EVENTFD_DISABLED;
  }

  /** Lets the process end: nothing is in flight. */
  rest(): void {
    if (this.watching) this.waker.rest();
    this.watching = false;
  }

  /** Sets whether pending operations keep the process alive at all. */
  keepAlive(wanted: boolean): void {
    this.wantsReference = wanted;
    this.update();
  }

  /**
   * Updates whether the process stays alive, after the operations that keep it alive have changed.
   */
  update(): void {
    if (this.watching) this.watch();
  }

  /** Closes the waker, after the ring is closed. */
  close(): void {
    this.waker.close();
  }

  private watch(): void {
    const referenced = this.wantsReference && this.inFlight.referencedCount > 0;
    if (this.watching && referenced === this.referenced) return;
    this.watching = true;
    this.referenced = referenced;
    this.waker.watch(referenced);
  }
}
