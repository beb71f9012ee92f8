/**
 * Task work: completions that wait until the ring's task enters the kernel.
 *
 * @module
 */

import { SetupFlag, SqRingFlag } from '../ring/abi/index.js';
import { timers } from '../timers.js';
import { Fifo } from './fifo.js';
import type { QueueMemory } from './queue-memory.js';

/** How many completions a ring with DEFER_TASKRUN runs at a time (`IO_LOCAL_TW_DEFAULT_MAX`). */
const MOST_AT_ONCE = 20;

/** The task work of one ring. */
export class TaskWork {
  private readonly work = new Fifo<() => void>();
  private readonly isDeferred: boolean;
  private readonly isCooperative: boolean;
  private readonly hasFlag: boolean;
  /** How many times the eventfd should have been signaled. */
  private wakeups = 0;

  constructor(
    private readonly memory: QueueMemory,
    /** Whether signals are lost: see `SimulatedKernelOptions.losesWakeups`. */
    private readonly losesWakeups: boolean | 'after the first',
    private readonly signal: () => void,
  ) {
    const { setupFlags } = memory.layout;
    this.isDeferred = (setupFlags & SetupFlag.DEFER_TASKRUN) !== 0;
    this.isCooperative = (setupFlags & SetupFlag.COOP_TASKRUN) !== 0;
    this.hasFlag = (setupFlags & SetupFlag.TASKRUN_FLAG) !== 0;
  }

  /** Whether there is task work. */
  get isPending(): boolean {
    return this.work.length > 0;
  }

  /**
   * Runs the work immediately if it may run `inline` or the ring has no task work; otherwise when
   * the task enters the kernel.
   */
  add(work: () => void, inline: boolean): void {
    if (inline || !(this.isDeferred || this.isCooperative)) {
      work();
      return;
    }
    this.work.push(work);
    if (this.hasFlag) this.memory.setSqFlag(SqRingFlag.TASKRUN, true);
    if (this.isDeferred) {
      if (!this.losesWakeups || (this.losesWakeups === 'after the first' && this.wakeups++ === 0)) this.signal();
    } else {
      // It runs when the thread next enters the kernel, for example to wait for its event loop.
      timers.setImmediate(() => this.run());
    }
  }

  /**
   * Runs the task work: with DEFER_TASKRUN only a part, so that one call does not take
   * indefinitely.
   */
  run(wanted = 0): void {
    const limit = this.isDeferred ? Math.max(MOST_AT_ONCE, wanted) : Number.POSITIVE_INFINITY;
    for (let count = 0; this.isPending && count < limit; count++) this.work.shift()?.();
    this.memory.setSqFlag(SqRingFlag.TASKRUN, this.isPending && this.hasFlag);
  }
}
