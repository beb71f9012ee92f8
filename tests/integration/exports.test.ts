/**
 * The exports of the library's own entry points, values and types. Only those in
 * `tests/golden/exports.txt` are public. (`uring/fs`, `uring/net` and the other drop-ins have
 * Node's names, which their own tests compare.)
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { test } from '@jest/globals';
import ts from 'typescript';
import { golden } from '../helpers/golden.js';

const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { readonly import: { readonly types: string } } | string>;
};

const matches = golden('exports');

/** Names of entry points, and their sources. */
const sources = Object.entries(entries).flatMap(([name, entry]): [name: string, source: string][] => {
  if (typeof entry === 'string' || !entry.import.types.startsWith('./dist/')) return [];
  return [[name.replace('.', 'uring'), entry.import.types.replace('./dist/', 'src/').replace('.d.ts', '.ts')]];
});

/** In a process of its own: `uring/register` replaces functions of the process that loads it. */
async function valuesOf(name: string): Promise<string[]> {
  const code = `console.log(JSON.stringify(Object.keys(await import('${name}'))))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);
  return JSON.parse(stdout);
}

test('entry points export the recorded names, and nothing else', async () => {
  const program = ts.createProgram(
    sources.map(([, source]) => source),
    { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, strict: true, noEmit: true },
  );
  const checker = program.getTypeChecker();
  for (const [name, file] of sources) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
    const values = await valuesOf(name);
    const exported = checker.getExportsOfModule(module).map(({ name }) => `${values.includes(name) ? 'value' : 'type'} ${name}`);
    matches(name, exported.sort().join('\n'));
  }
});
