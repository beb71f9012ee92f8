/**
 * Difficult cases of `uring/fs`: `node files.mjs SCENARIO [ARGUMENT...]`. The last line is JSON.
 * Most scenarios take the module to test, `node` or `uring`, as their first argument, and print
 * what must be the same for both.
 */

import { createHash } from 'node:crypto';
import nodeFs from 'node:fs';
import nodePromises from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import { Uring } from 'uring';
import { createReadStream, createWriteStream, readFile } from 'uring/fs';
import * as promises from 'uring/fs/promises';
import { listen } from 'uring/sockets';
import { descriptors, residentMemory } from './process.mjs';

/** The functions with promises, and the streams. */
const uringFs = { ...promises, createReadStream, createWriteStream };

const nodes = { ...nodePromises, createReadStream: nodeFs.createReadStream, createWriteStream: nodeFs.createWriteStream };
const moduleOf = (name) => (name === 'node' ? nodes : uringFs);
const hashOf = (data) => createHash('sha256').update(data).digest('hex');
const outcomeOf = (promise) =>
  promise.then(
    (value) => value ?? null,
    (error) => error.code ?? error.message,
  );

const MIB = 1024 * 1024;
const HANGS_MS = 3000;

/** Returns the longest time for which the event loop did not turn, in milliseconds. */
async function longestTurn(body) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await sleep(20);
  delay.reset();
  await body();
  await sleep(20);
  delay.disable();
  return delay.max / 1e6;
}

async function collect(stream) {
  const parts = [];
  for await (const chunk of stream) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

async function readInPieces(handle, size) {
  const parts = [];
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(size), 0, size, null);
    if (bytesRead === 0) return Buffer.concat(parts);
    parts.push(buffer.subarray(0, bytesRead));
  }
}

