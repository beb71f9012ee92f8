/**
 * The life of an engine in its process: what keeps the process alive, how it ends, what is left
 * behind. Observed from outside, in child processes.
 */

import { describe, expect, jest, test } from '@jest/globals';
import { endOfChild, runChild } from '../helpers/child.js';
import { whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

onLinux(`the life of an engine${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(300_000));

  describe.each(['poll', 'timer'])('woken by %s', (eventLoop) => {
    test('an idle engine lets the process exit', async () => {
      expect(await runChild('engine.mjs', ['idle', eventLoop])).toEqual({ idle: true });
    });

    test('an operation in flight keeps the process alive', async () => {
      expect(await runChild('engine.mjs', ['pending', eventLoop])).toEqual({ completed: true, eventLoop });
    });
  });

  test('an unreferenced engine lets the process exit', async () => {
    expect(await runChild('engine.mjs', ['unreferenced'])).toEqual({ completed: false });
  });

  test('an error thrown by a continuation is an uncaught exception, and affects nothing else', async () => {
    expect(await runChild('engine.mjs', ['uncaught'])).toEqual({
      seen: ['thrown after a wait', 'thrown in a continuation', 'thrown in an immediate'],
    });
  });

  test('process.exit() works with everything in flight', async () => {
    const { code, stdout } = await endOfChild('engine.mjs', ['exit', 'exit']);
    expect(code).toBe(7);
    expect(stdout).toContain('"ending":true');
  });

  test('an uncaught exception ends the process with everything in flight', async () => {
    const { code, stderr } = await endOfChild('engine.mjs', ['exit', 'throw']);
    expect(code).toBe(1);
    expect(stderr).toContain('Error: on purpose');
  });

  test('terminating workers in mid-flight 200 times corrupts no memory, and leaks no descriptor and no memory', async () => {
    const result = await runChild<{ changed: number; fds: number; growth: number }>('engine.mjs', [
      'terminate',
      String(rounds(200)),
    ]);
    expect(result.changed).toBe(0);
    expect(result.fds).toBeLessThanOrEqual(0);
    // If they leaked, the regions of each round alone would be more than 100 MiB.
    expect(result.growth).toBeLessThan(150 * 1024 * 1024);
  });

  test('workers are woken by their own event loops', async () => {
    const { answers } = await runChild<{ answers: { eventLoop: string; waited: number; content: string }[] }>('engine.mjs', [
      'workers',
    ]);
    expect(answers).toHaveLength(4);
    for (const { eventLoop, waited, content } of answers) {
      expect(eventLoop).toBe('poll');
      expect(waited).toBeGreaterThanOrEqual(19);
      expect(content).toBe('content');
    }
  });

  test('10,000 engines leak no descriptor and no memory', async () => {
    const result = await runChild<{ left: number; growth: number }>(
      'engine.mjs',
      ['many', String(rounds(10_000))],
      ['--expose-gc'],
    );
    expect(result.left).toBe(0);
    expect(result.growth).toBeLessThan(64 * 1024 * 1024);
  });

  test('a child that is spawned in mid-flight inherits no ring, and affects none', async () => {
    expect(await runChild('engine.mjs', ['spawn'])).toEqual({ code: 0, ringsInChild: 0, count: 5, text: 'hello' });
  });

  test('with every reference dropped, operations in flight complete, and forgotten engines and files are closed with a warning', async () => {
    const result = await runChild('engine.mjs', ['collected'], ['--expose-gc']);
    expect(result).toEqual({
      results: [7, 7, 7, 7, 7, 'timeout', 'timeout', 'timeout', 'timeout', 'timeout'],
      engines: 0,
      files: 0,
      warnings: ['URING_NOT_CLOSED'],
    });
  });

  test('a 10 ms timer fires on time while 128 readers run', async () => {
    const result = await runChild<{ reads: number; median: number }>('engine.mjs', ['fairness']);
    expect(result.reads).toBeGreaterThan(1000);
    // The median of thirty timers: a single late one can be due to the machine.
    expect(result.median).toBeLessThan(within(30));
  });
});
