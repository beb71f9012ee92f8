/**
 * When the kernel is entered: as late as possible, so that one `enter` serves many operations, and never so late that somebody waits for it.
 *
 * ```text
 *   an operation is started          at the end of this turn of the program (process.nextTick)
 *   the same, in a long burst        after a turn of the event loop, which would otherwise starve
 *   an operation that can wait       after a turn of the event loop, together with what others start until then
 *   something has completed          once more in the next turn: more may have come
 *   the kernel is short of memory    a millisecond later
 * ```
 *
 * @module
 */

import { timers } from '../../timers.js';

/** How long the engine goes on without letting the event loop turn. */
const BURST_MS = 4;

/** How many completions may pass between two looks at the clock: asking costs as much as a short read. */
const COMPLETIONS_PER_LOOK = 16;

/** How long to wait for the kernel to have memory again. */
const RETRY_MS = 1;

/** Calls `flush` when it is time. */
export class Pacing {
  /** Counts turns of the event loop in which the engine was at work. */
  turn = 0;
  private scheduled = false;
  /** Scheduled, but only after a turn of the event loop. */
  private deferred = false;
  private inBurst = false;
  private burstStart = 0;
  private completions = 0;
  private lingering = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly flush: () => void) {}

  /** A flush will come in this turn of the program, or as soon as the event loop has turned. */
  get isScheduled(): boolean {
    return this.scheduled;
  }

  /** Waiting for the kernel to have memory again. */
  get isRetrying(): boolean {
    return this.timer !== undefined;
  }

  /** Something was started. */
  schedule(): void {
    if (this.scheduled && !this.deferred) return;
    this.scheduled = true;
    this.deferred = false;
    if (this.inBurst && this.burstIsLong()) timers.setImmediate(this.flush);
    else timers.nextTick(this.flush);
  }

  /** What `start` starts may wait until the event loop has turned. */
  defer(start: () => void): void {
    if (!this.scheduled) {
      this.scheduled = true;
      this.deferred = true;
      timers.setImmediate(this.flush);
    }
    const { deferred } = this;
    this.deferred = false;
    start();
    this.deferred = deferred;
  }

  /** A flush begins; what `before` starts goes with it. */
  begin(before: () => void): void {
    this.scheduled = true;
    this.deferred = false;
    before();
    this.scheduled = false;
  }

  /** The flush is going to enter the kernel. */
  enterBurst(): void {
    if (this.inBurst) return;
    this.inBurst = true;
    this.burstStart = timers.now();
    this.completions = 0;
    timers.setImmediate(this.endBurst);
  }

  /** So many operations have completed. */
  completed(count: number): void {
    this.completions += count;
  }

  /** Looks again after a turn of the event loop, which is cheaper than being woken. */
  linger(): void {
    if (!this.lingering) timers.setImmediate(this.lookAgain);
    this.lingering = true;
  }

  /** Tries again in a moment. */
  retryLater(): void {
    this.timer ??= timers.setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, RETRY_MS);
  }

  /** No more. */
  stop(): void {
    timers.clearTimeout(this.timer);
    this.timer = undefined;
  }

  private burstIsLong(): boolean {
    if (this.completions < COMPLETIONS_PER_LOOK) return false;
    this.completions = 0;
    return timers.now() - this.burstStart > BURST_MS;
  }

  private readonly endBurst = (): void => {
    this.inBurst = false;
    this.turn++;
  };

  private readonly lookAgain = (): void => {
    this.lingering = false;
    if (!this.scheduled) this.flush();
  };
}
