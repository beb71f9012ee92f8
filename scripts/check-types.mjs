/**
 * `npm run check:types [-- WORD...]`: packs the library, and compiles each program of `tests/types`
 * twice, against Node's modules and against ours, with several versions of TypeScript and of Node's
 * types. Fails where the errors differ in position or code. With `WORDS=1` in the environment, it
 * also prints where the messages, or the emitted declarations, are worded differently.
 *
 * Only the compilations whose names contain every WORD are done.
 *
 * A line after `// @ts-expect-error` must have an error. The comments are removed, so that the
 * errors themselves are compared. Imports through a file `own.ts` remain Node's.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const here = path.resolve('tests/types');
const build = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-types-'));
const words = process.argv.slice(2);

const folders = [
  { name: 'fs' },
  { name: 'net' },
  { name: 'dgram' },
  { name: 'commonjs', module: 'nodenext' },
  { name: 'newer', files: { 'glob.ts': 22, 'node24.ts': 24 } },
];

const nodenext = { name: 'nodenext', lib: ['es2022', 'esnext.disposable'], module: 'nodenext' };
const bundler = { name: 'bundler', lib: ['es2022', 'esnext.disposable', 'dom'], module: 'esnext', moduleResolution: 'bundler' };

const configurations = [
  ...[54, 55, 56, 57, 58, 59, 60].map((typescript) => ({ typescript, types: 20, module: nodenext })),
  { typescript: 60, types: 20, module: bundler },
  { typescript: 54, types: 20, module: bundler },
  { typescript: 60, types: 22, module: nodenext },
  { typescript: 60, types: 24, module: nodenext },
  { typescript: 60, types: 26, module: nodenext },
];

const packing = ['pack', '--silent', '--ignore-scripts', '--pack-destination', build];
const tarball = path.join(build, execFileSync('npm', packing, { encoding: 'utf8' }).trim());
try {
  for (const configuration of configurations) for (const folder of folders) compare(configuration, folder);
} finally {
  fs.rmSync(build, { recursive: true, force: true });
}

function compare({ typescript, types, module }, folder) {
  const files = fs.readdirSync(path.join(here, folder.name)).filter((file) => types >= (folder.files?.[file] ?? 0));
  if ((folder.module ?? module.name) !== module.name || files.length === 0) return;
  const name = `ts${typescript} node${types} ${module.name} ${folder.name}`;
  if (!words.every((word) => name.split(' ').includes(word))) return;
  const project = prepare(types);
  const expected = files.flatMap((file) => expectedIn(folder.name, file));
  const node = compile(project, 'node', { typescript, module, folder: folder.name, files });
  const ours = compile(project, 'ours', { typescript, module, folder: folder.name, files });

  const lines = new Set(node.errors.map(line));
  const problems = [
    ...node.errors.filter((error) => !expected.includes(line(error))).map((error) => `Node's have an error: ${text(error)}`),
    ...expected.filter((place) => !lines.has(place)).map((place) => `Node's have no error: ${place}`),
    ...difference(node.errors, ours.errors, ({ place, code }) => `${place} ${code}`).map(
      ({ sign, item }) => `${sign} ${text(item)}`,
    ),
  ];
  const wordings = [
    ...(problems.length > 0 ? [] : difference(node.errors, ours.errors, text).map(({ sign, item }) => `${sign} ${text(item)}`)),
    ...difference(node.declarations, ours.declarations, (line) => line).map(({ sign, item }) => `${sign} ${item}`),
  ];
  const result = problems.length > 0 ? `${problems.length} DIFFERENCES` : `the same, with ${expected.length} lines that fail`;
  console.log(`${name}: ${result}${wordings.length > 0 ? `, in other words ${wordings.length} times` : ''}`);
  for (const problem of problems) console.log(`  ${problem}`);
  if (process.env.WORDS !== undefined) for (const wording of wordings) console.log(`  in other words: ${wording}`);
  if (problems.length > 0) process.exitCode = 1;
}

/** Creates a folder with Node's types and this package. */
function prepare(types) {
  const project = path.join(build, `node${types}`);
  if (fs.existsSync(project)) return project;
  const modules = path.join(project, 'node_modules');
  fs.mkdirSync(path.join(modules, '@types'), { recursive: true });
  fs.symlinkSync(path.join(here, 'node_modules', `types-node${types}`), path.join(modules, '@types/node'));
  execFileSync('tar', ['-xzf', tarball, '-C', modules]);
  fs.renameSync(path.join(modules, 'package'), path.join(modules, 'uring'));
  fs.writeFileSync(path.join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  return project;
}

function expectedIn(folder, file) {
  const lines = fs.readFileSync(path.join(here, folder, file), 'utf8').split('\n');
  return lines.flatMap((line, index) => (line.includes('@ts-expect-error') ? [`${folder}/${file}:${index + 2}`] : []));
}

/** Returns the errors and the declarations of one compilation. */
function compile(project, whose, { typescript, module: { name: _, ...module }, folder, files }) {
  const sources = path.join(project, whose, folder);
  fs.mkdirSync(sources, { recursive: true });
  for (const file of files) {
    const program = fs.readFileSync(path.join(here, folder, file), 'utf8').replace(/@ts-expect-error/g, 'An error:');
    fs.writeFileSync(path.join(sources, file), whose === 'ours' && file !== 'own.ts' ? withOurs(program) : program);
  }
  const compilerOptions = {
    target: 'es2022',
    ...module,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    skipLibCheck: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: folder,
    outDir: 'out',
  };
  const out = path.join(project, whose, 'out');
  fs.rmSync(out, { recursive: true, force: true });
  fs.writeFileSync(path.join(project, whose, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: [folder] }));
  const compiler = path.join(here, 'node_modules', `ts${typescript}`, 'bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], {
    cwd: path.join(project, whose),
    encoding: 'utf8',
  });
  const declared = fs.existsSync(out) ? fs.readdirSync(out).sort() : [];
  return {
    errors: errorsOf(normalized(stdout)),
    declarations: declared.flatMap((file) => {
      const lines = normalized(fs.readFileSync(path.join(out, file), 'utf8')).split('\n');
      // Some versions add references to the files of Node's types that are needed.
      return lines.filter((line) => !line.startsWith('/// <reference')).map((line) => `${file}: ${line}`);
    }),
  };
}

