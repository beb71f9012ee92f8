/** The engine on both kernels: promises, batches, cancellation, chains, memory. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import { CHAIN_SIZE, type FileStart } from '../../src/engine/internal.js';
import { AbortError, type OperationEvent, op, PollEvent, Uring, UringError } from '../../src/index.js';
import { Opcode } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { describeOnBothKernels } from '../helpers/kernels.js';
import { transferFile } from '../helpers/transfer-file.js';

const engines: Uring[] = [];
const keep = (uring: Uring) => {
  engines.push(uring);
  return uring;
};
afterEach(async () => {
  for (const uring of engines.splice(0)) await uring.close();
});

/** Waits for another turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

const bytes = (text: string) => new TextEncoder().encode(text);

describeOnBothKernels('the engine', (kernel) => {
  const open = (options = {}) => keep(Uring.open({ ...options, syscalls: kernel().syscalls }));

  describe('results', () => {
    test('are those of pread(2) for a read, into every kind of memory', async () => {
      const uring = open();
      const fd = kernel().file(bytes('hello, ring'));
      const plain = new Uint8Array(8);
      expect(await uring.read(fd, plain, { offset: 0 })).toBe(8);
      expect(Buffer.from(plain).toString()).toBe('hello, r');
      const words = new Uint16Array(2);
      expect(await uring.read(fd, words, { offset: 2 })).toBe(4);
      expect(Buffer.from(words.buffer).toString()).toBe('llo,');
      const whole = new ArrayBuffer(4);
      expect(await uring.read(fd, whole, { offset: 7 })).toBe(4);
      expect(Buffer.from(whole).toString()).toBe('ring');
      const view = new DataView(new ArrayBuffer(10), 3, 4);
      expect(await uring.read(fd, view, { offset: 7 })).toBe(4);
      expect(Buffer.from(view.buffer).toString()).toBe('\0\0\0ring\0\0\0');
      const shared = new SharedArrayBuffer(5);
      expect(await uring.read(fd, shared, { offset: 0 })).toBe(5);
      expect(Buffer.from(shared).toString()).toBe('hello');
      const pooled = uring.buffers.allocate(5);
      expect(await uring.read(fd, pooled.bytes, { offset: 0 })).toBe(5);
      expect(Buffer.from(pooled.bytes).toString()).toBe('hello');
      pooled.release();
      expect(await uring.read(fd, plain, { offset: 100 })).toBe(0);
      kernel().close(fd);
    });

    test('depend on the file’s own position without an offset', async () => {
      const uring = open();
      const fd = kernel().file(bytes('abcdef'));
      const buffer = new Uint8Array(3);
      const seen = [];
      for (let i = 0; i < 3; i++) seen.push([await uring.read(fd, buffer), Buffer.from(buffer).toString()]);
      expect(seen).toEqual([
        [3, 'abc'],
        [3, 'def'],
        [0, 'def'],
      ]);
    });

    test('of vectors are in order', async () => {
      const uring = open();
      const fd = kernel().file();
      expect(await uring.writev(fd, [bytes('one,'), bytes('two,'), bytes('three')], { offset: 0 })).toBe(13);
      expect(Buffer.from(kernel().contentOf(fd)).toString()).toBe('one,two,three');
      const parts = [new Uint8Array(3), new Uint8Array(5), new Uint8Array(20)];
      expect(await uring.readv(fd, parts, { offset: 0 })).toBe(13);
      expect(parts.map((part) => Buffer.from(part).toString().replaceAll('\0', ''))).toEqual(['one', ',two,', 'three']);
    });

    test('include errors of the kernel, with the operation’s name', async () => {
      const uring = open();
      const error = await reasonOf(uring.read(1_000_000, new Uint8Array(1)));
      expect(error).toBeInstanceOf(UringError);
      expect(error).toMatchObject({ code: 'EBADF', errno: -9, syscall: 'read' });
    });

    test('are rejections for invalid arguments, which never reach the ring', async () => {
      const uring = open();
      const before = uring.counters.submitted;
      for (const [promise, code] of [
        [uring.read(-1, new Uint8Array(1)), 'ERR_OUT_OF_RANGE'],
        [uring.read('x' as never, new Uint8Array(1)), 'ERR_INVALID_ARG_TYPE'],
        [uring.read(0, {} as never), 'ERR_INVALID_ARG_TYPE'],
        [uring.read(0, new Uint8Array(1), { ofset: 1 } as never), 'ERR_INVALID_ARG_VALUE'],
        [uring.read(0, new Uint8Array(1), { offset: -2 }), 'ERR_OUT_OF_RANGE'],
        [uring.read(0, new Uint8Array(1), { signal: {} as never }), 'ERR_INVALID_ARG_TYPE'],
        [uring.nop({ timeoutMs: -1 }), 'ERR_OUT_OF_RANGE'],
        [uring.timeout(Number.NaN), 'ERR_OUT_OF_RANGE'],
        [uring.openat('a\0b'), 'ERR_INVALID_ARG_VALUE'],
        [uring.run({} as never), 'ERR_INVALID_ARG_TYPE'],
        [uring.link([]), 'ERR_OUT_OF_RANGE'],
        [uring.link([{} as never]), 'ERR_INVALID_ARG_TYPE'],
      ] as const) {
        expect(await reasonOf(promise as Promise<unknown>)).toMatchObject({ code });
      }
      expect(uring.counters.submitted).toBe(before);
      expect(await uring.nop()).toBeUndefined();
    });

    test('for a misspelled option suggest the right one', async () => {
      const uring = open();
      const error = await reasonOf(uring.nop({ timeoutMS: 1 } as never));
      expect((error as Error).message).toContain('did you mean "timeoutMs"?');
    });
  });

  describe('submission', () => {
    test('takes one call for the operations started in one turn', async () => {
      const uring = open();
      await uring.nop();
      const before = uring.counters.enters;
      await Promise.all(Array.from({ length: 100 }, () => uring.nop()));
      expect(uring.counters.enters - before).toBe(1);
    });

    test('needs no turn of the event loop for operations that complete at once', async () => {
      const uring = open();
      await uring.nop();
      let turned = false;
      setImmediate(() => {
        turned = true;
      });
      for (let i = 0; i < 10; i++) await uring.nop();
      expect(turned).toBe(false);
    });

    test.each([1, 2, 4])('with %d entries takes any number of operations, in order', async (entries) => {
      const uring = open({ entries });
      const order: number[] = [];
      await Promise.all(Array.from({ length: 100 }, (_, index) => uring.nop().then(() => order.push(index))));
      expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
      expect(uring.counters).toMatchObject({ inFlight: 0, failed: 0 });
    });

    test('loses nothing when the completion queue overflows', async () => {
      const uring = open({ entries: 4, cqEntries: 4 });
      const [reader, writer] = kernel().pipe();
      const polls = Array.from({ length: 50 }, () => uring.poll(reader, PollEvent.IN));
      await turn();
      kernel().write(writer, bytes('x'));
      expect(await Promise.all(polls)).toEqual(new Array(50).fill(PollEvent.IN));
    });

    test('can have thousands of operations in flight, and loses none', async () => {
      const uring = open();
      const [reader, writer] = kernel().pipe();
      const polls = Array.from({ length: 3000 }, () => uring.poll(reader, PollEvent.IN));
      await turn();
      expect(uring.counters.inFlight).toBe(3000);
      kernel().write(writer, bytes('x'));
      expect(new Set(await Promise.all(polls))).toEqual(new Set([PollEvent.IN]));
      expect(uring.counters.inFlight).toBe(0);
    });
  });

  describe('cancellation', () => {
    test('before the start prevents it', async () => {
      const uring = open();
      const before = uring.counters.submitted;
      const error = await reasonOf(uring.nop({ signal: AbortSignal.abort('no') }));
      expect(error).toBeInstanceOf(AbortError);
      expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'no', message: 'The operation was aborted' });
      expect(uring.counters.submitted).toBe(before);
    });

    test('before submission keeps the operation from the kernel', async () => {
      const uring = open();
      const fd = kernel().file(bytes('data'));
      const buffer = new Uint8Array(4);
      const controller = new AbortController();
      const promise = uring.read(fd, buffer, { offset: 0, signal: controller.signal });
      controller.abort();
      expect(await reasonOf(promise)).toBeInstanceOf(AbortError);
      expect([...buffer]).toEqual([0, 0, 0, 0]);
    });

    test('ends operations in the backlog', async () => {
      const uring = open({ entries: 1 });
      const [reader] = kernel().pipe();
      const controller = new AbortController();
      const { signal } = controller;
      const promises = Array.from({ length: 5 }, () => uring.poll(reader, PollEvent.IN, { signal }));
      controller.abort();
      for (const promise of promises) expect(await reasonOf(promise)).toBeInstanceOf(AbortError);
      expect(uring.counters.inFlight).toBe(0);
    });

    test('in flight settles when the kernel has released the operation', async () => {
      const uring = open();
      const [reader] = kernel().pipe();
      const controller = new AbortController();
      const promise = uring.read(reader, new Uint8Array(4), { signal: controller.signal });
      await turn();
      expect(uring.inspect()).toMatchObject([{ operation: 'READ', fd: reader }]);
      const why = new Error('enough');
      controller.abort(why);
      const error = await reasonOf(promise);
      expect(error).toBeInstanceOf(AbortError);
      expect((error as Error).cause).toBe(why);
      expect(uring.counters.inFlight).toBe(0);
    });

    test('after completion has no effect on the result', async () => {
      const uring = open();
      const fd = kernel().file(bytes('data'));
      const controller = new AbortController();
      const promise = uring.read(fd, new Uint8Array(4), { offset: 0, signal: controller.signal });
      expect(await promise).toBe(4);
      controller.abort();
      expect(await promise).toBe(4);
    });

    test('uses one listener of a signal for many operations, and removes it', async () => {
      const uring = open();
      const [reader] = kernel().pipe();
      const controller = new AbortController();
      const { signal } = controller;
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners++;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners--;
        remove(...args);
      };
      const promises = Array.from({ length: 20 }, () => uring.poll(reader, PollEvent.IN, { signal }));
      await turn();
      expect(listeners).toBe(1);
      controller.abort();
      for (const promise of promises) expect(await reasonOf(promise)).toBeInstanceOf(AbortError);
      expect(listeners).toBe(0);
    });

    test('is part of closing, which also refuses new operations', async () => {
      const uring = open();
      const [reader] = kernel().pipe();
      const pending = [uring.poll(reader, PollEvent.IN), uring.read(reader, new Uint8Array(1))].map(reasonOf);
      await turn();
      const closing = uring.close();
      expect(await reasonOf(uring.nop())).toMatchObject({ code: 'ERR_INVALID_STATE' });
      await closing;
      for (const error of await Promise.all(pending)) {
        expect(error).toBeInstanceOf(AbortError);
        expect((error as Error & { cause: Error }).cause.message).toContain('closed');
      }
      expect(uring.close()).toBe(closing);
      expect(uring.closed).toBe(true);
    });

    test('is part of closing for operations that have only just started, too', async () => {
      const uring = open();
      const [reader] = kernel().pipe();
      const fd = kernel().file(bytes('x'));
      const pending = [uring.poll(reader, PollEvent.IN), uring.read(fd, new Uint8Array(1), { offset: 0 })].map(reasonOf);
      await uring.close();
      const [first, second] = await Promise.all(pending);
      expect(first).toBeInstanceOf(AbortError);
      expect(second).toBeInstanceOf(AbortError);
    });
  });

  describe('chains', () => {
    test('run in order, and report each result', async () => {
      const uring = open();
      const fd = kernel().file();
      const buffer = new Uint8Array(5);
      const results = await uring.link([
        op.write(fd, bytes('chain'), { offset: 0 }),
        op.fsync(fd),
        op.read(fd, buffer, { offset: 0 }),
      ]);
      expect(results).toEqual([
        { status: 'done', value: 5 },
        { status: 'done', value: undefined },
        { status: 'done', value: 5 },
      ]);
      expect(Buffer.from(buffer).toString()).toBe('chain');
    });

    test('are cut off by a failure, and report the remainder as cut', async () => {
      const uring = open();
      const results = await uring.link([op.nop(), op.read(1_000_000, new Uint8Array(1)), op.nop(), op.nop()]);
      expect(results.map(({ status }) => status)).toEqual(['done', 'failed', 'cut', 'cut']);
      expect(results[1]).toMatchObject({ error: { code: 'EBADF' } });
      expect(results[3]).toEqual({ status: 'cut', by: 1 });
    });

    test('are cut off by a short read', async () => {
      const uring = open();
      const fd = kernel().file(bytes('abc'));
      const results = await uring.link([op.read(fd, new Uint8Array(10), { offset: 0 }), op.nop()]);
      expect(results).toEqual([
        { status: 'done', value: 3 },
        { status: 'cut', by: 0 },
      ]);
    });

    test('continue after a failure if they are hard', async () => {
      const uring = open();
      const results = await uring.link([op.read(1_000_000, new Uint8Array(1)), op.nop()], { hard: true });
      expect(results.map(({ status }) => status)).toEqual(['failed', 'done']);
    });

    test('leave nothing behind if an operation cannot be encoded', async () => {
      const uring = open();
      const fd = kernel().file();
      const error = await reasonOf(uring.link([op.write(fd, bytes('x'), { offset: 0 }), op.poll(-5, 1)]));
      expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      // The next operation is not linked to the one that was withdrawn.
      expect(await uring.nop()).toBeUndefined();
      expect(kernel().contentOf(fd)).toHaveLength(0);
      expect(uring.counters.inFlight).toBe(0);
    });

    test('wait as a whole when the queue is full', async () => {
      const uring = open({ entries: 4 });
      const chains = Array.from({ length: 20 }, () => uring.link([op.nop(), op.nop(), op.nop()]));
      for (const results of await Promise.all(chains)) {
        expect(results.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
      }
      expect(await reasonOf(uring.link(Array.from({ length: 5 }, () => op.nop())))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    });

    test('fail at the running operation when aborted, and the remainder is cut off or aborted', async () => {
      const uring = open();
      const [reader] = kernel().pipe();
      const controller = new AbortController();
      const promise = uring.link([op.nop(), op.poll(reader, PollEvent.IN), op.nop()], { signal: controller.signal });
      await turn();
      controller.abort('stop');
      const results = await promise;
      expect(results[0]).toEqual({ status: 'done', value: undefined });
      expect(results[1]).toMatchObject({ status: 'failed', error: { name: 'AbortError', cause: 'stop' } });
      expect(['cut', 'failed']).toContain(results[2].status);
      expect(uring.counters.inFlight).toBe(0);
    });

    test('never reach the kernel when aborted before submission', async () => {
      const uring = open();
      const fd = kernel().file();
      const controller = new AbortController();
      const promise = uring.link([op.write(fd, bytes('x'), { offset: 0 }), op.nop()], { signal: controller.signal });
      controller.abort();
      for (const result of await promise) expect(result.status).toBe('failed');
      expect(kernel().contentOf(fd)).toHaveLength(0);
    });
  });

  describe('batches', () => {
    test('return a number for each operation: bytes, 0, or an error', async () => {
      const uring = open();
      const fd = kernel().file(bytes('hello, ring'));
      const [first, second] = [new Uint8Array(5), new Uint8Array(20)];
      const operations = [
        op.read(fd, first, { offset: 0 }),
        op.read(fd, second, { offset: 7 }),
        op.nop(),
        op.read(1_000_000, first, { offset: 0 }),
        op.write(fd, bytes('R'), { offset: 7 }),
      ];
      expect([...(await uring.batch(operations))]).toEqual([5, 4, 0, -Errno.EBADF, 1]);
      expect([Buffer.from(first).toString(), Buffer.from(second.subarray(0, 4)).toString()]).toEqual(['hello', 'ring']);
      expect(await uring.batch([])).toEqual(new Int32Array(0));
      kernel().close(fd);
    });

    test('may be larger than the ring', async () => {
      const uring = open({ entries: 8 });
      const fd = kernel().file(bytes('0123456789'));
      const views = Array.from({ length: 100 }, () => new Uint8Array(1));
      const results = await uring.batch(views.map((view, index) => op.read(fd, view, { offset: index % 10 })));
      expect([...results]).toEqual(views.map(() => 1));
      expect(Buffer.concat(views).toString()).toBe('0123456789'.repeat(10));
      kernel().close(fd);
    });

    test('are ended by a signal, and settle when all operations are done', async () => {
      const uring = open();
      const [reader, writer] = kernel().pipe();
      const controller = new AbortController();
      const promise = uring.batch([op.nop(), op.read(reader, new Uint8Array(1)), op.read(reader, new Uint8Array(1))], {
        signal: controller.signal,
      });
      await turn();
      controller.abort(new Error('enough'));
      expect(await reasonOf(promise)).toMatchObject({ name: 'AbortError', cause: new Error('enough') });
      expect(uring.counters.inFlight).toBe(0);
      expect(await reasonOf(uring.batch([op.nop()], { signal: AbortSignal.abort() }))).toMatchObject({ name: 'AbortError' });
      kernel().close(reader);
      kernel().close(writer);
    });

    test('skip operations whose own signal was aborted', async () => {
      const uring = open();
      const [reader, writer] = kernel().pipe();
      const aborted = op.read(reader, new Uint8Array(1), { signal: AbortSignal.abort() });
      expect([...(await uring.batch([aborted, op.nop(), aborted]))]).toEqual([-Errno.ECANCELED, 0, -Errno.ECANCELED]);
      expect([...(await uring.batch([aborted]))]).toEqual([-Errno.ECANCELED]);
      kernel().close(reader);
      kernel().close(writer);
    });

    test('fail as a whole if an element is not an operation, or cannot start', async () => {
      const uring = open();
      const [reader, writer] = kernel().pipe();
      for (const wrong of [5, [5], [op.nop(), undefined]])
        expect(await reasonOf(uring.batch(wrong as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      expect(await reasonOf(uring.batch([], { timeout: 5 } as never))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      const released = uring.buffers.allocate(5);
      released.release();
      const cannotBegin = uring.batch([op.read(reader, new Uint8Array(1)), op.read(reader, released.bytes), op.nop()]);
      expect(await reasonOf(cannotBegin)).toMatchObject({ code: 'ERR_INVALID_STATE' });
      expect(uring.counters.inFlight).toBe(0);
      kernel().close(reader);
      kernel().close(writer);
    });

    test('end when the engine is closed', async () => {
      const uring = Uring.open({ syscalls: kernel().syscalls });
      const [reader, writer] = kernel().pipe();
      const promise = uring.batch([op.read(reader, new Uint8Array(1))]);
      await turn();
      await uring.close();
      expect([...(await promise)]).toEqual([-Errno.ECANCELED]);
      expect(await reasonOf(uring.batch([op.nop()]))).toMatchObject({ code: 'ERR_INVALID_STATE' });
      kernel().close(reader);
      kernel().close(writer);
    });
  });

  describe('ranges of a file', () => {
    const content = new Uint8Array(100).map((_, index) => index);
    const rangesOf = (...pairs: [offset: number, length: number][]) => ({
      offsets: Float64Array.from(pairs, ([offset]) => offset),
      lengths: Int32Array.from(pairs, ([, length]) => length),
    });

    test.each(['plain', 'shared', 'pooled'])('are read into %s memory in order, to the end of the file', async (kind) => {
      const uring = open();
      const fd = kernel().file(content);
      for (const canTry of [true, false]) {
        const memory = {
          plain: new Uint8Array(40),
          shared: new Uint8Array(new SharedArrayBuffer(40)),
          pooled: uring.buffers.allocate(40).bytes,
        };
        const view = memory[kind as 'plain'].fill(255);
        const ranges = rangesOf([10, 10], [0, 0], [95, 10], [50, 5], [200, 10]);
        const results = await uring.transfers.readRanges(transferFile(fd, { canTry }), view, ranges, undefined);
        expect([...results]).toEqual([10, 0, 5, 5, 0]);
        expect([...view.subarray(0, 10)]).toEqual([...content.subarray(10, 20)]);
        expect([...view.subarray(10, 20)]).toEqual([...content.subarray(95), 255, 255, 255, 255, 255]);
        expect([...view.subarray(20, 25)]).toEqual([...content.subarray(50, 55)]);
        expect(view[25]).toBe(255);
      }
      kernel().close(fd);
    });

    test('may be any number or none, and may be empty', async () => {
      const uring = open({ entries: 8 });
      const fd = kernel().file(content);
      const pairs = Array.from({ length: 5000 }, (_, index): [number, number] => [index % 100, index % 3 ? 0 : 1]);
      const view = new Uint8Array(5000);
      const results = await uring.transfers.readRanges(transferFile(fd), view, rangesOf(...pairs), undefined);
      expect([...results]).toEqual(pairs.map(([, length]) => length));
      expect([...view.subarray(0, 40)]).toEqual(Array.from({ length: 40 }, (_, index) => (index * 3) % 100));
      expect(await uring.transfers.readRanges(transferFile(fd), view, rangesOf(), undefined)).toEqual(new Int32Array(0));
      kernel().close(fd);
    });

    test('end with ECANCELED when the engine is closed', async () => {
      const uring = Uring.open({ entries: 8, syscalls: kernel().syscalls });
      const fd = kernel().file(content);
      const pairs = Array.from({ length: 100_000 }, (): [number, number] => [0, 1]);
      const promise = uring.transfers.readRanges(transferFile(fd), new Uint8Array(100_000), rangesOf(...pairs), undefined);
      await turn();
      const closing = uring.close();
      expect((await promise).at(-1)).toBe(-Errno.ECANCELED);
      await closing;
      kernel().close(fd);
    });

    test('have an error for each range alone', async () => {
      const uring = open();
      const references = { count: 1 };
      const file = transferFile(1_000_000, { ref: () => references.count++, unref: () => references.count-- });
      const results = await uring.transfers.readRanges(file, new Uint8Array(2), rangesOf([0, 1], [1, 1]), undefined);
      expect([[...results], references.count]).toEqual([[-Errno.EBADF, -Errno.EBADF], 0]);
    });

    test('are ended by a signal, and are not written to memory that was detached', async () => {
      const uring = open();
      const fd = kernel().file(content);
      const controller = new AbortController();
      const aborted = uring.transfers.readRanges(
        transferFile(fd),
        new Uint8Array(2),
        rangesOf([0, 1], [1, 1]),
        controller.signal,
      );
      controller.abort();
      expect(await reasonOf(aborted)).toMatchObject({ name: 'AbortError' });
      const view = new Uint8Array(2);
      const promise = uring.transfers.readRanges(transferFile(fd), view, rangesOf([1, 1], [2, 1]), undefined);
      const moved = structuredClone(view, { transfer: [view.buffer] });
      expect([...(await promise)]).toEqual([-Errno.ECANCELED, -Errno.ECANCELED]);
      expect([...moved]).toEqual([0, 0]);
      kernel().close(fd);
    });
  });

  describe('memory', () => {
    test('that is detached before the kernel is entered is not written', async () => {
      const uring = open();
      const fd = kernel().file(bytes('secret'));
      const file = { ...transferFile(fd), canTry: true };
      const buffer = new Uint8Array(6);
      const promise = uring.transfers.read(file, buffer, 0, 6, 0, (count) => count);
      const moved = structuredClone(buffer, { transfer: [buffer.buffer] });
      expect(await reasonOf(promise)).toMatchObject({ code: 'ERR_INVALID_STATE' });
      // The new owner of the memory does not find the data in it.
      expect([...moved]).toEqual([0, 0, 0, 0, 0, 0]);
    });

    test('that is detached in flight is an error, and is not written', async () => {
      const uring = open();
      const [reader, writer] = kernel().pipe();
      const buffer = new Uint8Array(6);
      const viaOperation = uring.read(reader, buffer);
      await turn();
      const moved = structuredClone(buffer, { transfer: [buffer.buffer] });
      kernel().write(writer, bytes('secret'));
      expect(await reasonOf(viaOperation)).toMatchObject({ code: 'ERR_INVALID_STATE' });
      expect([...moved]).toEqual([0, 0, 0, 0, 0, 0]);

      const other = new Uint8Array(6);
      const viaTransfer = uring.transfers.read(transferFile(reader), other, 0, 6, -1, (count) => count);
      await turn();
      const movedToo = structuredClone(other, { transfer: [other.buffer] });
      kernel().write(writer, bytes('secret'));
      expect(await reasonOf(viaTransfer)).toMatchObject({ code: 'ERR_INVALID_STATE' });
      expect([...movedToo]).toEqual([0, 0, 0, 0, 0, 0]);
    });

    test('of a pooled buffer released in flight is not reused before the operation is done', async () => {
      const uring = open();
      const [reader, writer] = kernel().pipe();
      const buffer = uring.buffers.allocate(4096);
      const place = buffer.bytes.byteOffset;
      const promise = uring.read(reader, buffer.bytes);
      buffer.release();
      const second = uring.buffers.allocate(4096);
      expect(second.bytes.byteOffset).not.toBe(place);
      kernel().write(writer, bytes('x'));
      expect(await promise).toBe(1);
      const third = uring.buffers.allocate(4096);
      expect(third.bytes.byteOffset).toBe(place);
      second.release();
      third.release();
      expect(uring.buffers.usage.buffers).toBe(0);
    });

    test('of a pooled buffer that was released is refused', async () => {
      const uring = open();
      const fd = kernel().file(bytes('x'));
      const buffer = uring.buffers.allocate(10);
      const wide = new Uint8Array(buffer.bytes.buffer, buffer.bytes.byteOffset, 11);
      expect(await reasonOf(uring.read(fd, wide, { offset: 0 }))).toMatchObject({ code: 'ERR_INVALID_STATE' });
      buffer.release();
      buffer.release();
      expect(await reasonOf(uring.read(fd, buffer.bytes, { offset: 0 }))).toMatchObject({ code: 'ERR_INVALID_STATE' });
      expect(uring.counters.inFlight).toBe(0);
    });

    test('of pooled buffers is aligned to pages, and may have any size', () => {
      const uring = open();
      for (const size of [1, 4096, 5000, 65_536, 1_048_576, 3_000_000, 70_000_000]) {
        const buffer = uring.buffers.allocate(size);
        expect(buffer.bytes).toHaveLength(size);
        expect(kernel().syscalls.addressOf(buffer.bytes) % 4096).toBe(0);
        buffer.release();
      }
      for (const size of [0, -1, 1.5, 2 ** 31]) expect(() => uring.buffers.allocate(size)).toThrow(RangeError);
    });

    test('of the pool is completely returned', async () => {
      const uring = open();
      const fd = kernel().file(bytes('some data'));
      await uring.nop();
      const { bytes: before } = uring.buffers.usage;
      const all = Promise.allSettled([
        uring.read(fd, new Uint8Array(100), { offset: 0 }),
        uring.readv(fd, [new Uint8Array(3), new Uint8Array(3)], { offset: 0 }),
        uring.write(fd, new Uint8Array(100), { offset: 0 }),
        uring.read(1_000_000, new Uint8Array(100)),
        uring.read(-1, new Uint8Array(100)),
        uring.openat('/no/such/file'),
        uring.timeout(0),
        uring.link([op.read(1_000_000, new Uint8Array(100)), op.write(fd, new Uint8Array(5))]),
        uring.link([op.write(fd, new Uint8Array(5)), op.poll(-1, 1)]),
      ]);
      await turn();
      kernel().simulated?.advance(1);
      await all;
      expect(uring.buffers.usage.bytes).toBe(before);
    });
  });

  describe('observation', () => {
    test('shows each operation in flight with its age and where it was started', async () => {
      const uring = open({ callSites: true });
      const [reader] = kernel().pipe();
      const controller = new AbortController();
      const promise = reasonOf(uring.poll(reader, PollEvent.IN, { signal: controller.signal }));
      expect(uring.inspect()).toMatchObject([{ operation: 'POLL_ADD', fd: reader, age: 0 }]);
      await turn();
      const [first] = uring.inspect();
      expect(first?.age).toBeGreaterThan(0);
      expect(first?.callSite).toContain('engine.test');
      controller.abort();
      await promise;
      expect(uring.inspect()).toEqual([]);
    });

    test('includes events of the diagnostics channels', async () => {
      const uring = open();
      const events: [string, OperationEvent][] = [];
      const onSubmit = (event: unknown) => events.push(['submit', event as OperationEvent]);
      const onComplete = (event: unknown) => events.push(['complete', event as OperationEvent]);
      subscribe('uring:submit', onSubmit);
      subscribe('uring:complete', onComplete);
      await uring.nop();
      await reasonOf(uring.read(1_000_000, new Uint8Array(1)));
      unsubscribe('uring:submit', onSubmit);
      unsubscribe('uring:complete', onComplete);
      await uring.nop();
      expect(events.map(([kind, { operation, result, code }]) => [kind, operation, result, code])).toEqual([
        ['submit', 'NOP', undefined, undefined],
        ['complete', 'NOP', 0, undefined],
        ['submit', 'READ', undefined, undefined],
        ['complete', 'READ', -Errno.EBADF, 'EBADF'],
      ]);
    });

    test('includes counters and latencies', async () => {
      const uring = open();
      await uring.nop();
      const { latency } = uring;
      await uring.nop();
      await reasonOf(uring.read(1_000_000, new Uint8Array(1)));
      expect(uring.counters).toMatchObject({ submitted: 3, completed: 3, failed: 1, inFlight: 0 });
      expect(latency.count).toBe(2);
      expect(latency.min).toBeGreaterThan(0);
    });
  });
});

describe('reads and writes of files (simulated)', () => {
  const start = () => {
    const kernel = new SimulatedKernel();
    const uring = keep(Uring.open({ syscalls: kernel }));
    return { kernel, uring };
  };
  const content = bytes('0123456789');
  const count = (done: number) => done;

  test('go through the pool for data that is not cached', async () => {
    const { kernel, uring } = start();
    const fd = kernel.createFile(content);
    const lengths: number[] = [];
    kernel.interceptOperations(({ opcode, opFlags, len }) => {
      if (opcode === Opcode.READ) lengths.push(opFlags === 0 ? len : -len);
      return opFlags === 0 ? undefined : -Errno.EAGAIN;
    });
    const buffer = new Uint8Array(10);
    const file = { ...transferFile(fd), canTry: true };
    expect(await uring.transfers.read(file, buffer, 0, 10, 0, count)).toBe(10);
    expect(buffer).toEqual(content);
    expect(lengths).toEqual([-10, 10]);
  });

  test('try only once without blocking on a file system that does not support it', async () => {
    const { kernel, uring } = start();
    const fd = kernel.createFile(content);
    let asked = 0;
    kernel.interceptOperations(({ opFlags }) => {
      if (opFlags === 0) return undefined;
      asked++;
      return -Errno.EOPNOTSUPP;
    });
    const file = { ...transferFile(fd), canTry: true };
    for (let i = 0; i < 3; i++) expect(await uring.transfers.read(file, new Uint8Array(10), 0, 10, 0, count)).toBe(10);
    expect(asked).toBe(1);
  });

  test.each(['read', 'write'] as const)('are retried after EINTR and EAGAIN: %s', async (way) => {
    const { kernel, uring } = start();
    const fd = kernel.createFile(content);
    const answers = [-Errno.EINTR, -Errno.EINTR, -Errno.EAGAIN];
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.READ || opcode === Opcode.WRITE ? answers.shift() : undefined));
    expect(await uring.transfers[way](transferFile(fd), new Uint8Array(10), 0, 10, 0, count)).toBe(10);
    expect(answers).toEqual([]);
  });

  test('fail with EAGAIN if it is returned again', async () => {
    const { kernel, uring } = start();
    const fd = kernel.createFile(content);
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.READ || opcode === Opcode.WRITE ? -Errno.EAGAIN : undefined));
    for (const way of ['read', 'write'] as const) {
      const error = await reasonOf(uring.transfers[way](transferFile(fd), new Uint8Array(10), 0, 10, 0, count));
      expect(error).toMatchObject({ code: 'EAGAIN' });
    }
  });

  test('continue a short write where it stopped', async () => {
    const { kernel, uring } = start();
    const fd = kernel.createFile();
    const lengths: number[] = [];
    kernel.interceptOperations(({ opcode, len }) => {
      if (opcode !== Opcode.WRITE) return undefined;
      lengths.push(len);
      // The first write reports 4 bytes, and writes none.
      return lengths.length === 1 ? 4 : undefined;
    });
    expect(await uring.transfers.write(transferFile(fd), content, 0, 10, 0, count)).toBe(10);
    expect(lengths).toEqual([10, 6]);
    expect(Buffer.from(kernel.contentOf(fd)).toString()).toBe('\0\0\0\x00456789');
  });

  test('return the part if an error follows it', async () => {
    const { kernel, uring } = start();
    const fd = kernel.createFile();
    const answers = [4, -Errno.ENOSPC];
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.WRITE ? answers.shift() : undefined));
    expect(await uring.transfers.write(transferFile(fd), content, 0, 10, 0, count)).toBe(4);
  });
});

describe('faults of the kernel (simulated)', () => {
  const errnos = Object.entries(Errno).filter(([, number]) => number > 0);

  /** Starts operations of several kinds, some of which end only when they are cancelled. */
  const busy = (kernel: SimulatedKernel, uring: Uring): Promise<unknown>[] => {
    const fd = kernel.createFile(bytes('x'));
    const [reader] = kernel.createPipe();
    return [
      uring.nop(),
      uring.read(fd, new Uint8Array(1), { offset: 0 }),
      uring.poll(reader, PollEvent.IN, { signal: AbortSignal.timeout(5) }),
      uring.link([op.nop(), op.nop()]),
      uring.transfers.read({ ...transferFile(fd), canTry: true }, new Uint8Array(1), 0, 1, 0, (count) => count),
      uring.transfers.write(transferFile(fd), new Uint8Array(1), 0, 1, 0, (count) => count),
    ];
  };

  test.each(errnos)('enter answers %s: every promise settles', async (_name, errno) => {
    const kernel = new SimulatedKernel();
    const uring = Uring.open({ syscalls: kernel });
    kernel.fail('enter', errno);
    const outcomes = await Promise.allSettled(busy(kernel, uring));
    expect(outcomes).toHaveLength(6);
    expect(uring.counters.inFlight).toBe(0);
    const transient = [Errno.EINTR, Errno.EAGAIN, Errno.EBUSY, Errno.ENOMEM].includes(errno as never);
    // A transient error is retried, and succeeds. Any other error ends the ring, and is reported.
    const rejected = outcomes.filter(({ status }) => status === 'rejected').length;
    // A chain reports its members' failures in its result.
    expect(rejected).toBe(transient ? 1 : 5);
    expect(uring.closed).toBe(!transient);
    if (!transient) expect(await reasonOf(uring.nop())).toMatchObject({ code: 'ERR_INVALID_STATE' });
    await uring.close();
  });

  test.each(errnos)('every operation answers %s: every promise settles', async (_name, errno) => {
    const kernel = new SimulatedKernel();
    const uring = keep(Uring.open({ syscalls: kernel }));
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.ASYNC_CANCEL ? undefined : -errno));
    // A kernel that always returns EINTR would be retried indefinitely.
    let answers = 0;
    if (errno === Errno.EINTR) kernel.interceptOperations(() => (answers++ < 50 ? -errno : undefined));
    const outcomes = await Promise.allSettled(busy(kernel, uring));
    expect(outcomes).toHaveLength(6);
    expect(uring.counters.inFlight).toBe(0);
  });

  test.each(errnos)('a call made by opening answers %s: opening throws, and leaves no descriptor', (_name, errno) => {
    for (const call of ['setup', 'eventfd', 'register'] as const) {
      const kernel = new SimulatedKernel();
      kernel.fail(call, ...new Array(1000).fill(errno));
      expect(() => Uring.open({ syscalls: kernel })).toThrow();
      expect(kernel.openDescriptors).toEqual([]);
    }
  });
});

