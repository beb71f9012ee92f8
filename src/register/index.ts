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
 * and what did their work.
 *
 * @module
 */

import { type ModuleName, replaceModules, status } from './registration.js';
import { reportAtExit } from './report.js';

// A thread is told by its parent's registration, in the URL of the flag `--import`. In threads that
// run a string, which ignore it, `--require` loads this module.
const flag = process.execArgv.find((each) => each.includes('/register/index.js?'));
const parameters = new URL(flag ?? import.meta.url).searchParams;
const setting = (name: string): string | undefined =>
  parameters.get(name) ?? (process.env[`URING_${name.toUpperCase()}`] || undefined);

if (process.env.URING_DISABLE !== '1') {
  const modules = setting('modules')
    ?.split(',')
    .map((name) => name.trim() as ModuleName);
  replaceModules({ modules, require: setting('require') === '1' }, isOnlyPreload());
  if (process.env.URING_REPORT === '1') reportAtExit(status);
}

/** Returns whether the flags of this process load nothing else before the program. */
function isOnlyPreload(): boolean {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return (flags.match(/(^|\s)(-r|--(require|import|loader|experimental-loader))\b/g) ?? []).length === 1;
}
