import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { write } from './common.mjs';

export const title = 'npm ci: a project of 300 packages, from its cache';
export const made = ['node_modules'];
export const isPlain = (line) => !/^npm warn|TIME/.test(line);

const FLAGS = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
const npm = path.join(path.dirname(fs.realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())), 'npm-cli.js');
const cacheOf = (directory) => ['--cache', path.join(directory, 'cache')];

/** Fills npm's cache, by what is measured. */
export function prepare(directory) {
  const dependencies = { webpack: '5.113.0', express: '5.3.0', eslint: '10.15.0', 'lodash-es': '4.18.1', jest: '30.5.2' };
  write(directory, { 'package.json': JSON.stringify({ name: 'project', version: '1.0.0', private: true, dependencies }) });
  const env = { ...process.env, NODE_OPTIONS: '' };
  for (const name of [['install', '--package-lock-only'], ['ci']]) {
    execFileSync(process.execPath, [npm, ...name, ...FLAGS, ...cacheOf(directory)], { cwd: directory, env, stdio: 'pipe' });
  }
}

export const command = (directory) => [npm, 'ci', '--offline', ...FLAGS, ...cacheOf(directory)];
