/**
 * Scenarios of an engine's life, each in a separate process: `node engine.mjs SCENARIO [ARGUMENT]`.
 * The last line is JSON.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Uring } from 'uring';
import * as fs from 'uring/fs/promises';
import { descriptors, pipe, residentMemory } from './process.mjs';

const POLL_IN = 1;
const BLOCK = 4096;

const warnings = [];
process.on('warning', (warning) => warnings.push(warning.code ?? warning.name));

const say = (result) => console.log(JSON.stringify(result));

/** Returns the number of open rings and eventfds. */
const bells = () => descriptors(/io_uring|eventfd/).length;

const startWorker = async (role, data) => {
  const worker = new Worker(new URL(import.meta.url), { workerData: { role, ...data } });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return worker;
};

const roles = {
  /**
   * Reads and polls into memory of the pool, of the library, and of the user, until it is
   * terminated.
   */
  async fly({ reader, file }) {
    const uring = Uring.open();
    for (let i = 0; i < 8; i++) {
      uring.read(reader, uring.buffers.allocate(BLOCK).bytes);
      uring.read(reader, new Uint8Array(BLOCK));
      uring.read(reader, new Uint8Array(new SharedArrayBuffer(BLOCK)));
      uring.poll(reader, POLL_IN);
    }
    const handle = await fs.open(file);
    const buffer = new Uint8Array(BLOCK);
    parentPort.postMessage('flying');
    for (;;) await Promise.all([handle.read(buffer, 0, BLOCK, 0), fs.readFile(file), uring.nop()]);
  },

  /** Is woken by its engine continuously. */
  async wake() {
    const uring = Uring.open();
    for (let i = 0; i < 4; i++)
      (async () => {
        for await (const _ of uring.interval(1));
      })();
    await uring.timeout(3);
    parentPort.postMessage('awake');
  },

  /** Reports what a worker's engine does. */
  async work({ file }) {
    const uring = Uring.open();
    const start = performance.now();
    await uring.timeout(20);
    const waited = performance.now() - start;
    const content = await fs.readFile(file, 'utf8');
    await uring.close();
    parentPort.postMessage({ eventLoop: uring.eventLoop, waited, content });
  },
};

