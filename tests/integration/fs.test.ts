/**
 * `uring/fs` compared with `node:fs/promises`: both must do the same, in results, errors, and
 * files.
 */

import { execFileSync, spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import fs, { constants } from 'node:fs';
import node from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as uringFs from '../../src/fs/promises.js';
import { Uring } from '../../src/index.js';
import { runChild } from '../helpers/child.js';
import { descriptorTargets } from '../helpers/descriptors.js';
import { mkfifo, temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

type Fs = typeof node;

/** Returns the outcome of a call, in a form that can be compared. */
async function outcomeOf(promise: Promise<unknown> | (() => Promise<unknown>)): Promise<unknown> {
  try {
    return { value: await (typeof promise === 'function' ? promise() : promise) };
  } catch (error) {
    const { name, message, ...fields } = { ...(error as Error), name: (error as Error).name, message: (error as Error).message };
    return { name, message, fields };
  }
}

onLinux(`uring/fs${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  beforeAll(() => {
    expect(uringFs.backend()).toBe('io_uring');
  });
  afterAll(async () => {
    await Uring.default().close();
    directory.remove();
  });

  /** Runs the same call on both modules, and compares the outcomes. */
  const same = async (body: (module: Fs, root: string) => Promise<unknown>) => {
    const outcomes = [];
    for (const [name, module] of [
      ['uring', uringFs as unknown as Fs],
      ['node', node],
    ] as const) {
      // Two trees with the same name, one after the other, so that paths in errors are the same.
      const root = `${directory.path}/root`;
      fs.mkdirSync(root);
      fs.writeFileSync(`${root}/file`, 'the content of a file');
      fs.mkdirSync(`${root}/directory`);
      fs.symlinkSync('file', `${root}/link`);
      fs.symlinkSync('loop', `${root}/loop`);
      outcomes.push(await outcomeOf(() => body(module, root)));
      fs.renameSync(root, `${directory.path}/${name}-${outcomes.length}-${Math.random()}`);
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    return outcomes[0] as { value: unknown };
  };

  test('has everything that node:fs/promises has', () => {
    const names = Object.keys(node);
    for (const name of names) {
      expect((uringFs as Record<string, unknown>)[name]).toBeDefined();
      expect((uringFs.default as Record<string, unknown>)[name]).toBeDefined();
    }
    expect(uringFs.constants).toBe(node.constants);
  });

  describe('paths', () => {
    const calls: Record<string, (module: Fs, root: string) => Promise<unknown>> = {
      'stat of a file': (m, root) => m.stat(`${root}/file`).then((stats) => [stats.size, stats.isFile(), stats.mode]),
      'stat with bigints': (m, root) => m.stat(`${root}/file`, { bigint: true }).then((stats) => stats.size),
      'stat of nothing': (m, root) => m.stat(`${root}/none`),
      'stat of a loop': (m, root) => m.stat(`${root}/loop`),
      'stat below a file': (m, root) => m.stat(`${root}/file/below`),
      'stat of a long name': (m, root) => m.stat(`${root}/${'x'.repeat(300)}`),
      'stat of a long path': (m, root) => m.stat(`${root}/${'x/'.repeat(5000)}`),
      'stat of an empty path': (m) => m.stat(''),
      'stat of a buffer': (m, root) => m.stat(Buffer.from(`${root}/none`)),
      'stat of a URL': (m, root) => m.stat(pathToFileURL(`${root}/none`)),
      'stat of a name that is not UTF-8': (m, root) =>
        m.stat(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])])),
      'lstat of a link': (m, root) => m.lstat(`${root}/link`).then((stats) => stats.isSymbolicLink()),
      mkdir: (m, root) => m.mkdir(`${root}/new`),
      'mkdir with a mode': (m, root) => m.mkdir(`${root}/new`, 0o700).then(() => fs.statSync(`${root}/new`).mode),
      'mkdir with a mode in text': (m, root) => m.mkdir(`${root}/new`, '711').then(() => fs.statSync(`${root}/new`).mode),
      'mkdir where something is': (m, root) => m.mkdir(`${root}/directory`),
      'mkdir, recursive': (m, root) => m.mkdir(`${root}/a/b/c`, { recursive: true }),
      'mkdir below nothing': (m, root) => m.mkdir(`${root}/none/x`),
      rmdir: (m, root) => m.rmdir(`${root}/directory`),
      'rmdir of a file': (m, root) => m.rmdir(`${root}/file`),
      'rmdir of what is not empty': (m, root) => m.rmdir(root),
      unlink: (m, root) => m.unlink(`${root}/file`).then(() => fs.existsSync(`${root}/file`)),
      'unlink of a directory': (m, root) => m.unlink(`${root}/directory`),
      rm: (m, root) => m.rm(`${root}/file`).then(() => fs.existsSync(`${root}/file`)),
      'rm of nothing': (m, root) => m.rm(`${root}/none`),
      'rm of nothing, forced': (m, root) => m.rm(`${root}/none`, { force: true }),
      'rm of a directory': (m, root) => m.rm(`${root}/directory`),
      'rm, recursive': (m, root) => m.rm(root, { recursive: true }).then(() => fs.mkdirSync(root)),
      'rm with a bad option': (m, root) => m.rm(`${root}/file`, { force: 'x' } as never),
      rename: (m, root) => m.rename(`${root}/file`, `${root}/moved`).then(() => fs.readdirSync(root).sort()),
      'rename of nothing': (m, root) => m.rename(`${root}/none`, `${root}/moved`),
      'rename over a directory': (m, root) => m.rename(`${root}/file`, `${root}/directory`),
      link: (m, root) => m.link(`${root}/file`, `${root}/second`).then(() => fs.statSync(`${root}/second`).nlink),
      'link over something': (m, root) => m.link(`${root}/file`, `${root}/link`),
      symlink: (m, root) => m.symlink('target', `${root}/new`).then(() => fs.readlinkSync(`${root}/new`)),
      'symlink over something': (m, root) => m.symlink('target', `${root}/file`),
      'symlink with a bad type': (m, root) => m.symlink('target', `${root}/new`, 'x'),
      access: (m, root) => m.access(`${root}/file`),
      'access to nothing': (m, root) => m.access(`${root}/none`),
      'access, to write': (m, root) => m.access(`${root}/file`, constants.W_OK),
      'access, to execute': (m, root) => m.access(`${root}/file`, constants.X_OK),
      truncate: (m, root) => m.truncate(`${root}/file`, 3).then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      'truncate to longer': (m, root) => m.truncate(`${root}/file`, 30).then(() => fs.statSync(`${root}/file`).size),
      'truncate of nothing': (m, root) => m.truncate(`${root}/none`),
      'truncate to what is no number': (m, root) => m.truncate(`${root}/file`, 'x' as never),
      'truncate to less than nothing': (m, root) => m.truncate(`${root}/file`, -5).then(() => fs.statSync(`${root}/file`).size),
      copyFile: (m, root) => m.copyFile(`${root}/file`, `${root}/copy`).then(() => fs.readFileSync(`${root}/copy`, 'utf8')),
      'copyFile over something, exclusively': (m, root) => m.copyFile(`${root}/file`, `${root}/link`, constants.COPYFILE_EXCL),
      readdir: (m, root) => m.readdir(root).then((names) => names.sort()),
      readlink: (m, root) => m.readlink(`${root}/link`),
      'a path of the wrong type': (m) => m.stat(5 as never),
      'a path with a null byte': (m) => m.unlink('a\0b'),
      'a buffer with a null byte': (m) => m.unlink(Buffer.from('a\0b')),
      'a URL that is no file': (m) => m.stat(new URL('http://host/path')),
      'two paths of which one is wrong': (m) => m.rename('a', 5 as never),
      'options of the wrong type': (m, root) => m.stat(`${root}/file`, null as never),
    };
    for (const [name, call] of Object.entries(calls)) test(name, () => same(call) as Promise<never>);

    test('stat returns all fields', async () => {
      for (const path of [`${directory.path}`, '/dev/null', '/proc/self/status', '/etc/passwd']) {
        const [ours, theirs] = [await uringFs.stat(path), await node.stat(path)];
        expect({ ...ours, atimeMs: 0, atime: 0 }).toEqual({ ...theirs, atimeMs: 0, atime: 0 });
        expect(Object.keys(ours)).toEqual(Object.keys(theirs));
        expect(ours).toBeInstanceOf(fs.Stats);
        expect(ours.mtime).toEqual(theirs.mtime);
        const [big, theirBig] = [await uringFs.stat(path, { bigint: true }), await node.stat(path, { bigint: true })];
        expect(big.mtimeNs).toBe(theirBig.mtimeNs);
        expect(Object.keys(big)).toEqual(Object.keys(theirBig));
        expect(big.birthtime).toEqual(theirBig.birthtime);
      }
    });
  });

  describe('whole files', () => {
    const calls: Record<string, (module: Fs, root: string) => Promise<unknown>> = {
      readFile: (m, root) => m.readFile(`${root}/file`),
      'readFile as text': (m, root) => m.readFile(`${root}/file`, 'utf8'),
      'readFile as hex': (m, root) => m.readFile(`${root}/file`, { encoding: 'hex' }),
      'readFile of nothing': (m, root) => m.readFile(`${root}/none`),
      'readFile of a directory': (m, root) => m.readFile(root),
      'readFile with a bad encoding': (m, root) => m.readFile(`${root}/file`, 'klingon' as never),
      'readFile with a bad flag': (m, root) => m.readFile(`${root}/file`, { flag: 'q' }),
      'readFile with w+, which empties it': (m, root) => m.readFile(`${root}/file`, { flag: 'w+', encoding: 'utf8' }),
      'readFile with wx': (m, root) => m.readFile(`${root}/file`, { flag: 'wx' }),
      'readFile, aborted': (m, root) =>
        m.readFile(`${root}/file`, { signal: AbortSignal.abort('why') }).catch((error) => [error.name, error.code, error.cause]),
      'readFile with a signal': (m, root) => m.readFile(`${root}/file`, { signal: new AbortController().signal }),
      'readFile with a bad signal': (m, root) => m.readFile(`${root}/file`, { signal: {} as never }),
      writeFile: (m, root) => m.writeFile(`${root}/new`, 'text').then(() => fs.readFileSync(`${root}/new`, 'utf8')),
      'writeFile over something': (m, root) =>
        m.writeFile(`${root}/file`, 'text').then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      'writeFile of nothing': (m, root) => m.writeFile(`${root}/file`, '').then(() => fs.statSync(`${root}/file`).size),
      'writeFile of a view': (m, root) =>
        m.writeFile(`${root}/new`, new Uint16Array([1, 2])).then(() => [...fs.readFileSync(`${root}/new`)]),
      'writeFile with a mode': (m, root) =>
        m.writeFile(`${root}/new`, 'x', { mode: 0o600 }).then(() => fs.statSync(`${root}/new`).mode),
      'writeFile in base64': (m, root) =>
        m.writeFile(`${root}/new`, 'aGVsbG8=', 'base64').then(() => fs.readFileSync(`${root}/new`, 'utf8')),
      'writeFile with flush': (m, root) =>
        m.writeFile(`${root}/new`, 'x', { flush: true } as never).then(() => fs.readFileSync(`${root}/new`, 'utf8')),
      'writeFile, exclusively': (m, root) => m.writeFile(`${root}/file`, 'x', { flag: 'wx' }),
      'writeFile with r+': (m, root) =>
        m.writeFile(`${root}/file`, 'THE', { flag: 'r+' }).then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      'writeFile with r': (m, root) => m.writeFile(`${root}/file`, 'x', { flag: 'r' }),
      'writeFile to a directory': (m, root) => m.writeFile(root, 'x'),
      'writeFile below nothing': (m, root) => m.writeFile(`${root}/none/x`, 'x'),
      'writeFile of a number': (m, root) => m.writeFile(`${root}/new`, 5 as never),
      'writeFile of an object': (m, root) => m.writeFile(`${root}/new`, {} as never),
      'writeFile of null': (m, root) => m.writeFile(`${root}/new`, null as never),
      'writeFile of an iterable': (m, root) =>
        m.writeFile(`${root}/new`, ['a', Buffer.from('b'), 'c']).then(() => fs.readFileSync(`${root}/new`, 'utf8')),
      'writeFile of an async iterable': (m, root) =>
        m
          .writeFile(
            `${root}/new`,
            (async function* () {
              yield 'a';
              yield 'b';
            })(),
          )
          .then(() => fs.readFileSync(`${root}/new`, 'utf8')),
      'writeFile of an iterable that throws': (m, root) =>
        m.writeFile(
          `${root}/new`,
          (function* () {
            yield 'a';
            throw new Error('no more');
          })(),
        ),
      'writeFile, aborted': (m, root) =>
        m.writeFile(`${root}/new`, 'x', { signal: AbortSignal.abort() }).catch((error) => [error.name, error.code]),
      'writeFile to /dev/full': (m) => m.writeFile('/dev/full', 'x'),
      appendFile: (m, root) => m.appendFile(`${root}/file`, '!').then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      'appendFile to nothing': (m, root) => m.appendFile(`${root}/new`, 'new').then(() => fs.readFileSync(`${root}/new`, 'utf8')),
    };
    for (const [name, call] of Object.entries(calls)) test(name, () => same(call) as Promise<never>);

    test.each([0, 1, 4095, 61_439, 61_440, 61_441, 65_535, 65_536, 65_537, 200_000, 3_000_001])(
      '%d bytes are written and read back',
      async (size) => {
        const name = `${directory.path}/size-${size}`;
        const content = Buffer.alloc(size);
        for (let at = 0; at < size; at++) content[at] = (at * 7 + (at >> 8)) & 0xff;
        await uringFs.writeFile(name, content);
        expect(fs.readFileSync(name).equals(content)).toBe(true);
        const read = await uringFs.readFile(name);
        expect(read.equals(content)).toBe(true);
        // The memory belongs to the caller alone.
        expect(read.buffer.byteLength).toBe(size);
        const handle = await uringFs.open(name);
        expect((await handle.readFile()).equals(content)).toBe(true);
        await handle.close();
      },
    );

    test('hundreds of files are written and read at once', async () => {
      const names = Array.from({ length: 500 }, (_, index) => `${directory.path}/many-${index}`);
      await Promise.all(names.map((name, index) => uringFs.writeFile(name, `file ${index}`)));
      const contents = await Promise.all(names.map((name) => uringFs.readFile(name, 'utf8')));
      expect(contents).toEqual(names.map((_, index) => `file ${index}`));
      await Promise.all(names.map((name) => uringFs.unlink(name)));
      // More files than there are slots.
      const same = await Promise.all(Array.from({ length: 3000 }, () => uringFs.readFile('/etc/passwd', 'utf8')));
      expect(new Set(same)).toEqual(new Set([fs.readFileSync('/etc/passwd', 'utf8')]));
    });

    test('files of /proc and /sys, whose size is not known, are read whole', async () => {
      for (const name of [
        '/proc/self/status',
        '/proc/cpuinfo',
        '/proc/kallsyms',
        '/sys/kernel/mm/transparent_hugepage/enabled',
      ]) {
        if (!fs.existsSync(name)) continue;
        const content = await uringFs.readFile(name, 'utf8');
        expect(Math.abs(content.length - fs.readFileSync(name, 'utf8').length)).toBeLessThan(64);
        expect(content.split('\n')[0]).toBe(fs.readFileSync(name, 'utf8').split('\n')[0]);
      }
      expect(await uringFs.readFile('/dev/null')).toHaveLength(0);
    });

    test.each([10, 50_000, 300_000])('a FIFO with %d bytes that are written bit by bit is read whole', async (size) => {
      const name = `${directory.path}/fifo-${size}`;
      mkfifo(name);
      const content = `${'x'.repeat(size - 1)}y`;
      const writer = spawn('sh', ['-c', `(head -c 3; sleep 0.05; cat) > "${name}"`], { stdio: ['pipe', 'ignore', 'inherit'] });
      writer.stdin?.end(content);
      expect(await uringFs.readFile(name, 'utf8')).toBe(content);
    });
  });

  describe('FileHandle', () => {
    /** Runs the same calls on a handle of each module. */
    const onHandle = (body: (handle: node.FileHandle, module: Fs, root: string) => Promise<unknown>, flags = 'r+') =>
      same(async (module, root) => {
        const handle = await module.open(`${root}/file`, flags);
        try {
          return await body(handle, module, root);
        } finally {
          await handle.close();
        }
      });
    const shown = ({ bytesRead, buffer }: { bytesRead: number; buffer: NodeJS.ArrayBufferView }) => [
      bytesRead,
      Buffer.from(buffer.buffer as ArrayBuffer, buffer.byteOffset, bytesRead).toString(),
      buffer.byteLength,
    ];

    const calls: Record<string, (handle: node.FileHandle, module: Fs, root: string) => Promise<unknown>> = {
      'read(buffer, offset, length, position)': (h) =>
        h.read(Buffer.alloc(10), 2, 5, 4).then(({ bytesRead, buffer }) => [bytesRead, buffer]),
      'read(buffer) from the current position': async (h) => [
        shown(await h.read(Buffer.alloc(5))),
        shown(await h.read(Buffer.alloc(5))),
      ],
      'read() with a buffer of its own': (h) => h.read().then(shown),
      'read({})': (h) => h.read({}).then(shown),
      'read(null)': (h) => h.read(null as never).then(shown),
      'read({ buffer, position })': (h) => h.read({ buffer: Buffer.alloc(4), position: 3 }).then(shown),
      'read(buffer, { offset, length, position })': (h) =>
        h.read(Buffer.alloc(8), { offset: 1, length: 3, position: 2 }).then(({ bytesRead, buffer }) => [bytesRead, buffer]),
      'read(buffer, null, null, null)': (h) => h.read(Buffer.alloc(8), null, null, null).then(shown),
      'read(DataView)': (h) => h.read(new DataView(new ArrayBuffer(6)), 0, 6, 0).then(shown),
      'read(Float64Array)': (h) => h.read(new Float64Array(1), 0, 8, 0).then(shown),
      'read beyond the end': (h) => h.read(Buffer.alloc(4), 0, 4, 1000).then(shown),
      'read of nothing': (h) => h.read(Buffer.alloc(4), 0, 0, 0).then(shown),
      'read into an empty buffer': (h) => h.read(Buffer.alloc(0)).then(shown),
      'read into an empty buffer, of something': (h) => h.read(Buffer.alloc(0), 0, 1, 0),
      'read with an offset too large': (h) => h.read(Buffer.alloc(4), 5, 1, 0),
      'read with a length too large': (h) => h.read(Buffer.alloc(4), 0, 5, 0),
      'read with a negative offset': (h) => h.read(Buffer.alloc(4), -1, 1, 0),
      'read with a negative length': (h) => h.read(Buffer.alloc(4), 0, -1, 0),
      'read with a fraction': (h) => h.read(Buffer.alloc(4), 1.5, 1, 0),
      'read with a position of -1': (h) => h.read(Buffer.alloc(4), 0, 4, -1).then(shown),
      'read with a position of -2': (h) => h.read(Buffer.alloc(4), 0, 4, -2).then(shown),
      'read with a bigint': (h) => h.read(Buffer.alloc(4), 0, 4, 3n as never).then(shown),
      'read with a position that is text': (h) => h.read(Buffer.alloc(4), 0, 4, '3' as never).then(shown),
      'read into text': (h) => h.read('x' as never),
      'read into an array': (h) => h.read([] as never),
      readv: async (h) => {
        const buffers = [Buffer.alloc(3), Buffer.alloc(4)];
        const { bytesRead } = await h.readv(buffers, 2);
        return [bytesRead, buffers];
      },
      'readv from the current position': async (h) => {
        const buffers = [Buffer.alloc(30)];
        await h.readv(buffers);
        return h.readv(buffers);
      },
      'readv of nothing': (h) => h.readv([]),
      'readv of text': (h) => h.readv('x' as never),
      'readv of an array of text': (h) => h.readv(['x'] as never),
      'write(buffer)': (h, _m, root) => h.write(Buffer.from('THE')).then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      'write(buffer, offset, length, position)': (h, _m, root) =>
        h.write(Buffer.from('abcdef'), 1, 3, 4).then((result) => [result, fs.readFileSync(`${root}/file`, 'utf8')]),
      'write(buffer, options)': (h, _m, root) =>
        h
          .write(Buffer.from('abcdef'), { offset: 2, position: 0 } as never)
          .then((result) => [result.bytesWritten, fs.readFileSync(`${root}/file`, 'utf8')]),
      'write(text)': (h, _m, root) => h.write('äöü').then((result) => [result, fs.readFileSync(`${root}/file`, 'utf8')]),
      'write(text, position, encoding)': (h, _m, root) =>
        h.write('QUJD', 3, 'base64').then((result) => [result, fs.readFileSync(`${root}/file`, 'utf8')]),
      'write(text, null)': (h, _m, root) =>
        h.write('x', null).then((result) => [result, fs.readFileSync(`${root}/file`, 'utf8')]),
      'write of nothing': (h) => h.write(Buffer.alloc(0)),
      'write of a number': (h) => h.write(5 as never),
      'write of null': (h) => h.write(null as never),
      'write with an offset too large': (h) => h.write(Buffer.alloc(4), 5),
      'write with a length too large': (h) => h.write(Buffer.alloc(4), 0, 5),
      'write with a negative length': (h) => h.write(Buffer.alloc(4), 0, -1),
      'write with a bad encoding': (h) => h.write('x', 0, 'klingon' as never),
      'write of odd hex': (h) => h.write('abc', 0, 'hex'),
      writev: (h, _m, root) =>
        h
          .writev([Buffer.from('AB'), new Uint8Array(0), Buffer.from('CD')], 1)
          .then((result) => [result.bytesWritten, fs.readFileSync(`${root}/file`, 'utf8')]),
      'writev of nothing': (h) => h.writev([]),
      'writev of text': (h) => h.writev('x' as never),
      readFile: (h) => h.readFile('utf8'),
      'readFile goes on where the position is': async (h) => {
        await h.read(Buffer.alloc(4));
        return h.readFile('utf8');
      },
      'readFile twice': async (h) => [await h.readFile('utf8'), await h.readFile('utf8')],
      'module.readFile(handle)': (h, m) => m.readFile(h, 'utf8'),
      'writeFile writes at the position': async (h, _m, root) => {
        await h.read(Buffer.alloc(4));
        await h.writeFile('XYZ');
        return fs.readFileSync(`${root}/file`, 'utf8');
      },
      'module.writeFile(handle)': (h, m, root) => m.writeFile(h, 'abc').then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      appendFile: (h, _m, root) => h.appendFile('abc').then(() => fs.readFileSync(`${root}/file`, 'utf8')),
      stat: (h) => h.stat().then(({ size, mode }) => [size, mode]),
      'stat with bigints': (h) => h.stat({ bigint: true }).then(({ size }) => size),
      truncate: (h) =>
        h
          .truncate(5)
          .then(() => h.stat())
          .then(({ size }) => size),
      'truncate to nothing': (h) =>
        h
          .truncate()
          .then(() => h.stat())
          .then(({ size }) => size),
      'truncate to what is no number': (h) => h.truncate('x' as never),
      'sync and datasync': async (h) => [await h.sync(), await h.datasync()],
      chmod: (h) =>
        h
          .chmod(0o600)
          .then(() => h.stat())
          .then(({ mode }) => mode),
      utimes: (h) =>
        h
          .utimes(1, 2)
          .then(() => h.stat())
          .then(({ mtimeMs, atimeMs }) => [mtimeMs, atimeMs]),
      readLines: async (h) => {
        const lines = [];
        for await (const line of h.readLines()) lines.push(line);
        return [lines, h.fd];
      },
      readableWebStream: async (h) => {
        let text = '';
        for await (const chunk of h.readableWebStream({ type: 'bytes' })) text += Buffer.from(chunk as Uint8Array);
        return text;
      },
      'a closed handle': async (h) => {
        await h.close();
        const seen = [h.fd];
        for (const call of [
          () => h.read(),
          () => h.write('x'),
          () => h.stat(),
          () => h.readFile(),
          () => h.writeFile('x'),
          () => h.truncate(),
          () => h.sync(),
          () => h.datasync(),
          () => h.chmod(1),
          () => h.readv([]),
          () => h.writev([]),
          () => h.utimes(1, 2),
          () => h.chown(0, 0),
          () => h.appendFile('x'),
        ])
          seen.push((await outcomeOf(call)) as never);
        return seen;
      },
    };
    for (const [name, call] of Object.entries(calls)) test(name, () => onHandle(call) as Promise<never>);

    test('a file that was opened for reading cannot be written', () =>
      onHandle(
        async (handle) => [
          await outcomeOf(handle.write('x')),
          await outcomeOf(handle.truncate(1)),
          await outcomeOf(handle.writeFile('x')),
        ],
        'r',
      ) as Promise<never>);

    test('a file that was opened to append is written at its end', () =>
      onHandle(async (handle, _module, root) => {
        await handle.write('1', 0);
        await handle.write(Buffer.from('2'), 0, 1, 0);
        await handle.appendFile('3');
        return fs.readFileSync(`${root}/file`, 'utf8');
      }, 'a+') as Promise<never>);

    test.each([
      'r',
      'rs',
      'sr',
      'r+',
      'rs+',
      'w',
      'wx',
      'xw',
      'w+',
      'wx+',
      'a',
      'ax',
      'as',
      'a+',
      'ax+',
      'as+',
      'q',
      '',
      5.5,
      constants.O_RDWR,
      -1,
    ])(
      'open does the same as Node with the flags %p',
      (flags) =>
        same(async (module, root) => {
          const handle = await module.open(`${root}/file`, flags as string);
          const how = fs.readFileSync(`/proc/self/fdinfo/${handle.fd}`, 'utf8').match(/flags:\s+(\d+)/)?.[1];
          await handle.close();
          return how;
        }) as Promise<never>,
    );

    test.each([0o600, '600', '0o600', 'x', -1, 5.5, null, 2 ** 33])(
      'open does the same as Node with the mode %p',
      (mode) =>
        same(async (module, root) => {
          const handle = await module.open(`${root}/new`, 'w', mode as number);
          await handle.close();
          return fs.statSync(`${root}/new`).mode;
        }) as Promise<never>,
    );

    test('a handle is closed even if its engine is closed meanwhile', async () => {
      const name = `${directory.path}/closed-meanwhile`;
      fs.writeFileSync(name, '');
      // More than the engine submits at once.
      const handles = await Promise.all(Array.from({ length: 400 }, () => uringFs.open(name)));
      const left = () => descriptorTargets().filter((target) => target === name).length;
      expect(left()).toBe(400);
      await Promise.all([...handles.map((handle) => handle.close()), Uring.default().close()]);
      expect(left()).toBe(0);
    });

    test('close waits for operations in flight, and can be called repeatedly', async () => {
      const name = `${directory.path}/fifo-close`;
      mkfifo(name);
      const handle = await uringFs.open(name, constants.O_RDWR);
      const { fd } = handle;
      const events: string[] = [];
      (handle as unknown as EventEmitter).on('close', () => events.push('close event'));
      const read = handle.read(Buffer.alloc(1)).then(() => events.push('read'));
      const closing = handle.close().then(() => events.push('closed'));
      expect(Object.prototype.toString.call(handle.close())).toBe('[object Promise]');
      expect(fs.readlinkSync(`/proc/self/fd/${fd}`)).toBe(name);
      fs.writeFileSync(name, 'x');
      await Promise.all([read, closing, handle.close()]);
      expect(events).toEqual(['close event', 'read', 'closed']);
      expect(() => fs.readlinkSync(`/proc/self/fd/${fd}`)).toThrow();
      await handle.close();
      await handle[Symbol.asyncDispose]();
    });

    test('a handle whose descriptor was closed elsewhere fails with EBADF', async () => {
      const handle = await uringFs.open('/etc/passwd');
      fs.closeSync(handle.fd);
      expect(await outcomeOf(handle.read())).toMatchObject({ fields: { code: 'EBADF', syscall: 'read' } });
      expect(await outcomeOf(handle.close())).toMatchObject({ fields: { code: 'EBADF', syscall: 'close' } });
    });

    test('large files, holes, and positions beyond 2^32 work', () =>
      same(async (module, root) => {
        const handle = await module.open(`${root}/sparse`, 'w+');
        const far = 5 * 2 ** 30;
        await handle.write(Buffer.from('far away'), 0, 8, far);
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(20), 0, 20, far - 4);
        const hole = await handle.read(Buffer.alloc(8, 1), 0, 8, 2 ** 32);
        const { size, blocks } = await handle.stat();
        await handle.truncate(2 ** 32 + 1);
        const after = (await handle.stat()).size;
        await handle.close();
        await module.unlink(`${root}/sparse`);
        return [bytesRead, buffer, hole.buffer, size, blocks < 1000, after];
      }) as Promise<never>);

    test('O_DIRECT works with any memory', async () => {
      const name = `${directory.path}/direct`;
      fs.writeFileSync(name, Buffer.alloc(16_384, 6));
      const handle = await uringFs.open(name, constants.O_RDWR | constants.O_DIRECT);
      const odd = Buffer.from(new ArrayBuffer(8192 + 5), 5);
      expect((await handle.read(odd, 0, 8192, 4096)).bytesRead).toBe(8192);
      expect(odd.every((byte) => byte === 6)).toBe(true);
      expect((await handle.write(Buffer.alloc(4096, 9), 0, 4096, 0)).bytesWritten).toBe(4096);
      await handle.close();
      expect(fs.readFileSync(name).subarray(0, 4097)).toEqual(Buffer.concat([Buffer.alloc(4096, 9), Buffer.of(6)]));
    });

    test('data that is not in the cache is read', async () => {
      const name = `${directory.path}/cold`;
      const content = Buffer.alloc(4 << 20);
      for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
      fs.writeFileSync(name, content);
      execFileSync('sync', [name]);
      const handle = await uringFs.open(name);
      for (let round = 0; round < 3; round++) {
        await uringFs.fadvise(handle, 0, 0, uringFs.Advice.DONTNEED);
        const whole = Buffer.alloc(content.length);
        expect((await handle.read(whole, 0, whole.length, 0)).bytesRead).toBe(whole.length);
        expect(whole.equals(content)).toBe(true);
        await uringFs.fadvise(handle, 0, 0, uringFs.Advice.DONTNEED);
        const pieces = await Promise.all(
          Array.from({ length: 256 }, (_, index) => handle.read(Buffer.alloc(4096), 0, 4096, index * 16_384)),
        );
        for (const [index, { buffer, bytesRead }] of pieces.entries()) {
          expect(bytesRead).toBe(4096);
          expect(buffer.readUInt32LE(0)).toBe(index * 16_384);
        }
        await uringFs.fadvise(handle, 0, 0, uringFs.Advice.DONTNEED);
        expect((await uringFs.readFile(name)).equals(content)).toBe(true);
      }
      await handle.close();
    });

    test('a read of a FIFO returns what is there', async () => {
      const name = `${directory.path}/fifo-read`;
      mkfifo(name);
      const handle = await uringFs.open(name, constants.O_RDWR);
      const first = handle.read(Buffer.alloc(100));
      await handle.write('abc');
      expect((await first).bytesRead).toBe(3);
      await handle.write('defg');
      expect((await handle.read(Buffer.alloc(2))).buffer.toString()).toBe('de');
      expect((await handle.read(Buffer.alloc(10))).bytesRead).toBe(2);
      await handle.close();
      const nonBlocking = await uringFs.open(name, constants.O_RDWR | constants.O_NONBLOCK);
      expect(await outcomeOf(nonBlocking.read())).toMatchObject({ fields: { code: 'EAGAIN', syscall: 'read' } });
      await nonBlocking.close();
    });

    test('a terminal is read and written', async () => {
      const result = await runChild<{ line: string; written: number }>('terminal.mjs');
      expect(result).toEqual({ line: 'typed\r\n', written: 3 });
    });
  });

  test('the functions accept handles for paths, in their types as well', async () => {
    const handle: uringFs.FileHandle = await uringFs.open(`${directory.path}/typed`, 'w+');
    await uringFs.writeFile(handle, 'typed', { encoding: 'utf8' });
    await uringFs.appendFile(handle, '!', 'utf8');
    const text: string = await uringFs.readFile(`${directory.path}/typed`, 'utf8');
    const bytes: Buffer = await uringFs.readFile(handle);
    expect([text, bytes.length]).toEqual(['typed!', 0]);
    await handle.close();
  });

  test('fallocate and extended attributes, which Node lacks, work', async () => {
    const handle = await uringFs.open(`${directory.path}/extras`, 'w+');
    await uringFs.fallocate(handle, 0, 0, 8192);
    expect((await handle.stat()).size).toBe(8192);
    await uringFs.fallocate(handle, uringFs.FallocateMode.KEEP_SIZE | uringFs.FallocateMode.PUNCH_HOLE, 0, 4096);
    await uringFs.setxattr(handle, 'user.name', 'value');
    expect(Buffer.from(await uringFs.getxattr(`${directory.path}/extras`, 'user.name')).toString()).toBe('value');
    expect(await outcomeOf(uringFs.getxattr(`${directory.path}/extras`, 'user.none'))).toMatchObject({
      fields: { code: 'ENODATA', syscall: 'getxattr', path: `${directory.path}/extras` },
    });
    await handle.close();
  });

  describe('without io_uring', () => {
    jest.setTimeout(within(60_000));

    test('the error gives the reason', async () => {
      const result = await runChild<{ name: string; message: string }>('fallback.mjs', [], [], { URING_DISABLE: '1' });
      expect(result).toMatchObject({ name: 'UringUnavailableError' });
      expect(result.message).toContain('URING_DISABLE');
    });

    test.each(['environment', 'configure'])(
      'a fallback that is requested (%s) works through Node, with one warning',
      async (how) => {
        const env = { URING_DISABLE: '1', ...(how === 'environment' ? { URING_FALLBACK: '1' } : {}) };
        const result = await runChild('fallback.mjs', [how], [], env);
        expect(result).toEqual({ backend: 'node', content: 'text', size: 4, stream: 'text', warnings: ['URING_FALLBACK'] });
      },
    );
  });

  describe('readMany', () => {
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
    beforeAll(() => fs.writeFileSync(`${directory.path}/ranges`, content));

    test('reads ranges with one promise, however they are given, into memory of the caller', async () => {
      await using handle = await uringFs.open(`${directory.path}/ranges`);
      const parts = [
        { offset: 70_000, length: 1000 },
        { offset: 5, length: 0 },
        { offset: 99_990, length: 100 },
        { offset: 0, length: 7 },
      ];
      const flat = parts.flatMap(({ offset, length }) => [offset, length]);
      const expected = Buffer.concat([
        content.subarray(70_000, 71_000),
        content.subarray(99_990),
        Buffer.alloc(90),
        content.subarray(0, 7),
      ]);
      for (const ranges of [parts, Int32Array.from(flat), Uint32Array.from(flat), Float64Array.from(flat)]) {
        for (const into of [undefined, Buffer.alloc(1107), new Uint16Array(600), Uring.default().buffers.allocate(2000).bytes]) {
          const result = into === undefined ? await handle.readMany(ranges) : await handle.readMany(ranges, into);
          expect([...result.results]).toEqual([1000, 0, 10, 7]);
          if (into !== undefined) expect(result.buffer).toBe(into);
          const { buffer } = result;
          const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, 1107);
          // There, the caller's memory is unchanged; new memory is cleared.
          if (into !== undefined) bytes.fill(0, 1010, 1100);
          expect(bytes.equals(expected)).toBe(true);
        }
      }
      // Where nothing can be read, the memory shows nothing of its previous content.
      for (let count = 0; count < 50; count++) {
        Buffer.allocUnsafeSlow(4096).fill(255);
        const { buffer } = await handle.readMany(Int32Array.of(99_990, 2000, 200_000, 2096));
        expect(buffer.subarray(10).every((byte) => byte === 0)).toBe(true);
      }
      expect(await handle.readMany([])).toEqual({ results: new Int32Array(0), buffer: Buffer.alloc(0) });
    });

    test('lets timers fire while it reads a hundred thousand ranges, or ranges of several megabytes', async () => {
      fs.writeFileSync(`${directory.path}/wide`, Buffer.alloc(64 * 1024 * 1024, 1));
      await using handle = await uringFs.open(`${directory.path}/wide`);
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      const many = Int32Array.from({ length: 200_000 }, (_, index) => (index % 2 ? 16 : index * 100));
      expect((await handle.readMany(many)).results.every((bytes) => bytes === 16)).toBe(true);
      expect(ticks).toBeGreaterThan(2);
      ticks = 0;
      const large = Array.from({ length: 100 }, (_, index) => ({ offset: index, length: 4 * 1024 * 1024 }));
      const { results, buffer } = await handle.readMany(large);
      clearInterval(timer);
      expect(results.every((bytes) => bytes === 4 * 1024 * 1024)).toBe(true);
      expect(buffer.every((byte) => byte === 1)).toBe(true);
      expect(ticks).toBeGreaterThan(10);
      fs.unlinkSync(`${directory.path}/wide`);
    });

    test('reads with O_DIRECT and from /proc, and refuses pipes and files that are closed or write-only', async () => {
      const { O_RDONLY, O_DIRECT } = constants;
      {
        await using direct = await uringFs.open(`${directory.path}/ranges`, O_RDONLY | O_DIRECT);
        const into = Uring.default().buffers.allocate(8192).bytes;
        const { results } = await direct.readMany(
          [
            { offset: 4096, length: 4096 },
            { offset: 0, length: 4096 },
          ],
          into,
        );
        expect([...results]).toEqual([4096, 4096]);
        expect(Buffer.from(into).equals(Buffer.concat([content.subarray(4096, 8192), content.subarray(0, 4096)]))).toBe(true);
      }
      {
        await using made = await uringFs.open('/proc/version');
        const { results, buffer } = await made.readMany([
          { offset: 0, length: 5 },
          { offset: 6, length: 7 },
        ]);
        expect([[...results], `${buffer}`]).toEqual([[5, 7], 'Linuxversion']);
      }
      mkfifo(`${directory.path}/ranged`);
      {
        await using pipe = await uringFs.open(`${directory.path}/ranged`, 'r+');
        await expect(pipe.readMany([{ offset: 0, length: 1 }])).rejects.toMatchObject({ code: 'ESPIPE', syscall: 'read' });
      }
      await using written = await uringFs.open(`${directory.path}/written-only`, 'w');
      expect([...(await written.readMany([{ offset: 0, length: 1 }])).results]).toEqual([-9]);
      const closed = await uringFs.open(`${directory.path}/ranges`);
      await closed.close();
      await expect(closed.readMany([{ offset: 0, length: 1 }])).rejects.toMatchObject({ code: 'EBADF' });
    });

    test('refuses invalid ranges before anything is read', async () => {
      await using handle = await uringFs.open(`${directory.path}/ranges`);
      for (const [ranges, into, options, code] of [
        [undefined, undefined, undefined, 'ERR_INVALID_ARG_TYPE'],
        [[5], undefined, undefined, 'ERR_INVALID_ARG_TYPE'],
        [[{ offset: -1, length: 1 }], undefined, undefined, 'ERR_OUT_OF_RANGE'],
        [[{ offset: 0, length: 1.5 }], undefined, undefined, 'ERR_OUT_OF_RANGE'],
        [[{ offset: 0 }], undefined, undefined, 'ERR_INVALID_ARG_TYPE'],
        [Int32Array.of(1, 2, 3), undefined, undefined, 'ERR_INVALID_ARG_VALUE'],
        [Int32Array.of(0, -1), undefined, undefined, 'ERR_OUT_OF_RANGE'],
        [Float64Array.of(0, 2 ** 40), undefined, undefined, 'ERR_OUT_OF_RANGE'],
        [Float64Array.of(0, 2 ** 30, 0, 2 ** 30, 0, 2 ** 30), undefined, undefined, 'ERR_OUT_OF_RANGE'],
        [Int32Array.of(0, 10), Buffer.alloc(9), undefined, 'ERR_OUT_OF_RANGE'],
        [Int32Array.of(0, 10), 'text', undefined, 'ERR_INVALID_ARG_TYPE'],
        [Int32Array.of(0, 10), undefined, { signal: 5 }, 'ERR_INVALID_ARG_TYPE'],
        [Int32Array.of(0, 10), undefined, { timeout: 5 }, 'ERR_INVALID_ARG_VALUE'],
      ] as const)
        await expect(handle.readMany(ranges as never, into as never, options as never)).rejects.toMatchObject({ code });
      const aborted = handle.readMany(Int32Array.of(0, 10), undefined, { signal: AbortSignal.abort(new Error('enough')) });
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError', cause: new Error('enough') });
    });
  });
});
