/**
 * `uring/fs` where mistakes are easy: full disks, positions, streams, files that are not regular
 * files. Compared with Node wherever Node is predictable.
 */

import { execFileSync, spawn } from 'node:child_process';
import fs, { constants } from 'node:fs';
import node from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { afterAll, describe, expect, test } from '@jest/globals';
import { createReadStream, createWriteStream } from '../../src/fs/index.js';
import * as promises from '../../src/fs/promises.js';
import { Uring } from '../../src/index.js';
import { runChild } from '../helpers/child.js';
import { mkfifo, temporaryDirectory, whyNoRing } from '../helpers/linux.js';

/** The functions with promises, and the streams. */
const uringFs = { ...promises, createReadStream, createWriteStream };

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

type Fs = typeof node & Pick<typeof fs, 'createReadStream' | 'createWriteStream'>;

const modules: [string, Fs][] = [
  ['uring', uringFs as unknown as Fs],
  ['node', { ...node, createReadStream: fs.createReadStream, createWriteStream: fs.createWriteStream }],
];

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error) => (error as { code: string }).code,
  );

/** Returns the events of a stream, in order, and the code of its error. */
function eventsOf(stream: NodeJS.EventEmitter, names: string[]): Promise<string[]> {
  const seen: string[] = [];
  return new Promise((resolve) => {
    for (const name of names)
      stream.on(name, (argument) => seen.push(name === 'error' ? `error ${(argument as { code: string }).code}` : name));
    stream.on('close', () => resolve([...seen, 'close']));
  });
}

