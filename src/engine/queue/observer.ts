/**
 * Looking at an engine from outside: counters, latencies, and events for whoever subscribes.
 *
 * Free when nobody looks: a counter is an addition, an event costs a look at `hasSubscribers`, and the clock is asked only when
 * latencies are recorded.
 *
 * @module
 */

import { channel } from 'node:diagnostics_channel';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { operationOf } from '../../ops/index.js';
import { errnoName } from '../../syscalls/index.js';
import { timers } from '../../timers.js';

/**
 * Published to the diagnostics channel `uring:submit` when an operation is started, and to `uring:complete` when it is over.
 */
export interface OperationEvent {
  /** Tells this operation from others in flight; used again afterwards. */
  readonly id: number;
  /** The operation's kernel name: `'READ'`. */
  readonly operation: string;
  /** The file descriptor, or -1. */
  readonly fd: number;
  /** Only on completion: the kernel's answer, negative for `-errno`. */
  readonly result?: number;
  /** Only on completion, for a failure: the errno's name. */
  readonly code?: string;
}

/** What an engine has done so far. */
export interface UringCounters {
  /** Operations started. */
  readonly submitted: number;
  /** Operations that are over. */
  readonly completed: number;
  /** Of those, the ones that failed (an end of file or a short read is none). */
  readonly failed: number;
  /** How often the kernel was entered. */
  readonly enters: number;
  /** Operations in flight. */
  readonly inFlight: number;
}

const submitChannel = channel('uring:submit');
const completeChannel = channel('uring:complete');

/** What a core tells of its work. */
export class Observer {
  submittedCount = 0;
  completedCount = 0;
  failedCount = 0;
  enterCount = 0;
  private histogram: RecordableHistogram | undefined;

  /** The time, when it is wanted for each operation; else 0. */
  startTime(): number {
    return this.histogram === undefined ? 0 : timers.now();
  }

  /** Latencies in nanoseconds, from the call that asks first. */
  get latency(): RecordableHistogram {
    this.histogram ??= createHistogram();
    return this.histogram;
  }

  /** Whether somebody wants to know of submissions. */
  get hasListeners(): boolean {
    return submitChannel.hasSubscribers;
  }

  submitted(id: number, opcode: number, fd: number): void {
    submitChannel.publish({ id, operation: nameOf(opcode), fd } satisfies OperationEvent);
  }

  entered(): void {
    this.enterCount++;
  }

  completed(id: number, opcode: number, fd: number, result: number, since: number): void {
    this.completedCount++;
    if (result < 0) this.failedCount++;
    if (this.histogram !== undefined && since > 0) {
      this.histogram.record(Math.max(1, Math.round((timers.now() - since) * 1e6)));
    }
    if (completeChannel.hasSubscribers) {
      const event: OperationEvent = { id, operation: nameOf(opcode), fd, result };
      completeChannel.publish(result < 0 ? { ...event, code: errnoName(result) } : event);
    }
  }
}

/** An opcode's kernel name. */
export function nameOf(opcode: number): string {
  return operationOf(opcode)?.name ?? `opcode ${opcode}`;
}
