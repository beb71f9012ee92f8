/**
 * What TypeScript knows of `uring/fs`: the types of `node:fs`, of whatever version of `@types/node` a program has, and what only we have. The default import is a namespace, as Node's
 * is (`fs.Stats` is a type). Never run: `src/fs/index.ts` is.
 *
 * @module
 */

export * from 'node:fs';
export { backend, type Configuration, configure } from '../fs/index.js';
export * as default from './fs.js';
export { default as promises } from './fs-promises.js';
