/**
 * Threads that are started later, which replace the same functions: Node gives them the flags of
 * the process, unless the program gives them its own.
 *
 * @module
 */

import worker, { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Patch } from './patch.js';

/** Has threads load a module first. @param url that of `uring/register`, with its options. */
export function patchWorkers(patch: Patch, url: string): void {
  const withFlag = (options: WorkerOptions = {}): WorkerOptions => {
    const flags = options.execArgv ?? process.execArgv;
    const isThere = flags.some((flag) => flag.includes('uring/register') || flag.includes(url));
    return isThere ? options : { ...options, execArgv: [...flags, '--import', url] };
  };
  class RegisteredWorker extends Worker {
    constructor(filename: string | URL, options?: WorkerOptions) {
      super(filename, withFlag(options));
    }
  }
  Object.defineProperty(RegisteredWorker, 'name', { value: 'Worker' });
  patch.replace(worker, 'Worker', RegisteredWorker);
}
