/**
 * `uring/http`: `node:http`, with servers and clients whose connections use io_uring.
 *
 * Requests, responses and parsing are Node's, as is everything else that `node:http` exports. For
 * TLS, see `uring/https`.
 *
 * @module uring/http
 */

import http from 'node:http';
import type net from 'node:net';
import { connect, overRing } from '../net/index.js';

// The declarations below override Node's.
export * from 'node:http';

/**
 * Creates a server with Node's `http.createServer`, over the ring.
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

/** The constructor. As with `http.Agent`, `new` is optional. */
export interface AgentConstructor {
  new (options?: http.AgentOptions): http.Agent;
  (options?: http.AgentOptions): http.Agent;
  readonly prototype: http.Agent;
}

/** An agent whose connections use the ring. */
export type Agent = http.Agent;

/**
 * An `http.Agent` that connects over the ring:
 * `http.get(url, { agent: new Agent({ keepAlive: true }) })`.
 */
export const Agent = function Agent(this: http.Agent | undefined, options?: http.AgentOptions): http.Agent {
  if (this === undefined || !Object.prototype.isPrototypeOf.call(Agent.prototype, this)) {
    return new (Agent as AgentConstructor)(options);
  }
  (http.Agent as unknown as (this: http.Agent, options: unknown) => void).call(this, options);
  return this;
} as unknown as AgentConstructor;

Object.setPrototypeOf(Agent, http.Agent);
Object.setPrototypeOf(Agent.prototype, http.Agent.prototype);
Object.defineProperties(Agent.prototype, {
  constructor: { value: Agent, configurable: true, writable: true },
  /** Called by `node:http`. */
  createConnection: { value: (options: net.NetConnectOpts) => connect(options), configurable: true, writable: true },
});

/** The agent of {@link request} and {@link get}, with the settings of Node's global agent. */
export let globalAgent: http.Agent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });

/** Node's `http.request`, with {@link globalAgent} unless another agent is given. */
export const request = ((...args: unknown[]) => http.request(...withAgent(args))) as typeof http.request;

/** Node's `http.get`, with {@link globalAgent} unless another agent is given. */
export const get = ((...args: unknown[]) => http.get(...withAgent(args))) as typeof http.get;

/** Adds the agent to `(url[, options][, callback])` or `(options[, callback])`. */
function withAgent([first, ...rest]: readonly unknown[]): [string | URL, http.RequestOptions] {
  if (typeof first !== 'string' && !(first instanceof URL)) return [withOurs(first), ...rest] as never;
  if (typeof rest[0] === 'function') return [first, withOurs(undefined), ...rest] as never;
  return [first, withOurs(rest[0]), ...rest.slice(1)] as never;
}

function withOurs(options: unknown): http.RequestOptions {
  const given = { ...(options as http.RequestOptions | null | undefined) };
  if (given.agent == null && given.createConnection === undefined) given.agent = globalAgent;
  return given;
}

export default {
  ...http,
  Agent,
  createServer,
  get,
  request,
  // Programs may replace it, as with `node:http`.
  get globalAgent() {
    return globalAgent;
  },
  set globalAgent(agent: http.Agent) {
    globalAgent = agent;
  },
};
