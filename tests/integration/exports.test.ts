/**
 * The exports of the library's own entry points, values and types. Only those in
 * `tests/golden/exports.txt` are public. (`uring/fs`, `uring/net` and the other drop-ins have
 * Node's names, which their own tests compare.)
 */

import { readFileSync } from 'node:fs';
import { test } from '@jest/globals';
import ts from 'typescript';
import { golden } from '../helpers/golden.js';

const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { readonly types: string } | string>;
};

const matches = golden('exports');

/** Names of entry points, and their sources. */
const sources = Object.entries(entries).flatMap(([name, entry]): [name: string, source: string][] => {
  if (typeof entry === 'string' || !entry.types.startsWith('./dist/')) return [];
  return [[name.replace('.', 'uring'), entry.types.replace('./dist/', 'src/').replace('.d.ts', '.ts')]];
});

test('entry points export the recorded names, and nothing else', async () => {
  const program = ts.createProgram(
    sources.map(([, source]) => source),
    { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, strict: true, noEmit: true },
  );
  const checker = program.getTypeChecker();
  for (const [name, file] of sources) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
    const values = await import(`../../${file.replace('.ts', '.js')}`);
    const exported = checker.getExportsOfModule(module).map(({ name }) => `${name in values ? 'value' : 'type'} ${name}`);
    matches(name, exported.sort().join('\n'));
  }
});
