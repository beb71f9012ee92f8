/**
 * `uring/register`: a program that knows nothing of this library goes over the ring, and does the
 * same.
 */

import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { endOfChild, runChild } from '../helpers/child.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
jest.setTimeout(within(120_000));

const FLAG = ['--import', 'uring/register'];
const ALL = { URING_MODULES: 'fs,net,http,dgram' };

(reason === undefined ? describe : describe.skip)(`uring/register${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  test('replaces a function however a program refers to it', async () => {
    expect(await runChild('register.mjs', ['references'])).toEqual({ same: true, isNodes: true, modules: {} });
    expect(await runChild('register.mjs', ['references'], FLAG)).toEqual({
      same: true,
      isNodes: false,
      modules: { fs: 'io_uring' },
    });
  });

  test('replaces the modules that the environment names, and none where it is disabled', async () => {
    const modulesWith = async (env: Record<string, string>) =>
      (await runChild<{ modules: object }>('register.mjs', ['references'], FLAG, env)).modules;
    expect(Object.keys(await modulesWith(ALL))).toEqual(['fs', 'net', 'http', 'dgram']);
    expect(Object.keys(await modulesWith({ URING_MODULES: 'dgram, fs' }))).toEqual(['dgram', 'fs']);
    expect(await modulesWith({ URING_DISABLE: '1' })).toEqual({});
  });

  test('refuses a module that it does not know', async () => {
    await expect(runChild('register.mjs', ['references'], FLAG, { URING_MODULES: 'fss' })).rejects.toThrow(
      'The property \'options.modules\' must be a valid module (did you mean "fs"?)',
    );
  });

  test('works when it is set by NODE_OPTIONS', async () => {
    const env = { NODE_OPTIONS: '--import uring/register' };
    expect(await runChild('register.mjs', ['references'], [], env)).toMatchObject({ modules: { fs: 'io_uring' } });
  });

  test('reaches threads, whatever flags they are given and whether they run a file or a string', async () => {
    expect(await runChild('register.mjs', ['threads'])).toEqual([[], [], [], []]);
    expect(await runChild('register.mjs', ['threads'], FLAG, ALL)).toEqual(new Array(4).fill(['fs', 'net', 'http', 'dgram']));
  });

  test('reaches forked processes', async () => {
    expect(await runChild('register.mjs', ['forked'], FLAG)).toEqual(['fs']);
  });

  test('puts back what it has replaced, and leaves alone what others have replaced since', async () => {
    expect(await runChild('register.mjs', ['unregistered'], FLAG)).toEqual({
      replaced: { fs: 'io_uring' },
      differs: true,
      nodes: true,
      again: ['fs', 'dgram'],
      theirs: true,
      left: {},
    });
  });

  test('a program does the same with it and without, over the ring', async () => {
    const nodes = await runChild('register.mjs', ['work', directory.path]);
    expect(await runChild('register.mjs', ['work', directory.path], FLAG, ALL)).toEqual(nodes);
    expect(await runChild('register.mjs', ['counters', directory.path], FLAG, ALL)).toEqual({
      modules: { fs: 'io_uring', net: 'io_uring', http: 'io_uring', dgram: 'io_uring' },
      submitted: true,
    });
  });

  test('an uncaught exception ends a program as it does without', async () => {
    const { code, stderr } = await endOfChild('register.mjs', ['no such script']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('TypeError')]);
  });
});
