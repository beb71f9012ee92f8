/** The built package: each entry point is loaded by its name, in a process of its own. */

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { temporaryDirectory } from '../helpers/linux.js';

const run = promisify(execFile);

const directory = temporaryDirectory();
afterAll(() => directory.remove());

async function printed(code: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code]);
  return JSON.parse(stdout);
}

/** Makes a directory in which the package is installed, with the given files. */
function projectWith(name: string, files: Record<string, string>): string {
  const project = path.join(directory.path, name);
  mkdirSync(path.join(project, 'node_modules'), { recursive: true });
  for (const installed of ['uring', 'koffi']) {
    const target = installed === 'uring' ? process.cwd() : path.resolve('node_modules', installed);
    symlinkSync(target, path.join(project, 'node_modules', installed));
  }
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(project, file), text);
  return project;
}

test.each(['fs', 'fs/promises', 'net', 'http', 'https', 'dgram'])(
  'uring/%s exports every name of its Node module',
  async (name) => {
    const missing = await printed(`
    import * as nodes from 'node:${name}';
    import * as ours from 'uring/${name}';
    const missing = Object.keys(nodes).filter((name) => !(name in ours));
    console.log(JSON.stringify([missing, Object.keys(nodes.default).filter((name) => !(name in ours.default))]));`);
    expect(missing).toEqual([[], []]);
  },
);

test('entry points share their modules', async () => {
  const shared = await printed(`
    import { Uring } from 'uring';
    import { promises } from 'uring/fs';
    import * as fs from 'uring/fs/promises';
    import net from 'uring/net';
    import { register } from 'uring/register/api';
    const server = new net.Server({ uring: 1, pauseOnConnect: true });
    console.log(JSON.stringify([promises.stat === fs.stat, typeof Uring.default, typeof register, server instanceof net.Server]));`);
  expect(shared).toEqual([true, 'function', 'function', true]);
});

test('functions and classes keep their names in the built files', async () => {
  const names = await printed(`
    import { Uring, URingContext } from 'uring';
    import * as callbacks from 'uring/fs';
    import * as promises from 'uring/fs/promises';
    import { Socket, Server } from 'uring/net';
    const all = [Uring, URingContext, callbacks.readFile, callbacks.open, promises.readFile, promises.open, Socket, Server];
    console.log(JSON.stringify(all.map(({ name }) => name)));`);
  expect(names).toEqual(['Uring', 'URingContext', 'readFile', 'open', 'readFile', 'open', 'Socket', 'Server']);
});

test('require and import give the same modules', async () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> };
  const names = Object.keys(exports).filter((name) => name !== './package.json' && name !== './register');
  const differences = await printed(`
    import { createRequire } from 'node:module';
    import fs from 'node:fs';
    const require = createRequire(process.cwd() + '/');
    const differences = [];
    for (const name of ${JSON.stringify(names)}.map((name) => name.replace('.', 'uring'))) {
      const imported = await import(name);
      const required = require(name);
      if ('default' in imported && imported.default !== required) differences.push(name);
      for (const key of Object.keys(imported)) {
        if (key !== 'default' && key !== 'module.exports' && imported[key] !== required[key]) differences.push(name + ' ' + key);
      }
    }
    console.log(JSON.stringify(differences));`);
  expect(differences).toEqual([]);
});

test('Jest loads the package in its default set-up, which is CommonJS', async () => {
  const project = projectWith('jest', {
    'package.json': '{ "jest": { "watchman": false } }',
    'loads.test.js': `import fs, { promises } from 'uring/fs';
      import { Uring } from 'uring';
      test('loads', async () => {
        expect(await promises.readFile(__filename, 'utf8')).toContain('loads');
        expect(fs.promises).toBe(promises);
        expect(Uring.name).toBe('Uring');
      });`,
  });
  // Babel's preset, with which babel-jest comes, turns the imports into require().
  writeFileSync(
    path.join(project, 'babel.config.js'),
    'module.exports = { plugins: [MODULES] };'.replace(
      'MODULES',
      JSON.stringify(path.resolve('node_modules/@babel/plugin-transform-modules-commonjs')),
    ),
  );
  const { stderr } = await run(process.execPath, [path.resolve('node_modules/jest/bin/jest.js'), '--rootDir', project], {
    cwd: project,
  });
  expect(stderr).toMatch('1 passed');
});

test.each(['cjs', 'esm'] as const)('a %s bundle by esbuild runs', async (format) => {
  const project = projectWith(`esbuild-${format}`, {
    'program.mjs': `import { readFile } from 'uring/fs/promises';
      import { Uring } from 'uring';
      console.log((await_(readFile(process.argv[2], 'utf8'))), typeof Uring.default);
      function await_(promise) { promise.then((text) => console.log(text)); return 'begun'; }`,
    hello: 'hello',
  });
  const outfile = path.join(project, `bundle.${format === 'cjs' ? 'cjs' : 'mjs'}`);
  await build({
    entryPoints: [path.join(project, 'program.mjs')],
    bundle: true,
    platform: 'node',
    format,
    external: ['koffi'],
    outfile,
    ...(format === 'esm'
      ? {
          banner: {
            js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const __filename = import.meta.filename ?? new URL(import.meta.url).pathname;",
          },
        }
      : {}),
  });
  const { stdout } = await run(process.execPath, [outfile, path.join(project, 'hello')]);
  expect(stdout).toBe('begun function\nhello\n');
});

test('uring/register works within a bundle, of which threads are Node’s own', async () => {
  const project = projectWith('bundled-register', {
    'program.mjs': `import 'uring/register';
      import fs from 'node:fs';
      import { Worker } from 'node:worker_threads';
      import { status } from 'uring/register/api';
      fs.readFile(process.argv[2], () => {
        new Worker('console.log(typeof require("fs").readFile)', { eval: true }).on('exit', (code) => {
          console.log(code, status().calls['fs.readFile'].ring);
        });
      });`,
  });
  const outfile = path.join(project, 'bundle.cjs');
  await build({ entryPoints: [path.join(project, 'program.mjs')], bundle: true, platform: 'node', external: ['koffi'], outfile });
  const options = { env: { ...process.env, URING_LOAD_AFTER: '0' } };
  const { stdout, stderr } = await run(process.execPath, [outfile, outfile], options);
  expect({ stdout, stderr }).toEqual({ stdout: 'function\n0 1\n', stderr: '' });
});
