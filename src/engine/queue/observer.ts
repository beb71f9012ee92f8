/**
 * Observation of an engine from outside: counters, latencies, and events for subscribers.
 *
 * It costs next to nothing when unused: a counter is an addition, an event is a check of
 * `hasSubscribers`, and the clock is read only when latencies are recorded.
 *
 * @module
 */

import { channel } from 'node:diagnostics_channel';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { operationOf } from '../../ops/index.js';
import { errnoName } from '../../syscalls/index.js';
import { timers } from '../../timers.js';
import type { InFlight } from './in-flight.js';

/**
 * The message published to the diagnostics channel `uring:submit` when an operation is started, and
 * to `uring:complete` when it has completed.
 */
export interface OperationEvent {
  /** Distinguishes this operation from others in flight. Reused afterwards. */
  readonly id: number;
  /** The operation's kernel name: `'READ'`. */
  readonly operation: string;
  /** The file descriptor, or -1. */
  readonly fd: number;
  /** Only on completion: the kernel's result; on failure, `-errno`. */
  readonly result?: number;
  /** Only on completion, for a failure: the name of the errno. */
  readonly code?: string;
}

/** The counters of an engine. */
export interface UringCounters {
  /** Operations started. */
  readonly submitted: number;
  /** Operations completed. */
  readonly completed: number;
  /** Completed operations that failed (an end of file or a short read is not a failure). */
  readonly failed: number;
  /** How often the kernel was entered. */
  readonly enters: number;
  /** Operations in flight. */
  readonly inFlight: number;
  /** Operations completed, by kernel name (`READ`). */
  readonly operations: Readonly<Record<string, number>>;
}

/** An opcode is a byte. */
const OPCODES = 256;

const submitChannel = channel('uring:submit');
const completeChannel = channel('uring:complete');

/** Records and publishes the work of a core. */
export class Observer {
  submittedCount = 0;
  completedCount = 0;
  failedCount = 0;
  enterCount = 0;
  private readonly completedByOpcode = new Float64Array(OPCODES);
  private histogram: RecordableHistogram | undefined;
  private readonly unannounced: number[] = [];

  /** Returns the time if every operation needs it, otherwise 0. */
  startTime(): number {
    return this.histogram === undefined ? 0 : timers.now();
  }

  /** Latencies in nanoseconds, recorded from the first access on. */
  get latency(): RecordableHistogram {
    this.histogram ??= createHistogram();
    return this.histogram;
  }

  /** Whether there are subscribers to submissions. */
  get hasListeners(): boolean {
    return submitChannel.hasSubscribers;
  }

  /** Notes a started operation, for {@link announce}. */
  started(id: number): void {
    this.unannounced.push(id);
  }

  /** Announces started operations to the listeners, which may start operations themselves. */
  announce(operations: InFlight): void {
    if (this.unannounced.length === 0) return;
    for (const id of this.unannounced.splice(0)) {
      const event: OperationEvent = { id, operation: nameOf(operations.opcode(id)), fd: operations.fd(id) };
      submitChannel.publish(event);
    }
  }

  /** Completed operations by kernel name, those that were used. */
  get operations(): Record<string, number> {
    const used = [...this.completedByOpcode.entries()].filter(([, count]) => count > 0);
    return Object.fromEntries(used.map(([opcode, count]) => [nameOf(opcode), count]));
  }

  entered(): void {
    this.enterCount++;
  }

  completed(id: number, opcode: number, fd: number, result: number, since: number): void {
    this.completedCount++;
    this.completedByOpcode[opcode] = (this.completedByOpcode[opcode] as number) + 1;
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

/** Returns the kernel name of an opcode. */
export function nameOf(opcode: number): string {
  return operationOf(opcode)?.name ?? `opcode ${opcode}`;
}
