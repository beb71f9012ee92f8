/**
 * How busy the event loop is.
 *
 * @module
 */

import type { EventLoopUtilization } from 'node:perf_hooks';
import { perfHooks } from '../perf-hooks.js';

/** Measures from its creation on. */
export class EventLoopLoad {
  private readonly utilization = perfHooks().performance.eventLoopUtilization;
  private before: EventLoopUtilization = this.utilization();

  /** Returns the part of the time since the last call in which it did not wait. */
  next(): number {
    const { before } = this;
    this.before = this.utilization();
    return this.utilization(this.before, before).utilization;
  }
}
