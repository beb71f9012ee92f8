/**
 * The replacements in each of Node's modules.
 *
 * @module
 */

import dgram from 'node:dgram';
import net from 'node:net';
import * as dgramBackend from '../dgram/backend.js';
import uringDgram from '../dgram/index.js';
import * as fsBackend from '../fs/backend.js';
import uringFs from '../fs/index.js';
import uringPromises from '../fs/promises.js';
import * as netBackend from '../net/backend.js';
import { isHttpServer } from '../net/protocols.js';
import { listenOverRing } from '../net/server.js';
import { readOverRing } from '../net/socket.js';
import type { FileFunctions } from './deferred.js';
import { replaceFunctions } from './files.js';
import type { ModuleName } from './names.js';
import type { Patch } from './patch.js';

export { Uring } from '../engine/index.js';

interface Replaceable {
  /** The module that replaces all of this one, too. */
  readonly partOf?: ModuleName;
  /**
   * Replaces functions.
   *
   * @param isFirst nobody can have replaced any before.
   */
  patch(patch: Patch, isFirst: boolean): void;
  /** The interface that the module works through. */
  backend(): 'io_uring' | 'node';
  /** Has the module work through Node's own where there is no io_uring. */
  configure(configuration: { readonly fallback: boolean }): void;
}

/** The functions that replace those of `node:fs`. */
export const fileFunctions = { fs: uringFs, promises: uringPromises } as unknown as FileFunctions;

/** By name. */
export const MODULES: Readonly<Record<ModuleName, Replaceable>> = {
  fs: {
    ...fsBackend,
    patch(patch, isFirst) {
      replaceFunctions(patch, isFirst, fileFunctions);
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
