/**
 * `npm run check:consumer`: packs the library, installs it in another place, and compiles a program
 * against it as a user would, with all of TypeScript's checks, including those of the library's own
 * declarations.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const project = process.cwd();
const folder = mkdtempSync(path.join(os.tmpdir(), 'uring-consumer-'));
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });

try {
  const tarball = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
  }).trim();
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  run('npm', 'install', '--silent', '--no-audit', '--no-fund', `./${tarball}`, `@types/node@${typesVersion()}`);
  cpSync(path.join(project, 'tests/consumer'), folder, { recursive: true });
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2024', 'esnext.disposable', 'dom'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  process.stdout.write(run(process.execPath, path.join(project, 'node_modules/typescript/bin/tsc'), '-p', '.'));
  console.log('The package compiles in a program of its own, its declarations included.');
} catch (error) {
  process.stdout.write(error.stdout ?? '');
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function typesVersion() {
  const installed = JSON.parse(execFileSync('npm', ['ls', '@types/node', '--json', '--depth=0'], { encoding: 'utf8' }));
  return installed.dependencies['@types/node'].version;
}
