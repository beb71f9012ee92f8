/**
 * Scenarios of a ring's end, each in a separate process: `node lifecycle.mjs SCENARIO`. Prints
 * JSON.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import { URingContext } from 'uring';
import { AT_FDCWD, prepNop, prepOpenat, prepPollAdd, prepRead, Ring, SqeFlag } from 'uring/ring';
import { descriptors, pipe, residentMemory } from './process.mjs';

const libc = koffi.load(null);
/** Returns the number of open rings. (Node opens its own descriptors at any time.) */
const openRings = () => descriptors(/io_uring/).length;
/** Returns the CPUs on which each of the kernel's workers can run. */
const kernelWorkers = () =>
  readdirSync('/proc/self/task').flatMap((task) => {
    try {
      const status = readFileSync(`/proc/self/task/${task}/status`, 'utf8');
      return status.startsWith('Name:\tiou-wrk') ? [status.match(/Cpus_allowed_list:\s*(\S+)/)[1]] : [];
    } catch {
      return [];
    }
  });

const warnings = [];
process.on('warning', (warning) => warnings.push(warning.code));

const roles = {
  /** Blocks indefinitely, in one of several ways. */
  block({ handle, way }) {
    const context = URingContext.attach(handle);
    const ring = Ring.open({ entries: 4 });
    parentPort.postMessage('blocked');
    if (way === 'context') context.wait();
    else ring.submitAndWait(1);
  },

  /** Adds, submits, and waits until it is terminated, at an arbitrary instruction. */
  work({ handle }) {
    const context = URingContext.attach(handle);
    parentPort.postMessage('working');
    for (let i = 0; ; i++) {
      try {
        context.addNop(i);
        if (i % 3 === 0) context.submit();
        if (i % 7 === 0) for (const completion of context.wait(0)) completion.value();
      } catch (error) {
        if (error.code !== 'ERR_URING_NO_SPACE') throw error;
        context.submit();
      }
    }
  },
};

const startWorker = async (role, data) => {
  const worker = new Worker(new URL(import.meta.url), { workerData: { role, ...data } });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return worker;
};

