/**
 * `uring/https`: `node:https`, with servers that accept on io_uring.
 *
 * Everything else is Node's own: TLS works on libuv's handles, and is several times as slow on anything else.
 *
 * @module
 */

import type http from 'node:http';
import https from 'node:https';
import { overRing } from '../net/index.js';

// What is declared here takes the place of Node's.
export * from 'node:https';

/**
 * `https.createServer` of Node's; the ring accepts its connections.
 *
 * @example
 * ```ts
 * import { createServer } from 'uring/https';
 *
 * createServer({ key, cert }, app).listen(443);
 * ```
 */
export function createServer(requestListener?: http.RequestListener): https.Server;
export function createServer(options: https.ServerOptions, requestListener?: http.RequestListener): https.Server;
export function createServer(
  options?: https.ServerOptions | http.RequestListener,
  listener?: http.RequestListener,
): https.Server {
  return overRing(https.createServer(options as https.ServerOptions, listener));
}

export default {
  ...https,
  createServer,
  // A program may put its own in its place, as with `node:https`.
  get globalAgent() {
    return https.globalAgent;
  },
  set globalAgent(agent: https.Agent) {
    https.globalAgent = agent;
  },
};
