/**
 * Texts that users or the kernel read, kept in `tests/golden`: a change of one is seen in the diff. `URING_UPDATE=1 npm test -- FILE` writes them
 * anew.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from '@jest/globals';

/** A title and its text; what follows its first line is indented. */
const entryOf = (title: string, text: string) => `${title}: ${text}`.replaceAll('\n', '\n  ');

/** @returns compares a text with the one that is kept under its title. */
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
