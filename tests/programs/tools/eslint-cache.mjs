import { inPackage, runPlainly } from './common.mjs';
import * as eslint from './eslint.mjs';

export const title = 'ESLint: with its cache';
export const command = () => [inPackage('eslint', 'bin/eslint.js'), '--cache', '--cache-strategy', 'content', 'source'];

export function prepare(directory, scale) {
  eslint.prepare(directory, scale);
  runPlainly(command(), directory);
}
