/**
 * Threads that are started later, which replace the same functions. Node gives them the flags of the
 * process, unless the program gives them its own; and in threads that run a string, it ignores
 * `--import`.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import worker, { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Patch } from './patch.js';

/**
 * Makes threads load a module first.
 *
 * @param url the URL of `uring/register`, with its options as the query.
 */
export function patchWorkers(patch: Patch, url: URL): void {
  const preload = fileURLToPath(new URL('preload.cjs', url));
  const withFlags = (options: WorkerOptions = {}): WorkerOptions => {
    const given = options.execArgv ?? process.execArgv;
    const flags = [...given];
    const has = (text: string) => given.some((flag) => flag.includes(text));
    if (options.eval && !has(preload)) flags.push('--require', preload);
    if (options.eval ? !has(url.href) : !has('uring/register') && !has(url.href)) flags.push('--import', url.href);
    return { ...options, execArgv: flags };
  };
  class RegisteredWorker extends Worker {
    constructor(filename: string | URL, options?: WorkerOptions) {
      super(filename, withFlags(options));
    }
  }
  Object.defineProperty(RegisteredWorker, 'name', { value: 'Worker' });
  patch.replace(worker, 'Worker', RegisteredWorker);
}
