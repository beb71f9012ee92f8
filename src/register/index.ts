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
 * modules then, with one warning.
 *
 * @module
 */

import { type ModuleName, register } from './api.js';

// A thread is told by its parent's registration, in the URL.
const parameters = new URL(import.meta.url).searchParams;
const setting = (name: string): string | undefined =>
  parameters.get(name) ?? (process.env[`URING_${name.toUpperCase()}`] || undefined);

if (process.env.URING_DISABLE !== '1') {
  register({
    modules: setting('modules')
      ?.split(',')
      .map((name) => name.trim() as ModuleName),
    require: setting('require') === '1',
  });
}
