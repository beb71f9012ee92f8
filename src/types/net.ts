/**
 * What TypeScript knows of `uring/net`. See `fs.ts`. Never run: `src/net/index.ts` is.
 *
 * @module
 */

export * from 'node:net';
export {
  backend,
  type Configuration,
  type ConnectionListener,
  configure,
  overRing,
  type ServerOptions,
  type SocketOptions,
} from '../net/index.js';
export * as default from './net.js';
