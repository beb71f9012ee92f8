/**
 * Builds the package: a few files in the place of 200 modules, as Node spends half a millisecond on
 * each.
 *
 * Every entry point is a file of its own, and what they share is in chunks beside them, so that
 * each module with state exists once. The command line is one file with its libraries (arguments,
 * table, progress, chart), so that the package itself keeps one run-time dependency.
 */

import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));

/** What of a former build would stay: its chunks have other names. */
for (const name of readdirSync('dist')) if (/^chunk-.*\.js(\.map)?$/.test(name)) rmSync(path.join('dist', name));

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // Names of functions and classes are Node's, and are seen.
  keepNames: true,
  sourcemap: 'linked',
  sourcesContent: false,
  external: ['koffi'],
};

/** Entry points and their sources: `{ 'fs/promises': 'src/fs/promises.ts' }`. */
const sources = Object.fromEntries(
  Object.values(entries)
    .filter((entry) => typeof entry === 'object')
    .map((entry) => entry.default.match(/^\.\/dist\/(.*)\.js$/)[1])
    .concat('internals')
    .map((name) => [name, `src/${name}.ts`]),
);

/**
 * Modules that export all of a module of Node's are entry points by a file in front. esbuild loses
 * that export where a module is an entry point and is imported by another one.
 */
const inFront = {
  name: 'exports-of-node-in-front',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/src\// }, ({ path: source, kind }) => {
      const [, module] = readFileSync(source, 'utf8').match(/^export \* from '(node:[^']*)'/m) ?? [];
      if (kind !== 'entry-point' || module === undefined) return undefined;
      return { path: path.resolve(source), namespace: 'in-front', pluginData: module };
    });
    onLoad({ filter: /.*/, namespace: 'in-front' }, ({ path: source, pluginData: module }) => ({
      contents: ['* from', '* from', '{ default } from']
        .map((what, index) => `export ${what} ${JSON.stringify(index === 0 ? module : source)};`)
        .join('\n'),
      resolveDir: path.dirname(source),
    }));
  },
};

await build({
  ...common,
  entryPoints: sources,
  plugins: [inFront],
  outdir: 'dist',
  splitting: true,
  chunkNames: 'chunk-[hash]',
});

await build({
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  entryPoints: ['src/register/preload.cts'],
  outfile: 'dist/register/preload.cjs',
});

const { metafile } = await build({
  ...common,
  metafile: true,
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.js',
  legalComments: 'eof',
  // The CommonJS ones among the libraries ask for Node's modules by require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
chmodSync('dist/cli/main.js', 0o755);

/**
 * esbuild sets the name of each function, and most have it already: setting it again took 4 MiB of
 * memory in each process that loads the package.
 */
const setsName = 'var __name = (target, value) => __defProp(target, "name", { value, configurable: true });';
const chunks = readdirSync('dist', { recursive: true }).filter((name) => name.endsWith('.js'));
const setting = chunks.map((name) => path.join('dist', name)).filter((file) => readFileSync(file, 'utf8').includes(setsName));
if (setting.length === 0) throw new Error('esbuild sets names in another way now');
for (const file of setting) {
  const code = readFileSync(file, 'utf8');
  writeFileSync(file, code.replace(setsName, setsName.replace('=> ', '=> target.name === value ? target : ')));
}

// What is bundled brings its licence along.
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
);
const licences = [...packages].sort().map((directory) => {
  const { name, version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(path.join(directory, file), 'utf8') : ''}`;
});
writeFileSync('dist/cli/LICENCES.txt', licences.join(`\n${'-'.repeat(80)}\n\n`));
