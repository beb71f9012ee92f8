/**
 * Tables for a terminal, or plain columns for a pipe.
 *
 * @module
 */

import Table, { type CellValue } from 'cli-table3';

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
 * Renders a table whose first column is text and whose others are numbers. At most 80 columns wide,
 * if its cells permit.
 */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[], terminal: boolean): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    // Without lines between rows, which would add nothing.
    chars: terminal ? { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' } : NO_LINES,
    style: terminal ? {} : { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push([...row] as never);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
