import path from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
import { modules, project, scaled } from './common.mjs';

export const title = 'rollup: its JavaScript API';
export const made = ['dist'];

export function prepare(directory, scale) {
  project(directory, {
    'source/main.js': "import './index.js';\nimport { chunk } from 'lodash-es';\nconsole.log(chunk([1, 2, 3], 2));\n",
    ...modules(scaled(1200, scale)),
  });
}

export async function run(directory) {
  const bundle = await rollup({ input: path.join(directory, 'source/main.js'), plugins: [nodeResolve()] });
  const { output } = await bundle.write({ dir: path.join(directory, 'dist'), preserveModules: true });
  await bundle.close();
  console.log(output.length, bundle.watchFiles.length);
}
