/** The package in bundles, in frameworks, and in a single executable: each is built and run. */

import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const packageFile = (name: string) => fileOf(`node_modules/${name}`);
const uninstalled = existsSync(fileOf('node_modules')) ? undefined : 'npm ci was not run in tests/programs';
const reason = whyNoRing() ?? uninstalled;
const PRINTED = 'null true true true\n';

(reason === undefined ? describe : describe.skip)(`in bundles${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(240_000);
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  /** Makes a project that has the package, koffi and the tools. */
  function projectOf(name: string, files: Record<string, string>): string {
    const project = path.join(directory.path, name);
    mkdirSync(path.join(project, 'node_modules'), { recursive: true });
    // As it is when it is installed: what is elsewhere, Next takes for a part of the program.
    for (const part of ['package.json', 'dist']) {
      cpSync(fileOf(`../../${part}`), path.join(project, 'node_modules/uring', part), { recursive: true });
    }
    symlinkSync(fileOf('../../node_modules/koffi'), path.join(project, 'node_modules/koffi'));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
      writeFileSync(path.join(project, file), text);
    }
    copyFileSync(fileOf('bundles/program.mjs'), path.join(project, 'program.mjs'));
    return project;
  }

  async function run(project: string, program: string, ...args: string[]): Promise<string> {
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', CI: 'true', NO_COLOR: '1' };
    const { stdout } = await promisify(execFile)(program, args, { cwd: project, env, timeout: 200_000, maxBuffer: 1 << 24 });
    return stdout;
  }

  const node = process.execPath;

  test('webpack', async () => {
    const project = projectOf('webpack', {
      'build.cjs': `require(${JSON.stringify(packageFile('webpack'))})(
        { mode: 'production', target: 'node', entry: './program.mjs', output: { path: __dirname, filename: 'bundle.cjs' } },
        (error, stats) => { if (error || stats.hasErrors() || stats.hasWarnings()) throw error ?? new Error(stats.toString()); });`,
    });
    await run(project, node, 'build.cjs');
    expect(await run(project, node, 'bundle.cjs', 'build.cjs')).toBe(PRINTED);
  });

  test('rollup, with its plugins for packages and CommonJS', async () => {
    const project = projectOf('rollup', {
      'build.mjs': `import { rollup } from ${JSON.stringify(packageFile('rollup/dist/es/rollup.js'))};
        import commonjs from ${JSON.stringify(packageFile('@rollup/plugin-commonjs/dist/es/index.js'))};
        import { nodeResolve } from ${JSON.stringify(packageFile('@rollup/plugin-node-resolve/dist/es/index.js'))};
        const bundle = await rollup({ input: 'program.mjs', external: /^node:/, plugins: [nodeResolve(), commonjs()] });
        await bundle.write({ file: 'bundle.cjs', format: 'cjs' });`,
    });
    await run(project, node, 'build.mjs');
    expect(await run(project, node, 'bundle.cjs', 'build.mjs')).toBe(PRINTED);
  });

  test('vite build --ssr', async () => {
    const project = projectOf('vite', { 'package.json': '{ "type": "module" }' });
    await run(project, node, packageFile('vite/bin/vite.js'), 'build', '--ssr', 'program.mjs', '--logLevel', 'warn');
    expect(await run(project, node, 'dist/program.js', 'package.json')).toBe(PRINTED);
  });

  test('vite build --ssr, with the package in the bundle', async () => {
    const project = projectOf('vite-whole', {
      'package.json': '{ "type": "module" }',
      'vite.config.js': 'export default { ssr: { noExternal: true } };',
    });
    await run(project, node, packageFile('vite/bin/vite.js'), 'build', '--ssr', 'program.mjs', '--logLevel', 'warn');
    expect(await run(project, node, 'dist/program.js', 'package.json')).toBe(PRINTED);
  });

  test('Vitest', async () => {
    const project = projectOf('vitest', {
      'package.json': '{ "type": "module" }',
      'reads.test.js': `import { expect, test } from ${JSON.stringify(packageFile('vitest/dist/index.js'))};
        import fs from 'uring/fs';
        test('reads', async () => expect(await fs.promises.readFile('package.json', 'utf8')).toMatch('module'));`,
    });
    expect(await run(project, node, packageFile('vitest/vitest.mjs'), 'run')).toMatch('1 passed');
  });

  test('tsx', async () => {
    const project = projectOf('tsx', {
      'program.ts':
        "const file: string = process.argv[2];\nimport fs from 'uring/fs';\nfs.readFile(file, 'utf8', (_error, text) => console.log(text.length > 10));\n",
    });
    expect(await run(project, node, packageFile('tsx/dist/cli.mjs'), 'program.ts', 'program.ts')).toBe('true\n');
  });

  test('Next', async () => {
    const project = projectOf('next', {
      'package.json': '{ "private": true }',
      'next.config.mjs': "export default { serverExternalPackages: ['uring'], turbopack: { root: '/' } };",
      'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;',
      'app/page.js': `import { readFile } from 'uring/fs/promises';
        export default async () => <p>{JSON.parse(await readFile('package.json', 'utf8')).private ? 'it is private' : ''}</p>;`,
    });
    for (const name of ['next', 'react', 'react-dom']) symlinkSync(packageFile(name), path.join(project, 'node_modules', name));
    await run(project, node, packageFile('next/dist/bin/next'), 'build');
    expect(await run(project, 'cat', '.next/server/app/index.html')).toMatch('it is private');
  });

  test('a single executable', async () => {
    const project = projectOf('executable', {
      'sea.json': '{ "main": "bundle.cjs", "output": "program.blob", "disableExperimentalSEAWarning": true }',
      'build.mjs': `import { build } from ${JSON.stringify(packageFile('esbuild/lib/main.js'))};
        await build({ entryPoints: ['program.mjs'], bundle: true, platform: 'node', format: 'cjs', external: ['koffi'], outfile: 'bundle.cjs' });`,
    });
    await run(project, node, 'build.mjs');
    await run(project, node, '--experimental-sea-config', 'sea.json');
    const executable = path.join(project, 'program');
    cpSync(node, executable, { dereference: true });
    chmodSync(executable, 0o755);
    const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
    await run(project, node, packageFile('postject/dist/cli.js'), executable, 'NODE_SEA_BLOB', 'program.blob', ...fuse);
    expect(await run(project, executable, 'build.mjs')).toBe(PRINTED);
  });
});
