/**
 * Lookups of what is in the kernel's memory: they never wait, do not starve the event loop, and
 * return what Node's own return.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { existsSync } from 'node:fs';
import nodes from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { hasAttributesInMemory } from '../../src/fs/cached.js';
import ours from '../../src/fs/promises.js';
import { Uring } from '../../src/index.js';
import { linuxCachedCalls } from '../../src/syscalls/index.js';
import { runChild } from '../helpers/child.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const reason = whyNoRing();
const EAGAIN = -11;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Returns whether SIGSTOP has stopped all threads of a process. */
const isStopped = (pid: number) =>
  fs
    .readdirSync(`/proc/${pid}/task`)
    .every((thread) => /\) T /.test(fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')));

/**
 * Returns whether a file's attributes are in memory, once the table of mounts has been read: other
 * processes mount and unmount meanwhile.
 */
async function isInMemory(fd: number): Promise<boolean> {
  for (;;) {
    const known = hasAttributesInMemory(fd);
    if (known !== undefined) return known;
    await pause(5);
  }
}

/** The lookups of both modules, as functions of any argument. */
const CALLS = ['stat', 'lstat', 'access', 'realpath', 'readlink'] as const;
type Lookups = Record<(typeof CALLS)[number], (path: unknown) => Promise<unknown>>;
const all = { ours: ours as unknown as Lookups, nodes: nodes as unknown as Lookups };

/** Returns the result of a call, or the fields of its error. */
const outcome = async (call: Promise<unknown>) =>
  call.then(
    (value) => value,
    ({ name, message, code, errno, syscall, path }) => ({ name, message, code, errno, syscall, path }),
  );

(reason === undefined ? describe : describe.skip)(`lookups${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(60_000));
  const directory = temporaryDirectory();
  // Below the directory, so that its parent is nobody else's.
  const place = `${directory.path}/place`;
  fs.mkdirSync(place);
  const file = `${place}/file`;
  beforeAll(() => {
    fs.writeFileSync(file, 'content', { mode: 0o640 });
    fs.writeFileSync(`${place}/gone (deleted)`, '');
    fs.symlinkSync('file', `${place}/link`);
    fs.symlinkSync(`./${'a/../'.repeat(50)}file`, `${place}/long`);
    fs.symlinkSync('nowhere', `${place}/dangling`);
    fs.symlinkSync('loop', `${place}/loop`);
  });
  afterAll(async () => {
    await Uring.default().close();
    directory.remove();
  });

  const names = [
    'file',
    'link',
    'long',
    'dangling',
    'loop',
    'nothing',
    'file/',
    'file/x',
    'link/',
    '.',
    '..',
    'gone (deleted)',
    '/',
  ];
  test.each(names)('lookups return the same as Node, the second time as well: %s', async (name) => {
    const path = name === '/' ? name : `${place}/${name}`;
    for (let time = 0; time < 2; time++) {
      for (const options of [undefined, { bigint: true }, { bigint: false }]) {
        expect(await outcome(ours.stat(path, options))).toEqual(await outcome(nodes.stat(path, options)));
        expect(await outcome(ours.lstat(path, options))).toEqual(await outcome(nodes.lstat(path, options)));
      }
      for (const mode of [undefined, 0, 1, 2, 4, 7])
        expect(await outcome(ours.access(path, mode))).toEqual(await outcome(nodes.access(path, mode)));
      for (const options of [undefined, 'utf8', 'buffer', 'hex', { encoding: 'latin1' }] as never[]) {
        expect(await outcome(ours.realpath(path, options))).toEqual(await outcome(nodes.realpath(path, options)));
        expect(await outcome(ours.readlink(path, options))).toEqual(await outcome(nodes.readlink(path, options)));
      }
    }
  });

  test.each([[''], ['a\0b'], [undefined], [7], [Buffer.from('/')], [new URL('file:///')], ['x'.repeat(5000)], ['\ud800']])(
    'unusual paths and options are left to Node: %j',
    async (path) => {
      for (const name of CALLS) expect(await outcome(all.ours[name](path))).toEqual(await outcome(all.nodes[name](path)));
      for (const options of [null, 7, 'text', { bigint: 1 }, { throwIfNoEntry: false }] as never[])
        expect(await outcome(ours.stat(path as never, options))).toEqual(await outcome(nodes.stat(path as never, options)));
      for (const mode of ['4', 8, -1, 1.5, null] as never[])
        expect(await outcome(ours.access(file, mode))).toEqual(await outcome(nodes.access(file, mode)));
    },
  );

  test('the stat of a handle follows the changes of its file', async () => {
    const handle = await ours.open(`${place}/written`, 'w');
    await handle.write('12345');
    expect((await handle.stat()).size).toBe(5);
    expect(await handle.stat({ bigint: true })).toEqual(fs.fstatSync(handle.fd, { bigint: true }));
    fs.unlinkSync(`${place}/written`);
    expect((await handle.stat()).nlink).toBe(0);
    await handle.close();
    expect(await outcome(handle.stat())).toMatchObject({ code: 'EBADF', syscall: 'fstat' });
  });

  test('a program that only makes lookups lets the event loop turn', async () => {
    let isOver = false;
    setTimeout(() => {
      isOver = true;
    }, 5);
    while (!isOver) await ours.stat(file);
    isOver = false;
    setTimeout(() => {
      isOver = true;
    }, 5);
    const handle = await ours.open(file);
    expect(await isInMemory(handle.fd)).toBe(true);
    // The deadline ends this where the event loop never turns.
    const end = performance.now() + 5000;
    while (!isOver && performance.now() < end) await handle.stat();
    expect(isOver).toBe(true);
    await handle.close();
    isOver = false;
    setTimeout(() => {
      isOver = true;
    }, 5);
    while (!isOver && performance.now() < end) await (await ours.open(file)).close();
    expect(isOver).toBe(true);
    // Many at once: count the turns in between.
    let turns = 0;
    let asking = true;
    const turn = () => {
      turns++;
      if (asking) setImmediate(turn);
    };
    setImmediate(turn);
    const answers = await Promise.all(Array.from({ length: 20_000 }, () => ours.stat(file)));
    asking = false;
    expect(turns).toBeGreaterThan(5);
    expect(new Set(answers.map(({ ino }) => ino)).size).toBe(1);
  });

  test('lookups leave no descriptor open', async () => {
    await ours.stat(file);
    const before = fs.readdirSync('/proc/self/fd').length;
    for (const name of names) for (const call of CALLS) await outcome(all.ours[call](`${place}/${name}`));
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });

  test('access uses the real user, and no lookup needs a free descriptor', async () => {
    fs.writeFileSync(`${place}/private`, '', { mode: 0o600 });
    const seen = (module: string) => runChild('lookups.mjs', [module, place], [], {}, 'ulimit -n 128');
    const [own, other] = [await seen('uring'), await seen('node')];
    expect(own).toEqual(other);
    expect(own).toMatchObject({ last: { stat: 7 }, full: { stat: 7 } });
  });

  const mayMount = (() => {
    const probe = `${place}/probe`;
    fs.mkdirSync(probe);
    try {
      execFileSync('mount', ['-t', 'tmpfs', 'none', probe], { stdio: 'pipe' });
      execFileSync('umount', ['-l', probe]);
      return existsSync('/dev/fuse') && execFileSync('which', ['mergerfs']).length > 0 ? undefined : 'there is no FUSE';
    } catch (error) {
      return String((error as { stderr?: Buffer }).stderr ?? error).trim();
    }
  })();

  (mayMount === undefined ? describe : describe.skip)(
    `a file system that has a server${mayMount ? ` (skipped: ${mayMount})` : ''}`,
    () => {
      const at = `${place}/served`;
      let server: ChildProcess;
      beforeAll(async () => {
        for (const name of [at, `${place}/behind`]) fs.mkdirSync(name);
        fs.writeFileSync(`${at}/file`, 'before the mount');
        fs.writeFileSync(`${place}/behind/file`, 'served');
        expect((await ours.stat(`${at}/file`)).size).toBe('before the mount'.length);
        server = spawn('mergerfs', ['-f', '-o', 'cache.attr=0,cache.entry=60,nonempty', `${place}/behind`, at], {
          stdio: 'ignore',
        });
        while (fs.statSync(at).dev === fs.statSync(place).dev) await pause(20);
      });
      afterAll(async () => {
        server.kill('SIGCONT');
        execFileSync('umount', ['-l', at]);
        await (server.exitCode ?? server.signalCode ?? once(server, 'exit'));
      });

      test('a new mount is noticed, and so is one on top of it', async () => {
        expect((await ours.stat(`${at}/file`)).size).toBe('served'.length);
        const handle = await ours.open(`${at}/file`);
        expect(await isInMemory(handle.fd)).toBe(false);
        await handle.close();
        execFileSync('mount', ['-t', 'tmpfs', 'none', `${at}`]);
        try {
          fs.writeFileSync(`${at}/file`, 'memory');
          const inMemory = await ours.open(`${at}/file`);
          expect(await isInMemory(inMemory.fd)).toBe(true);
          await inMemory.close();
        } finally {
          execFileSync('umount', [at]);
        }
      });

      test('a server that does not respond does not block the thread, even if the path is cached', async () => {
        const handle = await ours.open(`${at}/file`);
        await ours.stat(`${at}/file`);
        const fd = linuxCachedCalls()?.locate(`${at}/file`, true) ?? -1;
        // Cached, or the kernel reports that it would have to query the server; it did not.
        expect(fd >= 0 || fd === EAGAIN).toBe(true);
        if (fd >= 0) linuxCachedCalls()?.close(fd);
        server.kill('SIGSTOP');
        while (!isStopped(server.pid as number)) await pause(5);
        let answered = 0;
        const asked = Promise.all(
          [
            ours.stat(`${at}/file`),
            ours.access(`${at}/file`, 4),
            handle.stat(),
            ours.open(`${at}/file`).then((opened) => opened.close()),
          ].map((call) =>
            call.then(() => {
              answered++;
            }),
          ),
        );
        await pause(50);
        expect(answered).toBe(0);
        server.kill('SIGCONT');
        await asked;
        await handle.close();
      });
    },
  );

  test(`lookups follow files that are created and removed`, async () => {
    const path = `${place}/coming`;
    for (let round = 0; round < rounds(300); round++) {
      fs.writeFileSync(path, 'x'.repeat(round));
      expect((await ours.stat(path)).size).toBe(round);
      fs.unlinkSync(path);
      expect(await outcome(ours.stat(path))).toMatchObject({ code: 'ENOENT', syscall: 'stat', path });
    }
  });
});
