/**
 * Has esbuild put modules into one file, which it would put into a file for each set of entry points
 * that need them: they become modules that all entry points need. `require` spends a quarter of a
 * millisecond on each file.
 */

import { readFile } from 'node:fs/promises';
import path from 'node:path';

const GROUP = 'uring:one-file';

const fileOf = (name) => path.resolve(`src/${name}.ts`);

/**
 * Returns a plugin for esbuild.
 *
 * @param modules the modules, as paths below `src` without extension.
 * @param entries all entry points, including what is loaded late.
 */
export function inOneFile(modules, entries) {
  const files = new Set(entries.map(fileOf));
  return {
    name: 'one-file',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        if (!files.has(file)) return undefined;
        // Lines stay where they are, so that source maps stay right.
        return { contents: `import '${GROUP}'; ${await readFile(file, 'utf8')}`, loader: 'ts' };
      });
      build.onResolve({ filter: new RegExp(`^${GROUP}$`) }, () => ({ path: GROUP, namespace: GROUP, sideEffects: true }));
      build.onLoad({ filter: /./, namespace: GROUP }, () => ({
        // esbuild warns of a bare import of a module without side effects. These names are never used.
        contents: modules.map((name, index) => `export * as module${index} from ${JSON.stringify(fileOf(name))};`).join('\n'),
        resolveDir: '.',
      }));
    },
  };
}
