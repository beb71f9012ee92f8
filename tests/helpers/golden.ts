/**
 * Texts that users or the kernel read, kept in `tests/golden`, so that a change shows in the diff.
 * `URING_UPDATE=1 npm test -- FILE` rewrites them.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from '@jest/globals';

/** Formats a title and its text. Lines after the first are indented. */
const entryOf = (title: string, text: string) => `${title}: ${text}`.replaceAll('\n', '\n  ');

/** @returns A function that compares a text with the one that is kept under its title. */
export function golden(name: string): (title: string, text: string) => void {
  const file = fileURLToPath(new URL(`../golden/${name}.txt`, import.meta.url));
  if (process.env.URING_UPDATE === '1') {
    const entries = new Set<string>();
    afterAll(() => writeFileSync(file, [...entries].map((entry) => `${entry}\n`).join('')));
    return (title, text) => void entries.add(entryOf(title, text));
  }
  const known = readFileSync(file, 'utf8')
    .trimEnd()
    .split(/\n(?! {2})/);
  return (title, text) => {
    const entry = entryOf(title, text);
    expect(known.find((other) => other === entry) ?? known.find((other) => other.startsWith(`${title}:`))).toBe(entry);
  };
}
