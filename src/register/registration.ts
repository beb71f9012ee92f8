/**
 * The registration of this thread.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { type CallCounts, callCounts } from '../calls.js';
import type { UringCounters } from '../engine/index.js';
import { isHttpServer } from '../net/protocols.js';
import { OWN_URL } from '../own-folder.js';
import { checkName, checkOptions, invalidArgType } from '../validate.js';
import { Deferred } from './deferred.js';
import { replaceFunctions } from './files.js';
import { LateLibrary, loadModules } from './late.js';
import { MODULE_NAMES, type ModuleName } from './names.js';
import { Patch } from './patch.js';
import { patchWorkers } from './workers.js';

export type { CallCounts, ModuleName };

/** How to register. */
export interface RegisterOptions {
  /** Which modules: `'fs'`, `'net'`, `'http'`, `'dgram'`. Default: `['fs']`. */
  readonly modules?: readonly ModuleName[] | undefined;
  /**
   * Fail where there is no io_uring, in the place of leaving everything to Node. Default: `false`.
   */
  readonly require?: boolean | undefined;
}

/** The registered modules of this thread, and their work. */
export interface RegisterStatus {
  /** The registered modules, and what each works through. */
  readonly modules: Partial<Record<ModuleName, 'io_uring' | 'node'>>;
  /**
   * How often each function was called in this thread, and what did its work, by name:
   * `'fs.readFile'`, `'fs.promises.stat'`, `'FileHandle.read'`, `'net.Socket.read'`,
   * `'dgram.Socket.send'`. Functions that are not listed were not called, or are Node's own.
   */
  readonly calls: Readonly<Record<string, CallCounts>>;
  /** Counters of this thread's engine; `undefined` where there is none. */
  readonly counters: UringCounters | undefined;
}

let patch: Patch | undefined;
let registered: readonly ModuleName[] = [];
let library: LateLibrary | undefined;

/**
 * Puts the functions of `uring/fs` and others in the place of those of Node's modules, in this
 * thread and in those that it starts from now on. Replaces an earlier registration.
 *
 * References that were taken before go on to be Node's own: call it first of all, or start the
 * program with `--import uring/register`.
 *
 * @throws TypeError for options that make no sense; with `require`, UringUnavailableError when
 *   there is no io_uring.
 */
export function register(options: RegisterOptions = {}): void {
  replaceModules(options, { isFirst: false, callsBefore: 0 });
}

/** Options of the flag. */
interface Preload {
  /** No other code has run before in this thread, so nothing was replaced before. */
  readonly isFirst: boolean;
  /**
   * The number of calls of functions of `fs` before the library is loaded, if nothing else needs it;
   * 0: it is loaded now.
   */
  readonly callsBefore: number;
}

/** Does what {@link register} does. */
export function replaceModules(options: RegisterOptions, { isFirst, callsBefore }: Preload): void {
  checkOptions(options, ['modules', 'require']);
  const { modules = ['fs'], require = false } = options;
  if (!Array.isArray(modules)) throw invalidArgType('options.modules', 'an array of module names', modules);
  for (const name of modules) checkName('options.modules', name, MODULE_NAMES, 'a module');
  if (typeof require !== 'boolean') throw invalidArgType('options.require', 'of type boolean', require);
  if (require) loadModules().Uring.default();
  unregister();
  patch = new Patch();
  registered = [...new Set(modules)];
  library = new LateLibrary(({ MODULES }) => {
    for (const name of registered) MODULES[name].configure({ fallback: !require });
  });
  if (callsBefore === 0 || require) library.load();
  replaceFor(patch, library, { isFirst, callsBefore });
  const url = new URL('register/preload.js', OWN_URL);
  const parameters = { modules: registered.join(), load_after: String(callsBefore), ...(require ? { require: '1' } : {}) };
  url.search = new URLSearchParams(parameters).toString();
  // In a bundle, there is no file that threads could load first: they register by themselves.
  if (existsSync(url)) patchWorkers(patch, url);
  patch.publish();
}

/** Loads what `net` and `dgram` need from the start, and Node's modules of these names. */
function loadSockets(): typeof import('./sockets.js') {
  return import('./sockets.js') as unknown as typeof import('./sockets.js');
}

/** Replaces the functions of the registered modules. */
function replaceFor(patch: Patch, library: LateLibrary, { isFirst, callsBefore }: Preload): void {
  const has = (name: ModuleName) => registered.includes(name);
  if (has('fs')) {
    const functions = library.isWaiting ? new Deferred(callsBefore, library) : loadModules().fileFunctions;
    replaceFunctions(patch, isFirst, functions);
  }
  if (registered.every((name) => name === 'fs')) return;
  const { replaceDatagrams, replaceListening, replaceReading } = loadSockets();
  if (has('net')) replaceReading(patch, library);
  if (has('net') || has('http')) replaceListening(patch, library, has('net') ? () => true : isHttpServer);
  if (has('dgram')) replaceDatagrams(patch, library);
}

/** Puts Node's own functions back. What was opened until then stays as it is. Idempotent. */
export function unregister(): void {
  patch?.undo();
  library?.cancel();
  patch = undefined;
  library = undefined;
  registered = [];
}

/**
 * Returns the registered modules of this thread, and whether they work through io_uring. Loads the
 * library and opens the thread's engine if that has not happened yet.
 */
export function status(): RegisterStatus {
  if (registered.length === 0) return { modules: {}, calls: callCounts(), counters: undefined };
  library?.load();
  const { MODULES, Uring } = loadModules();
  const modules = Object.fromEntries(registered.map((name) => [name, MODULES[name].backend()]));
  const isAtWork = Object.values(modules).includes('io_uring');
  return { modules, calls: callCounts(), counters: isAtWork ? Uring.default().counters : undefined };
}
