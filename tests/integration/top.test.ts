/** `uring top`, and what it watches: `--import uring/top`. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { socketOf } from '../../src/top/address.js';
import { whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
jest.setTimeout(within(60_000));

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const program = fileURLToPath(new URL('../children/top.mjs', import.meta.url));

(reason === undefined ? describe : describe.skip)(`uring top${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  const start = async (...flags: string[]) => {
    const child = spawn(process.execPath, [...flags, program], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return { child, pid: child.pid as number };
  };
  const top = (...args: string[]) => promisify(execFile)(process.execPath, [cli, 'top', ...args]);

  test('shows the operations of a running program, and the program ends as without it', async () => {
    const { child, pid } = await start('--import', 'uring/top');
    const { stdout } = await top(String(pid), '--json', '--count', '2');
    const [first, second, ...more] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(more).toEqual([]);
    expect(first.format).toBe(1);
    const [{ seconds, operations, ...about }] = second.samples;
    expect(about).toEqual({ pid, thread: 0 });
    expect(seconds).toBeGreaterThan(0.9);
    const of = (name: string) => operations.find(({ operation }: { operation: string }) => operation === name);
    expect(of('READ')).toEqual({
      engine: 1,
      operation: 'READ',
      completed: expect.any(Number),
      failed: 0,
      inFlight: expect.any(Number),
      p50: expect.any(Number),
      p99: expect.any(Number),
      max: expect.any(Number),
    });
    const { completed, p50, max } = of('READ');
    expect([completed > 0, p50 > 0, max >= p50]).toEqual([true, true, true]);
    expect(of('OPENAT').failed).toBe(of('OPENAT').completed);
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(socketOf(pid, 0))).toBe(false);
  });

  test('prints a table, and ends with the program', async () => {
    const { child, pid } = await start('--import', 'uring/top');
    const watching = top(String(pid));
    setTimeout(() => child.stdin?.end(), 2500);
    const { stdout } = await watching;
    expect(stdout).toMatch(
      new RegExp(`^process ${pid}: \\d+ operations per second\\noperation +per second +failed +in flight +p50 us`),
    );
    expect(stdout).toMatch(/^READ +\d+ +0 +\d+ +\d+ +\d+ +\d+$/m);
  });

  test('says how to start a process that it cannot watch, and forgets one that was killed', async () => {
    const { pid } = await start();
    const hint = 'Start it with "node --import uring/top".';
    await expect(top(String(pid))).rejects.toThrow(`process ${pid} cannot be watched. ${hint}`);
    const watched = await start('--import', 'uring/top');
    watched.child.kill('SIGKILL');
    await once(watched.child, 'exit');
    expect(existsSync(socketOf(watched.pid, 0))).toBe(true);
    await expect(top(String(watched.pid))).rejects.toThrow(hint);
    expect(existsSync(socketOf(watched.pid, 0))).toBe(false);
  });
});
