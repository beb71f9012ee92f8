/**
 * The parts of the library that replace Node's modules. Loading this loads all of it.
 *
 * @module
 */

import * as dgramBackend from '../dgram/backend.js';
import * as fsBackend from '../fs/backend.js';
import uringFs from '../fs/index.js';
import uringPromises from '../fs/promises.js';
import * as netBackend from '../net/backend.js';
import type { FileFunctions } from './files.js';
import type { ModuleName } from './names.js';

export { Socket as DatagramSocket } from '../dgram/socket.js';
export { Uring } from '../engine/index.js';
export { listenOverRing } from '../net/server.js';
export { takeOver } from '../net/socket.js';

interface Configurable {
  /** The interface that the module works through. */
  backend(): 'io_uring' | 'node';
  /** Has the module work through Node's own where there is no io_uring. */
  configure(configuration: { readonly fallback: boolean }): void;
}

/** The modules, by name. */
export const MODULES: Readonly<Record<ModuleName, Configurable>> = {
  fs: fsBackend,
  net: netBackend,
  http: netBackend,
  dgram: dgramBackend,
};

/** The functions that replace those of `node:fs`. */
export const fileFunctions = { fs: uringFs, promises: uringPromises } as unknown as FileFunctions;
