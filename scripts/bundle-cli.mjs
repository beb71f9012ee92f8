/**
 * Builds the command line, with its libraries (arguments, table, progress, chart) bundled in, so that the package itself keeps one
 * run-time dependency. The library's own modules stay outside and are shared with whoever imports them.
 */

import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const { metafile } = await build({
  metafile: true,
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.js',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  legalComments: 'eof',
  // The CommonJS ones among the libraries ask for Node's modules by require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  plugins: [
    {
      name: 'library-stays-outside',
      setup({ onResolve }) {
        // From whatever depth of src/cli, to the neighbour of dist/cli.
        onResolve(
          { filter: /^(\.\.\/)+((ops|ring|syscalls|context|engine|fs|sockets|net)\/|(validate|timers)\.js$)/ },
          ({ path }) => ({
            path: `../${path.replace(/^(\.\.\/)+/, '')}`,
            external: true,
          }),
        );
      },
    },
  ],
});
chmodSync('dist/cli/main.js', 0o755);

// What is bundled brings its licence along.
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
);
const licences = [...packages].sort().map((directory) => {
  const { name, version, license } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(path.join(directory, file), 'utf8') : ''}`;
});
writeFileSync('dist/cli/LICENCES.txt', licences.join(`\n${'-'.repeat(80)}\n\n`));
