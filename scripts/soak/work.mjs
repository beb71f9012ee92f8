/**
 * The work that the soak test repeats: each kind of work is a function that does it once. All of
 * them check their results.
 */

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import nodeFs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { op, PollEvent, Uring } from 'uring';
import { createReadStream, createWriteStream } from 'uring/fs';
import * as promises from 'uring/fs/promises';
import { Ring } from 'uring/ring';

/** The functions with promises, and the streams. */
const fs = { ...promises, createReadStream, createWriteStream };

const workerFile = new URL('./worker.mjs', import.meta.url);

const pattern = (seed, length) => Buffer.alloc(length, `${seed}:`);

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

/** Waits for a promise that is expected to be aborted. */
async function aborted(promise) {
  try {
    await promise;
  } catch (error) {
    if (error.code !== 'ABORT_ERR') throw error;
  }
}

/**
 * Returns the kinds of work.
 *
 * @param directory for files.
 * @param pipe the ends of an empty pipe: `{ reader, writer }`.
 */
export function kinds(directory, pipe) {
  const uring = Uring.default();
  let names = 0;
  const name = () => path.join(directory, `file-${names++}`);
  return {
    async wholeFiles() {
      const file = name();
      const content = pattern(file, randomInt(200_000));
      await fs.writeFile(file, content);
      expect((await fs.readFile(file)).equals(content), 'a file with other content');
      await fs.unlink(file);
    },
    async handles() {
      const file = name();
      const handle = await fs.open(file, 'w+');
      try {
        const content = pattern(file, 8192);
        await handle.write(content, 0, content.length, 0);
        const buffer = Buffer.alloc(8192);
        const { bytesRead } = await handle.read(buffer, 0, 8192, 0);
        expect(bytesRead === 8192 && buffer.equals(content), 'a handle with other content');
        await handle.truncate(10);
        expect((await handle.stat()).size === 10, 'a file that was not cut');
      } finally {
        await handle.close();
        await fs.unlink(file);
      }
    },
    async streams() {
      const file = name();
      const content = pattern(file, 300_000);
      await fs.writeFile(file, content);
      const chunks = [];
      for await (const chunk of fs.createReadStream(file)) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(content), 'a stream with other content');
      await fs.unlink(file);
    },
    async pipes() {
      const content = pattern(names, 100);
      const { reader, writer } = await uring.pipe();
      try {
        const buffer = new Uint8Array(100);
        const [count] = await Promise.all([uring.read(reader, buffer), uring.write(writer, content)]);
        expect(count === 100 && content.equals(buffer), 'a pipe with other content');
      } finally {
        await uring.closeFile(reader);
        await uring.closeFile(writer);
      }
    },
    timers: () => uring.timeout(randomInt(20)),
    async aborts() {
      await aborted(uring.read(pipe.reader, new Uint8Array(64), { signal: AbortSignal.timeout(randomInt(1, 10)) }));
      await aborted(uring.poll(pipe.reader, PollEvent.IN, { timeoutMs: randomInt(10) }));
    },
    async iterators() {
      let left = randomInt(1, 5);
      for await (const _ of uring.interval(1)) if (--left === 0) break;
      const empty = async () => {
        for await (const _ of uring.readMany(pipe.reader, { signal: AbortSignal.timeout(5) }))
          expect(false, 'an empty pipe had something');
      };
      await aborted(empty());
    },
    async chains() {
      const file = name();
      const handle = await fs.open(file, 'w+');
      const buffer = new Uint8Array(4);
      const results = await uring.link([
        op.write(handle, Buffer.from('link'), { offset: 0 }),
        op.fsync(handle),
        op.read(handle, buffer, { offset: 0 }),
      ]);
      expect(results.every(({ status }) => status === 'done') && Buffer.from(buffer).toString() === 'link', 'a chain that broke');
      await handle.close();
      await fs.unlink(file);
    },
    async rings() {
      const ring = Ring.open({ entries: randomInt(1, 64) });
      ring.close();
      const engine = Uring.open();
      const pending = aborted(engine.read(pipe.reader, new Uint8Array(8)));
      await engine.nop();
      await engine.close();
      await pending;
    },
    async workers() {
      const ends = randomInt(3);
      const worker = new Worker(workerFile, { workerData: { directory, ends: ['return', 'exit', 'terminate'][ends] } });
      const exited = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
      if (ends === 2) {
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
      }
      await exited;
    },
    async children() {
      const child = spawn('true', { stdio: 'ignore' });
      const code = await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
      expect(code === 0, 'a child that failed');
    },
    async errors() {
      const missing = await fs.readFile(path.join(directory, 'missing')).catch((error) => error.code);
      expect(missing === 'ENOENT', 'a file that should be missing');
      nodeFs.statSync(directory);
    },
  };
}

/** How many of each kind run at once; workers and children cost more. */
export const SHARES = { workers: 1, children: 1, rings: 1, streams: 2, wholeFiles: 8, handles: 4 };
