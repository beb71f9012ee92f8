/**
 * `uring run PROGRAM`: runs a program of Node's with `uring/register`.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Signals that a terminal or a supervisor sends to the program that it has started. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Runs a program in a process of its own, with this process's Node, streams, and environment.
 *
 * @param args flags of Node, the program, and its arguments.
 * @param environment see `uring/register`.
 * @returns the exit code; 128 and the number of the signal if one has ended it.
 */
export async function runProgram(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const register = fileURLToPath(new URL('../register/preload.js', import.meta.url));
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, ['--import', register, ...args], { stdio: 'inherit', env });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  for (const each of FORWARDED) process.removeListener(each, forward);
  return code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