test('the start of a file that does not fit in a chain stays as it is until it is released', async () => {
  const kernel = new SimulatedKernel();
  for (const name of ['one', 'two']) kernel.putFile(`/${name}`, bytes(name.repeat(30_000)));
  const uring = keep(Uring.open({ syscalls: kernel }));
  const starts: FileStart[] = [];
  const sink = {
    more: async (_slot: number, start: FileStart) => {
      starts.push(start);
    },
  };
  const read = (path: string) => uring.chains.read(uring.files.allocate().slot, path, 0, sink as never);
  const textOf = (start: FileStart | undefined) => {
    const copy = Buffer.alloc(start?.length ?? 0);
    start?.copyTo(copy);
    return copy.toString();
  };
  await read('/one');
  await read('/two');
  expect(starts.map(textOf)).toEqual(['one', 'two'].map((name) => name.repeat(30_000).slice(0, CHAIN_SIZE)));
  // Twice, as it is idempotent: the memory must not serve two chains.
  starts[0]?.release();
  starts[0]?.release();
  await Promise.all([read('/two'), read('/one')]);
  expect(
    starts
      .slice(2)
      .map((start) => textOf(start).slice(0, 3))
      .sort(),
  ).toEqual(['one', 'two']);
});

describe('a kernel that is short of memory takes a part of a chain', () => {
  const whole = (uring: Uring) => {
    const more: [number, number][] = [];
    const sink = {
      content: (block: { plain(start: number, length: number): Buffer }, length: number) => block.plain(0, length).toString(),
      failed: (res: number, syscall: string) => new Error(`${syscall} ${res}`),
      more: async (slot: number, start: FileStart) => {
        more.push([slot, start.length]);
        return 'more';
      },
    };
    return { more, promise: uring.chains.read(uring.files.allocate().slot, '/file', 0, sink as never) };
  };

  test('and only opens a file that is read whole: the content is read afterwards', async () => {
    const kernel = new SimulatedKernel();
    kernel.putFile('/file', bytes('content'));
    const uring = keep(Uring.open({ syscalls: kernel }));
    kernel.limitSubmissions(1);
    const { promise, more } = whole(uring);
    await new Promise((resolve) => setImmediate(resolve));
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    expect(await promise).toBe('more');
    expect(more).toEqual([[0, 0]]);
  });

  test('and only opens a file that is written whole: the content is written afterwards', async () => {
    const kernel = new SimulatedKernel();
    const uring = keep(Uring.open({ syscalls: kernel }));
    kernel.limitSubmissions(1);
    const slot = uring.files.allocate().slot;
    const promise = uring.chains.write(slot, '/new', 0o101, 0o644, bytes('content'), true);
    await new Promise((resolve) => setImmediate(resolve));
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    expect(await promise).toMatchObject({ open: 0, transfer: 7, close: 0 });
    expect(Buffer.from(kernel.fileAt('/new') as Uint8Array).toString()).toBe('content');
  });

  test('and an operation without its timeout: the time limit is kept', async () => {
    const kernel = new SimulatedKernel();
    const uring = keep(Uring.open({ syscalls: kernel }));
    const [reader] = kernel.createPipe();
    kernel.limitSubmissions(1);
    const read = reasonOf(uring.read(reader, new Uint8Array(1), { timeoutMs: 20 }));
    await new Promise((resolve) => setImmediate(resolve));
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    expect(await read).toMatchObject({ code: 'ABORT_ERR', cause: { code: 'ETIME' } });
  });

  test('and closing the engine aborts the chain', async () => {
    const kernel = new SimulatedKernel();
    kernel.putFile('/file', bytes('content'));
    const uring = Uring.open({ syscalls: kernel });
    const { promise } = whole(uring);
    await Promise.all([uring.close(), expect(reasonOf(promise)).resolves.toMatchObject({ code: 'ABORT_ERR' })]);
  });
});

describe('a kernel that loses wake-ups of the eventfd', () => {
  test.each([false, true, 'after the first'] as const)(
    'is detected (%p), and its rings do not defer task work',
    async (losesWakeups) => {
      const kernel = new SimulatedKernel({ losesWakeups });
      const uring = keep(Uring.open({ syscalls: kernel }));
      expect(uring.engine.core.ring.hasFlag('DEFER_TASKRUN')).toBe(!losesWakeups);
      const [reader, writer] = kernel.createPipe();
      for (let round = 0; round < 3; round++) {
        const read = uring.read(reader, new Uint8Array(8));
        await turn();
        await turn();
        kernel.writeFile(writer, bytes('x'));
        expect(await read).toBe(1);
      }
      const open = kernel.openDescriptors.length;
      await uring.close();
      expect(kernel.openDescriptors.length).toBe(open - 2);
    },
  );
});
