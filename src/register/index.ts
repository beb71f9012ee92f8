/**
 * `uring/register`: a whole program over io_uring, its dependencies included.
 *
 * ```sh
 * node --import uring/register app.js
 * URING_MODULES=fs,net,dgram node --import uring/register app.js
 * ```
 *
 * `URING_MODULES` says which modules (default: `fs`), `URING_DISABLE=1` turns it off, and
 * `URING_REQUIRE=1` has the program fail where there is no io_uring; else it runs on Node's own
 * modules then, with one warning. `URING_REPORT=1` prints at the end which functions were called,
 * and what did their work. The first calls of functions of `fs` are Node's, and the library is loaded
 * after 1,000 of them, or after as many as `URING_LOAD_AFTER` says; 0 loads it at the start. What
 * sockets need is loaded when a server has too many connections for the event loop, many connections
 * are busy, or a datagram socket is created.
 *
 * @module uring/register
 */

import { checkInteger } from '../validate.js';
import type { ModuleName } from './names.js';
import { replaceModules, status } from './registration.js';
import { reportAtExit } from './report.js';

/**
 * A call over the ring saves 20 to 40 µs in real programs (docs/performance.md), and loading the
 * library costs 25 to 45 ms: a program that makes fewer calls is better off without it.
 */
const CALLS_BEFORE = 1000;

const PRELOADING = new Set(['-r', '--require', '--import', '--loader', '--experimental-loader']);

// A thread is told by its parent's registration, in the URL of the flag `--import`. In threads that
// run a string, which ignore it, `--require` loads this module.
const flag = process.execArgv.find((each) => each.includes('/register/preload.js?'));
const parameters = flag === undefined ? undefined : new URL(flag).searchParams;
const setting = (name: string): string | undefined =>
  parameters?.get(name) ?? (process.env[`URING_${name.toUpperCase()}`] || undefined);

if (process.env.URING_DISABLE !== '1') {
  const modules = setting('modules')
    ?.split(',')
    .map((name) => name.trim() as ModuleName);
  const callsBefore = Number(setting('load_after') ?? CALLS_BEFORE);
  checkInteger('URING_LOAD_AFTER', callsBefore, 0, Number.MAX_SAFE_INTEGER);
  replaceModules({ modules, require: setting('require') === '1' }, { isFirst: isOnlyPreload(), callsBefore });
  if (process.env.URING_REPORT === '1') reportAtExit(status);
}

/** Returns whether the flags of this process load nothing else before the program. */
function isOnlyPreload(): boolean {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')];
  return flags.filter((flag) => PRELOADING.has(flag.split('=', 1)[0] as string)).length === 1;
}
