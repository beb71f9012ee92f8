/**
 * A comparison as a table and a bar chart.
 *
 * @module
 */

import Chartscii from 'chartscii';
import { renderTable } from '../table.js';
import type { View } from '../view.js';
import type { Comparison } from './compare.js';

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** The maximum number of lines for files with problems. */
const LISTED = 10;

const SHORT: Readonly<Record<string, string>> = { 'fs.promises.readFile': 'promises', 'fs.readFileSync': 'sync' };

/** Renders the report; for a terminal, with a chart. */
export function renderComparison(comparison: Comparison, view: View): string {
  const lines: string[] = [];
  lines.push(`${number(comparison.files)} files, ${number(comparison.bytes / 1e6, 1)} MB, below ${comparison.path}`);
  if (comparison.files === 0) return [...lines, 'There is nothing to compare.'].join('\n');
  if (comparison.results.length > 0) {
    const against = comparison.results.filter(({ name }) => name.startsWith('fs.'));
    // The names are too long for a column that holds a ratio.
    const head = ['', 'files/s', 'MB/s', 'CPU s', ...against.map(({ name }) => `x ${SHORT[name] ?? name}`)];
    const rows = comparison.results.map((row) => [
      row.name,
      number(row.filesPerSecond),
      number(row.megabytesPerSecond),
      number(row.cpuSeconds, 3),
      ...against.map(({ name }) => (name === row.name ? '' : number(row.ratios[name] as number, 2))),
    ]);
    lines.push(renderTable(head, rows, view));
    if (view.isTerminal) {
      const bars = comparison.results.map(({ name, filesPerSecond }, index) => ({
        label: name,
        value: Math.round(filesPerSecond),
        ...(index === 0 && view.hasColors ? { color: 'green' } : {}),
      }));
      const chart = new Chartscii(bars, { title: 'files per second', width: 40, barSize: 1, valueLabels: true, sort: false });
      lines.push('', chart.create());
    }
    lines.push(
      '',
      `Medians of ${comparison.rounds} interleaved rounds, files in cache.`,
      'x: how many times the files per second of fs.promises.readFile, fs.readFileSync.',
    );
  }
  if (comparison.interrupted) lines.push('Interrupted.');
  else if (comparison.identical) lines.push(`All saw the same bytes: digest ${comparison.digest.slice(0, 16)}.`);
  else lines.push(`${comparison.changed.length} files changed while they were read:`, ...listed(comparison.changed));
  if (comparison.unreadable.length > 0) {
    lines.push(`${comparison.unreadable.length} could not be read:`);
    lines.push(...listed(comparison.unreadable.map(({ path, code }) => `${code} ${path}`)));
  }
  return lines.join('\n');
}

function listed(items: readonly string[]): string[] {
  const shown = items.slice(0, LISTED).map((item) => `  ${item}`);
  return items.length > LISTED ? [...shown, `  and ${items.length - LISTED} more`] : shown;
}
