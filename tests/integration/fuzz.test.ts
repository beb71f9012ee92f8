/**
 * Every public function with arbitrary values, each batch in a separate process: a typed error or
 * correct work, never a crash or a stuck ring. URING_RUNS and URING_SEED select other values than
 * the default.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { rounds } from '../helpers/slow.js';

const runs = Number(process.env.URING_RUNS ?? rounds(3000));
const firstSeed = Number(process.env.URING_SEED ?? 1);
const script = fileURLToPath(new URL('../children/fuzz.mjs', import.meta.url));
const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

onLinux(`arbitrary values${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  test.each(['engine', 'fs', 'callbacks', 'handle', 'ring'])(
    'never crash a function of %s or leave it stuck',
    async (target) => {
      for (let seed = firstSeed; seed < firstSeed + 2; seed++) {
        const cwd = `${directory.path}/${target}-${seed}`;
        mkdirSync(cwd);
        const journal = `${directory.path}/${target}-${seed}.case`;
        try {
          const { stdout } = await promisify(execFile)(process.execPath, [script, target, String(seed), String(runs), journal], {
            cwd,
            timeout: 110_000,
          });
          const { failures, functions } = JSON.parse(stdout.trim().split('\n').at(-1) as string);
          expect([seed, failures]).toEqual([seed, []]);
          expect(functions).toBeGreaterThanOrEqual(10);
        } catch (error) {
          const { signal, code, stderr } = error as { signal?: string; code?: number; stderr?: string };
          if (signal === undefined && code === undefined) throw error;
          throw new Error(`seed ${seed} ended with ${signal ?? code} at ${readFileSync(journal, 'utf8').trim()}\n${stderr}`);
        }
      }
    },
    240_000,
  );
});
