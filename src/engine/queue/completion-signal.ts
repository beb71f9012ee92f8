/**
 * How completions wake the event loop: the kernel signals the ring's eventfd, which the loop polls.
 *
 * The eventfd is enabled only while nobody looks at the queue: signalling costs more than most operations do. Polling it keeps the process
 * alive if anything in flight is worth it.
 *
 * @module
 */

import { type CompletionQueue, CqRingFlag, type Ring } from '../../ring/index.js';
import type { EventLoopWaker } from '../../syscalls/index.js';
import type { InFlight } from './in-flight.js';

/** Wakes one engine. */
export class CompletionSignal {
  /** The kernel signals. */
  private armed = false;
  /** The event loop polls. */
  private watching = false;
  private wantsReference = true;
  /** Polling keeps the process alive. */
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

  /** The next completion wakes the loop. Whoever calls this looks at the queue once more: what came before is not signalled. */
  arm(): void {
    this.armed = true;
    this.cq.flags = 0;
    this.watch();
  }

  /** Somebody looks at the queue. */
  disarm(): void {
    if (!this.armed) return;
    this.armed = false;
    this.cq.flags = CqRingFlag.EVENTFD_DISABLED;
  }

  /** Nothing is in flight: the process can end. */
  rest(): void {
    if (this.watching) this.waker.rest();
    this.watching = false;
  }

  /** Whether pending operations keep the process alive at all. */
  keepAlive(wanted: boolean): void {
    this.wantsReference = wanted;
    this.update();
  }

  /** What is worth staying alive for has changed. */
  update(): void {
    if (this.watching) this.watch();
  }

  /** The ring is closed. */
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
