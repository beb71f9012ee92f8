/**
 * `npm run check:consumer`: packs the library, installs it in another place, and compiles a program
 * against it as a user would, with several versions of TypeScript and of Node's types, and with all
 * of TypeScript's checks, including those of the library's own declarations.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The versions of TypeScript, all with the oldest of Node's types. */
const COMPILERS = ['5.4', '5.5', '5.6', '5.7', '5.8', '5.9', '6.0'];

/** The versions of Node's types, all with the newest TypeScript. */
const TYPES = ['20', '22', '24', '26'];

const folder = mkdtempSync(path.join(os.tmpdir(), 'uring-consumer-'));
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });

/** Compiles the program. @param module how modules are resolved. */
function compile(compiler, module) {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    ...module,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  process.stdout.write(run(process.execPath, `node_modules/typescript-${compiler}/bin/tsc`, '-p', '.'));
}

const NODENEXT = { module: 'nodenext' };
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler' };

try {
  const packing = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
  const tarball = execFileSync('npm', packing, { encoding: 'utf8' }).trim();
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  const compilers = COMPILERS.map((version) => `typescript-${version}@npm:typescript@~${version}.0`);
  run('npm', 'install', '--silent', '--no-audit', '--no-fund', `./${tarball}`, ...compilers);
  cpSync('tests/consumer', folder, { recursive: true });
  for (const [index, types] of TYPES.entries()) {
    run('npm', 'install', '--silent', '--no-audit', '--no-fund', `@types/node@${types}`);
    const versions = index === 0 ? COMPILERS : COMPILERS.slice(-1);
    for (const version of versions) for (const module of [NODENEXT, BUNDLER]) compile(version, module);
  }
  console.log(`The package compiles in a program of its own, its declarations included: TypeScript ${COMPILERS.join(', ')}, and`);
  console.log(`with the newest of them @types/node ${TYPES.join(', ')}.`);
} catch (error) {
  process.stdout.write(error.stdout ?? '');
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
