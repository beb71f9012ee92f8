/**
 * rollup, webpack, and esbuild: the same small project with react and lodash-es, built once and,
 * with rollup and webpack, built again after a change.
 */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import esbuild from 'esbuild';
import { rollup } from 'rollup';
import webpack from 'webpack';
import { at, called, digest, plain, plant, say, sayTree } from './common.mjs';

const modules = Object.fromEntries(
  Array.from({ length: 150 }, (_, index) => [`src/part-${index}.js`, `export const part${index} = (x) => x + ${index};\n`]),
);
plant(at('project'), {
  ...modules,
  'package.json': '{ "name": "project", "type": "module", "sideEffects": false }',
  'src/parts.js': Array.from({ length: 150 }, (_, index) => `export * from './part-${index}.js';\n`).join(''),
  'src/later.js': "import { sortBy } from 'lodash-es';\nexport const later = (list) => sortBy(list, (x) => -x);\n",
  'src/main.js': `
    import { chunk, groupBy, debounce } from 'lodash-es';
    import { createElement } from 'react';
    import { renderToStaticMarkup } from 'react-dom/server';
    import * as parts from './parts.js';
    const sum = Object.values(parts).reduce((total, part) => part(total), 0);
    const list = chunk(Object.keys(groupBy([1, 2, 3, 4], (x) => x % 2)), 1);
    console.log(sum, JSON.stringify(list), typeof debounce, renderToStaticMarkup(createElement('b', null, 'bold')));
    import('./later.js').then(({ later }) => console.log(later([1, 3, 2]).join()));`,
});
fs.symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), at('project/node_modules'));
const input = at('project/src/main.js');
const run = (file) =>
  execFileSync(process.execPath, [file], { encoding: 'utf8', env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' } });
const settings = { 'process.env.NODE_ENV': '"production"' };

// rollup
{
  const warnings = [];
  const options = {
    input,
    plugins: [nodeResolve({ preferBuiltins: true }), commonjs()],
    cache: undefined,
    onwarn: ({ code }) => warnings.push(code),
  };
  for (const round of ['first', 'again']) {
    const bundle = await rollup(options);
    await bundle.write({
      dir: at('rollup'),
      format: 'es',
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name].mjs',
      sourcemap: true,
    });
    await bundle.close();
    options.cache = bundle.cache;
    say('rollup', round, bundle.watchFiles.length, digest(bundle.watchFiles.map(plain).sort().join('\n')), warnings.length);
    sayTree('rollup', at('rollup'));
    say(run(at('rollup/main.mjs')));
    fs.appendFileSync(at('project/src/later.js'), 'console.log("changed");\n');
  }
}

// webpack, with its cache in files
{
  const compiler = webpack({
    mode: 'production',
    target: 'node',
    context: at('project'),
    entry: input,
    output: { path: at('webpack'), filename: 'main.cjs', chunkFilename: '[name].cjs' },
    optimization: { minimize: false, moduleIds: 'named', chunkIds: 'named' },
    devtool: 'source-map',
    cache: { type: 'filesystem', cacheDirectory: at('cache'), idleTimeoutForInitialStore: 0 },
    plugins: [new webpack.DefinePlugin(settings)],
  });
  for (const round of ['first', 'again']) {
    const stats = await called((done) => compiler.run(done));
    const {
      errors,
      warnings,
      assets,
      modules: built,
    } = stats.toJson({ all: false, errors: true, warnings: true, assets: true, modules: true });
    say('webpack', round, errors, warnings.length, assets.map(({ name, size }) => `${name} ${size}`).sort(), built?.length);
    sayTree('webpack', at('webpack'));
    say(run(at('webpack/main.cjs')));
    fs.appendFileSync(at('project/src/later.js'), 'console.log("changed again");\n');
  }
  await called((done) => compiler.close(done));
  say('webpack', 'cached', fs.readdirSync(at('cache')).length);
}

// esbuild, with a plugin that reads files
{
  const loaded = [];
  const plugin = {
    name: 'reads',
    setup(build) {
      build.onLoad({ filter: /part-\d+\.js$/ }, async ({ path }) => {
        loaded.push(path);
        return { contents: await fs.promises.readFile(path, 'utf8'), loader: 'js' };
      });
    },
  };
  const { metafile } = await esbuild.build({
    ...{
      entryPoints: [input],
      outdir: at('esbuild'),
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
    },
    ...{
      metafile: true,
      sourcemap: true,
      define: settings,
      plugins: [plugin],
      absWorkingDir: at('project'),
      chunkNames: '[name]',
      logLevel: 'silent',
    },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  say('esbuild', Object.keys(metafile.inputs).length, loaded.length);
  sayTree('esbuild', at('esbuild'));
  say(run(at('esbuild/main.mjs')));
}
