import { inPackage, modules, project, scaled } from './common.mjs';

export const title = 'Prettier: --check over a tree';

export function prepare(directory, scale) {
  project(directory, { '.prettierrc': '{ "singleQuote": true }', ...modules(scaled(500, scale)) });
}

// Ends with 1: the files are not as they are to be.
export const end = 1;
export const command = () => [inPackage('prettier', 'bin/prettier.cjs'), '--check', 'source'];
