/**
 * `uring/fs` compared with `node:fs`: the callback functions return the same results in the same
 * way.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import nodes from 'node:fs';
import type { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { isNativeError } from 'node:util/types';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as module from '../../src/fs/index.js';
import promises, { Advice, fadvise } from '../../src/fs/promises.js';
import { Uring } from '../../src/index.js';
import { endOfChild, runChild } from '../helpers/child.js';
import { mkfifo, temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const ours = module.default;
const reason = whyNoRing();

type Fs = typeof nodes;
type Call = (...args: unknown[]) => unknown;

/** Returns an error, or any other value, in a form that can be compared. */
const shapeOf = (value: unknown) => {
  // Node's errors are of another realm here.
  if (!isNativeError(value)) return value;
  const { name, message, ...fields } = { ...value, name: value.name, message: value.message };
  return { name, message, fields };
};

/** Returns what a function passes to its callback, or what it throws. */
function outcomeOf(fs: Fs, name: string, args: readonly unknown[]): Promise<unknown> {
  const fn = name.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], fs) as Call;
  return new Promise((resolve) => {
    try {
      let isOver = false;
      const returned = fn(...args, (...results: unknown[]) => resolve({ isLater: isOver, results: results.map(shapeOf) }));
      isOver = true;
      if (returned !== undefined) resolve({ returned });
    } catch (error) {
      resolve({ thrown: shapeOf(error) });
    }
  });
}

