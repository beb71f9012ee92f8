/**
 * Bundles the declarations: one file for each entry point, and what they share, in the place of one
 * for each source. Written twice, for `import` and for `require`, which TypeScript tells apart.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';

/**
 * @param entries the declarations of the entry points, by name.
 */
export async function bundleDeclarations(entries) {
  const bundle = await rollup({
    input: entries,
    plugins: [dts()],
    external: /^(node:|koffi)/,
    onwarn(warning) {
      // `uring/register` exports nothing.
      if (warning.code !== 'EMPTY_BUNDLE') throw new Error(warning.message);
    },
  });
  const { output } = await bundle.write({
    dir: 'dist',
    entryFileNames: '[name].d.ts',
    chunkFileNames: 'types-[hash].d.ts',
  });
  await bundle.close();
  for (const { fileName, code } of output) {
    const forRequire = code.replace(/(from '\.[^']*)\.js'/g, "$1.cjs'");
    writeFileSync(path.join('dist', fileName.replace(/\.ts$/, '.cts')), forRequire);
  }
}
