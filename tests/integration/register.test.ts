/**
 * `uring/register`: a program that knows nothing of this library goes over the ring, and does the
 * same.
 */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { endOfChild, runChild } from '../helpers/child.js';
import { temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
jest.setTimeout(within(120_000));

const FLAG = ['--import', 'uring/register'];
const ALL = { URING_MODULES: 'fs,net,http,dgram' };
const AT_ONCE = { URING_LOAD_AFTER: '0' };
const SIZE = 16 * 1024;

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

  test('a cluster does the same with it and without', async () => {
    const nodes = await runChild<{ workers: number }>('register.mjs', ['cluster']);
    expect(nodes.workers).toBe(2);
    expect(await runChild('register.mjs', ['cluster'], FLAG, ALL)).toEqual(nodes);
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

  test('counts the calls of each function by what did their work', async () => {
    const counts = await runChild<{ calls: object }>('register.mjs', ['calls', directory.path], FLAG, { ...ALL, ...AT_ONCE });
    expect(counts).toEqual({
      calls: {
        'FileHandle.read': { ring: 1, cached: 0, node: 0 },
        'fs.close': expect.anything(),
        'fs.open': expect.anything(),
        'fs.promises.appendFile': { ring: 0, cached: 0, node: 1 },
        // The first shows what Node's handles are like.
        'fs.promises.open': { ring: 0, cached: 1, node: 1 },
        // Node 20 loads modules with it.
        'fs.promises.readFile': { ring: expect.any(Number), cached: 0, node: 1 },
        // The first asks what kind of file system it is.
        'fs.promises.stat': { ring: 0, cached: 1, node: 1 },
        'fs.promises.writeFile': { ring: 1, cached: 0, node: 0 },
        'fs.read': expect.anything(),
        'fs.stat': { ring: 0, cached: 2, node: 3 },
      },
      operations: expect.arrayContaining(['OPENAT', 'READ', 'WRITE', 'CLOSE']),
      listen: { ring: 1, cached: 0, node: 0 },
      accept: { ring: 1, cached: 0, node: 0 },
    });
  });

  test('the first calls are passed to Node, and the library is loaded when there were many', async () => {
    const run = (env: Record<string, string>) => runChild('register.mjs', ['deferred', directory.path], FLAG, env);
    expect(await run({ URING_LOAD_AFTER: '8' })).toEqual({
      loaded: [false, true],
      isSame: true,
      calls: {
        'fs.promises.readFile': { ring: expect.any(Number), cached: 0, node: expect.any(Number) },
        'fs.realpath.native': { ring: 0, cached: 0, node: 1 },
        'fs.stat': { ring: 0, cached: 2, node: 1 },
        // Of a stream, which reads twice.
        'fs.open': { ring: 0, cached: 1, node: 0 },
        'fs.read': { ring: 0, cached: 2, node: 0 },
        'fs.close': { ring: 0, cached: 1, node: 0 },
      },
    });
    // A thread that has not made as many calls has none of it.
    expect(await runChild('register.mjs', ['deferred in a thread'], FLAG, { URING_LOAD_AFTER: '4' })).toBe(false);
    await expect(run({ URING_LOAD_AFTER: 'soon' })).rejects.toThrow('The value of "URING_LOAD_AFTER" is out of range');
  });

  test('calls with callbacks load the library neither while others run nor while the event loop is busy', async () => {
    expect(await runChild('register.mjs', ['crowd'], FLAG, { URING_LOAD_AFTER: '8' })).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  test('a client of few connections has none of the library; when many are busy for long, the ring reads them', async () => {
    const server = net.createServer((socket) =>
      socket
        .setNoDelay(true)
        .pipe(socket)
        .on('error', () => undefined),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    expect(await runChild('register.mjs', ['late client', String(port)], FLAG, ALL)).toEqual({
      loaded: [false, false, false, true],
      byRing: true,
      byNode: true,
    });
    server.close();
  });

  test('the library is loaded when a datagram socket is created, whichever way', async () => {
    expect(await runChild('register.mjs', ['late datagrams'], FLAG, { URING_MODULES: 'dgram' })).toEqual({
      loaded: [false, true],
      are: [true, true, true, true],
      constructors: [true, true],
      count: 576,
      byRing: true,
    });
  });

  test('files load only what they need', async () => {
    expect(await runChild('register.mjs', ['parts'], FLAG, { ...ALL, URING_LOAD_AFTER: '32' })).toEqual([[], ['files']]);
  });

  test('the start loads two files, and the library none of Node’s modules that it seldom needs', async () => {
    const run = (env: Record<string, string>) => {
      const code = `
        const files = Object.keys(require.cache).filter((file) => file.endsWith('.cjs')).length;
        const modules = ['assert', 'dgram', 'http', 'perf_hooks'].filter((name) => process.moduleLoadList.includes('NativeModule ' + name));
        console.log(JSON.stringify({ files, modules }));`;
      const { stdout } = spawnSync(process.execPath, [...FLAG, '-e', code], {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
      return JSON.parse(stdout);
    };
    // Each file costs a quarter of a millisecond, and two of these modules 2.8 MiB.
    expect(run({})).toEqual({ files: 2, modules: [] });
    expect(run({ URING_LOAD_AFTER: '0' })).toEqual({ files: expect.any(Number), modules: [] });
  });

  test('what a program has replaced before the library is loaded is not taken for Node’s', async () => {
    expect(await runChild('register.mjs', ['mocked early', directory.path], FLAG, { URING_LOAD_AFTER: '2' })).toEqual({
      loaded: true,
      text: 'content',
      modules: { fs: 'io_uring' },
    });
  });

  test.each([
    ['by the library', '0'],
    ['before the library is loaded', '1000000'],
  ])('a call that is passed to Node %s allocates nothing in the old generation', (_, loadAfter) => {
    // V8 does so for a function that is assigned to a property where it is created. Dead objects of
    // the old generation keep young ones alive: whole requests of a server.
    const code = `
      const fs = require('node:fs');
      const used = () => require('node:v8').getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
      const calls = async (count) => {
        for (let call = 0; call < count; call++) await new Promise((resolve) => fs.stat('/proc/self/status', resolve));
      };
      calls(100).then(async () => {
        const before = used();
        await calls(20_000);
        console.log((used() - before) / 20_000);
      });`;
    const flags = ['--no-opt', '--min-semi-space-size=64', '--max-semi-space-size=64'];
    const env = { ...process.env, URING_LOAD_AFTER: loadAfter };
    const { stdout } = spawnSync(process.execPath, [...flags, ...FLAG, '-e', code], { encoding: 'utf8', env });
    // It was 50 bytes.
    expect(Number(stdout)).toBeLessThan(10);
    expect(stdout).not.toBe('');
  });

  test('the contents of files that were read do not pile up until V8 collects garbage', () => {
    const code = `
      const { promises } = require('node:fs');
      const held = () => process.memoryUsage().arrayBuffers;
      const read = async (times) => {
        let most = 0;
        for (let time = 0; time < times; time++) {
          await promises.readFile(process.argv[1]);
          most = Math.max(most, held());
        }
        return most;
      };
      read(200).then(async () => {
        const before = held();
        console.log((await read(4000)) - before);
      });`;
    const file = `${directory.path}/piled-up`;
    writeFileSync(file, Buffer.alloc(SIZE));
    // V8 collects the young generation whenever there is 1 MiB more of it, none of which is the contents,
    // and frees the contents then, not later in a thread of its own.
    const flags = ['--min-semi-space-size=1', '--max-semi-space-size=1', '--single-threaded-gc'];
    const env = { ...process.env, ...AT_ONCE };
    const { stdout } = spawnSync(process.execPath, [...flags, ...FLAG, '-e', code, file], { encoding: 'utf8', env });
    // It was 4 to 9 MB, and is 2 to 2.6 MB.
    expect(Number(stdout)).toBeGreaterThanOrEqual(SIZE);
    expect(Number(stdout)).toBeLessThan(3e6);
  });

  test('where the library cannot be loaded, a program goes on with Node’s functions, with one warning', () => {
    const code = `const Module = require('node:module');
      const load = Module._load;
      Module._load = (name, ...rest) => {
        if (name === 'koffi') throw new Error('no koffi');
        return load(name, ...rest);
      };
      const fs = require('node:fs/promises');
      (async () => {
        for (let index = 0; index < 4; index++) await fs.readFile('/dev/null');
      })();`;
    const env = { ...process.env, URING_LOAD_AFTER: '1' };
    const { status, stderr } = spawnSync(process.execPath, [...FLAG, '-e', code], { encoding: 'utf8', env });
    expect([status, stderr.match(/\[URING_FALLBACK\]/g)]).toEqual([0, ['[URING_FALLBACK]']]);
  });

  test('with the permission model, a program is allowed and denied the same with it and without', () => {
    const file = `${directory.path}/permitted`;
    writeFileSync(file, 'content');
    const code = `
      const { promises } = require('node:fs');
      const outcome = (promise) => promise.then(String, ({ code, permission, resource }) => ({ code, permission, resource }));
      const [, file, other] = process.argv;
      const calls = [promises.readFile(file, 'utf8'), promises.writeFile(file, 'x'), promises.open(other, 'w')];
      Promise.all(calls.map(outcome)).then((outcomes) => console.log(JSON.stringify(outcomes)));`;
    const model = Number.parseInt(process.versions.node, 10) < 22 ? '--experimental-permission' : '--permission';
    const outcomesWith = (flags: readonly string[]) => {
      const args = [model, '--allow-addons', '--allow-fs-read=*', ...flags, '-e', code, file, `${directory.path}/other`];
      const env = { ...process.env, ...AT_ONCE };
      return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8', env }).stdout) as unknown;
    };
    const denied = (name: string) => ({
      code: 'ERR_ACCESS_DENIED',
      permission: 'FileSystemWrite',
      resource: `${directory.path}/${name}`,
    });
    expect(outcomesWith([])).toEqual(['content', denied('permitted'), denied('other')]);
    expect(outcomesWith(FLAG)).toEqual(outcomesWith([]));
    expect(readFileSync(file, 'utf8')).toBe('content');
  });

  test('URING_REPORT=1 prints these counts at the end, for each thread', () => {
    const code = `const { Worker } = require('worker_threads');
      new Worker('require("fs").promises.stat("/")', { eval: true }).on('exit', () => require('fs').readFile('/dev/null', () => 0));`;
    const env = { ...process.env, ...AT_ONCE, URING_REPORT: '1' };
    const { stderr } = spawnSync(process.execPath, [...FLAG, '-e', code], { encoding: 'utf8', env });
    const [, thread, main] = stderr.split(/^uring\/register, process \d+/m);
    expect(thread).toMatch(/^, thread 1: fs by io_uring\ncalls +ring +cached +Node\nfs\.promises\.stat +0 +1 +0\n/);
    expect(main).toMatch(/^: fs by io_uring\n.*\nfs\.readFile +1 +0 +0\n\d+ operations with \d+ system calls: OPENAT \d/);
  });

  test('leaves a program to Node where io_uring is unavailable, with one warning', async () => {
    const nodes = await runChild('register.mjs', ['work', directory.path]);
    const script = fileURLToPath(new URL('../children/register.mjs', import.meta.url));
    const refused = (...args: string[]) => [...FLAG, script, ...args];
    expect(await runChild('without-io-uring.mjs', refused('work', directory.path), [], ALL)).toEqual(nodes);
    const launcher = fileURLToPath(new URL('../children/without-io-uring.mjs', import.meta.url));
    const options = { encoding: 'utf8', env: { ...process.env, ...ALL } } as const;
    const { stdout, stderr } = spawnSync(process.execPath, [launcher, ...refused('counters', directory.path)], options);
    const modules = { fs: 'node', net: 'node', http: 'node', dgram: 'node' };
    expect(JSON.parse(stdout)).toEqual({ modules, submitted: false });
    expect(stderr.match(/\[URING_FALLBACK\]/g)).toHaveLength(1);
    const required = runChild('without-io-uring.mjs', refused('references'), [], { ...ALL, URING_REQUIRE: '1' });
    await expect(required).rejects.toThrow('ERR_URING_UNAVAILABLE');
  });

  test('uring run starts a program with it, and ends as the program does', async () => {
    const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const program = fileURLToPath(new URL('../children/register.mjs', import.meta.url));
    const args = [cli, 'run', '--modules', 'fs,dgram', '--no-deprecation', program, 'references', '--modules', 'theirs'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([status, Object.keys(JSON.parse(stdout).modules)]).toEqual([0, ['fs', 'dgram']]);
    const ended = (code: string) => spawnSync(process.execPath, [cli, 'run', '-e', code]).status;
    expect([ended('process.exit(3)'), ended('process.kill(process.pid, "SIGTERM")')]).toEqual([3, 143]);
  });

  test('an uncaught exception ends a program as it does without', async () => {
    const { code, stderr } = await endOfChild('register.mjs', ['no such script']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('TypeError')]);
  });
});
