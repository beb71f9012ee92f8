/**
 * What is replaced in each of Node's modules.
 *
 * @module
 */

import dgram from 'node:dgram';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import net from 'node:net';
import * as dgramBackend from '../dgram/backend.js';
import uringDgram from '../dgram/index.js';
import * as fsBackend from '../fs/backend.js';
import uringFs from '../fs/index.js';
import { isNodesOwn } from '../fs/node.js';
import uringPromises from '../fs/promises.js';
import * as netBackend from '../net/backend.js';
import { isHttpServer } from '../net/protocols.js';
import { listenOverRing } from '../net/server.js';
import { readOverRing } from '../net/socket.js';
import type { Patch } from './patch.js';

/** The modules that can be replaced. */
export const MODULE_NAMES = ['fs', 'net', 'http', 'dgram'] as const;

/**
 * `fs` with `fs/promises`; `net` with all that is built on it; `http` with `https` and HTTP/2,
 * servers only; `dgram`.
 */
export type ModuleName = (typeof MODULE_NAMES)[number];

interface Replaceable {
  /** The module that replaces all of this one, too. */
  readonly partOf?: ModuleName;
  /**
   * Replaces functions.
   *
   * @param isFirst nobody can have replaced any before.
   */
  patch(patch: Patch, isFirst: boolean): void;
  /** What the module works through. */
  backend(): 'io_uring' | 'node';
  /** Has the module work through Node's own where there is no io_uring. */
  configure(configuration: { readonly fallback: boolean }): void;
}

/** By name. */
export const MODULES: Readonly<Record<ModuleName, Replaceable>> = {
  fs: {
    ...fsBackend,
    patch(patch, isFirst) {
      for (const [nodes, ours] of [
        [fs, uringFs],
        [fsPromises, uringPromises],
      ] as const) {
        for (const [name, value] of Object.entries(ours)) {
          const before = (nodes as unknown as Record<string, unknown>)[name];
          // A tool that came first, such as a tracer, keeps the functions that it has replaced.
          const isReplaceable = typeof value === 'function' && value !== before && (isFirst || isNodesOwn(before));
          if (isReplaceable) patch.replace(nodes, name, value);
        }
      }
    },
  },
  net: {
    ...netBackend,
    patch(patch) {
      const methods = listenOverRing(net.Server.prototype as never);
      for (const [name, value] of Object.entries(methods)) patch.replace(net.Server.prototype, name, value);
      patch.replace(net.Socket.prototype, '_read', readOverRing);
    },
  },
  http: {
    ...netBackend,
    partOf: 'net',
    patch(patch) {
      const methods = listenOverRing(net.Server.prototype as never, undefined, isHttpServer);
      for (const [name, value] of Object.entries(methods)) patch.replace(net.Server.prototype, name, value);
    },
  },
  dgram: {
    ...dgramBackend,
    patch(patch) {
      patch.replace(dgram, 'createSocket', uringDgram.createSocket);
      patch.replace(dgram, 'Socket', uringDgram.Socket);
    },
  },
};
