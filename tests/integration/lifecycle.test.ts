/**
 * The end of a ring: closed, collected, with its worker, with its process. Observed from outside,
 * in child processes.
 */

import { describe, expect, jest, test } from '@jest/globals';
import { runChild } from '../helpers/child.js';
import { whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

onLinux(`the end of a ring${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(160_000));

  test('terminating workers in mid-flight 200 times corrupts no memory, and leaks no descriptor and no memory', async () => {
    const result = await runChild<{
      changed: number;
      fdsBefore: number;
      fdsAfter: number;
      rssBefore: number;
      rssAfter: number;
    }>('terminate.mjs', [String(rounds(200))]);
    expect(result.changed).toBe(0);
    expect(result.fdsAfter).toBeLessThanOrEqual(result.fdsBefore);
    // If they leaked, the arenas of each round alone would be 40 MiB.
    expect(result.rssAfter - result.rssBefore).toBeLessThan(100 * 1024 * 1024);
  });

  test('rings that are garbage-collected are closed, with a warning', async () => {
    const result = await runChild<{ opened: number; left: number; warnings: string[] }>(
      'lifecycle.mjs',
      ['collected'],
      ['--expose-gc'],
    );
    expect(result.opened).toBe(10);
    expect(result.left).toBe(0);
    expect(result.warnings).toContain('URING_NOT_CLOSED');
  });

  test('a thread that leaves a shared ring keeps its buffers until the ring is at rest', async () => {
    expect(await runChild('lifecycle.mjs', ['leaving'], ['--expose-gc'])).toEqual({ early: false, late: true });
  });

  test('a worker that is blocked in a wait can be terminated', async () => {
    const { times } = await runChild<{ times: number[] }>('lifecycle.mjs', ['blocked']);
    for (const milliseconds of times) expect(milliseconds).toBeLessThan(5000);
  });

  test('workers that are terminated while they share a context do not disturb the others', async () => {
    const result = await runChild<{ foreign: number; slowest: number; warnings: string[] }>('lifecycle.mjs', ['casualties']);
    expect(result.foreign).toBe(0);
    expect(result.slowest).toBeLessThan(4000);
    expect(result.warnings).toEqual([]);
  });

  test('a process can end with operations pending', async () => {
    expect(await runChild('lifecycle.mjs', ['exit'])).toEqual({ pending: true });
  });

  test('2,000 rings leak no descriptor and no memory', async () => {
    const result = await runChild<{ left: number; growth: number }>('lifecycle.mjs', ['many'], ['--expose-gc']);
    expect(result.left).toBe(0);
    expect(result.growth).toBeLessThan(64 * 1024 * 1024);
  });

  test('a ring that takes no drain can still be closed', async () => {
    const result = await runChild<{ milliseconds: number; left: number; warnings: string[] }>('lifecycle.mjs', ['skip']);
    expect(result.left).toBe(0);
    expect(result.milliseconds).toBeLessThan(2000);
    expect(result.warnings).toEqual([]);
  });
});
