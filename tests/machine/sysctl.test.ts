/**
 * The sysctl kernel.io_uring_disabled. These tests change the machine that they run on: only
 * `npm run test:kernel -- 6.12 tests/machine` runs them, in a virtual machine of their own.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { runRestricted } from '../helpers/restricted.js';

const SYSCTL = '/proc/sys/kernel/io_uring_disabled';
const GROUP = '/proc/sys/kernel/io_uring_group';
const onSysctl = existsSync(SYSCTL) ? describe : describe.skip;

onSysctl('kernel.io_uring_disabled', () => {
  jest.setTimeout(120_000);

  afterEach(() => {
    writeFileSync(SYSCTL, '0');
    writeFileSync(GROUP, '-1');
  });

  const refused = (message: string) => ({
    error: {
      name: 'UringUnavailableError',
      code: 'ERR_URING_UNAVAILABLE',
      errno: -1,
      reason: 'sysctl',
      message: expect.stringContaining(message),
    },
  });

  test('2 disables io_uring for all users, including root', async () => {
    writeFileSync(SYSCTL, '2');
    for (const who of ['root', 'nobody']) {
      const { ends, left, fallback, warnings } = await runRestricted('asIs', [who]);
      for (const end of Object.values(ends)) expect(end).toMatchObject(refused('kernel.io_uring_disabled is 2'));
      expect([left, fallback, warnings]).toEqual([[], { value: 'text' }, ['URING_FALLBACK']]);
    }
  });

  test('1 allows io_uring for root and the group only', async () => {
    writeFileSync(SYSCTL, '1');
    const root = await runRestricted('asIs', ['root']);
    for (const end of Object.values(root.ends)) expect(end.error).toBeUndefined();
    const nobody = await runRestricted('asIs', ['nobody']);
    for (const end of Object.values(nobody.ends)) expect(end).toMatchObject(refused('kernel.io_uring_disabled is 1'));
    expect([nobody.left, nobody.fallback]).toEqual([[], { value: 'text' }]);
    writeFileSync(GROUP, '65534');
    const member = await runRestricted('asIs', ['nobody']);
    for (const end of Object.values(member.ends)) expect(end.error).toBeUndefined();
    expect([member.left, member.fallback]).toEqual([[], { value: 'text' }]);
  });
});
