/**
 * Observation of an engine from outside: counters, latencies, and events for subscribers.
 *
 * It costs next to nothing when unused: a counter is an addition, an event is a check of
 * `hasSubscribers`, and the clock is read only when latencies are recorded.
 *
 * @module
 */

import { channel } from 'node:diagnostics_channel';
import type { RecordableHistogram } from 'node:perf_hooks';
import { operationOf } from '../../ops/index.js';
import { perfHooks } from '../../perf-hooks.js';
import { Opcode } from '../../ring/index.js';
import { Errno, errnoName } from '../../syscalls/index.js';
import { timers } from '../../timers.js';
import type { InFlight } from './in-flight.js';
import type { Subject } from './request.js';

/**
 * The message published to the diagnostics channel `uring:submit` when an operation is started, and
 * to `uring:complete` when it has completed.
 */
export interface OperationEvent extends Subject {
  /** The number of the engine, in this thread: the first that was opened is 1. */
  readonly engine: number;
  /** Distinguishes this operation from others in flight in its engine. Reused afterwards. */
  readonly id: number;
  /** The operation's kernel name: `'READ'`. */
  readonly operation: string;
  /** The file descriptor, or -1. */
  readonly fd: number;
  /** Only on completion: the time since the operation was started, in milliseconds. */
  readonly duration?: number | undefined;
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
  /**
   * Completed operations that failed. An end of file, a short read, and a timeout that has expired
   * are not failures.
   */
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

let engineCount = 0;

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
  private readonly engine = ++engineCount;

  /** Returns the time if every operation needs it, otherwise 0. */
  startTime(): number {
    return this.histogram === undefined && !completeChannel.hasSubscribers ? 0 : timers.now();
  }

  /** Latencies in nanoseconds, recorded from the first access on. */
  get latency(): RecordableHistogram {
    this.histogram ??= perfHooks().createHistogram();
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
      submitChannel.publish(this.eventOf(id, operations));
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

  /** Notes that an operation has completed, which is still in the table. */
  completed(id: number, operations: InFlight, result: number): void {
    const opcode = operations.opcode(id);
    this.completedCount++;
    this.completedByOpcode[opcode] = (this.completedByOpcode[opcode] as number) + 1;
    if (result < 0 && !(result === -Errno.ETIME && opcode === Opcode.TIMEOUT)) this.failedCount++;
    const isHeard = completeChannel.hasSubscribers;
    if (this.histogram === undefined && !isHeard) return;
    const since = operations.startTime(id);
    const duration = since > 0 ? timers.now() - since : undefined;
    if (duration !== undefined) this.histogram?.record(Math.max(1, Math.round(duration * 1e6)));
    if (!isHeard) return;
    const code = result < 0 ? { code: errnoName(result) } : {};
    completeChannel.publish({ ...this.eventOf(id, operations), duration, result, ...code });
  }

  private eventOf(id: number, operations: InFlight): OperationEvent {
    const { engine } = this;
    const about = operations.at(id)?.subject;
    return { engine, id, operation: nameOf(operations.opcode(id)), fd: operations.fd(id), ...about };
  }
}

/** Returns the kernel name of an opcode. */
export function nameOf(opcode: number): string {
  return operationOf(opcode)?.name ?? `opcode ${opcode}`;
}
