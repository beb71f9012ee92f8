import path from 'node:path';
import glob from 'fast-glob';
import { digest, many, scaled, write } from './common.mjs';

export const title = 'fast-glob: 20,000 files';

export function prepare(directory, scale) {
  const files = many(
    scaled(20_000, scale),
    (index) => (index % 2 ? `${index}.js` : `deep/er/${index}.txt`),
    () => '',
  );
  write(path.join(directory, 'tree'), files);
}

export async function run(directory) {
  for (const [pattern, options] of [
    ['**/*.js', {}],
    ['**/deep/**/*.txt', { stats: true }],
    ['part-1*/**', { onlyDirectories: true }],
    ['**/*', { markDirectories: true, dot: true }],
  ]) {
    const found = await glob(pattern, { cwd: path.join(directory, 'tree'), ...options });
    const paths = found.map((entry) => entry.path ?? entry).sort();
    console.log(pattern, paths.length, digest(paths.join('\n')));
  }
}