(reason === undefined ? describe : describe.skip)(`uring/fs with callbacks${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(60_000));
  const directory = temporaryDirectory();
  const root = directory.path;
  const workingDirectory = process.cwd();
  beforeAll(() => {
    nodes.writeFileSync(`${root}/file`, 'content of the file');
    nodes.writeFileSync(`${root}/empty`, '');
    nodes.writeFileSync(`${root}/large`, Buffer.alloc(200_000, 'large '));
    nodes.mkdirSync(`${root}/folder/inner`, { recursive: true });
    nodes.symlinkSync('file', `${root}/link`);
    nodes.symlinkSync('folder/inner', `${root}/away`);
    nodes.symlinkSync('nowhere', `${root}/dangling`);
    nodes.symlinkSync('loop', `${root}/loop`);
  });
  afterEach(() => process.chdir(workingDirectory));
  afterAll(async () => {
    await Uring.default().close();
    directory.remove();
  });

  test('every name of node:fs exists, and those that are not replaced are Node’s own', () => {
    const replaced = Object.keys(nodes).filter((name) => ours[name as keyof Fs] !== nodes[name as keyof Fs]);
    expect(Object.keys(ours).sort()).toEqual(Object.keys(nodes).sort());
    // Some versions do not list the constants F_OK and so on.
    expect(Object.getOwnPropertyNames(ours).sort()).toEqual(Object.getOwnPropertyNames(nodes).sort());
    expect(Object.keys(nodes).filter((name) => !(name in module))).toEqual([]);
    expect(replaced.filter((name) => name.endsWith('Sync'))).toEqual([]);
    expect(replaced.sort()).toEqual([
      ...['access', 'createReadStream', 'exists', 'fstat', 'lstat', 'open', 'promises', 'read'],
      ...['readFile', 'readlink', 'readv', 'realpath', 'stat'],
    ]);
    for (const name of replaced.filter((name) => name !== 'promises') as 'read'[]) {
      expect([ours[name].name, ours[name].length]).toEqual([nodes[name].name, nodes[name].length]);
      expect(Reflect.ownKeys(ours[name])).toEqual(Reflect.ownKeys(nodes[name]));
    }
    expect(ours.promises).toBe(promises);
    for (const [name, nodesOwn] of Object.entries(nodes.promises) as ['stat', (typeof nodes.promises)['stat']][]) {
      if (typeof nodesOwn !== 'function') continue;
      expect([promises[name].name, promises[name].length]).toEqual([nodesOwn.name, nodesOwn.length]);
    }
  });

  test('streams look like those of Node', async () => {
    for (const name of ['createReadStream', 'createWriteStream'] as const) {
      const [mine, theirs] = [ours[name](`${root}/streamed`, { flags: 'a+' }), nodes[name](`${root}/streamed`, { flags: 'a+' })];
      const kept = (stream: object) => [stream.constructor, stream.constructor.name];
      expect([kept(mine), Object.keys(mine).sort()]).toEqual([kept(theirs), Object.keys(theirs).sort()]);
      for (const stream of [mine, theirs] as Writable[]) await new Promise((resolve) => stream.on('close', resolve).destroy());
    }
  });

  test('a program that replaces functions of node:fs sees what streams call', async () => {
    const { uring, node } = await runChild<Record<string, string[]>>('callbacks.mjs', ['replaced', `${root}/file`]);
    expect(uring).toEqual(node);
    expect(node).toContain('read');
  });

  test('the stack of an error in a callback is only its message', async () => {
    const stackOf = (call: (done: (error: Error | null) => void) => void) =>
      new Promise((resolve) => call((error) => resolve(error?.stack)));
    for (const path of [`${root}/folder`, `${root}/nothing`, `${root}/loop`])
      for (const name of ['readFile', 'open', 'stat'] as const)
        expect(await stackOf((done) => ours[name as 'stat'](path, done))).toBe(
          await stackOf((done) => nodes[name as 'stat'](path, done)),
        );
  });

  const paths = () => [
    ...[
      'file',
      'empty',
      'large',
      'folder',
      'link',
      'away',
      'away/..',
      'dangling',
      'loop',
      'nothing',
      'file/',
      'file/x',
      'nothing/..',
    ].map((name) => `${root}/${name}`),
    ...['', '.', '..', '/', 'a\0b', 'x'.repeat(300), 'x'.repeat(5000), '/proc/version', '/proc/self/fd', '/dev/null'],
    ...[Buffer.from(`${root}/file`), pathToFileURL(`${root}/file`), new URL('http://a/b'), undefined, null, 7, {}, []],
  ];
  const options: Record<string, unknown[]> = {
    stat: [{ bigint: false }, { bigint: true }, {}, { bigint: 1 }, null],
    access: [0, 4, 7, 8, -1, 1.5, '4', null, undefined],
    readlink: ['utf8', 'buffer', 'latin1', { encoding: 'utf8' }, { encoding: 'none' }, null, undefined],
    readFile: [
      'utf8',
      'latin1',
      'base64',
      { encoding: 'utf8' },
      { encoding: 'none' },
      { flag: 'r+' },
      { flag: 'none' },
      {},
      null,
      7,
    ],
  };
  options.lstat = options.stat as unknown[];
  options.realpath = options.readlink as unknown[];
  options['realpath.native'] = options.readlink as unknown[];

  test.each(['stat', 'lstat', 'access', 'exists', 'readlink', 'realpath', 'realpath.native', 'readFile'])(
    '%s returns the same for any path and options, alone and with others',
    async (name) => {
      // Relative paths lead to no directory in which others make files.
      process.chdir(`${root}/folder`);
      for (const path of paths()) {
        const forms = [[path], ...(options[name] ?? []).map((option) => [path, option])];
        for (const args of forms) {
          const expected = await outcomeOf(nodes, name, args);
          expect([args, await outcomeOf(ours, name, args)]).toEqual([args, expected]);
        }
        const together = (fs: Fs) => Promise.all(forms.map((args) => outcomeOf(fs, name, args)));
        expect(await together(ours)).toEqual(await together(nodes));
      }
    },
  );

  test('the functions throw what Node throws if they are called without a valid callback', () => {
    const thrownBy = (fs: Fs, name: 'stat', args: unknown[]) => {
      try {
        (fs[name] as Call)(...args);
        return 'nothing';
      } catch (error) {
        return shapeOf(error);
      }
    };
    for (const name of [
      'stat',
      'lstat',
      'fstat',
      'access',
      'exists',
      'readlink',
      'realpath',
      'open',
      'read',
      'readv',
      'readFile',
    ] as 'stat'[])
      for (const args of [
        [],
        [`${root}/file`],
        [`${root}/file`, {}],
        [`${root}/file`, undefined, 'callback'],
        [`${root}/file`, 0, null],
      ])
        expect([name, args, thrownBy(ours, name, args)]).toEqual([name, args, thrownBy(nodes, name, args)]);
  });

  test('fs.open works with all forms of flags and modes', async () => {
    const withoutNumber = (outcome: unknown) => {
      const { results } = outcome as { results?: unknown[] };
      const fd = results?.[1];
      if (typeof fd !== 'number') return outcome;
      nodes.closeSync(fd);
      return { ...(outcome as object), results: [results?.[0], 'a descriptor'] };
    };
    const forms = [
      [],
      ['r'],
      ['r+'],
      [null],
      [undefined],
      [0],
      ['none'],
      [-1],
      ['r', 0o666],
      ['r', 'x'],
      ['r', null],
      ['w'],
      ['a'],
      ['wx'],
    ];
    for (const path of paths()) {
      if (path === '/dev/null' || path === '/proc/self/fd') continue;
      for (const form of forms) {
        const args = [path, ...form];
        const expected = withoutNumber(await outcomeOf(nodes, 'open', args));
        expect([args, withoutNumber(await outcomeOf(ours, 'open', args))]).toEqual([args, expected]);
      }
      nodes.writeFileSync(`${root}/file`, 'content of the file');
    }
    const fd = await new Promise<number>((resolve) => ours.open(`${root}/file`, 'r', (_error, fd) => resolve(fd)));
    expect(nodes.readlinkSync(`/proc/self/fd/${fd}`)).toBe(`${root}/file`);
    // Close-on-exec, and blocking like any other file.
    expect(nodes.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/^flags:\t02\d*0000$/m);
    await promisify(ours.close)(fd);
  });

  test('fs.read and fs.readv work in all forms, on all kinds of files', async () => {
    const views = () => Buffer.alloc(32, '.');
    const forms: (() => unknown[])[] = [
      () => [views(), 0, 32, 0],
      () => [views(), 4, 8, 2],
      () => [views(), 0, 32, 10],
      () => [views(), 0, 32, 100],
      () => [views(), 0, 7, null],
      () => [views(), 3, 7, null],
      () => [views(), 0, 32, null],
      () => [views(), 0, 32, undefined],
      () => [views(), 0, 32, -1],
      () => [views(), 0, 0, 0],
      () => [views(), 0, 33, 0],
      () => [views(), -1, 3, 0],
      () => [views(), 0, 3, -2],
      () => [views(), 0, 3, 1.5],
      () => [views(), 0, 3, 2n],
      () => [views(), 0, 3, '0'],
      () => [Buffer.alloc(0), 0, 0, 0],
      () => [new Uint16Array(8), 0, 16, 0],
      () => [new DataView(new ArrayBuffer(8)), 0, 8, 0],
      () => [views(), { offset: 2, length: 3, position: 1 }],
      () => [views(), {}],
      () => [views()],
      () => [{ buffer: views(), position: 3 }],
      () => [{}],
      () => [],
      () => ['text', 0, 3, 0],
    ];
    const both = async (name: string, of: (fs: Fs) => readonly [fd: unknown, ...rest: unknown[]]) => {
      const [expected, got] = [await outcomeOf(nodes, name, of(nodes)), await outcomeOf(ours, name, of(ours))];
      expect(got).toEqual(expected);
    };
    const kinds: [string, string | number][] = [
      [`${root}/file`, 'r'],
      [`${root}/large`, 'r+'],
      [`${root}/empty`, 'r'],
      [`${root}/folder`, 'r'],
      ['/proc/self/limits', 'r'],
      ['/dev/zero', 'r'],
      [`${root}/file`, nodes.constants.O_WRONLY],
    ];
    for (const [path, flags] of kinds) {
      const fds = new Map([nodes, ours].map((fs) => [fs, nodes.openSync(path, flags)]));
      for (const form of forms) {
        await both('read', (fs) => [fds.get(fs), ...form()]);
      }
      for (const [buffers, position] of [
        [[10, 9], 0],
        [[10, 30], 0],
        [[1, 2, 3], 5],
        [[4, 4], null],
        [[4], undefined],
        [[4], -1],
        [[0, 4], 0],
        [[], 0],
        [[4], 1000],
      ] as [number[], number | null | undefined][])
        await both('readv', (fs) => [fds.get(fs), buffers.map((length) => Buffer.alloc(length, '.')), position]);
      for (const fd of fds.values()) nodes.closeSync(fd);
    }
    for (const fd of [1_000_000, -1, 'x', undefined]) await both('read', () => [fd, views(), 0, 4, 0]);
    const fd = nodes.openSync(`${root}/file`, 'r');
    const { bytesRead, buffer } = await promisify(ours.read)(fd, Buffer.alloc(7), 0, 7, 0);
    expect([bytesRead, `${buffer}`]).toEqual([7, 'content']);
    expect(await promisify(ours.readv)(fd, [Buffer.alloc(3), Buffer.alloc(4)], 0)).toMatchObject({ bytesRead: 7 });
    nodes.closeSync(fd);
  });

  test('a read of a pipe returns what is there, or waits for data', async () => {
    mkfifo(`${root}/pipe`);
    const fd = nodes.openSync(`${root}/pipe`, nodes.constants.O_RDWR);
    nodes.writeSync(fd, 'some');
    const read = () => promisify(ours.read)(fd, Buffer.alloc(100), 0, 100, null);
    expect((await read()).bytesRead).toBe(4);
    const waiting = read();
    nodes.writeSync(fd, 'and more');
    expect((await waiting).bytesRead).toBe(8);
    nodes.closeSync(fd);
  });

  test('a file that is cached in part is read to its end', async () => {
    const file = `${root}/partly`;
    const content = Buffer.from(Array.from({ length: 64 * 1024 }, (_, index) => index % 251));
    nodes.writeFileSync(file, content);
    for (const position of [0, null]) {
      const handle = await promises.open(file, 'r+');
      const { fd } = handle;
      await handle.sync();
      // Drop the file from the cache, except for its first page.
      await fadvise(handle, 0, 0, Advice.DONTNEED);
      await fadvise(handle, 0, 0, Advice.RANDOM);
      nodes.readSync(fd, Buffer.alloc(1), 0, 1, 0);
      const { bytesRead, buffer } = await promisify(ours.read)(fd, Buffer.alloc(64 * 1024), 0, 64 * 1024, position);
      expect([bytesRead, buffer.equals(content)]).toEqual([64 * 1024, true]);
      expect((await promisify(ours.read)(fd, Buffer.alloc(10), 0, 10, null)).bytesRead).toBe(position === null ? 0 : 10);
      await handle.close();
    }
  });

  test('callbacks are called later, in their own context, with ticks and promises run between them', async () => {
    const storage = new AsyncLocalStorage<number>();
    const run = (fs: Fs) =>
      new Promise<unknown[]>((resolve) => {
        const events: unknown[] = [];
        let left = 0;
        const calls: ((callback: () => void) => void)[] = [
          (callback) => fs.stat(`${root}/file`, callback),
          (callback) => fs.stat(`${root}/nothing`, callback),
          (callback) => fs.readFile(`${root}/file`, callback),
          (callback) => fs.exists(`${root}/file`, callback),
          (callback) => fs.realpath(`${root}/file`, callback),
        ];
        for (const [index, call] of calls.entries()) {
          left++;
          storage.run(index, () =>
            call(() => {
              const seen: unknown[] = [index, storage.getStore()];
              process.nextTick(() => seen.push('tick'));
              queueMicrotask(() => seen.push('microtask'));
              events.push(seen);
              // What the callback before has started has run by now.
              if (events.length > 1) expect(events.at(-2)).toHaveLength(4);
              if (--left === 0) setImmediate(() => resolve(events));
            }),
          );
        }
        queueMicrotask(() => expect(events).toEqual([]));
        process.nextTick(() => expect(events).toEqual([]));
      });
    const sorted = (events: unknown[]) => (events as [number][]).sort(([a], [b]) => a - b);
    expect(sorted(await run(ours))).toEqual(sorted(await run(nodes)));
  });

  test('a program that only calls stat, open, and readFile with callbacks lets timers fire', async () => {
    for (const call of [
      (next: () => void) => ours.stat(`${root}/file`, next),
      (next: () => void) => ours.readFile(`${root}/file`, next),
      (next: () => void) => ours.open(`${root}/file`, (_error, fd) => ours.close(fd, next)),
    ]) {
      let isOver = false;
      setTimeout(() => {
        isOver = true;
      }, 5);
      await new Promise<void>((resolve) => {
        const next = () => (isOver ? resolve() : call(next));
        next();
      });
    }
  });

  test('an error thrown by a callback is an uncaught exception, and the others are called', async () => {
    expect(await runChild('callbacks.mjs', ['throw', `${root}/file`])).toEqual({
      caught: ['stat', 'open', 'readFile', 'read'],
      called: ['stat', 'open', 'readFile', 'read', 'access'],
    });
  });

  test('Node knows the descriptors of a worker, and emits no warning', async () => {
    const { stdout, stderr } = await endOfChild('callbacks.mjs', ['worker', `${root}/file`]);
    expect([JSON.parse(stdout), stderr]).toEqual([{ opened: 10, left: 0 }, '']);
  });

  test('the streams of a terminated thread are closed', async () => {
    expect(await runChild('callbacks.mjs', ['streams', `${root}/file`])).toEqual({ open: 10, left: 0 });
  });

  test('a descriptor that a thread has closed itself is not closed again when the thread is terminated', async () => {
    expect(await runChild('callbacks.mjs', ['reused', `${root}/file`])).toEqual({ isReused: true, open: true });
  });

  test('with no descriptor left, the errors are those of Node', async () => {
    const told = (name: string) => runChild('callbacks.mjs', ['full', `${root}/file`, name], [], {}, 'ulimit -n 128');
    expect(await told('uring')).toEqual(await told('node'));
  });
});
