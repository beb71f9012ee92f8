/**
 * Replaces Node's modules with `uring/net`, `uring/http`, and `uring/https` for a whole program,
 * its dependencies included: `node --import over-ring.mjs PROGRAM`. With `URING_READS=ring`, the
 * ring reads every connection from the start; a program that never used it fails.
 */

import Module, { register } from 'node:module';
import { pathToFileURL } from 'node:url';

const dist = new URL('../../dist/', import.meta.url).href;
const names = ['net', 'http', 'https'];

const modules = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, (await import(`${dist}${name}/index.js`)).default])),
);
if (process.env.URING_READS === 'ring') {
  const { readPolicy: policy } = await import(`${dist}internals.js`);
  Object.assign(policy, { reads: 0, many: 0, few: 0, large: Infinity });
  const { Uring } = await import(`${dist}index.js`);
  process.on('exit', (code) => {
    if (code === 0 && Uring.default().counters.submitted === 0) {
      console.error('the ring has not read');
      process.exitCode = 99;
    }
  });
}

const nodes = Module._load;
Module._load = function load(request, parent, ...rest) {
  const name = request.startsWith('node:') ? request.slice(5) : request;
  const isOurs = parent?.filename && pathToFileURL(parent.filename).href.startsWith(dist);
  return names.includes(name) && !isOurs ? modules[name] : nodes.call(this, request, parent, ...rest);
};

const hooks = `
  export async function resolve(specifier, context, next) {
    const name = specifier.startsWith('node:') ? specifier.slice(5) : specifier;
    if (!${JSON.stringify(names)}.includes(name) || context.parentURL?.startsWith(${JSON.stringify(dist)})) return next(specifier, context);
    return { url: ${JSON.stringify(dist)} + name + '/index.js', shortCircuit: true };
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
