/**
 * `uring top`: what the rings of a running program do, second by second.
 *
 * @module
 */

import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { type Observed, observedThreads } from '../top/address.js';
import type { Sample } from '../top/statistics.js';
import { renderTable } from './table.js';
import type { View } from './view.js';

const HINT = 'Start it with "node --import uring/top".';

/**
 * Returns the threads of a process that can be watched; without a process, of the only one.
 *
 * @throws Error when there is none, or no process is named and there are several.
 */
export function threadsOf(pid: number | undefined): Observed[] {
  const isAlive = (thread: Observed): boolean => {
    try {
      process.kill(thread.pid, 0);
      return true;
    } catch {
      // It was killed.
      rmSync(thread.path, { force: true });
      return false;
    }
  };
  const all = observedThreads().filter(isAlive);
  const pids = [...new Set(all.map((thread) => thread.pid))];
  if (pid === undefined && pids.length > 1)
    throw new Error(`there are several processes: ${pids.sort((one, other) => one - other).join(', ')}`);
  const threads = pid === undefined ? all : all.filter((thread) => thread.pid === pid);
  if (threads.length === 0) {
    throw new Error(`${pid === undefined ? 'no process can' : `process ${pid} cannot`} be watched. ${HINT}`);
  }
  return threads;
}

/**
 * Yields samples of all threads, about once a second, until the process ends.
 *
 * @param signal ends it.
 */
export async function* samplesOf(threads: readonly Observed[], signal: AbortSignal): AsyncGenerator<Sample[]> {
  const latest = new Map<number, Sample>();
  let wake = (): void => undefined;
  let open = threads.length;
  const sockets = threads.map(({ path, thread }) => {
    const socket = connect(path);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open--;
      latest.delete(thread);
      wake();
    });
    createInterface(socket).on('line', (line) => {
      latest.set(thread, JSON.parse(line) as Sample);
      // Each round ends with the first thread's sample, or that of the first that is left.
      if (thread === Math.min(...latest.keys())) wake();
    });
    return socket;
  });
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    while (open > 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (latest.size > 0) yield [...latest.values()];
    }
  } finally {
    end();
  }
}

/** Renders samples as a table, the busiest operations first. */
export function renderSamples(samples: readonly Sample[], view: View): string {
  const rows = samples.flatMap(({ thread, seconds, operations }) =>
    operations.map(({ engine, operation, completed, failed, inFlight, p50, p99, max }) => ({
      perSecond: completed / seconds,
      cells: [
        `${operation}${samples.length > 1 ? `, thread ${thread}` : ''}${engine > 1 ? `, engine ${engine}` : ''}`,
        Math.round(completed / seconds),
        Math.round(failed / seconds),
        inFlight,
        ...[p50, p99, max].map((time) => (time === 0 ? '' : Math.round(time))),
      ],
    })),
  );
  rows.sort((one, other) => other.perSecond - one.perSecond);
  const [first] = samples as [Sample];
  const total = Math.round(rows.reduce((sum, { perSecond }) => sum + perSecond, 0));
  const title = `process ${first.pid}: ${total} operations per second`;
  if (rows.length === 0) return `${title}\n`;
  const head = ['operation', 'per second', 'failed', 'in flight', 'p50 us', 'p99 us', 'max us'];
  return `${title}\n${renderTable(
    head,
    rows.map(({ cells }) => cells),
    view,
  )}\n`;
}
