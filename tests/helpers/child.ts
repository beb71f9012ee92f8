/** Runs a script of `tests/children` in its own process, with the Node that runs the tests. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { within } from './slow.js';

const run = promisify(execFile);

const fileOf = (script: string) => fileURLToPath(new URL(`../children/${script}`, import.meta.url));

/**
 * From Node 22 on, a process that exits while a thread is compiling can wait for that thread
 * indefinitely (nodejs/node#54918). On Node 24 this affected one child in ten here.
 */
const ENDS_SURELY = '--no-concurrent-sparkplug';

/**
 * Runs a script.
 * @param limits Shell commands that run first, to set resource limits.
 * @returns The JSON in the last line of its output.
 */
export async function runChild<T>(
  script: string,
  args: string[] = [],
  nodeArgs: string[] = [],
  env: Record<string, string> = {},
  limits = ':',
): Promise<T> {
  const options = { timeout: within(280_000), env: { ...process.env, ...env } };
  const command = [process.execPath, ENDS_SURELY, ...nodeArgs, fileOf(script), ...args];
  const { stdout } = await run('sh', ['-c', `${limits} && exec "$0" "$@"`, ...command], options);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as T;
}

/** Runs a script that may fail. @returns Its exit code and output. */
export async function endOfChild(script: string, args: string[] = []): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [ENDS_SURELY, fileOf(script), ...args], { timeout: within(150_000) });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}
