/**
 * Tables for a terminal, or plain columns for a pipe.
 *
 * @module
 */

import Table, { type CellValue } from 'cli-table3';
import { fits, type View } from './view.js';

type Cell = CellValue | { readonly content: CellValue; readonly colSpan: number };

/** The characters of a table without lines. */
const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * Renders a table whose first column is text and whose others are numbers. Without lines where it
 * would not fit with them.
 */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[], view: View): string {
  const drawn = view.isTerminal ? draw(head, rows, view.hasColors) : undefined;
  return drawn !== undefined && fits(drawn, view) ? drawn : draw(head, rows, undefined);
}

/** @param hasColors `undefined`: without lines. */
function draw(head: readonly string[], rows: readonly (readonly Cell[])[], hasColors: boolean | undefined): string {
  const plain = { head: [], border: [] };
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    // Without lines between rows, which would add nothing.
    chars: hasColors === undefined ? NO_LINES : { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: hasColors === undefined ? { ...plain, 'padding-left': 0, 'padding-right': 0 } : hasColors ? {} : plain,
  });
  for (const row of rows) table.push([...row] as never);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
