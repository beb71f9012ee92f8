/**
 * How busy the event loop is: `performance.eventLoopUtilization()`.
 *
 * @module
 */

import type { EventLoopUtilization } from 'node:perf_hooks';
import { perfHooks } from '../perf-hooks.js';

/** Measures from its creation on. */
export class EventLoopLoad {
  private readonly utilization = perfHooks().performance.eventLoopUtilization;
  private before: EventLoopUtilization = this.utilization();

  /** Returns the utilization since the last call: 0 if the event loop only waited, 1 if it never did. */
  next(): number {
    const { before } = this;
    this.before = this.utilization();
    return this.utilization(this.before, before).utilization;
  }
}
