/**
 * What TypeScript knows of `uring/https`: all of `node:https`. See `fs.ts`. Never run: `src/https/index.ts` is.
 *
 * @module
 */

export * from 'node:https';
export * as default from './https.js';
