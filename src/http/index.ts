/**
 * `uring/http`: servers and clients of `node:http` whose connections go over io_uring.
 *
 * Requests, responses and parsing are Node's. For https, tls and http2 see `overRing` in `uring/net`.
 *
 * @module
 */

import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, overRing } from '../net/index.js';

/**
 * `http.createServer` of Node's, over the ring.
 *
 * @example
 * ```ts
 * import express from 'express';
 * import { createServer } from 'uring/http';
 *
 * createServer(express()).listen(8080);
 * ```
 */
export function createServer(requestListener?: http.RequestListener): http.Server;
export function createServer(options: http.ServerOptions, requestListener?: http.RequestListener): http.Server;
export function createServer(options?: http.ServerOptions | http.RequestListener, listener?: http.RequestListener): http.Server {
  return overRing(http.createServer(options as http.ServerOptions, listener));
}

/** An `http.Agent` that connects over the ring: `http.get(url, { agent: new Agent({ keepAlive: true }) })`. */
export class Agent extends http.Agent {
  /** Called by `node:http`. */
  override createConnection(options: http.ClientRequestArgs): Duplex {
    return connect(options as net.NetConnectOpts);
  }
}

export default { Agent, createServer };
