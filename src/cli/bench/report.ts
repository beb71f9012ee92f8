/**
 * Outcomes as a table and bar charts.
 *
 * @module
 */

import os from 'node:os';
import Chartscii from 'chartscii';
import Table from 'cli-table3';
import type { Outcome } from './measure.js';

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** The report, with colours if asked for. */
export function renderOutcomes(outcomes: readonly Outcome[], rounds: number, colors: boolean): string {
  const table = new Table({
    head: ['', '', 'per second', 'CPU us', 'ratio', 'CPU ratio', 'at least'],
    style: colors ? {} : { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const { title, unit, figures, ratios, cpuRatios, targets } of outcomes) {
    figures.forEach(({ name, perSecond, cpuMicroseconds }, index) => {
      const target = targets[name];
      table.push([
        index === 0 ? `${title} (${unit})` : '',
        name,
        number(perSecond),
        number(cpuMicroseconds, 2),
        index === 0 ? '' : number(ratios[name] as number, 2),
        index === 0 ? '' : number(cpuRatios[name] as number, 2),
        target === undefined ? '' : number(target, 2),
      ]);
    });
  }
  const charts = outcomes.map(({ title, figures }) =>
    new Chartscii(
      figures.map(({ name, perSecond }, index) => ({
        label: name,
        value: Math.round(perSecond),
        ...(colors && index === 0 ? { color: 'green' } : {}),
      })),
      { title, width: 40, barSize: 1, valueLabels: true, sort: false },
    ).create(),
  );
  const machine = `${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.cpus().length} CPUs, Linux ${os.release()}, Node ${process.version}`;
  return [table.toString(), '', charts.join('\n\n'), '', `${machine}. Medians of ${rounds} interleaved rounds.`].join('\n');
}
