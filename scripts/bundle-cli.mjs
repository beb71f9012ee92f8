/**
 * Builds the command line, with its libraries (arguments, table, progress, chart) bundled in, so that the package itself keeps one
 * run-time dependency. The library's own modules stay outside and are shared with whoever imports them.
 */

import { chmodSync } from 'node:fs';
import { build } from 'esbuild';

await build({
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
        onResolve({ filter: /^(\.\.\/)+(ops|ring|syscalls|context)\// }, ({ path }) => ({
          path: `../${path.replace(/^(\.\.\/)+/, '')}`,
          external: true,
        }));
      },
    },
  ],
});
chmodSync('dist/cli/main.js', 0o755);