const temporary = async (body) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-engine-'));
  try {
    return await body(path.join(directory, 'file'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const scenarios = {
  /** An idle engine does not keep the process alive. */
  async idle(eventLoop) {
    const uring = Uring.open({ eventLoop });
    await uring.nop();
    await uring.timeout(5);
    globalThis.kept = uring;
    say({ idle: true });
  },

  /** An operation in flight keeps the process alive. */
  async pending(eventLoop) {
    const uring = Uring.open({ eventLoop });
    uring.timeout(150).then(() => say({ completed: true, eventLoop: uring.eventLoop }));
  },

  /** Unless the engine is unreferenced. */
  async unreferenced() {
    const uring = Uring.open().unref();
    uring.timeout(60_000).then(() => say({ completed: true }));
    say({ completed: false });
  },

  /** An error thrown by a continuation is an uncaught exception, and nothing is lost. */
  async uncaught() {
    const uring = Uring.open();
    const seen = [];
    process.on('uncaughtException', (error) => seen.push(error.message));
    process.on('unhandledRejection', (error) => seen.push(error.message));
    const later = [uring.timeout(30), uring.timeout(30), uring.nop()];
    uring.nop().then(() => {
      setImmediate(() => {
        throw new Error('thrown in an immediate');
      });
      throw new Error('thrown in a continuation');
    });
    uring.timeout(10).then(() => {
      throw new Error('thrown after a wait');
    });
    await Promise.all(later);
    while (seen.length < 3) await sleep(5);
    await uring.close();
    say({ seen: seen.sort() });
  },

  /** The process ends with everything in flight. */
  async exit(how) {
    await temporary(async (file) => {
      writeFileSync(file, Buffer.alloc(1 << 20));
      const uring = Uring.default();
      const { reader } = pipe();
      for (let i = 0; i < 100; i++) uring.read(reader, new Uint8Array(BLOCK));
      const handle = await fs.open(file, 'r+');
      for (let i = 0; i < 100; i++) handle.write(new Uint8Array(BLOCK), 0, BLOCK, i * BLOCK);
      for (let i = 0; i < 100; i++) fs.readFile(file);
      await uring.nop();
      rmSync(path.dirname(file), { recursive: true });
      say({ ending: true });
      if (how === 'throw') {
        setImmediate(() => {
          throw new Error('on purpose');
        });
      } else {
        process.exit(7);
      }
    });
  },

  /** Workers with everything in flight are terminated repeatedly. */
  async terminate(rounds) {
    await temporary(async (file) => {
      writeFileSync(file, Buffer.alloc(10_000, 1));
      const uring = Uring.open();
      const total = Number(rounds);
      const warmUp = Math.min(20, total >> 1);
      let changed = 0;
      let fdsBefore = 0;
      let rssBefore = 0;
      for (let round = 0; round < total; round++) {
        if (round === warmUp) [fdsBefore, rssBefore] = [bells(), process.memoryUsage().rss];
        const { reader, writer } = pipe();
        const worker = await startWorker('fly', { reader, file });
        const ended = worker.terminate();
        const blocks = [];
        for (let i = 0; i < 200; i++) blocks.push(new Uint8Array(new ArrayBuffer(BLOCK)).fill(0x11));
        await ended;
        writeSync(writer, new Uint8Array(BLOCK * 8).fill(0xee));
        for (let i = 0; i < 200; i++) blocks.push(new Uint8Array(new ArrayBuffer(BLOCK)).fill(0x11));
        await new Promise((resolve) => setImmediate(resolve));
        for (const block of blocks) if (block.some((byte) => byte !== 0x11)) changed++;
        await uring.closeFile(reader);
        await uring.closeFile(writer);
      }
      say({ changed, fds: bells() - fdsBefore, growth: process.memoryUsage().rss - rssBefore });
    });
  },

  /** Workers are terminated while their event loops are being woken. */
  async awake(rounds) {
    for (let round = 0; round < Number(rounds); round++) {
      const worker = await startWorker('wake', {});
      if (round % 2) await sleep(round % 5);
      await worker.terminate();
    }
    say({ terminated: Number(rounds) });
  },

  /** An unreferenced engine works as long as the process lives. */
  async unreferencedButAlive(eventLoop) {
    const uring = Uring.open({ eventLoop }).unref();
    const other = setTimeout(() => say({ completed: false }), 10_000);
    await uring.timeout(20);
    clearTimeout(other);
    say({ completed: true });
  },

  /** Engines in workers: woken by their own event loops. */
  async workers() {
    await temporary(async (file) => {
      writeFileSync(file, 'content');
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => {
          const worker = new Worker(new URL(import.meta.url), { workerData: { role: 'work', file } });
          return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
        }),
      );
      say({ answers });
    });
  },

  /** Many engines opened and closed leave nothing behind. Needs --expose-gc. */
  async many(count) {
    const before = bells();
    let rss = 0;
    const total = Number(count);
    for (let i = 0; i < total; i++) {
      if (i === total >> 2) rss = await residentMemory();
      const uring = Uring.open({ entries: 8 });
      const pending = uring.timeout(10_000).catch(() => undefined);
      await uring.nop();
      await uring.close();
      await pending;
      // V8 keeps the target of a WeakRef until the event loop turns.
      if (i % 20 === 0) await sleep(0);
    }
    const growth = (await residentMemory()) - rss;
    say({ left: bells() - before, growth });
  },

  /** A child is spawned while operations are in flight: it inherits no ring, and affects none. */
  async spawn() {
    const uring = Uring.open();
    const { reader, writer } = pipe();
    const buffer = new Uint8Array(5);
    const read = uring.read(reader, buffer);
    await new Promise((resolve) => setImmediate(resolve));
    // Not Node, which can have its own rings.
    const child = spawn('sh', ['-c', 'ls -l /proc/self/fd'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    writeSync(writer, 'hello');
    const count = await read;
    await uring.close();
    say({ code, ringsInChild: output.split('io_uring').length - 1, count, text: Buffer.from(buffer).toString() });
  },

  /**
   * Every reference is dropped: operations in flight still complete, forgotten engines are closed
   * with a warning.
   */
  async collected() {
    const results = [];
    await temporary(async (file) => {
      writeFileSync(file, 'content');
      await (async () => {
        for (let i = 0; i < 5; i++) {
          const uring = Uring.open();
          uring.timeout(200).then(() => results.push('timeout'));
          const handle = await fs.open(file);
          const read = handle.read(new Uint8Array(7), 0, 7, 0).then(({ bytesRead }) => results.push(bytesRead));
          // A forgotten handle is an error on Node 25 and later.
          read.finally(() => handle.close());
        }
      })();
      for (let i = 0; i < 40; i++) {
        await sleep(20);
        globalThis.gc();
      }
    });
    // The default engine is shared, and stays.
    say({
      results: results.sort(),
      engines: bells() - descriptorsOfOne,
      files: descriptors(/uring-engine-/).length,
      warnings: [...new Set(warnings)].sort(),
    });
  },

  /** Timers fire on time while there are many readers. */
  async fairness() {
    await temporary(async (file) => {
      writeFileSync(file, Buffer.alloc(1 << 20));
      const handle = await fs.open(file);
      let running = true;
      let reads = 0;
      const readers = Array.from({ length: 128 }, async (_, index) => {
        const buffer = new Uint8Array(BLOCK);
        while (running) {
          await handle.read(buffer, 0, BLOCK, ((index + reads) % 256) * BLOCK);
          reads++;
        }
      });
      await sleep(200);
      const late = [];
      for (let i = 0; i < 30; i++) {
        const start = performance.now();
        await new Promise((resolve) => setTimeout(resolve, 10));
        late.push(performance.now() - start);
      }
      running = false;
      await Promise.all(readers);
      await handle.close();
      late.sort((a, b) => a - b);
      say({ reads, median: late[15], worst: late.at(-1) });
    });
  },
};

let descriptorsOfOne = 0;
if (isMainThread) {
  if (process.argv[2] === 'collected') {
    await Uring.default().nop();
    descriptorsOfOne = bells();
  }
  await scenarios[process.argv[2]](process.argv[3]);
} else {
  await roles[workerData.role](workerData);
}
