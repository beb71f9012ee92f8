/** The 13 tests of the reference's context, under their original names, on the real kernel. */

import { closeSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { NoSpaceError, PollEvent, URingContext } from '../../src/index.js';
import { pipe, readable, temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';
import { TestWorkers } from '../helpers/workers.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

onLinux(`URingContext${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(60_000));
  const directory = temporaryDirectory();
  const contexts: URingContext[] = [];
  const fds: number[] = [];

  const create = (entries: number) => {
    const context = new URingContext(entries);
    contexts.push(context);
    return context;
  };
  const createTestFile = (size: number): { fd: number; path: string; content: Buffer } => {
    const content = Buffer.alloc(size);
    for (let i = 0; i < size; i++) content[i] = (i * 7 + (i >> 12)) & 0xff;
    const path = directory.file(content);
    const fd = openSync(path, 'r+');
    fds.push(fd);
    return { fd, path, content };
  };
  const next = (context: URingContext) => {
    const { value } = context.wait().next();
    return value;
  };

  afterEach(() => {
    for (const context of contexts.splice(0)) context.close();
    for (const fd of fds.splice(0)) closeSync(fd);
  });
  afterAll(() => directory.remove());

  test('read_parallel', () => {
    const QUEUE_SIZE = 10;
    const BUF_SIZE = 0x1000;
    const context = create(QUEUE_SIZE);
    const { fd, content } = createTestFile(BUF_SIZE * QUEUE_SIZE);
    const buffer = new Uint8Array(BUF_SIZE * QUEUE_SIZE);
    let completed = 0;
    for (let i = 0; i < QUEUE_SIZE * 64; i++) {
      const offset = (i % QUEUE_SIZE) * BUF_SIZE;
      for (;;) {
        try {
          context.addRead(buffer.subarray(offset, offset + BUF_SIZE), fd, offset, i);
          break;
        } catch (error) {
          if (!(error instanceof NoSpaceError)) throw error;
          expect(next(context)?.value()).toBe(BUF_SIZE);
          completed++;
        }
      }
    }
    while (completed < QUEUE_SIZE * 64) {
      for (const completion of context.wait()) {
        expect(completion.value()).toBe(BUF_SIZE);
        completed++;
      }
    }
    expect(Buffer.compare(buffer, content)).toBe(0);
  });

  test('read_readv', () => {
    const context = create(128);
    const { fd, content } = createTestFile(0x1000 * 2);
    const buffer = new Uint8Array(0x1000);
    for (let i = 0; i < 256; i++) {
      const offset = (i % 2) * 0x1000;
      const expected = content.subarray(offset, offset + 0x1000);
      buffer.fill(0);
      context.addRead(buffer, fd, offset, i);
      let completion = next(context);
      expect(completion?.userData).toBe(BigInt(i));
      expect(completion?.value()).toBe(0x1000);
      expect(Buffer.compare(buffer, expected)).toBe(0);
      buffer.fill(0);
      context.addReadvIter([buffer].values(), fd, offset, i);
      completion = next(context);
      expect(completion?.userData).toBe(BigInt(i));
      expect(completion?.value()).toBe(0x1000);
      expect(Buffer.compare(buffer, expected)).toBe(0);
    }
  });

  test('readv_vec', () => {
    const context = create(128);
    const buffers = [0, 1, 2].map(() => new Uint8Array(0x2000));
    const { fd, content } = createTestFile(0x2000 * 6);
    context.addReadv(buffers, fd, 0, 55);
    const completion = next(context);
    expect(completion?.userData).toBe(55n);
    expect(completion?.value()).toBe(0x6000);
    expect(Buffer.compare(Buffer.concat(buffers), content.subarray(0, 0x6000))).toBe(0);
  });

  test('write_one_block', () => {
    const context = create(16);
    const { fd, path } = createTestFile(0);
    const buffer = new Uint8Array(4096).fill(7);
    context.addWrite(buffer, fd, 0, 55);
    const completion = next(context);
    expect(completion?.userData).toBe(55n);
    expect(completion?.value()).toBe(4096);
    expect(Buffer.compare(readFileSync(path), buffer)).toBe(0);
  });

  test('write_one_submit_poll', () => {
    const context = create(16);
    const { fd } = createTestFile(0);
    expect(readable(context.fd, 1)).toBe(false);
    context.addWrite(new Uint8Array(4096), fd, 0, 55);
    context.submit();
    expect(readable(context.fd, 10_000)).toBe(true);
    const completion = next(context);
    expect(completion?.userData).toBe(55n);
    expect(completion?.value()).toBe(4096);
    expect(readable(context.fd, 0)).toBe(false);
  });

  test('writev_vec', () => {
    const context = create(128);
    const buffers = [0xaa, 0xff, 0x55].map((byte) => new Uint8Array(0x2000).fill(byte));
    const { fd } = createTestFile(0x2000 * 6);
    context.addWritevIter(buffers, fd, 0x2000, 55);
    const completion = next(context);
    expect(completion?.userData).toBe(55n);
    expect(completion?.value()).toBe(0x6000);
    const back = Buffer.alloc(0x6000);
    readSync(fd, back, 0, back.length, 0x2000);
    expect(Buffer.compare(back, Buffer.concat(buffers))).toBe(0);
  });

  test('fallocate_fsync', () => {
    const { fd, path } = createTestFile(4096);
    const initial = statSync(path).size;
    const size = initial + 1024 * 1024 * 50;
    const context = create(16);
    context.addFallocate(fd, 0, size, 0, 66);
    const first = next(context);
    expect(first?.userData).toBe(66n);
    expect(first?.value()).toBe(0);
    const buffer = new Uint8Array(4096);
    const pending = new Set([67n, 68n, 69n, 70n]);
    context.addWrite(buffer, fd, 0, 67);
    context.addWrite(buffer, fd, 4096, 68);
    context.addWrite(buffer, fd, 8192, 69);
    context.addFsync(fd, 70);
    while (pending.size > 0) {
      for (const completion of context.wait()) {
        completion.value();
        expect(pending.delete(completion.userData)).toBe(true);
      }
    }
    const PUNCH_HOLE_KEEP_SIZE = 0x03;
    context.addFallocate(fd, initial, size - initial, PUNCH_HOLE_KEEP_SIZE, 68);
    const last = next(context);
    expect(last?.userData).toBe(68n);
    expect(last?.value()).toBe(0);
    expect(statSync(path).size).toBe(size);
  });

  test('dev_zero_readable', () => {
    const fd = openSync('/dev/zero', 'r');
    fds.push(fd);
    const context = create(16);
    context.addPollFd(fd, PollEvent.IN, 454);
    const completion = next(context);
    expect(completion?.userData).toBe(454n);
    expect(completion?.value()).toBe(1);
  });

  test('queue_many_ebusy_retry', () => {
    const entries = 16;
    const fd = openSync('/dev/zero', 'r');
    fds.push(fd);
    const context = create(entries);
    for (let batch = 0; batch < 3; batch++) {
      for (let i = 0; i < entries; i++) context.addPollFd(fd, PollEvent.IN, batch * entries + i);
      context.submit();
    }
    context.addPollFd(fd, PollEvent.IN, entries * 3);
    // Old kernels return EBUSY here; newer ones keep what does not fit into the queue. Nothing is
    // lost either way.
    const seen: number[] = [];
    while (seen.length < entries * 3 + 1) {
      for (const completion of context.wait()) {
        expect(completion.value()).toBe(1);
        seen.push(Number(completion.userData));
      }
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: entries * 3 + 1 }, (_, i) => i));
  });

  describe('with threads', () => {
    let workers: TestWorkers;
    beforeAll(() => {
      workers = new TestWorkers('context-worker.mjs', 10);
    });
    afterAll(() => workers.stop());

    test('wake_with_nop', async () => {
      const [reader, writer] = pipe();
      fds.push(reader, writer);
      const context = create(4);
      const words = new SharedArrayBuffer(16);
      const ready = new Int32Array(words);
      const waiting = workers.run(0, { role: 'waitForNop', handle: context.share(), words, fd: reader });
      while (Atomics.load(ready, 2) === 0) await new Promise((resolve) => setImmediate(resolve));
      context.addNop(1);
      context.submit();
      // The other thread must see the NOP before the pipe has data: the order shows whether it was
      // woken.
      while (context.stats.totalComplete === 0) await new Promise((resolve) => setImmediate(resolve));
      writeSync(writer, new Uint8Array(16).fill(0xf4));
      expect(await waiting).toEqual({
        order: [
          [1, 0],
          [0, 16],
        ],
        bytes: new Array(16).fill(0xf4),
      });
    });

    test('complete_from_any_thread', async () => {
      const NUM_ENTRIES = 16;
      const NUM_THREADS = 7;
      const total = NUM_ENTRIES * 3;
      const context = create(NUM_ENTRIES);
      for (let batch = 0; batch < 3; batch++) {
        for (let i = 0; i < NUM_ENTRIES; i++) context.addNop(batch * NUM_ENTRIES + i);
        context.submit();
      }
      const words = new SharedArrayBuffer(16);
      const seen = new SharedArrayBuffer(4 * (total + NUM_THREADS));
      const handle = context.share();
      const threads = Array.from({ length: NUM_THREADS }, (_, index) =>
        workers.run(index, { role: 'complete', handle, words, seen, total }),
      );
      await allSeen(words, total);
      wake(context, total, NUM_THREADS);
      await Promise.all(threads);
      expect([...new Int32Array(seen, 0, total)]).toEqual(new Array(total).fill(1));
    });

    test('threads that wait without blocking see each completion once', async () => {
      const NUM_ENTRIES = 16;
      const NUM_THREADS = 4;
      const total = NUM_ENTRIES * 8;
      const context = create(NUM_ENTRIES);
      const words = new SharedArrayBuffer(16);
      const seen = new SharedArrayBuffer(4 * (total + NUM_THREADS));
      const handle = context.share();
      const threads = Array.from({ length: NUM_THREADS }, (_, index) =>
        workers.run(index, { role: 'completeAsync', handle, words, seen, total }),
      );
      for (let batch = 0; batch < 8; batch++) {
        for (let i = 0; i < NUM_ENTRIES; i++) context.addNop(batch * NUM_ENTRIES + i);
        context.submit();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await allSeen(words, total);
      wake(context, total, NUM_THREADS);
      await Promise.all(threads);
      expect([...new Int32Array(seen, 0, total)]).toEqual(new Array(total).fill(1));
    });

    test('submit_from_any_thread', async () => {
      const NUM_THREADS = 7;
      const ITERATIONS = 113;
      const NUM_ENTRIES = 16;
      const total = NUM_THREADS * ITERATIONS;
      const context = create(NUM_ENTRIES);
      const words = new SharedArrayBuffer(16);
      const inFlight = new Int32Array(words);
      const handle = context.share();
      const threads = Array.from({ length: NUM_THREADS }, (_, index) =>
        workers.run(index, { role: 'submit', handle, words, index, iterations: ITERATIONS, limit: NUM_ENTRIES }),
      );
      // A thread that fails would leave this one waiting.
      let failure: unknown;
      const submitted = Promise.all(threads).catch((error) => {
        failure = error;
      });
      const seen = new Set<bigint>();
      while (seen.size < total && failure === undefined) {
        for (const completion of context.wait(1000)) {
          expect(completion.value()).toBe(0);
          expect(seen.has(completion.userData)).toBe(false);
          seen.add(completion.userData);
          Atomics.sub(inFlight, 0, 1);
          Atomics.notify(inFlight, 0);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      await submitted;
      expect(failure).toBeUndefined();
      expect(Atomics.load(inFlight, 0)).toBe(0);
      expect(context.stats.totalOps).toBe(total);
      expect(context.stats.totalComplete).toBe(total);
      expect(() => [...context.wait(0)]).not.toThrow();
      expect([...context.wait(0)]).toEqual([]);
    });

    test('multi_thread_submit_and_complete, 100 times in a row', async () => {
      const NUM_SUBMITTERS = 7;
      const NUM_COMPLETERS = 3;
      const ITERATIONS = 113;
      const NUM_ENTRIES = 16;
      const total = NUM_SUBMITTERS * ITERATIONS;
      for (let round = 0; round < rounds(100); round++) {
        const context = create(NUM_ENTRIES);
        const handle = context.share();
        const words = new SharedArrayBuffer(16);
        const seen = new SharedArrayBuffer(4 * (total + NUM_COMPLETERS));
        const submitters = Array.from({ length: NUM_SUBMITTERS }, (_, index) =>
          workers.run(index, { role: 'submit', handle, words, index, iterations: ITERATIONS, limit: NUM_ENTRIES }),
        );
        const completers = Array.from({ length: NUM_COMPLETERS }, (_, index) =>
          workers.run(NUM_SUBMITTERS + index, { role: 'complete', handle, words, seen, total }),
        );
        await Promise.all(submitters);
        await allSeen(words, total);
        wake(context, total, NUM_COMPLETERS);
        await Promise.all(completers);
        expect([...new Int32Array(seen, 0, total)]).toEqual(new Array(total).fill(1));
        // Only the NOPs that were meant to wake the completers can be left.
        const left = [...context.wait(0)].map(({ userData }) => Number(userData));
        expect(left.every((userData) => userData >= total)).toBe(true);
        expect(new Int32Array(words)[0]).toBe(left.length - NUM_COMPLETERS);
        context.close();
      }
    });
  });
});

async function allSeen(words: SharedArrayBuffer, total: number): Promise<void> {
  while (Atomics.load(new Int32Array(words), 1) < total) await new Promise((resolve) => setImmediate(resolve));
}

/** Adds NOPs for threads that are still blocked in `wait()` when everything has been seen. */
function wake(context: URingContext, first: number, count: number): void {
  for (let i = 0; i < count; i++) context.addNop(first + i);
  context.submit();
}
