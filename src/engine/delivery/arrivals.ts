/**
 * Events that are delivered one by one: ticks and promises run between two of them, as between
 * Node's own callbacks.
 *
 * @module
 */

import { deliver } from './deliver.js';

/** A queue of events, delivered while it is open. */
export class Arrivals<T> {
  /** The events not delivered yet, the oldest first. */
  readonly waiting: T[] = [];
  private isOpen = false;
  private isScheduled = false;

  /**
   * @param tell may throw; the other events are delivered nevertheless.
   * @param emptied called when everything has been delivered.
   */
  constructor(
    private readonly tell: (event: T) => void,
    private readonly emptied: () => void = () => undefined,
  ) {}

  push(event: T): void {
    this.waiting.push(event);
    this.schedule();
  }

  /** Starts delivery. Idempotent. */
  open(): void {
    this.isOpen = true;
    this.schedule();
  }

  /** Pauses delivery. Idempotent. */
  close(): void {
    this.isOpen = false;
  }

  private schedule(): void {
    if (this.isScheduled || !this.isOpen || this.waiting.length === 0) return;
    this.isScheduled = true;
    deliver(this.next);
  }

  private readonly next = (): void => {
    this.isScheduled = false;
    const event = this.isOpen ? this.waiting.shift() : undefined;
    if (event === undefined) return;
    try {
      this.tell(event);
    } finally {
      if (this.waiting.length > 0) this.schedule();
      else this.emptied();
    }
  };
}
