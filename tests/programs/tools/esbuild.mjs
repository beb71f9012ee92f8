import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { modules, project, scaled } from './common.mjs';

export const title = 'esbuild: with a plugin that reads the files';
export const made = ['dist'];

export function prepare(directory, scale) {
  project(directory, modules(scaled(4000, scale)));
}

export async function run(directory) {
  const reads = {
    name: 'reads',
    setup({ onLoad }) {
      onLoad({ filter: /source/ }, async (args) => ({ contents: await fs.promises.readFile(args.path, 'utf8'), loader: 'js' }));
    },
  };
  const { warnings, errors } = await build({
    absWorkingDir: directory,
    entryPoints: ['source/index.js'],
    bundle: true,
    outdir: path.join(directory, 'dist'),
    plugins: [reads],
    write: true,
  });
  console.log(warnings.length, errors.length);
}
