/** The operations reference: its examples run, and the page is what the sources say. */

import { execFileSync } from 'node:child_process';
import { expect, jest, test } from '@jest/globals';
import { OPERATIONS } from '../../src/ops/index.js';
import { REGISTER_OP_SINCE } from '../../src/ring/index.js';
import { runChild } from '../helpers/child.js';
import { whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
jest.setTimeout(within(120_000));

test('there is an example for every operation and every register operation', async () => {
  const { names } = await runChild<{ names: Record<string, string[]> }>('reference.mjs', ['names']);
  expect(names.operations).toEqual(OPERATIONS.map(({ name }) => name));
  expect(names.registrations).toEqual(Object.keys(REGISTER_OP_SINCE));
});

test('docs/operations.md is what npm run reference writes', () => {
  execFileSync(process.execPath, ['scripts/reference.mjs', '--check'], { stdio: 'pipe' });
});

(reason === undefined ? test : test.skip)(`the examples run${reason ? ` (skipped: ${reason})` : ''}`, async () => {
  const { failures } = await runChild<{ failures: Record<string, string> }>('reference.mjs');
  expect(failures).toEqual({});
});