const scenarios = {
  /** All ways to read a whole file, and what they read. */
  async reading(name, path, flags) {
    const fs = moduleOf(name);
    // A web stream of Node has an error that cannot be caught.
    process.on('unhandledRejection', () => undefined);
    const flag = flags === undefined ? 'r' : Number(flags);
    const withHandle = async (body) => {
      const handle = await fs.open(path, flag);
      try {
        return await body(handle);
      } finally {
        await handle.close();
      }
    };
    const ways = {
      readFile: () => fs.readFile(path, { flag }),
      'readFile with a signal': () => fs.readFile(path, { flag, signal: new AbortController().signal }),
      'handle.readFile': () => withHandle((handle) => handle.readFile()),
      'handle.read in pieces': () => withHandle((handle) => readInPieces(handle, 65_536)),
      'handle.read in small pieces': () => withHandle((handle) => readInPieces(handle, 4096)),
      'handle.readv': () =>
        withHandle(async (handle) => (await handle.readv([Buffer.alloc(4096), Buffer.alloc(8192)])).buffers[1]),
      readLines: () =>
        withHandle(async (handle) => {
          let text = '';
          for await (const line of handle.readLines()) text += `${line}\n`;
          return text;
        }),
      readableWebStream: () => withHandle((handle) => collect(handle.readableWebStream({ type: 'bytes' }))),
      createReadStream: () => collect(fs.createReadStream(path, { flags: flag })),
      'createReadStream from the middle': () => collect(fs.createReadStream(path, { flags: flag, start: 4096 })),
      'createReadStream of a descriptor': () => collect(fs.createReadStream('', { fd: nodeFs.openSync(path, flag) })),
      'handle.createReadStream': () => withHandle((handle) => collect(handle.createReadStream())),
    };
    const read = {};
    for (const [way, body] of Object.entries(ways)) {
      const reading = body().then((content) => `${content.length} ${hashOf(content)}`);
      // A web stream of Node that has failed never ends.
      read[way] = await Promise.race([outcomeOf(reading), sleep(HANGS_MS, 'hangs')]);
    }
    return read;
  },

  /** All ways to write, and the content afterwards. */
  async writing(name, directory, flags) {
    const fs = moduleOf(name);
    const path = `${directory}/written-by-${name}`;
    const flag = flags === undefined ? 'w+' : Number(flags);
    const data = Buffer.alloc(300_000);
    for (let at = 0; at < data.length; at++) data[at] = (at * 7 + (at >> 9)) & 0xff;
    const withHandle = async (body) => {
      const handle = await fs.open(path, flag);
      try {
        return await body(handle);
      } finally {
        await handle.close();
      }
    };
    const ended = (stream) => new Promise((resolve, reject) => stream.on('error', reject).on('close', resolve).end());
    const ways = {
      writeFile: () => fs.writeFile(path, data, { flag }),
      'writeFile of little': () => fs.writeFile(path, 'little', { flag }),
      appendFile: () => fs.appendFile(path, data.subarray(0, 5000)),
      'handle.write in turn': () =>
        withHandle(async (handle) => {
          for (let at = 0; at < 60_000; at += 20_000) await handle.write(data, at, 20_000, null);
          return (await handle.read(Buffer.alloc(10), 0, 10, null)).bytesRead;
        }),
      'handle.write at the same time': () =>
        withHandle((handle) =>
          Promise.all([0, 1, 2, 3].map((part) => handle.write(data.subarray(part * 9000, (part + 1) * 9000)))),
        ),
      'handle.writev': () => withHandle((handle) => handle.writev([data.subarray(0, 4000), data.subarray(9000, 9500)])),
      'read and write in turn': () =>
        withHandle(async (handle) => {
          await handle.write(data, 0, 8192, null);
          await handle.read(Buffer.alloc(100), 0, 100, null);
          await handle.write('!');
        }),
      createWriteStream: () => {
        const stream = fs.createWriteStream(path, { flags: flag });
        for (let at = 0; at < data.length; at += 50_000) stream.write(data.subarray(at, at + 50_000));
        return ended(stream);
      },
      'handle.createWriteStream': () =>
        withHandle((handle) => {
          const stream = handle.createWriteStream();
          stream.write(data.subarray(0, 100_000));
          return ended(stream);
        }),
    };
    const written = {};
    for (const [way, body] of Object.entries(ways)) {
      nodeFs.rmSync(path, { force: true });
      nodeFs.writeFileSync(path, 'before');
      const outcome = await outcomeOf(body().then((value) => (typeof value === 'number' ? value : null)));
      const content = nodeFs.readFileSync(path);
      // The order of several writers is not reported.
      const what = way.endsWith('same time') ? content.length : `${content.length} ${hashOf(content)}`;
      written[way] = [outcome, what];
    }
    return written;
  },

  /** Reads of devices return all of their data. */
  async devices(name, device) {
    const fs = moduleOf(name);
    const lengths = [];
    const handle = await fs.open(device);
    for (const [length, position] of [
      [4096, 0],
      [65_536, 0],
      [16 * MIB, 8 * MIB],
    ]) {
      lengths.push((await handle.read(Buffer.alloc(length), 0, length, position)).bytesRead);
    }
    await handle.close();
    const random = await fs.open('/dev/urandom');
    lengths.push((await random.read(Buffer.alloc(2_000_000), 0, 2_000_000, null)).bytesRead);
    await random.close();
    return lengths;
  },

  /** Works without a thread for the kernel's workers. */
  async withoutWorkers(name, directory) {
    const fs = moduleOf(name);
    // Start Node's own threads first.
    await Promise.all(Array.from({ length: 16 }, () => nodePromises.stat('/')));
    process.setgroups([]);
    process.setgid(65_534);
    process.setuid(65_534);
    const setrlimit = koffi.load(null).func('setrlimit', 'int', ['int', 'void *']);
    const RLIMIT_NPROC = 6;
    if (setrlimit(RLIMIT_NPROC, new BigUint64Array([1n, 1n])) !== 0) throw new Error('setrlimit failed');
    const path = `${directory}/${name}`;
    const outcomes = {};
    const worst = await longestTurn(async () => {
      const step = async (title, body) => {
        outcomes[title] = await outcomeOf(body());
      };
      await step('writeFile', () => fs.writeFile(path, 'content'));
      await step('readFile', () => fs.readFile(path, 'utf8'));
      await step('exclusive', () => fs.writeFile(path, 'content', { flag: 'wx' }));
      await step('new and exclusive', () => fs.writeFile(`${path}-x`, 'content', { flag: 'wx' }));
      await step('flush', () => fs.writeFile(path, 'content', { flush: true }));
      await step('appendFile', () => fs.appendFile(path, ' and more'));
      await step('stat', async () => (await fs.stat(path)).size);
      await step('mkdir', () => fs.mkdir(`${path}-d`));
      await step('rename', () => fs.rename(path, `${path}-d/a`));
      await step('open, write, read', async () => {
        const handle = await fs.open(`${path}-d/a`, 'w+');
        await handle.write('0123456789');
        await handle.writev([Buffer.from('ab'), Buffer.from('cd')]);
        await handle.sync();
        const { buffer } = await handle.read(Buffer.alloc(14), 0, 14, 0);
        await handle.close();
        return `${buffer}`;
      });
      await step('stream', async () => {
        const stream = fs.createWriteStream(`${path}-d/b`);
        stream.end('streamed');
        await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject));
        return `${await collect(fs.createReadStream(`${path}-d/b`))}`;
      });
      await step('unlink', () => fs.unlink(`${path}-d/a`));
      await step('rm', () => fs.rm(`${path}-d`, { recursive: true }));
    });
    return { outcomes, worst, left: descriptors(new RegExp(path)) };
  },

  /** Connections still end with a FIN. */
  async withoutWorkersSockets() {
    await Promise.all(Array.from({ length: 16 }, () => nodePromises.stat('/')));
    process.setgroups([]);
    process.setgid(65_534);
    process.setuid(65_534);
    koffi.load(null).func('setrlimit', 'int', ['int', 'void *'])(6, new BigUint64Array([1n, 1n]));
    const { connect } = await import('uring/sockets');
    const listener = await listen({ port: 0, host: '127.0.0.1' });
    const served = (async () => {
      for await (const connection of listener) {
        const parts = [];
        for await (const chunk of connection) parts.push(Buffer.from(chunk.bytes ?? chunk));
        await connection.write(Buffer.concat(parts));
        await connection.shutdown();
        await connection.close();
        break;
      }
    })();
    const client = await connect({ port: listener.address.port, host: '127.0.0.1' });
    await client.write('there and back');
    await client.shutdown();
    let text = '';
    for await (const chunk of client) text += Buffer.from(chunk.bytes ?? chunk);
    await client.close();
    await served;
    await listener.close();
    return text;
  },

  /** Large transfers do not block the event loop. */
  async large(name, directory) {
    const fs = moduleOf(name);
    const path = `${directory}/large-${name}`;
    const buffer = Buffer.alloc(256 * MIB, 1);
    nodeFs.writeFileSync(path, buffer);
    const handle = await fs.open(path, 'r+');
    const worst = {
      'one read': await longestTurn(() => handle.read(buffer, 0, buffer.length, 0)),
      'many reads': await longestTurn(() =>
        Promise.all(Array.from({ length: 256 }, (_, index) => handle.read(buffer, index * MIB, MIB, index * MIB))),
      ),
      'one write': await longestTurn(() => handle.write(buffer, 0, buffer.length, 0)),
      'many writes': await longestTurn(() =>
        Promise.all(Array.from({ length: 256 }, (_, index) => handle.write(buffer, index * MIB, MIB, index * MIB))),
      ),
      readFile: await longestTurn(() => fs.readFile(path)),
    };
    nodeFs.unlinkSync(path);
    worst['closing what was unlinked'] = await longestTurn(() => handle.close());
    return worst;
  },

  /** An operation that the kernel cannot cancel, as its server is stopped. */
  async stuck(file, server) {
    const uring = Uring.open();
    await uring.nop();
    process.kill(Number(server), 'SIGSTOP');
    const reading = outcomeOf(uring.statx(file));
    await sleep(100);
    const start = performance.now();
    const worst = await longestTurn(() => uring.close());
    const took = performance.now() - start;
    process.kill(Number(server), 'SIGCONT');
    return { worst, took, reading: await reading };
  },

  /** SO_LINGER, and a peer that does not read. */
  async linger() {
    const listener = await listen({ port: 0, host: '127.0.0.1' });
    const peer = new (await import('node:net')).Socket();
    peer.pause();
    peer.connect(listener.address.port, '127.0.0.1');
    peer.on('error', () => undefined);
    const { value: connection } = await listener[Symbol.asyncIterator]().next();
    connection.setOptions({ linger: 2 });
    const write = connection.write(Buffer.alloc(16 * MIB)).catch(() => undefined);
    await sleep(100);
    const worst = await longestTurn(async () => {
      const closing = connection.close();
      await sleep(300);
      peer.destroy();
      await closing;
    });
    await write;
    await listener.close();
    return worst;
  },

  /** Memory is released after a burst. */
  async memory(directory) {
    const data = new Uint8Array(new SharedArrayBuffer(8 * MIB));
    const uring = Uring.default();
    const before = await residentMemory();
    const fds = Array.from({ length: 16 }, (_, index) => nodeFs.openSync(`${directory}/burst-${index}`, 'a'));
    const pieces = Array.from({ length: 4 }, () => Buffer.alloc(8 * MIB, 1));
    await Promise.all(fds.map((fd) => uring.writev(fd, pieces)));
    await Promise.all(fds.map((fd) => uring.write(fd, data)));
    for (const fd of fds) nodeFs.closeSync(fd);
    return { grown: (await residentMemory()) - before, usage: uring.buffers.usage.bytes };
  },

  /** Handles that are dropped in the middle of something. */
  async collected(name, path) {
    const fs = moduleOf(name);
    const warnings = [];
    process.on('warning', ({ name: kind, code }) => warnings.push(code ?? kind));
    let thrown = 0;
    process.on('uncaughtException', () => thrown++);
    const kinds = {
      async readLines() {
        for await (const _ of (await fs.open(path)).readLines()) break;
      },
      async stream() {
        (await fs.open(path)).createReadStream();
      },
      async handle() {
        await fs.open(path);
      },
    };
    for (const drop of Object.values(kinds)) for (let count = 0; count < 20; count++) await drop();
    for (let round = 0; round < 20; round++) {
      globalThis.gc();
      await sleep(10);
    }
    return {
      left: descriptors(new RegExp(path)).length,
      deprecations: warnings.filter((code) => code === 'DEP0137').length,
      thrown,
    };
  },

  /** The AsyncLocalStorage store of the first caller is not kept. */
  async store() {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const storage = new AsyncLocalStorage();
    let reference;
    await (async () => {
      const store = { large: Buffer.alloc(1000) };
      reference = new WeakRef(store);
      await storage.run(store, () => uringFs.readFile('/etc/hostname'));
      await storage.run(store, async () => (await uringFs.open('/etc/hostname')).close());
    })();
    for (let round = 0; round < 20 && reference.deref() !== undefined; round++) {
      await sleep(10);
      globalThis.gc();
    }
    return reference.deref() === undefined;
  },

  /** Listeners that throw. */
  async throwing(name, directory) {
    const fs = moduleOf(name);
    const told = [];
    process.on('unhandledRejection', (error) => told.push(`rejection: ${error.message}`));
    process.on('uncaughtException', (error, origin) => told.push(`${origin}: ${error.message}`));
    const fail = (what) => () => {
      throw new Error(what);
    };
    fs.createReadStream(import.meta.filename ?? process.argv[1]).on('data', fail('data'));
    fs.createReadStream(process.argv[1]).on('open', fail('open'));
    fs.createWriteStream(`${directory}/thrown`).write('x', fail('write'));
    fs.createWriteStream(`${directory}/thrown`).end('x').on('close', fail('close'));
    fs.createReadStream('/nowhere').on('error', fail('error'));
    await sleep(200);
    return told.sort();
  },

  /** Fake timers, as test frameworks install them. */
  async fakeTimers(directory) {
    const { mock } = await import('node:test');
    const realWait = setTimeout;
    mock.timers.enable();
    const real = process.nextTick;
    process.nextTick = () => undefined;
    const limit = new Promise((resolve) => realWait(resolve, 5000, 'hangs'));
    const run = async () => {
      await uringFs.writeFile(`${directory}/faked`, Buffer.alloc(100_000));
      const handle = await uringFs.open(`${directory}/faked`, 'r+');
      await handle.write('x');
      await handle.close();
      const uring = Uring.open();
      await uring.timeout(5);
      await uring.close();
      return [(await uringFs.readFile(`${directory}/faked`)).length, (await uringFs.stat(directory)).isDirectory()];
    };
    const outcome = await Promise.race([run(), limit]);
    process.nextTick = real;
    return outcome;
  },

  /** A program that replaces Node's functions with these. */
  async inPlace(directory) {
    Object.assign(nodePromises, { ...uringFs.default });
    Object.assign(nodeFs, { createReadStream: uringFs.createReadStream, createWriteStream: uringFs.createWriteStream });
    const path = `${directory}/in-place`;
    await nodePromises.writeFile(path, 'x'.repeat(600_000), { signal: new AbortController().signal });
    await nodePromises.appendFile(path, ['a', 'b']);
    const handle = await nodePromises.open(Buffer.from(path), 'r');
    await handle.close();
    await nodePromises.rm(`${directory}/none`, { force: true, recursive: true });
    const { length } = await collect(nodeFs.createReadStream(path, { fs: nodeFs }));
    return [length, (await nodePromises.readFile(path, { signal: new AbortController().signal })).length];
  },

  /** A handle that is passed to Node's own functions. */
  async handles(path) {
    const open = () => uringFs.open(path);
    const results = {};
    const first = await open();
    results.stream = `${await collect(nodeFs.createReadStream('', { fd: first }))}`;
    results.closed = first.fd;
    const second = await open();
    results.readFile = await nodePromises.readFile(second, 'utf8');
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(second, [second]);
    const received = await new Promise((resolve) => port2.once('message', resolve));
    results.sent = second.fd;
    results.received = `${(await received.read(Buffer.alloc(3), 0, 3, 0)).buffer}`;
    await received.close();
    port1.close();
    const third = await open();
    third.read = () => Promise.reject(new Error('replaced'));
    results.replaced = await outcomeOf(collect(third.createReadStream({ autoClose: false })));
    await third.close();
    const fourth = await open();
    results.own = [typeof Object.getPrototypeOf(fourth).readFile, fourth.getAsyncId() > 0, fourth.constructor.name];
    await fourth.close();
    return { ...results, left: descriptors(new RegExp(path)).length };
  },

  /** Workers that are terminated as soon as they report that the library is loaded. */
  async workers(count, path) {
    for (let done = 0; done < Number(count); done += 3) {
      const workers = Array.from({ length: 3 }, () => new Worker(new URL(import.meta.url), { workerData: path }));
      await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
      await sleep(Math.random() * 20);
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    await sleep(100);
    // An `open` in flight leaks its descriptor, as Node's own does: count only files that readFile
    // has opened.
    return { left: descriptors(new RegExp(`${process.execPath}$`)).length };
  },

  /** What the permission model permits. */
  async permission(name, directory) {
    const fs = moduleOf(name);
    const uring = name === 'uring' ? Uring.open() : undefined;
    const told = {};
    const step = async (title, body) => {
      told[title] = await outcomeOf((async () => body())().then(() => 'done'));
    };
    const inside = `${directory}/readable`;
    await step('readFile', () => fs.readFile(`${directory}/secret`));
    await step('readFile by ..', () => fs.readFile(`${inside}/../secret`));
    await step('readFile inside', () => fs.readFile(`${inside}/file`));
    await step('open', () => fs.open(`${directory}/secret`));
    await step('open to write', () => fs.open(`${inside}/file`, 'a'));
    await step('writeFile', () => fs.writeFile(`${inside}/new`, 'x'));
    await step('appendFile', () => fs.appendFile(`${inside}/file`, 'x'));
    for (const action of ['mkdir', 'unlink', 'rmdir', 'stat', 'truncate'])
      await step(action, () => fs[action](`${directory}/new`));
    await step('symlink', () => fs.symlink('/etc', `${inside}/link`));
    await step('rename', () => fs.rename(`${inside}/file`, `${inside}/other`));
    const streamed = (stream) => new Promise((resolve, reject) => stream.on('error', reject).on('close', resolve).resume?.());
    await step('createReadStream', () => streamed(fs.createReadStream(`${directory}/secret`)));
    await step('createWriteStream', () => streamed(fs.createWriteStream(`${inside}/new`)));
    const engine = {};
    if (uring !== undefined) {
      const calls = {
        openat: () => uring.openat(`${directory}/secret`),
        'openat to write': () => uring.openat(`${inside}/file`, { flags: 1 }),
        'openat2 by ..': () => uring.openat2(`${inside}/../secret`),
        statx: () => uring.statx(`${directory}/secret`),
        'statx inside': () => uring.statx(`${inside}/file`),
        mkdirat: () => uring.mkdirat(`${inside}/new`),
        unlinkat: () => uring.unlinkat(`${inside}/file`),
        renameat: () => uring.renameat(`${inside}/file`, `${inside}/other`),
        linkat: () => uring.linkat(`${inside}/file`, `${inside}/other`),
        symlinkat: () => uring.symlinkat('/etc', `${inside}/other`),
        getxattr: () => uring.getxattr(`${directory}/secret`, 'user.x'),
        setxattr: () => uring.setxattr(`${inside}/file`, 'user.x', 'y'),
      };
      for (const [title, call] of Object.entries(calls)) engine[title] = await outcomeOf(call().then(() => 'done'));
    }
    return { told, engine };
  },

  /** Paths with long names, and with names that are not valid text. */
  async names(name) {
    const fs = moduleOf(name);
    const long = 'x'.repeat(400_000_000);
    const outcomes = [];
    for (const body of [
      () => fs.readFile(long),
      () => fs.writeFile(long, 'x'),
      () => fs.open(long),
      () => fs.readFile(`/nowhere/${'y'.repeat(300)}`),
      () => fs.readFile('/nowhere/\ud800'),
    ]) {
      const error = await body().then(
        () => 'done',
        (reason) => reason,
      );
      outcomes.push([error.code, error.syscall, error.path?.length, error.path?.slice(-3)]);
    }
    return outcomes;
  },

  /** Unusual arguments, and files that are not regular files. */
  async oddities(name, directory) {
    const fs = moduleOf(name);
    const path = `${directory}/odd-${name}`;
    nodeFs.writeFileSync(path, 'content');
    const told = {};
    const step = async (title, body, flags = 'r+') => {
      const handle = await fs.open(path, flags);
      told[title] = await outcomeOf((async () => JSON.stringify(await body(handle)))());
      await handle.close().catch(() => undefined);
    };
    for (const position of [1.5, 2 ** 53, -3, Number.NaN, 2n, '1']) {
      await step(`readv at ${position}`, (handle) => handle.readv([Buffer.alloc(3)], position));
      await step(`writev at ${position}`, (handle) => handle.writev([Buffer.from('ab')], position));
      await step(`read at ${position}`, (handle) => handle.read(Buffer.alloc(3), 0, 3, position));
      await step(`write at ${position}`, (handle) => handle.write(Buffer.from('ab'), 0, 2, position));
    }
    for (const odd of [-1, null, undefined, 2 ** 40, 0, 9]) {
      await step(`read of ${odd}`, (handle) => handle.read(Buffer.alloc(8), 0, odd, 0));
      await step(`read from ${odd}`, (handle) => handle.read(Buffer.alloc(8), odd, 2, 0));
      await step(`write of ${odd}`, (handle) => handle.write(Buffer.alloc(8), 0, odd, 0));
      await step(`write from ${odd}`, (handle) => handle.write(Buffer.alloc(8), odd, 2, 0));
    }
    await step('nothing to write', (handle) => handle.writev([Buffer.alloc(0)]), 'r');
    await step('no buffers', (handle) => handle.writev([]), 'r');
    await step('readFile in no encoding', (handle) => handle.readFile('buffer'));
    await step('writeFile in no encoding', (handle) => handle.writeFile(['a'], 'buffer'));
    await step('stat with a word', async (handle) => (await handle.stat('x')).size);
    await step('a directory, with a signal', () => fs.readFile('/', { signal: new AbortController().signal }));
    // Bytes of another realm.
    const { runInNewContext } = await import('node:vm');
    const bytes = runInNewContext('Uint8Array.from(codes)', { codes: [...Buffer.from(path)] });
    told.foreign = await outcomeOf(
      (async () => {
        const stream = fs.createReadStream(bytes);
        const writing = fs.createWriteStream(bytes, { flags: 'r+' });
        await new Promise((resolve, reject) => writing.on('close', resolve).on('error', reject).end('C'));
        return [`${await collect(stream)}`.length, await fs.readFile(bytes, 'utf8')].join();
      })(),
    );
    // A pipe has no offsets.
    const fifo = `${path}-fifo`;
    koffi.load(null).func('mkfifo', 'int', ['str', 'uint32_t'])(fifo, 0o600);
    const [reader, writer] = await Promise.all([fs.open(fifo, 'r'), fs.open(fifo, 'w')]);
    for (const [title, body] of Object.entries({
      'fifo read': () => reader.read(Buffer.alloc(4), 0, 4, 0),
      'fifo write': () => writer.write('x', 0),
      'fifo readv': () => reader.readv([Buffer.alloc(4)], 0),
      'fifo writev': () => writer.writev([Buffer.from('y')], 0),
      'fifo truncate': () => writer.truncate(0),
      'fifo write to the reader': () => reader.write('x'),
    })) {
      told[title] = await Promise.race([outcomeOf(body()), sleep(HANGS_MS, 'hangs')]);
    }
    await writer.write('through');
    told['fifo read on'] = `${(await reader.read(Buffer.alloc(7), 0, 7, null)).buffer}`;
    await reader.close();
    await writer.close();
    return told;
  },

  /** The caller's next statement runs after the file has been opened. */
  async order(directory) {
    const [before, after] = [`${directory}/before`, `${directory}/after`];
    // Node creates the first handle.
    await (await uringFs.open(process.argv[1])).close();
    let lost = 0;
    for (let count = 0; count < 100; count++) {
      for (const ask of [
        uringFs.readFile,
        async (path) => (await uringFs.open(path)).close(),
        (path) =>
          new Promise((resolve, reject) => readFile(path, (error, content) => (error ? reject(error) : resolve(content)))),
      ]) {
        nodeFs.writeFileSync(before, 'x');
        const asked = ask(before);
        nodeFs.renameSync(before, after);
        await asked.catch(() => lost++);
      }
    }
    return lost;
  },

  /** Where the stack of a rejection leads. */
  async stacks(name) {
    const fs = moduleOf(name);
    async function whoAsks(body) {
      await body();
    }
    const told = {};
    for (const [title, body] of Object.entries({
      readFile: () => fs.readFile('/nowhere'),
      open: () => fs.open('/nowhere'),
      writeFile: () => fs.writeFile('/nowhere/x', 'x'),
      stat: () => fs.stat('/nowhere'),
      'a directory': () => fs.readFile('/'),
    })) {
      const error = await whoAsks(body).catch((reason) => reason);
      told[title] = [error.message, /at async whoAsks/.test(error.stack)];
    }
    return told;
  },
};

if (isMainThread) {
  const [scenario, ...args] = process.argv.slice(2);
  const result = await scenarios[scenario](...args);
  console.log(JSON.stringify(result));
  process.exit();
} else {
  const { parentPort } = await import('node:worker_threads');
  parentPort.postMessage('imported');
  for (;;) {
    await Promise.all([
      uringFs.readFile(workerData),
      uringFs.readFile(process.execPath),
      uringFs.stat(workerData),
      uringFs.open(workerData).then((handle) => handle.close()),
    ]);
  }
}
