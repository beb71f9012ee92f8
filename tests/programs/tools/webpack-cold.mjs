import path from 'node:path';
import { pathToFileURL } from 'node:url';
import webpack from 'webpack';
import { modules, project, scaled } from './common.mjs';

export const title = 'webpack: a cold build';
export const made = ['dist', 'cache'];
// The cache has times in it.
export const isMade = (name) => !name.startsWith('cache');

export function prepare(directory, scale) {
  project(directory, modules(scaled(1500, scale)));
}

export async function run(directory) {
  const compiler = webpack({
    mode: 'production',
    optimization: { minimize: false },
    context: directory,
    entry: pathToFileURL(path.join(directory, 'source/index.js')).pathname,
    output: { path: path.join(directory, 'dist') },
    cache: { type: 'filesystem', cacheDirectory: path.join(directory, 'cache') },
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, result) => (error ? reject(error) : resolve(result)));
  });
  await new Promise((resolve) => compiler.close(resolve));
  const { modules: built, assets, errors, warnings } = stats.toJson({ all: false, modules: true, assets: true, errors: true });
  console.log(built.length, assets.map(({ name, size }) => `${name} ${size}`).join(), errors, warnings);
}