onLinux(`uring/fs at the edges${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  afterAll(async () => {
    await Uring.default().close();
    directory.remove();
  });

  describe.each(modules)('a full disk (%s)', (name, module) => {
    const root = `${directory.path}/full-${name}`;
    /** The reason why no tmpfs can be mounted. */
    const gap = (() => {
      fs.mkdirSync(root, { recursive: true });
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', root], { stdio: 'pipe' });
        return undefined;
      } catch (error) {
        return String((error as { stderr?: Buffer }).stderr ?? error).trim();
      }
    })();
    afterAll(() => {
      if (gap === undefined) execFileSync('umount', ['-l', root]);
    });
    const onTmpfs = (title: string, body: () => Promise<void>) =>
      gap === undefined ? test(title, body) : test.skip(`${title} (skipped: ${gap})`, body);
    const much = Buffer.alloc(100_000, 7);
    const empty = () => {
      for (const file of fs.readdirSync(root)) fs.rmSync(`${root}/${file}`);
    };

    onTmpfs('a write tells how much, the next one why', async () => {
      empty();
      const handle = await module.open(`${root}/a`, 'w');
      expect((await handle.write(much)).bytesWritten).toBe(65_536);
      expect(await codeOf(handle.write(much))).toBe('ENOSPC');
      await handle.close();
      expect(fs.statSync(`${root}/a`).size).toBe(65_536);
    });

    onTmpfs('writev, too', async () => {
      empty();
      const handle = await module.open(`${root}/a`, 'w');
      expect((await handle.writev([much.subarray(0, 60_000), much.subarray(0, 40_000)])).bytesWritten).toBe(65_536);
      expect(await codeOf(handle.writev([much]))).toBe('ENOSPC');
      await handle.close();
    });

    onTmpfs('writeFile, appendFile and a stream fail', async () => {
      empty();
      expect(await codeOf(module.writeFile(`${root}/a`, much))).toBe('ENOSPC');
      empty();
      expect(await codeOf(module.writeFile(`${root}/a`, [much]))).toBe('ENOSPC');
      empty();
      expect(await codeOf(module.appendFile(`${root}/a`, much))).toBe('ENOSPC');
      empty();
      const handle = await module.open(`${root}/a`, 'w');
      expect(await codeOf(handle.writeFile(much))).toBe('ENOSPC');
      await handle.close();
      empty();
      const stream = module.createWriteStream(`${root}/a`);
      const events = eventsOf(stream, ['error', 'finish']);
      stream.end(much);
      expect(await events).toEqual(['error ENOSPC', 'close']);
    });
  });

  describe.each(modules)('a read-only file system (%s)', (name, module) => {
    const root = `${directory.path}/constant-${name}`;
    const mounted = (() => {
      fs.mkdirSync(root, { recursive: true });
      try {
        execFileSync('mount', ['-t', 'tmpfs', 'none', root], { stdio: 'ignore' });
        fs.writeFileSync(`${root}/file`, 'text');
        fs.mkdirSync(`${root}/folder`);
        execFileSync('mount', ['-o', 'remount,ro', root], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    })();
    afterAll(() => {
      if (mounted) execFileSync('umount', ['-l', root]);
    });
    const readOnly = mounted ? test : test.skip;
    const why = mounted ? '' : ' (skipped: no tmpfs can be mounted)';

    readOnly(`everything that changes something is refused, and what is there can be read${why}`, async () => {
      const [file, other] = [`${root}/file`, `${root}/other`];
      const changes: Record<string, () => Promise<unknown>> = {
        open: () => module.open(file, 'r+'),
        create: () => module.open(other, 'w'),
        writeFile: () => module.writeFile(file, 'x'),
        writePieces: () => module.writeFile(other, ['x', 'y']),
        appendFile: () => module.appendFile(file, 'x'),
        mkdir: () => module.mkdir(other),
        unlink: () => module.unlink(file),
        rmdir: () => module.rmdir(`${root}/folder`),
        rm: () => module.rm(file),
        rename: () => module.rename(file, other),
        link: () => module.link(file, other),
        symlink: () => module.symlink(file, other),
        truncate: () => module.truncate(file, 1),
        chmod: () => module.chmod(file, 0o600),
        utimes: () => module.utimes(file, 1, 1),
        copyFile: () => module.copyFile(file, other),
      };
      const codes = await Promise.all(Object.values(changes).map((change) => codeOf(change())));
      expect(Object.fromEntries(Object.keys(changes).map((key, index) => [key, codes[index]]))).toEqual(
        Object.fromEntries(Object.keys(changes).map((key) => [key, 'EROFS'])),
      );
      const stream = module.createWriteStream(other);
      const events = eventsOf(stream, ['error', 'finish']);
      stream.end('x');
      expect(await events).toEqual(['error EROFS', 'close']);
      expect(await module.readFile(file, 'utf8')).toBe('text');
      expect((await module.stat(file)).size).toBe(4);
      expect(fs.readdirSync(root)).toEqual(['file', 'folder']);
    });
  });

  describe.each(modules)('positions (%s)', (name, module) => {
    test('concurrent writes at the file position follow one another', async () => {
      const file = `${directory.path}/together-${name}`;
      for (const flags of ['w', 'a']) {
        const handle = await module.open(file, flags);
        await Promise.all([1, 2, 3, 4].map((byte) => handle.write(Buffer.alloc(2 << 20, byte))));
        await handle.close();
        const content = fs.readFileSync(file);
        let runs = 1;
        for (let at = 1; at < content.length; at++) if (content[at] !== content[at - 1]) runs++;
        expect([content.length, runs]).toEqual([8 << 20, 4]);
        fs.unlinkSync(file);
      }
    });

    test('reads and writes in turn continue at the file position', async () => {
      const file = `${directory.path}/turns-${name}`;
      fs.writeFileSync(file, 'abcdefghij');
      const handle = await module.open(file, 'r+');
      const seen = [];
      seen.push((await handle.read(Buffer.alloc(2))).buffer.toString());
      await handle.write('XY');
      seen.push((await handle.read(Buffer.alloc(2))).buffer.toString());
      seen.push((await handle.read(Buffer.alloc(9))).bytesRead);
      await handle.write('!');
      seen.push((await handle.read(Buffer.alloc(1))).bytesRead);
      await handle.close();
      expect([seen, fs.readFileSync(file, 'utf8')]).toEqual([['ab', 'ef', 4, 0], 'abXYefghij!']);
    });
  });

  test('O_DIRECT works at the file position', async () => {
    const file = `${directory.path}/direct`;
    const content = Buffer.alloc(1 << 20);
    for (let at = 0; at < content.length; at += 4096) content.fill(at / 4096, at, at + 4096);
    fs.writeFileSync(file, content);
    const handle = await uringFs.open(file, constants.O_RDWR | constants.O_DIRECT);
    const seen = [];
    for (let i = 0; i < 3; i++) seen.push((await handle.read(Buffer.alloc(8192), 0, 8192, null)).buffer[0]);
    expect(seen).toEqual([0, 2, 4]);
    expect((await handle.readFile()).equals(content.subarray(3 * 8192))).toBe(true);
    let streamed = 0;
    for await (const chunk of handle.createReadStream({ start: 0 })) streamed += (chunk as Buffer).length;
    expect(streamed).toBe(content.length);
    const writer = await uringFs.open(file, constants.O_WRONLY | constants.O_DIRECT);
    for (let i = 1; i <= 3; i++) await writer.write(Buffer.alloc(4096, 100 + i));
    await writer.close();
    expect([0, 4096, 8192].map((at) => fs.readFileSync(file)[at])).toEqual([101, 102, 103]);
  });

  describe.each(modules)('O_NONBLOCK (%s)', (name, module) => {
    test('a FIFO fails with EAGAIN', async () => {
      const fifo = `${directory.path}/nonblocking-${name}`;
      mkfifo(fifo);
      const flags = constants.O_RDWR | constants.O_NONBLOCK;
      const handle = await module.open(fifo, flags);
      expect(await codeOf(handle.read(Buffer.alloc(1)))).toBe('EAGAIN');
      expect(await codeOf(handle.readv([Buffer.alloc(1)]))).toBe('EAGAIN');
      expect(await codeOf(handle.readFile())).toBe('EAGAIN');
      expect((await handle.write(Buffer.alloc(200_000))).bytesWritten).toBe(65_536);
      expect(await codeOf(handle.write('x'))).toBe('EAGAIN');
      expect(await codeOf(handle.writev([Buffer.from('x')]))).toBe('EAGAIN');
      expect((await handle.read(Buffer.alloc(10))).bytesRead).toBe(10);
      await handle.close();
      const keep = fs.openSync(fifo, constants.O_RDWR);
      expect(await codeOf(module.readFile(fifo, { flag: constants.O_RDONLY | constants.O_NONBLOCK }))).toBe('EAGAIN');
      expect(
        await codeOf(module.writeFile(fifo, Buffer.alloc(200_000), { flag: constants.O_WRONLY | constants.O_NONBLOCK } as never)),
      ).toBe('EAGAIN');
      fs.closeSync(keep);
    });
  });

  describe.each(modules)('fifos (%s)', (name, module) => {
    test.each(['open', 'writeFile'])('%s waits for a reader', async (how) => {
      const fifo = `${directory.path}/waiting-${name}-${how}`;
      mkfifo(fifo);
      const reader = spawn('sh', ['-c', `sleep 0.1; cat "${fifo}"`], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      reader.stdout.on('data', (data) => {
        text += data;
      });
      // Listen from the start: the reader can exit before our own close has been reported.
      const readerGone = new Promise((resolve) => reader.on('close', resolve));
      if (how === 'open') {
        const handle = await module.open(fifo, constants.O_WRONLY);
        await handle.write('through');
        await handle.close();
      } else {
        await module.writeFile(fifo, 'through', { flag: constants.O_WRONLY } as never);
      }
      await readerGone;
      expect(text).toBe('through');
    });
  });

  describe.each(modules)('streams (%s)', (name, module) => {
    const root = `${directory.path}/streams-${name}`;
    fs.mkdirSync(root);
    const content = Buffer.alloc(300_000);
    for (let at = 0; at < content.length; at++) content[at] = at * 31;
    fs.writeFileSync(`${root}/source`, content);

    test.each([
      {},
      { start: 5 },
      { start: 5, end: 99_999 },
      { end: 0 },
      { start: 299_999 },
      { start: 400_000 },
      { highWaterMark: 1000 },
      { highWaterMark: 1_000_000 },
    ])('a read stream works with the options %p', async (options) => {
      const stream = module.createReadStream(`${root}/source`, options);
      const events = eventsOf(stream, ['open', 'ready', 'end', 'error']);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk) => chunks.push(chunk as Buffer));
      expect(await events).toEqual(['open', 'ready', 'end', 'close']);
      const { start = 0, end = content.length - 1 } = options as { start?: number; end?: number };
      expect(Buffer.concat(chunks).equals(content.subarray(start, end + 1))).toBe(true);
      expect(Math.max(0, ...chunks.map(({ length }) => length))).toBeLessThanOrEqual(
        (options as { highWaterMark?: number }).highWaterMark ?? 65_536,
      );
      expect(stream.bytesRead).toBe(Buffer.concat(chunks).length);
      // Each piece has its own buffer.
      for (const { byteOffset, buffer, length } of chunks) expect([byteOffset, buffer.byteLength]).toEqual([0, length]);
      expect(stream.destroyed).toBe(true);
    });

    test('missing files, directories, and invalid options are errors', async () => {
      expect(await eventsOf(module.createReadStream(`${root}/none`), ['open', 'error', 'end'])).toEqual([
        'error ENOENT',
        'close',
      ]);
      const onDirectory = module.createReadStream(root);
      onDirectory.resume();
      expect(await eventsOf(onDirectory, ['open', 'error', 'end'])).toEqual(['open', 'error EISDIR', 'close']);
      expect(() => module.createReadStream(`${root}/source`, { start: 10, end: 5 })).toThrow('start');
      expect(() => module.createReadStream(`${root}/source`, { start: -1 })).toThrow(/out of range/);
      expect(() => module.createReadStream(`${root}/source`, { fd: -1 })).toThrow(/out of range/);
      expect(() => module.createReadStream(`${root}/source`, { fd: 'x' } as never)).toThrow(/must be of type/);
      expect(() => module.createReadStream(5 as never)).toThrow(/must be of type/);
      expect(() => module.createReadStream(`${root}/source`, 5 as never)).toThrow(/of type string or object/);
    });

    test('nothing more is read while no data is taken', async () => {
      const stream = module.createReadStream(`${root}/source`, { highWaterMark: 1000 });
      stream.once('readable', () => undefined);
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(stream.readableLength).toBeLessThanOrEqual(2000);
      stream.destroy();
    });

    test('callbacks of writes are called when the data has been written', async () => {
      const file = `${root}/written`;
      const stream = module.createWriteStream(file);
      const data = Buffer.alloc(2 << 20, 'a');
      await new Promise((resolve) => stream.write(data, resolve));
      expect(fs.statSync(file).size).toBe(data.length);
      expect(stream.bytesWritten).toBe(data.length);
      data.fill('b');
      await new Promise<void>((resolve) => stream.end('tail', resolve));
      const content = fs.readFileSync(file, 'utf8');
      expect([content.length, content.includes('b'), content.endsWith('tail')]).toEqual([data.length + 4, false, true]);
    });

    test('a failed write emits an error without an end of the stream', async () => {
      const stream = module.createWriteStream(`${root}/source`, { flags: 'r' });
      const events = eventsOf(stream, ['error', 'finish']);
      stream.write('x', () => undefined);
      expect(await events).toEqual(['error EBADF', 'close']);
    });

    test.each([{ flags: 'a' }, { flags: 'r+', start: 3 }, { highWaterMark: 10 }, { flush: true }])(
      'a write stream works with the options %p',
      async (options) => {
        const file = `${root}/options`;
        fs.writeFileSync(file, '0123456789');
        const stream = module.createWriteStream(file, options as never);
        stream.cork();
        for (const piece of ['ab', '', 'cd']) stream.write(piece);
        stream.uncork();
        await new Promise<void>((resolve) => stream.end('e', resolve));
        const expected = 'flags' in options ? (options.flags === 'a' ? '0123456789abcde' : '012abcde89') : 'abcde';
        expect(fs.readFileSync(file, 'utf8')).toBe(expected);
      },
    );

    test('a pipeline copies a file', async () => {
      await pipeline(module.createReadStream(`${root}/source`), module.createWriteStream(`${root}/target`));
      expect(fs.readFileSync(`${root}/target`).equals(content)).toBe(true);
    });

    test('a stream over a handle closes the handle', async () => {
      const handle = await module.open(`${root}/source`);
      const chunks: Buffer[] = [];
      for await (const chunk of handle.createReadStream({ start: 10, end: 19 })) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).equals(content.subarray(10, 20))).toBe(true);
      expect(handle.fd).toBe(-1);
      const kept = await module.open(`${root}/source`);
      for await (const _ of kept.createReadStream({ autoClose: false }));
      expect(kept.fd).toBeGreaterThan(0);
      await kept.close();
      expect(() => kept.createReadStream()).toThrow(/out of range/);
    });

    test('a stream over a descriptor closes the descriptor', async () => {
      const fd = fs.openSync(`${root}/source`, 'r');
      let bytes = 0;
      for await (const chunk of module.createReadStream('', { fd, start: 0 })) bytes += (chunk as Buffer).length;
      expect(bytes).toBe(content.length);
      expect(() => fs.fstatSync(fd)).toThrow('EBADF');
    });

    test('an aborted signal destroys a stream', async () => {
      const controller = new AbortController();
      const stream = module.createReadStream(`${root}/source`, { signal: controller.signal, highWaterMark: 10 } as never);
      const events = eventsOf(stream, ['error', 'end']);
      stream.once('data', () => controller.abort());
      expect(await events).toEqual(['error ABORT_ERR', 'close']);
    });
  });

  test('a stream of a file that is generated while it is read ends in time', async () => {
    let text = '';
    for await (const chunk of uringFs.createReadStream('/proc/kallsyms', { start: 0 })) text += chunk;
    expect(text.length).toBe(fs.readFileSync('/proc/kallsyms', 'utf8').length);
  });

  test('readv and writev accept more buffers than the kernel takes', async () => {
    const handle = await uringFs.open(`${directory.path}/pieces`, 'w+');
    const pieces = Array.from({ length: 3000 }, (_, index) => Buffer.from(String(index % 10)));
    expect((await handle.writev(pieces)).bytesWritten).toBe(3000);
    expect(
      (
        await handle.readv(
          pieces.map(() => Buffer.alloc(1)),
          0,
        )
      ).bytesRead,
    ).toBe(1024);
    expect((await handle.readv([Buffer.alloc(3), Buffer.alloc(0), Buffer.alloc(3)], 0)).bytesRead).toBe(6);
    await handle.close();
  });

  test('a worker leaves no file open, and closes no file of another thread', async () => {
    expect(await runChild('fs-worker.mjs')).toEqual({ left: 0, closedForOthers: 0, sameNumber: true, warnings: [] });
  });

  test('a worker reads whole files of all sizes, even if their names are reused meanwhile', async () => {
    expect(await runChild('worker-reads.mjs', [directory.path])).toEqual([]);
  });
});
