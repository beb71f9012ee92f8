/**
 * Replaces Node's functions with those of `uring/fs` and `uring/fs/promises` for a whole program,
 * its dependencies included: `node --import files-over-ring.mjs PROGRAM`.
 */

import nodeFs from 'node:fs';
import nodePromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const dist = new URL('../../dist/', import.meta.url).href;
const { default: fs } = await import(`${dist}fs/index.js`);
const { default: promises } = await import(`${dist}fs/promises.js`);

for (const [nodes, ours] of [
  [nodeFs, fs],
  [nodePromises, promises],
]) {
  for (const [name, value] of Object.entries(ours)) if (typeof value === 'function' && nodes[name] !== value) nodes[name] = value;
}
syncBuiltinESMExports();
