import { inPackage, modules, project, scaled } from './common.mjs';

export const title = 'ESLint';

export function prepare(directory, scale) {
  project(directory, {
    'package.json': '{ "type": "module" }',
    'eslint.config.js': "export default [{ rules: { 'no-undef': 'warn', 'prefer-const': 'error', 'id-length': 'warn' } }];\n",
    ...modules(scaled(400, scale)),
  });
}

export const command = () => [inPackage('eslint', 'bin/eslint.js'), 'source'];