const scenarios = {
  /** Workers that are blocked in a wait can be terminated. */
  async blocked() {
    const context = new URingContext(4);
    const times = [];
    for (const way of ['context', 'ring']) {
      const worker = await startWorker('block', { handle: context.share(), way });
      await sleep(50);
      const start = performance.now();
      await worker.terminate();
      times.push(performance.now() - start);
    }
    context.close();
    return { times };
  },

  /**
   * Workers that share a context are terminated in the middle of their work; the others continue,
   * and closing works as usual.
   */
  async casualties() {
    let foreign = 0;
    let slowest = 0;
    for (let round = 0; round < 30; round++) {
      const context = new URingContext(8);
      const worker = await startWorker('work', { handle: context.share() });
      await sleep(round % 5);
      await worker.terminate();
      const before = 2n ** 60n;
      for (let added = 0; added < 20; ) {
        try {
          context.addNop(before + BigInt(added));
          added++;
        } catch (error) {
          if (error.code !== 'ERR_URING_NO_SPACE') throw error;
          for (const completion of context.wait()) if (completion.result !== 0) foreign++;
        }
      }
      context.submit();
      for (const completion of context.wait()) if (completion.result !== 0) foreign++;
      const start = performance.now();
      context.close();
      slowest = Math.max(slowest, performance.now() - start);
    }
    await sleep(10);
    return { foreign, slowest, warnings };
  },

  /** Unreachable rings with reads pending. Needs --expose-gc. */
  async collected() {
    const { reader } = pipe();
    const before = openRings();
    const make = () => {
      const ring = Ring.open({ entries: 8 });
      prepRead(ring.getSqe(), reader, ring.pin(new Uint8Array(64)), 64, 0);
      ring.submit();
      const context = new URingContext(8);
      context.addRead(new Uint8Array(64), reader, null, 1);
      context.submit();
    };
    for (let i = 0; i < 5; i++) make();
    const opened = openRings() - before;
    for (let i = 0; i < 50 && openRings() > before; i++) {
      globalThis.gc();
      await sleep(10);
    }
    return { opened, left: openRings() - before, warnings };
  },

  /**
   * One thread leaves a shared ring with a read pending: its buffer lives until the other has
   * brought the ring to rest. Needs --expose-gc.
   */
  async leaving() {
    const { reader } = pipe();
    const { ring, buffer } = (() => {
      const first = Ring.open({ entries: 8 });
      const view = new Uint8Array(4096);
      const ring = Ring.attach(first.share());
      prepRead(first.getSqe(), reader, first.pin(view), view.length, 0);
      first.submit();
      first.close();
      return { ring, buffer: new WeakRef(view) };
    })();
    const collect = async (rounds) => {
      for (let i = 0; i < rounds && buffer.deref(); i++) {
        await sleep(20);
        globalThis.gc();
      }
      return buffer.deref() === undefined;
    };
    const early = await collect(10);
    ring.close();
    return { early, late: await collect(300) };
  },

  /** The process ends with operations pending, and closes nothing. */
  async exit() {
    const { reader } = pipe();
    const ring = Ring.open({ entries: 8 });
    prepPollAdd(ring.getSqe(), reader, 1);
    ring.submit();
    globalThis.kept = ring;
    return { pending: true };
  },

  /** Many rings opened and closed leave nothing behind. Needs --expose-gc. */
  async many() {
    const before = openRings();
    let start = 0;
    for (let i = 0; i < 2000; i++) {
      if (i === 500) start = await residentMemory();
      const ring = Ring.open({ entries: 8 });
      prepNop(ring.getSqe());
      ring.submitAndWait(1);
      ring.close();
      if (i % 50 === 0) await sleep(0);
    }
    return { left: openRings() - before, growth: (await residentMemory()) - start };
  },

  /**
   * Operations that each block a kernel worker (opening a FIFO): reports how many workers there
   * are, and on which CPUs.
   */
  async workers(bounded) {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-workers-'));
    const ring = Ring.open({ entries: 8 });
    try {
      const fifo = path.join(directory, 'fifo');
      if (libc.func('mkfifo', 'int', ['str', 'uint32_t'])(fifo, 0o600) !== 0) throw new Error('mkfifo failed');
      if (bounded) {
        ring.workers.setLimits({ bounded: 1, unbounded: 1 });
        ring.workers.setAffinity([0]);
      }
      for (let i = 0; i < 4; i++) {
        const sqe = ring.getSqe();
        prepOpenat(sqe, AT_FDCWD, ring.arena.cString(fifo).address, 0);
        sqe.setFlags(SqeFlag.ASYNC);
      }
      ring.submit();
      // Wait for all of them: the kernel starts them one after the other.
      for (let i = 0; i < 100 && kernelWorkers().length < (bounded ? 2 : 4); i++) await sleep(5);
      const found = kernelWorkers();
      return { count: found.length, cpus: [...new Set(found)] };
    } finally {
      ring.close();
      rmSync(directory, { recursive: true });
    }
  },

  /**
   * A ring that has seen CQE_SKIP_SUCCESS takes no drain; closing it keeps the memory for a while,
   * but no longer than needed.
   */
  async skip() {
    const before = openRings();
    const { reader } = pipe();
    const ring = Ring.open({ entries: 8 });
    prepNop(ring.getSqe());
    const sqe = ring.getSqe();
    prepNop(sqe);
    sqe.setFlags(SqeFlag.CQE_SKIP_SUCCESS);
    prepRead(ring.getSqe(), reader, ring.pin(new Uint8Array(64)), 64, 0);
    ring.submit();
    const start = performance.now();
    ring.close();
    return { milliseconds: performance.now() - start, left: openRings() - before, warnings };
  },
};

if (isMainThread) console.log(JSON.stringify(await scenarios[process.argv[2]](process.argv[3])));
else roles[workerData.role](workerData);
