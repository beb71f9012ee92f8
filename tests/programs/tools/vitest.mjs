import { inPackage, modules, project, scaled } from './common.mjs';

export const title = 'Vitest: a small project';
export const isOrdered = false;
export const isPlain = (line) => !/TIME/.test(line);

export function prepare(directory, scale) {
  const count = scaled(60, scale);
  const checks = Array.from({ length: count }, (_, index) => [
    `source/part-${Math.floor(index / 50)}/module-${index}.test.js`,
    `import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { greet${index} } from './module-${index}.js';
test('greets ${index}', () => expect(greet${index}('you')).toBe('hello you from module ${index}'));
test('reads ${index}', async () => expect(await readFile(import.meta.filename, 'utf8')).toMatch('reads'));\n`,
  ]);
  project(directory, { 'package.json': '{ "type": "module" }', ...modules(count), ...Object.fromEntries(checks) });
}

export const command = () => [inPackage('vitest', 'vitest.mjs'), 'run', '--reporter=verbose', '--maxWorkers=2'];
