/** Runs `children/restricted.mjs`. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { within } from './slow.js';

const run = promisify(execFile);

/** The outcome of each entry point: a value or an error. */
export type Ends = Record<string, { readonly value?: unknown; readonly error?: Record<string, unknown> }>;

/** The report of most scenarios. */
export interface Restricted {
  readonly ends: Ends;
  /** Open descriptors that were not open before. */
  readonly left: string[];
  readonly fallback: Ends[string];
  readonly warnings: string[];
}

/** Runs a scenario. @param limits Shell commands that run first, to set resource limits. */
export async function runRestricted(scenario: string, args: string[] = [], limits = ':'): Promise<Restricted> {
  const script = fileURLToPath(new URL('../children/restricted.mjs', import.meta.url));
  const command = ['-c', `${limits} && exec "$0" "$@"`, process.execPath, script, scenario, ...args];
  const { stdout } = await run('sh', command, { timeout: within(120_000) });
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Restricted;
}
