/**
 * What the engines of a thread do, by operation, from the diagnostics channels.
 *
 * @module
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import type { OperationEvent } from '../engine/index.js';

/** What one operation did in an interval. Times are in microseconds. */
export interface OperationSample {
  /** The number of the engine, in its thread. */
  readonly engine: number;
  /** The kernel name: `'READ'`. */
  readonly operation: string;
  readonly completed: number;
  readonly failed: number;
  /** Operations in flight that were started while somebody was watching. */
  readonly inFlight: number;
  /** From start to completion; 0 if none was started and completed. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What a thread did in an interval. */
export interface Sample {
  readonly pid: number;
  readonly thread: number;
  /** The length of the interval, in seconds. */
  readonly seconds: number;
  readonly operations: readonly OperationSample[];
}

interface Tally {
  readonly engine: number;
  readonly operation: string;
  completed: number;
  failed: number;
  readonly inFlight: Set<number>;
  readonly nanoseconds: RecordableHistogram;
}

const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;

/** Collects samples while it is started. */
export class Statistics {
  private records = new Map<string, Tally>();
  private since = 0;

  private readonly submitted = (message: unknown): void => {
    const event = message as OperationEvent;
    this.recordOf(event).inFlight.add(event.id);
  };

  private readonly completed = (message: unknown): void => {
    const event = message as OperationEvent;
    const record = this.recordOf(event);
    record.inFlight.delete(event.id);
    record.completed++;
    if (event.code !== undefined) record.failed++;
    if (event.duration !== undefined) record.nanoseconds.record(Math.max(1, Math.round(event.duration * NS_PER_MS)));
  };

  start(): void {
    this.records = new Map();
    this.since = performance.now();
    subscribe('uring:submit', this.submitted);
    subscribe('uring:complete', this.completed);
  }

  stop(): void {
    unsubscribe('uring:submit', this.submitted);
    unsubscribe('uring:complete', this.completed);
  }

  /** Returns what has happened since the last call, or since the start. */
  take(): Pick<Sample, 'seconds' | 'operations'> {
    const now = performance.now();
    const seconds = (now - this.since) / 1000;
    this.since = now;
    const operations = [...this.records.values()].map((record) => {
      const { engine, operation, completed, failed, inFlight, nanoseconds } = record;
      const isEmpty = nanoseconds.count === 0;
      const [p50, p99] = [50, 99].map((part) => (isEmpty ? 0 : nanoseconds.percentile(part) / NS_PER_US)) as [number, number];
      const max = isEmpty ? 0 : nanoseconds.max / NS_PER_US;
      record.completed = 0;
      record.failed = 0;
      nanoseconds.reset();
      return { engine, operation, completed, failed, inFlight: inFlight.size, p50, p99, max };
    });
    return { seconds, operations };
  }

  private recordOf({ engine, operation }: OperationEvent): Tally {
    const key = `${engine} ${operation}`;
    let record = this.records.get(key);
    if (record === undefined) {
      record = { engine, operation, completed: 0, failed: 0, inFlight: new Set(), nanoseconds: createHistogram() };
      this.records.set(key, record);
    }
    return record;
  }
}
