/**
 * Random programs that must do the same on `uring/fs` and on `node:fs/promises`, under limits of
 * threads, descriptors, memory, space, and privileges.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import ts from 'typescript';
import { runChild } from '../helpers/child.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const NOBODY = 65_534;
/** Kernels that charge rings to RLIMIT_MEMLOCK provide none at a limit of 0. */
const FALLBACK = { URING_FALLBACK: '1' };
const RUNS = Number(process.env.URING_RUNS ?? rounds(40));
const reason = whyNoRing() ?? (process.getuid?.() === 0 ? undefined : 'limits are set as root');

/** Returns the directory in which cgroups of a controller are created: version 1 or 2. */
function cgroupsOf(controller: 'memory' | 'pids'): string | undefined {
  const one = `/sys/fs/cgroup/${controller}`;
  if (existsSync(`${one}/cgroup.procs`)) return one;
  const two = '/sys/fs/cgroup';
  const has =
    existsSync(`${two}/cgroup.subtree_control`) && readFileSync(`${two}/cgroup.subtree_control`, 'utf8').includes(controller);
  return has ? two : undefined;
}

(reason === undefined ? describe : describe.skip)(`uring/fs under limits${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(120_000));
  const directory = temporaryDirectory();
  const programs = fileURLToPath(new URL('../../build/fs-programs.mjs', import.meta.url));
  beforeAll(() => {
    const source = readFileSync(fileURLToPath(new URL('../helpers/fs-programs.ts', import.meta.url)), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
    });
    mkdirSync(path.dirname(programs), { recursive: true });
    writeFileSync(programs, outputText);
    chmodSync(directory.path, 0o755);
  });
  afterAll(() => directory.remove());

  /** Creates a directory that belongs to the user nobody. */
  const ownDirectory = () => {
    const place = mkdtempSync(`${directory.path}/nobody-`);
    chownSync(place, NOBODY, NOBODY);
    return place;
  };

  const differences = (limit: string, shell = ':', roots = [ownDirectory()]) =>
    runChild('random-programs.mjs', [programs, limit, String(RUNS), ...roots], [], FALLBACK, shell);

  test.each([
    ['another user', 'user', ':'],
    ['RLIMIT_NPROC: no thread more', 'threads', ':'],
    ['RLIMIT_NOFILE 64', 'descriptors', ':'],
    ['RLIMIT_MEMLOCK 0, for another user', 'user', 'ulimit -l 0'],
  ])('programs do the same under a limit: %s', async (_title, limit, shell) => {
    expect(await differences(limit, shell)).toBe('none');
  });

  describe.each([
    ['a memory cgroup of 256 MiB', 'memory', 'cgroup', ['memory.limit_in_bytes', 'memory.max'], `${256 << 20}`],
    ['a pids cgroup that is full', 'pids', 'pids', [], ''],
  ] as const)('%s', (_title, controller, limit, files, value) => {
    const parent = cgroupsOf(controller);
    const skipped = parent === undefined ? ` (skipped: there are no cgroups of ${controller})` : '';
    (parent === undefined ? test.skip : test)(`programs do the same${skipped}`, async () => {
      const group = `${parent}/uring-${process.pid}-${controller}`;
      mkdirSync(group);
      try {
        for (const file of files) if (existsSync(`${group}/${file}`)) writeFileSync(`${group}/${file}`, value);
        expect(await differences(`${limit}:${group}`)).toBe('none');
      } finally {
        rmdirSync(group);
      }
    });
  });

  test('programs do the same on a disk that is nearly full', async () => {
    const roots = ['ours', 'nodes'].map((name) => `${directory.path}/${name}`);
    const mounted: string[] = [];
    try {
      for (const root of roots) {
        mkdirSync(root);
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'none', root]);
        mounted.push(root);
      }
      expect(await differences('none', ':', roots)).toBe('none');
    } finally {
      for (const root of mounted) execFileSync('umount', ['-l', root]);
    }
  });
});
