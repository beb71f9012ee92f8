/**
 * Texts that users read, kept in `tests/golden`: a change of one is seen in the diff. `URING_UPDATE=1 npm test -- FILE` writes them anew.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from '@jest/globals';

/** @returns compares a text with the one that is kept under its title. */
export function golden(name: string): (title: string, text: string) => void {
  const file = fileURLToPath(new URL(`../golden/${name}.txt`, import.meta.url));
  const inOneLine = (title: string, text: string) => `${title}: ${text.replaceAll('\n', '\\n')}`;
  if (process.env.URING_UPDATE === '1') {
    const lines: string[] = [];
    afterAll(() => writeFileSync(file, lines.map((line) => `${line}\n`).join('')));
    return (title, text) => void lines.push(inOneLine(title, text));
  }
  const known = readFileSync(file, 'utf8').split('\n');
  return (title, text) => {
    const line = inOneLine(title, text);
    expect(known.find((other) => other === line) ?? known.find((other) => other.startsWith(`${title}: `))).toBe(line);
  };
}
