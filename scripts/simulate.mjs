/**
 * Bundles the simulation, which is written in TypeScript, and runs it. Arguments are passed on:
 * `npm run simulate -- --help`.
 */

import { spawn } from 'node:child_process';
import path from 'node:path';
import { build } from 'esbuild';

const outfile = path.resolve('node_modules/.cache/uring/simulate.mjs');
await build({
  entryPoints: ['tests/simulation/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  external: ['koffi'],
  logLevel: 'error',
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
spawn(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], { stdio: 'inherit' }).on(
  'exit',
  (code, signal) => {
    process.exitCode = signal === null ? code : 1;
  },
);
