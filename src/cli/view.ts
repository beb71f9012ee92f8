/**
 * The terminal, pipe or file that the output is written to.
 *
 * @module
 */

import { stripVTControlCharacters } from 'node:util';

/** The screen, or a pipe. */
export interface View {
  /** Whether it is a terminal, for which tables have lines, and charts are drawn. */
  readonly isTerminal: boolean;
  /** Whether it shows colors. See https://no-color.org. */
  readonly hasColors: boolean;
  /** The width in characters. */
  readonly columns: number;
}

/** Standard output. */
export const view: View = {
  isTerminal: process.stdout.isTTY === true,
  hasColors: process.stdout.isTTY === true && !process.env.NO_COLOR,
  columns: process.stdout.columns ?? Number.POSITIVE_INFINITY,
};

/** Returns whether all lines of a text fit. */
export function fits(text: string, { columns }: View): boolean {
  return text.split('\n').every((line) => stripVTControlCharacters(line).length <= columns);
}
