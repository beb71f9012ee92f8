/**
 * Task work: completions that wait until the ring's task enters the kernel.
 *
 * @module
 */

import { SetupFlag, SqRingFlag } from '../ring/abi/index.js';
import { timers } from '../timers.js';
import { Fifo } from './fifo.js';
import type { QueueMemory } from './queue-memory.js';

/** How many completions a ring with DEFER_TASKRUN runs at once (`IO_LOCAL_TW_DEFAULT_MAX`). */
const MOST_AT_ONCE = 20;

/** The task work of one ring. */
export class TaskWork {
  private readonly work = new Fifo<() => void>();
  private readonly isDeferred: boolean;
  private readonly isCooperative: boolean;
  private readonly hasFlag: boolean;
  /** How often the eventfd was to be signalled. */
  private wakeups = 0;

  constructor(
    private readonly memory: QueueMemory,
    /** Signals are lost: see `SimulatedKernelOptions.losesWakeups`. */
    private readonly losesWakeups: boolean | 'after the first',
    private readonly signal: () => void,
  ) {
    const { setupFlags } = memory.layout;
    this.isDeferred = (setupFlags & SetupFlag.DEFER_TASKRUN) !== 0;
    this.isCooperative = (setupFlags & SetupFlag.COOP_TASKRUN) !== 0;
    this.hasFlag = (setupFlags & SetupFlag.TASKRUN_FLAG) !== 0;
  }

  /** Whether there is any. */
  get isPending(): boolean {
    return this.work.length > 0;
  }

  /** Does it now, if it may be done `inline`, or on a ring without task work; else when the task is there. */
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
      // It runs when the thread next enters the kernel, be it to wait for its event loop.
      timers.setImmediate(() => this.run());
    }
  }

  /** Runs it: with DEFER_TASKRUN a part, so that one call does not take for ever. */
  run(wanted = 0): void {
    const limit = this.isDeferred ? Math.max(MOST_AT_ONCE, wanted) : Number.POSITIVE_INFINITY;
    for (let count = 0; this.isPending && count < limit; count++) this.work.shift()?.();
    this.memory.setSqFlag(SqRingFlag.TASKRUN, this.isPending && this.hasFlag);
  }
}
