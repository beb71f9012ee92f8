/**
 * When the kernel is entered: as late as possible, so that one `enter` serves many operations, and
 * never so late that the program has to wait for it.
 *
 * ```text
 *   an operation is started          at the end of this turn of the program (process.nextTick)
 *   the same, in a long burst        after a turn of the event loop, which would otherwise starve
 *   a deferred operation             after a turn of the event loop, with those started until then
 *   operations have completed        once more in the next turn: more may have completed
 *   the kernel is short of memory    a millisecond later
 * ```
 *
 * @module
 */

import { timers } from '../../timers.js';

/** How long the engine continues without letting the event loop turn. */
const BURST_MS = 4;

/**
 * How many completions may pass between two reads of the clock, each of which costs as much as a
 * short read.
 */
const COMPLETIONS_PER_LOOK = 16;

/** How long to wait for the kernel to have memory again. */
const RETRY_MS = 1;

/** Adds its operation right before the kernel is entered. See {@link Pacing.beforeSubmit}. */
export interface SubmitHook {
  /** Commits the operation. Must not throw. */
  commit(): void;
}

/** Schedules the calls of `flush`. */
export class Pacing {
  /** Counts the turns of the event loop in which the engine did work. */
  turn = 0;
  private scheduled = false;
  /** Scheduled, but only after a turn of the event loop. */
  private deferred = false;
  private inBurst = false;
  private burstStart = 0;
  private completions = 0;
  private lingering = false;
  private timer: NodeJS.Timeout | undefined;

  private hooks: SubmitHook[] = [];

  constructor(private readonly flush: () => void) {}

  /** Whether a flush follows in this turn of the program, or after the event loop has turned. */
  get isScheduled(): boolean {
    return this.scheduled;
  }

  /** Whether it waits for the kernel to have memory again. */
  get isRetrying(): boolean {
    return this.timer !== undefined;
  }

  /** Schedules a flush: an operation was started. */
  schedule(): void {
    if (this.scheduled && !this.deferred) return;
    this.scheduled = true;
    this.deferred = false;
    if (this.inBurst && this.burstIsLong()) timers.setImmediate(this.flush);
    else timers.nextTick(this.flush);
  }

  /** Calls `start`. Operations that it starts may wait until the event loop has turned. */
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

  /**
   * Calls a hook right before the kernel is entered: whatever arrives until then can go with its
   * operation.
   */
  beforeSubmit(hook: SubmitHook): void {
    this.hooks.push(hook);
    if (!this.scheduled) this.schedule();
  }

  /** Begins a flush. The operations that hooks commit are part of it. */
  begin(): void {
    this.scheduled = true;
    this.deferred = false;
    this.runHooks();
    this.scheduled = false;
  }

  /** Calls the hooks. */
  runHooks(): void {
    if (this.hooks.length === 0) return;
    const { hooks } = this;
    this.hooks = [];
    for (const hook of hooks) hook.commit();
  }

  /** Records that the flush is about to enter the kernel. */
  enterBurst(): void {
    if (this.inBurst) return;
    this.inBurst = true;
    this.burstStart = timers.now();
    this.completions = 0;
    timers.setImmediate(this.endBurst);
  }

  /** Records how many operations have completed. */
  completed(count: number): void {
    this.completions += count;
  }

  /** Looks again after a turn of the event loop, which is cheaper than being woken. */
  linger(): void {
    if (!this.lingering) timers.setImmediate(this.lookAgain);
    this.lingering = true;
  }

  /** Flushes again shortly. */
  retryLater(): void {
    this.timer ??= timers.setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, RETRY_MS);
  }

  /** Stops retrying. */
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
