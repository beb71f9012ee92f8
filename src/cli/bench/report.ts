/**
 * Outcomes as a table and bar charts.
 *
 * @module
 */

import os from 'node:os';
import Chartscii from 'chartscii';
import { renderTable } from '../table.js';
import type { View } from '../view.js';
import type { Outcome } from './measure.js';

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const HEAD = ['', 'per second', 'CPU us', 'ratio', 'CPU ratio', 'aim'];

const LEGEND = `CPU us: CPU time for each, in microseconds. ratio: how many times as many per second the first row has;
CPU ratio: its CPU time for each, divided by that of this row (less is better); aim: the ratio that is aimed at.`;

/** Renders the report; for a terminal, with charts. */
export function renderOutcomes(outcomes: readonly Outcome[], rounds: number, view: View): string {
  const rows = outcomes.flatMap(({ title, unit, figures, ratios, cpuRatios, targets }) => [
    [{ content: `${title} (${unit})`, colSpan: HEAD.length }],
    ...figures.map(({ name, perSecond, cpuMicroseconds }, index) => {
      const target = targets[name];
      return [
        `  ${name}`,
        number(perSecond),
        // A byte takes less than a nanosecond.
        cpuMicroseconds < 0.01 ? cpuMicroseconds.toPrecision(2) : number(cpuMicroseconds, 2),
        index === 0 ? '' : number(ratios[name] as number, 2),
        index === 0 ? '' : number(cpuRatios[name] as number, 2),
        target === undefined ? '' : number(target, 2),
      ];
    }),
  ]);
  const parts = [renderTable(HEAD, rows, view), LEGEND];
  if (view.isTerminal) parts.push(...outcomes.map((outcome) => chartOf(outcome, view)));
  const machine = `${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.cpus().length} CPUs, Linux ${os.release()}, Node ${process.version}`;
  return [...parts, `${machine}. Medians of ${rounds} interleaved rounds.`].join('\n\n');
}

function chartOf({ title, figures }: Outcome, { hasColors }: View): string {
  const bars = figures.map(({ name, perSecond }, index) => ({
    label: name,
    value: Math.round(perSecond),
    ...(index === 0 && hasColors ? { color: 'green' } : {}),
  }));
  return new Chartscii(bars, { title, width: 40, barSize: 1, valueLabels: true, sort: false }).create();
}
