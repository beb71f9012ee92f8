import fs from 'node:fs';
import path from 'node:path';
import { inPackage } from './common.mjs';
import * as check from './prettier-check.mjs';

export const title = 'Prettier: --write over a tree';
export const made = ['source'];

export function prepare(directory, scale) {
  check.prepare(directory, scale);
  fs.renameSync(path.join(directory, 'source'), path.join(directory, 'unformatted'));
}

export function reset(directory) {
  fs.cpSync(path.join(directory, 'unformatted'), path.join(directory, 'source'), { recursive: true });
}

export const command = () => [inPackage('prettier', 'bin/prettier.cjs'), '--write', 'source'];
