/**
 * What the system can refuse: each entry point fails with the right error, and nothing is lost or
 * left behind.
 */

import { describe, expect, jest, test } from '@jest/globals';
import { Errno } from '../../src/syscalls/index.js';
import { whyNoRing } from '../helpers/linux.js';
import { type Ends, type Restricted, runRestricted } from '../helpers/restricted.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;
const asRoot = process.getuid?.() === 0 ? test : test.skip;

onLinux(`a system that refuses${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(60_000));

  describe('seccomp', () => {
    test.each([
      ['EPERM', 'seccomp'],
      ['EOPNOTSUPP', 'seccomp'],
      ['ENOSYS', 'no-kernel-support'],
    ] as const)('%s for all of io_uring gives the reason, and the fallback works', async (code, why) => {
      const calls = ['setup', 'enter', 'register'];
      const { ends, left, fallback, warnings } = await runRestricted('refused', [String(Errno[code]), ...calls]);
      const error = { name: 'UringUnavailableError', code: 'ERR_URING_UNAVAILABLE', errno: -Errno[code], reason: why };
      for (const end of Object.values(ends)) expect(end).toMatchObject({ error });
      expect([left, fallback, warnings]).toEqual([[], { value: 'text' }, ['URING_FALLBACK']]);
    });

    test('with only registrations refused, the ring works, and the engine reports what it lacks', async () => {
      const { ends, left, fallback } = await runRestricted('refused', [String(Errno.EPERM), 'register']);
      expect([ends.ring, ends.context]).toEqual([{ value: null }, { value: null }]);
      for (const end of [ends.engine, ends.fs])
        expect(end).toMatchObject({ error: { code: 'EPERM', syscall: 'io_uring_register' } });
      expect([left, fallback]).toEqual([[], { value: 'text' }]);
    });

    test('with only enter refused, the first use fails, and closing takes no time', async () => {
      const start = performance.now();
      const { ends, left, fallback, warnings } = await runRestricted('refused', [String(Errno.EPERM), 'enter']);
      for (const end of [ends.engine, ends.fs])
        expect(end).toMatchObject({ error: { code: 'EPERM', syscall: 'io_uring_enter' } });
      expect(left).toEqual([]);
      expect([fallback, warnings.filter((code) => code === 'URING_FALLBACK')]).toEqual([{ value: 'text' }, ['URING_FALLBACK']]);
      expect(performance.now() - start).toBeLessThan(20_000);
    });

    test.each(['EPERM', 'ENOSYS'] as const)('%s in the middle of the work fails everything in flight', async (code) => {
      const result = await runRestricted('later', [String(Errno[code]), 'setup', 'enter', 'register']);
      const { pending, closing } = result as unknown as { pending: Ends[string][]; closing: Ends[string] };
      expect(pending).toHaveLength(6);
      for (const end of pending) expect(end).toMatchObject({ error: { code, syscall: 'io_uring_enter' } });
      expect(closing).toEqual({ value: null });
    });
  });

  test('with no descriptor left, everything fails with EMFILE, a running engine continues, and later everything works', async () => {
    const result = await runRestricted('descriptors', [], 'ulimit -n 400');
    const { none, running, openings, again, backend, left } = result as unknown as Record<'none' | 'again', Ends> & {
      running: Ends[string];
      openings: Ends[string][];
      backend: string;
      left: string[];
    };
    for (const end of [...Object.values(none), ...openings]) expect(end).toMatchObject({ error: { code: 'EMFILE' } });
    expect(running).toEqual({ value: null });
    expect([again, backend]).toEqual([WELL, 'io_uring']);
    expect(left).toEqual([]);
  });

  asRoot('RLIMIT_MEMLOCK 0: ENOMEM that tells of it, for the ring or for its buffers', async () => {
    const { ends, registered, left } = (await runRestricted('memory', [], 'ulimit -l 0')) as Restricted & {
      registered: Ends[string];
    };
    // Between 5.12 and 6.13, rings are not charged, but registered memory is.
    const charged = {
      error: { code: 'ENOMEM', syscall: 'io_uring_setup', message: expect.stringContaining('RLIMIT_MEMLOCK is 0') },
    };
    if (ends.ring?.error === undefined) expect(ends).toEqual(WELL);
    else for (const end of Object.values(ends)) expect(end).toMatchObject(charged);
    expect(registered).toMatchObject({ error: { code: 'ENOMEM' } });
    expect(left).toEqual([]);
  });
});

const WELL = { ring: { value: null }, context: { value: null }, engine: { value: null }, fs: { value: 'text' } };
