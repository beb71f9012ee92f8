/**
 * Threads that are started later, which replace the same functions. Node gives them the flags of
 * the process, unless the program gives them its own; and in threads that run a string, it ignores
 * `--import`.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import worker, { type Worker, type WorkerOptions } from 'node:worker_threads';
import { ownUrl } from '../own-folder.js';
import type { Patch } from './patch.js';

const INVALID_FLAGS = 'ERR_WORKER_INVALID_EXEC_ARGV';

/**
 * Makes threads load `uring/register` first.
 *
 * @param parameters its options, which become the query of its URL.
 */
export function patchWorkers(patch: Patch, parameters: Readonly<Record<string, string>>): void {
  // Not the import, which follows what is replaced.
  const { Worker: NodesWorker } = worker;
  let files: { readonly url: URL; readonly preload: string } | undefined;
  const withFlags = (options: WorkerOptions, given: readonly string[]): WorkerOptions => {
    // Only now: a process that starts no threads is not to wait for it.
    files ??= filesToLoad(parameters);
    const { url, preload } = files;
    // In a bundle, there is no file that threads could load first: they register by themselves.
    if (!existsSync(url)) return options;
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

/** Returns what `--import` and `--require` of a thread are to load. */
function filesToLoad(parameters: Readonly<Record<string, string>>): { url: URL; preload: string } {
  const url = new URL('register/preload.js', ownUrl());
  url.search = new URLSearchParams(parameters).toString();
  return { url, preload: fileURLToPath(new URL('index.cjs', url)) };
}
