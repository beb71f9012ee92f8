/**
 * Builds the package: a few files in the place of 200 modules, as Node spends half a millisecond on
 * each.
 *
 * Every entry point is a file of its own, and what they share is in chunks beside them, so that
 * each module with state exists once. All of it is CommonJS, which Jest and bundlers
 * can load; `import` gets an ES module in front, so both have the same instance. The
 * command line is one file with its libraries (arguments, table, progress, chart), so that the
 * package itself keeps one run-time dependency.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { facade, loader, toCommonJs } from './build/common-js.mjs';
import { bundleDeclarations } from './build/declarations.mjs';
import { inOneFile } from './build/one-file.mjs';

const DECLARATIONS = 'build/declarations';

const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  external: ['koffi'],
};

const nameOf = ({ require: { default: file } }) => file.match(/^\.\/dist\/(.*)\.cjs$/)[1];
const modules = Object.values(entries).filter((entry) => typeof entry === 'object');

/** Entry points: `['fs/promises', 'index']`. */
const names = [...modules.map(nameOf), 'internals'];

/** Those that are declared here. The types of the drop-ins are Node's, and in `types`. */
const declared = modules.filter((entry) => entry.import.types.startsWith('./dist/')).map(nameOf);

/** What `uring/register` loads at the start of a program. The library shares most of it. */
const START = [
  'calls',
  'fs/crowd',
  'fs/in-place',
  'fs/mocked',
  'fs/nodes-own',
  'linux',
  'net/protocols',
  'node-fs',
  'own-folder',
  'permission-model',
  'register/registration',
  'timers',
  'validate',
];

/** What is loaded late is an entry point for esbuild, too. */
const LATE = ['engine/index', 'register/parts/datagrams', 'register/parts/files', 'register/parts/sockets', 'register/sockets'];
const isEntry = (source) => source !== undefined && names.includes(source.slice('src/'.length, -'.ts'.length));

rmSync('dist', { recursive: true, force: true });

/**
 * Gives classes and functions that refer to themselves their names back, which `util.inspect` shows:
 * esbuild calls them `_Ring` and `Server2`. Its option `keepNames` would do so, too, but it also
 * names each closure when it is created, which took a tenth of the time of `readFile`.
 */
function withNames(code) {
  const renamed = code.matchAll(/\b(?:var|const) (\w+) = (?:class|function) (_\1|\1\d+)\b/g);
  return [...renamed].reduce((text, [, name, inner]) => text.replaceAll(new RegExp(`\\b${inner}\\b`, 'g'), name), code);
}

const { outputFiles, metafile: libraryFiles } = await build({
  ...common,
  entryPoints: Object.fromEntries(names.map((name) => [name, `src/${name}.ts`])),
  outdir: 'dist',
  splitting: true,
  plugins: [inOneFile(START, [...names, ...LATE])],
  chunkNames: 'chunk-[hash]',
  metafile: true,
  write: false,
});

for (const { path: file, text } of outputFiles) {
  const target = path.relative('.', file);
  mkdirSync(path.dirname(target), { recursive: true });
  if (target.endsWith('.map')) {
    writeFileSync(target.replace(/\.js\.map$/, '.cjs.map'), text);
    continue;
  }
  const { entryPoint, exports } = libraryFiles.outputs[target];
  const code = withNames(text).replace(/(\/\/# sourceMappingURL=.*)\.js\.map/, '$1.cjs.map');
  const cjs = target.replace(/\.js$/, '.cjs');
  writeFileSync(cjs, toCommonJs(code, entryPoint !== undefined && exports.includes('default')));
  if (!isEntry(entryPoint)) continue;
  const [, node] = readFileSync(entryPoint, 'utf8').match(/^export \* from '(node:[^']*)'/m) ?? [];
  writeFileSync(target, facade(path.basename(cjs), exports, node));
}
writeFileSync('dist/register/preload.js', loader('index.cjs'));

// What is exported by default has all that is exported by name. Functions and classes have their names.
const require = createRequire(import.meta.url);
for (const [file, { entryPoint, exports }] of Object.entries(libraryFiles.outputs)) {
  if (!isEntry(entryPoint) || file.includes('register/index')) continue;
  const module = require(path.resolve(file.replace(/\.js$/, '.cjs')));
  const missing = exports.filter((name) => name !== 'default' && !(name in module));
  if (missing.length > 0) throw new Error(`${file} does not export ${missing.join(', ')} to CommonJS`);
  const renamed = exports.filter((name) => new RegExp(`^(_${name}|${name}\\d+)$`).test(module[name]?.name));
  if (renamed.length > 0) throw new Error(`${file} exports ${renamed.join(', ')} by other names`);
}

execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
await bundleDeclarations(Object.fromEntries(declared.map((name) => [name, `${DECLARATIONS}/${name}.d.ts`])));

const { metafile } = await build({
  ...common,
  sourcemap: false,
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

// What is bundled brings its licence along.
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
);
const licences = [...packages].sort().map((directory) => {
  const { name, version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
  const licence = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${licence ? readFileSync(path.join(directory, licence), 'utf8') : ''}`;
});
writeFileSync('dist/cli/LICENCES.txt', licences.join(`\n${'-'.repeat(80)}\n\n`));
