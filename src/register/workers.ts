/**
 * Threads that are started later, which replace the same functions. Node gives them the flags of
 * the process, unless the program gives them its own; and in threads that run a string, it ignores
 * `--import`.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import worker, { type Worker, type WorkerOptions } from 'node:worker_threads';
import type { Patch } from './patch.js';

const INVALID_FLAGS = 'ERR_WORKER_INVALID_EXEC_ARGV';

/**
 * Makes threads load a module first.
 *
 * @param url the URL of `uring/register`, with its options as the query.
 */
export function patchWorkers(patch: Patch, url: URL): void {
  // Not the import, which follows what is replaced.
  const { Worker: NodesWorker } = worker;
  const preload = fileURLToPath(new URL('index.cjs', url));
  const withFlags = (options: WorkerOptions, given: readonly string[]): WorkerOptions => {
    const has = (text: string) => given.some((flag) => flag.includes(text));
    const flags = [...given];
    if (options.eval && !has(preload)) flags.push('--require', preload);
    if (!has(url.href) && (options.eval || !has('uring/register'))) flags.push('--import', url.href);
    return flags.length === given.length ? options : { ...options, execArgv: flags };
  };
  const RegisteredWorker = function (filename: string | URL, options: WorkerOptions = {}): Worker {
    if (new.target === undefined) throw new TypeError("Class constructor Worker cannot be invoked without 'new'");
    const start = (given: readonly string[]) =>
      Reflect.construct(NodesWorker, [filename, withFlags(options, given)], new.target) as Worker;
    try {
      return start(options.execArgv ?? process.execArgv);
    } catch (error) {
      if (options.execArgv !== undefined || (error as { code?: unknown }).code !== INVALID_FLAGS) throw error;
      // The process has flags that no thread can have: V8's, which are every thread's anyway.
      const { message } = error as Error;
      return start(process.execArgv.filter((flag) => !message.includes(flag)));
    }
  };
  Object.setPrototypeOf(RegisteredWorker, NodesWorker);
  RegisteredWorker.prototype = NodesWorker.prototype;
  Object.defineProperty(RegisteredWorker, 'name', { value: 'Worker', configurable: true });
  patch.replace(worker, 'Worker', RegisteredWorker);
}
