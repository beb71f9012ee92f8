/**
 * The text that `console.log` and `util.inspect` show for the library's objects: their state in a few
 * lines, instead of all of their fields.
 *
 * @module
 */

import { type InspectOptionsStylized, inspect } from 'node:util';

/** The name of the method that `util.inspect` calls. */
export const INSPECT: typeof inspect.custom = inspect.custom;

/**
 * Renders an object as `util.inspect` renders one with these properties.
 *
 * @param depth the levels that may be shown, as `util.inspect` passes it.
 */
export function summary(
  name: string,
  properties: Readonly<Record<string, unknown>>,
  depth: number,
  options: InspectOptionsStylized,
): string {
  if (depth < 0) return options.stylize(`[${name}]`, 'special');
  return `${name} ${inspect(properties, { ...options, depth: options.depth == null ? options.depth : depth - 1 })}`;
}
