import { inPackage, modules, project, scaled } from './common.mjs';

export const title = 'TypeScript: tsc -b';
export const made = ['out', 'tsconfig.tsbuildinfo'];

export function prepare(directory, scale) {
  const options = { composite: true, outDir: 'out', rootDir: 'source', module: 'nodenext', target: 'es2022', strict: true };
  project(directory, {
    'package.json': '{ "type": "module" }',
    'tsconfig.json': JSON.stringify({ compilerOptions: { ...options, types: [], lib: ['es2022', 'dom'] }, include: ['source'] }),
    ...modules(scaled(500, scale), 'ts'),
    'source/wrong.ts': 'export const wrong: string = 1;\n',
  });
}

// Ends with 1: one file has an error.
export const end = 1;
export const command = () => [inPackage('typescript', 'bin/tsc'), '-b'];
