/** Runs a script of `tests/children` in a process of its own, with the Node that runs the tests. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** @returns the JSON that the script prints last. */
export async function runChild<T>(script: string, args: string[] = [], nodeArgs: string[] = []): Promise<T> {
  const file = fileURLToPath(new URL(`../children/${script}`, import.meta.url));
  const { stdout } = await run(process.execPath, [...nodeArgs, file, ...args], { timeout: 150_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as T;
}
