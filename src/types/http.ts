/**
 * What TypeScript knows of `uring/http`: all of `node:http`. See `fs.ts`. Never run: `src/http/index.ts` is.
 *
 * @module
 */

export * from 'node:http';
export * as default from './http.js';
