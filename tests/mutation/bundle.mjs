/**
 * One CommonJS file with all tests of the mutation runs and everything they import: a run of Jest
 * then loads one module in place of a hundred. Stryker's `buildCommand`: runs in its sandbox, on
 * the instrumented sources.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** Beginnings of the paths of tests: one layer's. */
const wanted = process.env.MUTATION_TESTS.split(',');

const files = readdirSync('tests', { recursive: true })
  .map((name) => path.posix.join('tests', name))
  .filter((file) => file.endsWith('.test.ts') && wanted.some((start) => file.startsWith(start)))
  .sort((a, b) => wanted.findIndex((start) => a.startsWith(start)) - wanted.findIndex((start) => b.startsWith(start)));
const entry = [
  `import { describe } from '@jest/globals';`,
  `import './tests/mutation/setup.js';`,
  ...files.map((file) => `describe('${path.basename(file, '.test.ts')}', () => { require('./${file}'); });`),
].join('\n');

/** A bundle has one address; each file keeps its own. */
const addresses = {
  name: 'import.meta.url of each file',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const contents = readFileSync(file, 'utf8');
      if (!contents.includes('import.meta.url')) return undefined;
      return { contents: contents.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href)), loader: 'ts' };
    });
  },
};

const { outputFiles } = await build({
  stdin: { contents: entry, resolveDir: process.cwd(), sourcefile: 'all.test.ts', loader: 'ts' },
  bundle: true,
  write: false,
  // package.json says that no module has side effects; a test has nothing else.
  ignoreAnnotations: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // Rings that failing tests leave behind would be closed by the collector in the middle of other
  // mutants, for seconds each.
  banner: { js: 'const FinalizationRegistry = class { register() {} unregister() {} };' },
  define: { 'process.env.URING_TEST_KERNELS': '"simulated"' },
  external: ['koffi', '@jest/globals'],
  plugins: [addresses],
});
mkdirSync('build/mutation', { recursive: true });
writeFileSync('build/mutation/all.test.cjs', outputFiles[0].contents);
