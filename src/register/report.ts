/**
 * The report at the end of a program: which functions were called, and what did their work.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import type { RegisterStatus } from './registration.js';

const STDERR = 2;

/** Prints the status to stderr when this thread ends. */
export function reportAtExit(status: () => RegisterStatus): void {
  process.once('exit', () => {
    try {
      writeSync(STDERR, `\n${renderReport(status())}\n`);
    } catch {
      // Nobody reads it.
    }
  });
}

/** Renders a status as text. */
export function renderReport({ modules, calls, counters }: RegisterStatus): string {
  const title = `uring/register, process ${process.pid}${isMainThread ? '' : `, thread ${threadId}`}`;
  const used = Object.entries(modules).map(([name, by]) => `${name} by ${by === 'io_uring' ? by : 'Node'}`);
  const rows = Object.entries(calls).map(([name, { ring, cached, node }]) => [name, ...[ring, cached, node].map(String)]);
  const lines = [`${title}: ${used.join(', ') || 'nothing is registered'}`];
  if (rows.length > 0) lines.push(...columns([['calls', 'ring', 'cached', 'Node'], ...rows]));
  if (counters !== undefined) {
    const { completed, enters, operations } = counters;
    const names = Object.entries(operations).map(([name, count]) => `${name} ${count}`);
    lines.push(`${completed} operations with ${enters} system calls${names.length > 0 ? `: ${names.join(', ')}` : ''}`);
  }
  return lines.join('\n');
}

function columns(rows: readonly string[][]): string[] {
  const widths = (rows[0] as string[]).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number)))
      .join('  '),
  );
}
