/**
 * The registration of this thread.
 *
 * @module
 */

import { type CallCounts, callCounts } from '../calls.js';
import type { UringCounters } from '../engine/index.js';
import { isHttpServer } from '../net/protocols.js';
import { checkName, checkOptions, invalidArgType } from '../validate.js';
import { Deferred } from './deferred.js';
import { replaceFunctions } from './files.js';
import { LatePart, loadNow } from './late.js';
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
let parts: Parts | undefined;

/** The parts of the library, by the modules that they replace. */
type Parts = ReturnType<typeof lateParts>;

function lateParts(fallback: boolean) {
  const net = new LatePart(() => import('./parts/sockets.js'), fallback);
  return {
    fs: new LatePart(() => import('./parts/files.js'), fallback),
    net,
    http: net,
    dgram: new LatePart(() => import('./parts/datagrams.js'), fallback),
  } satisfies Record<ModuleName, unknown>;
}

const loadEngine = () => loadNow(() => import('../engine/index.js'));

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
   * The number of calls of functions of `fs` before what they need is loaded; 0: everything is
   * loaded now.
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
  if (require) loadEngine().Uring.default();
  unregister();
  patch = new Patch();
  registered = [...new Set(modules)];
  parts = lateParts(!require);
  if (callsBefore === 0 || require) for (const name of registered) parts[name].load();
  replaceFor(patch, parts, { isFirst, callsBefore });
  patchWorkers(patch, { modules: registered.join(), load_after: String(callsBefore), ...(require ? { require: '1' } : {}) });
  patch.publish();
}

/** Replaces the functions of the registered modules. */
function replaceFor(patch: Patch, { fs, net, dgram }: Parts, { isFirst, callsBefore }: Preload): void {
  const has = (name: ModuleName) => registered.includes(name);
  if (has('fs')) {
    const functions = fs.isWaiting ? new Deferred(callsBefore, fs) : fs.load().fileFunctions;
    replaceFunctions(patch, isFirst, functions);
  }
  if (registered.every((name) => name === 'fs')) return;
  // Loads Node's modules `net` and `dgram`.
  const { replaceDatagrams, replaceListening, replaceReading } = loadNow(() => import('./sockets.js'));
  if (has('net')) replaceReading(patch, net);
  if (has('net') || has('http')) replaceListening(patch, net, has('net') ? () => true : isHttpServer);
  if (has('dgram')) replaceDatagrams(patch, dgram);
}

/** Puts Node's own functions back. What was opened until then stays as it is. Idempotent. */
export function unregister(): void {
  patch?.undo();
  for (const part of Object.values(parts ?? {})) part.cancel();
  patch = undefined;
  parts = undefined;
  registered = [];
}

/**
 * Returns the registered modules of this thread, and whether they work through io_uring. Loads the
 * library and opens the thread's engine if that has not happened yet.
 */
export function status(): RegisterStatus {
  const used = parts;
  if (used === undefined) return { modules: {}, calls: callCounts(), counters: undefined };
  const modules = Object.fromEntries(registered.map((name) => [name, used[name].load().backend()]));
  const isAtWork = Object.values(modules).includes('io_uring');
  return { modules, calls: callCounts(), counters: isAtWork ? loadEngine().Uring.default().counters : undefined };
}