function withOurs(program) {
  return program.replace(/(['"])node:(fs\/promises|fs|https|http|net|dgram)\1/g, '$1uring/$2$1');
}

/** Removes the names of the modules, which occur in file names as well. */
function normalized(output) {
  return output
    .replace(/import\("[^"]*"(, \{ with: \{[^}]*\} \})?\)/g, 'import()')
    .replace(/(['"])(?:node:|uring\/)(fs\/promises|fs|https|http|net|dgram)\1/g, '$1$2$1')
    .replace(/[^\s'"(]*node_modules\//g, 'node_modules/');
}

function errorsOf(output) {
  const errors = [];
  for (const line of output.split('\n').filter((line) => line !== '')) {
    const [, file, row, column, code, message] = /^(\S.*)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line) ?? [];
    if (file !== undefined) errors.push({ place: `${file}:${row}:${column}`, code, message });
    else if (/^\S/.test(line) || errors.length === 0) errors.push({ place: 'tsc:0:0', code: line, message: '' });
    else errors.at(-1).message += `\n    ${line}`;
  }
  return errors;
}

function line({ place }) {
  return place.replace(/:\d+$/, '');
}

function text({ place, code, message }) {
  return `${place} ${code}: ${message}`;
}

/** Returns the items that only one of the two has. */
function difference(node, ours, key) {
  const only = (sign, these, those) => {
    const keys = new Set(those.map(key));
    return these.filter((item) => !keys.has(key(item))).map((item) => ({ sign, item }));
  };
  return [...only('-', node, ours), ...only('+', ours, node)];
}
