/**
 * `uring/https`: `node:https`, with servers that accept over io_uring.
 *
 * Everything else is Node's own: TLS works on libuv's handles, and is several times slower on
 * anything else.
 *
 * @module uring/https
 */

import type http from 'node:http';
import https from 'node:https';
import { overRing } from '../net/index.js';

// The declarations below override Node's.
export * from 'node:https';

/**
 * Creates a server with Node's `https.createServer`; the ring accepts its connections.
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
  // Programs may replace it, as with `node:https`.
  get globalAgent() {
    return https.globalAgent;
  },
  set globalAgent(agent: https.Agent) {
    https.globalAgent = agent;
  },
};
