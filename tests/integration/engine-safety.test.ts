/**
 * What has gone wrong once, or could: chains that are withdrawn, cancellations at the wrong moment,
 * buffers that are still held.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { AbortError, op, PollEvent, Uring } from '../../src/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { runChild } from '../helpers/child.js';
import { descriptorTargets } from '../helpers/descriptors.js';
import { gaps } from '../helpers/gaps.js';
import { testUnless } from '../helpers/kernels.js';
import { pipe, temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';
import { transferFile } from '../helpers/transfer-file.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const turn = () => new Promise((resolve) => setImmediate(resolve));
const text = (memory: Uint8Array) => Buffer.from(memory).toString();

onLinux(`the engine in awkward moments${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  const fds: number[] = [];
  let uring: Uring;
  beforeEach(() => {
    uring = Uring.open();
  });
  afterEach(async () => {
    await uring.close();
    for (const fd of fds.splice(0)) {
      try {
        fs.closeSync(fd);
      } catch {
        // The test has closed it.
      }
    }
  });
  afterAll(() => directory.remove());
  const ownPipe = () => {
    const ends = pipe();
    fds.push(...ends);
    return ends;
  };

  describe('chains', () => {
    test('an operation that is aborted before it is submitted cuts off the rest of its chain', async () => {
      const name = directory.file('x');
      const controller = new AbortController();
      const promise = uring.link([op.nop({ signal: controller.signal }), op.renameat(name, `${name}-moved`)]);
      controller.abort();
      const [first, second] = await promise;
      expect(first).toMatchObject({ status: 'failed', error: { name: 'AbortError' } });
      expect(second).toEqual({ status: 'cut', by: 0 });
      expect(fs.existsSync(name)).toBe(true);
    });

    test('an abort reaches an operation that starts at the same moment', async () => {
      for (let round = 0; round < 20; round++) {
        const [reader] = ownPipe();
        const [reader2] = ownPipe();
        const controller = new AbortController();
        const promise = uring.link([op.read(reader, new Uint8Array(1)), op.read(reader2, new Uint8Array(1))], {
          hard: true,
          signal: controller.signal,
        });
        await turn();
        controller.abort();
        for (const result of await promise) expect(result).toMatchObject({ status: 'failed', error: { name: 'AbortError' } });
      }
    });

    test('a member with a time limit is reported as cut if its chain breaks', async () => {
      const results = await uring.link([op.openat('/no/such/file'), op.nop({ timeoutMs: 60_000 }), op.nop()]);
      expect(results.slice(1)).toEqual([
        { status: 'cut', by: 0 },
        { status: 'cut', by: 0 },
      ]);
    });

    test('a hard chain stays hard if its members have time limits', async () => {
      const [reader] = ownPipe();
      const results = await uring.link(
        [op.openat('/no/such/file', { timeoutMs: 60_000 }), op.read(reader, new Uint8Array(1), { timeoutMs: 5 }), op.nop()],
        { hard: true },
      );
      expect(results[0]).toMatchObject({ status: 'failed', error: { code: 'ENOENT' } });
      expect(results[1]).toMatchObject({ status: 'failed', error: { cause: { code: 'ETIME' } } });
      expect(results[2]).toEqual({ status: 'done', value: undefined });
    });

    test('a member that cuts off the members before it is named', async () => {
      // The kernel refuses the last member before it starts the first: a slot takes no O_CLOEXEC.
      const O_CLOEXEC = 0o2000000;
      const slot = uring.files.allocate();
      const results = await uring.link([op.nop(), op.nop(), op.openat('/etc/passwd', { slot: slot.slot, flags: O_CLOEXEC })]);
      expect(results.map(({ status }) => status)).toEqual(['cut', 'cut', 'failed']);
      expect(results[0]).toEqual({ status: 'cut', by: 2 });
    });

    test('a chain that cannot be encoded leaves no time limit behind', async () => {
      const [reader] = ownPipe();
      const error = await reasonOf(uring.link([op.nop({ timeoutMs: 1 }), op.splice(reader, reader, -1), op.nop()]));
      expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      expect(await uring.nop()).toBeUndefined();
      expect(uring.counters.inFlight).toBe(0);
    });

    test('operations that a listener starts do not get into a chain', async () => {
      const log = fs.openSync(`${directory.path}/log`, 'w');
      fds.push(log);
      const writes: Promise<number>[] = [];
      let busy = false;
      const listener = (event: unknown) => {
        if (busy) return;
        busy = true;
        writes.push(uring.write(log, Buffer.from(`${(event as { operation: string }).operation}\n`)));
        busy = false;
      };
      subscribe('uring:submit', listener);
      const results = await uring.link([op.openat('/no/such/file'), op.nop(), op.nop()]);
      unsubscribe('uring:submit', listener);
      expect(results.map(({ status }) => status)).toEqual(['failed', 'cut', 'cut']);
      expect((await Promise.all(writes)).length).toBe(3);
      expect(fs.readFileSync(`${directory.path}/log`, 'utf8').split('\n').sort()).toEqual(['', 'NOP', 'NOP', 'OPENAT']);
    });
  });

  describe('buffers of iterators', () => {
    test('a chunk outlives the end of its iterator', async () => {
      const [reader, writer] = ownPipe();
      const first = uring.readMany(reader, { bufferSize: 64, buffers: 4 });
      fs.writeSync(writer, 'first of A');
      const chunk = (await first.next()).value;
      fs.writeSync(writer, 'second of A');
      await turn();
      fs.closeSync(writer);
      await turn();
      const [reader2, writer2] = ownPipe();
      const second = uring.readMany(reader2, { bufferSize: 64, buffers: 4 });
      for (let i = 0; i < 4; i++) {
        fs.writeSync(writer2, 'SECRET of stream B');
        await second.next();
      }
      expect(text(chunk.bytes)).toBe('first of A');
      const next = await first.next();
      expect(text(next.value.bytes)).toBe('second of A');
      expect((await first.next()).done).toBe(true);
      await second.return();
    });

    test('a chunk that is held across an abort is not overwritten, and all memory is returned', async () => {
      const { bytes } = uring.buffers.usage;
      const [reader, writer] = ownPipe();
      const controller = new AbortController();
      const iterator = uring.readMany(reader, { bufferSize: 64, buffers: 2, signal: controller.signal });
      fs.writeSync(writer, 'hello');
      const chunk = (await iterator.next()).value;
      controller.abort();
      await turn();
      await turn();
      const [reader2, writer2] = ownPipe();
      const other = uring.readMany(reader2, { bufferSize: 64, buffers: 2 });
      fs.writeSync(writer2, 'WORLD');
      const second = (await other.next()).value;
      expect(text(chunk.bytes)).toBe('hello');
      chunk.release();
      await other.return();
      second.release();
      expect(uring.buffers.usage.bytes).toBe(bytes);
    });

    test('hundreds of iterators can be open at once', async () => {
      const iterators = Array.from({ length: 300 }, () => {
        const [reader, writer] = ownPipe();
        fs.writeSync(writer, 'x');
        return uring.readMany(reader);
      });
      const results = await Promise.all(iterators.map((iterator) => iterator.next()));
      expect(results.every(({ done, value }) => !done && text(value.bytes) === 'x')).toBe(true);
      await Promise.all(iterators.map((iterator) => iterator.return()));
    });

    test('closing the engine settles an iterator that waits for a buffer', async () => {
      const [reader, writer] = ownPipe();
      const iterator = uring.readMany(reader, { bufferSize: 4, buffers: 1 });
      fs.writeSync(writer, 'aaaabbbb');
      const chunk = (await iterator.next()).value;
      // A call of next() releases the chunk before, so call it twice.
      const second = iterator.next();
      const third = reasonOf(iterator.next());
      await second;
      await turn();
      await uring.close();
      expect(await third).toBeInstanceOf(AbortError);
      chunk.release();
      expect(() => iterator.next()).not.toThrow();
    });

    test('several calls of next() at once each get their own buffer', async () => {
      const [reader, writer] = ownPipe();
      const iterator = uring.readMany(reader, { bufferSize: 4, buffers: 2 });
      const several = [iterator.next(), iterator.next(), iterator.next()];
      fs.writeSync(writer, 'aaaabbbbcccc');
      const [first, second] = await Promise.all(several.slice(0, 2));
      expect([text(first?.value.bytes), text(second?.value.bytes)]).toEqual(['aaaa', 'bbbb']);
      const fourth = iterator.next();
      expect(text((await several[2])?.value.bytes)).toBe('cccc');
      fs.writeSync(writer, 'dddd');
      expect(text((await fourth).value.bytes)).toBe('dddd');
      await iterator.return();
    });

    testUnless(gaps.of('BIND'), 'connections that were not taken are closed with the engine', async () => {
      const path = `${directory.path}/socket`;
      const server = await uring.socket('unix');
      fds.push(server);
      await uring.bind(server, { family: 'unix', path });
      await uring.listen(server, 10);
      const clients = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const client = await uring.socket('unix');
          fds.push(client);
          await uring.connect(client, { family: 'unix', path });
          return client;
        }),
      );
      const sockets = () => descriptorTargets().filter((target) => target.startsWith('socket:')).length;
      const before = sockets();
      const iterator = uring.acceptMany(server);
      fds.push((await iterator.next()).value);
      await turn();
      await uring.close();
      await iterator.return();
      expect(sockets() - before).toBe(1);
      expect(clients).toHaveLength(4);
    });
  });

  test('a pooled buffer that the kernel still uses is not reused after a failed close', async () => {
    const kernel = new SimulatedKernel();
    const broken = Uring.open({ syscalls: kernel });
    const [reader] = kernel.createPipe();
    const pending = reasonOf(broken.read(reader, new Uint8Array(new SharedArrayBuffer(8))));
    await turn();
    kernel.fail('enter', Errno.ENXIO);
    expect(await reasonOf(broken.nop())).toMatchObject({ code: 'ENXIO' });
    expect(await pending).toMatchObject({ code: 'ENXIO' });
    // The engine's records are void, but the kernel still works: it cancels, and comes to rest.
    await broken.close();
    expect(kernel.openDescriptors).toHaveLength(2);
  });

  test('operations started on an engine that has failed are rejected', async () => {
    const kernel = new SimulatedKernel();
    const broken = Uring.open({ syscalls: kernel, entries: 4 });
    kernel.fail('enter', Errno.EIO);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => broken.nop()));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(
      await reasonOf(broken.transfers.write({ fd: 1, unref: () => undefined } as never, new Uint8Array(1), 0, 1, 0, () => 0)),
    ).toBeInstanceOf(Error);
    await broken.close();
  });

  test('the rest of a chain does not run alone if the kernel takes only a part of it', async () => {
    const kernel = new SimulatedKernel();
    const engine = Uring.open({ syscalls: kernel });
    kernel.limitSubmissions(1);
    const promise = engine.link([op.openat('/none'), op.nop(), op.nop()]);
    await turn();
    kernel.limitSubmissions(100);
    expect((await promise).map(({ status }) => status)).toEqual(['failed', 'cut', 'cut']);
    await engine.close();
  });

  test('memory that is detached while the kernel is busy is not passed to the kernel', async () => {
    const kernel = new SimulatedKernel();
    const engine = Uring.open({ syscalls: kernel });
    const fd = kernel.createFile(Buffer.from('secret'));
    kernel.fail('enter', Errno.EAGAIN);
    const buffer = new Uint8Array(6);
    const file = transferFile(fd);
    const promise = engine.transfers.read(file, buffer, 0, 6, 0, (count) => count);
    // Right after the first enter, in the same turn: before the timer that retries.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const moved = structuredClone(buffer, { transfer: [buffer.buffer] });
    expect(await reasonOf(promise)).toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect([...moved]).toEqual([0, 0, 0, 0, 0, 0]);
    await engine.close();
  });

  test('a message from another ring, with a small number as user data, completes no operation', async () => {
    const [reader] = ownPipe();
    const controller = new AbortController();
    const pending = reasonOf(uring.poll(reader, PollEvent.IN, { signal: controller.signal }));
    await turn();
    const sender = Uring.open();
    const target = (uring as unknown as { engine: { core: { ring: { fd: number } } } }).engine.core.ring.fd;
    for (let userData = 0; userData < 10; userData++) await sender.msgRing(target, userData, 1);
    await sender.close();
    await turn();
    expect(uring.inspect()).toHaveLength(1);
    controller.abort();
    expect(await pending).toBeInstanceOf(AbortError);
  });

  describe('in separate processes', () => {
    jest.setTimeout(within(150_000));

    test('workers can be terminated 60 times while their engines are woken', async () => {
      const terminated = rounds(60);
      expect(await runChild('engine.mjs', ['awake', String(terminated)])).toEqual({ terminated });
    });

    test('an unreferenced engine works while something else keeps the process alive', async () => {
      for (const eventLoop of ['poll', 'timer']) {
        expect(await runChild('engine.mjs', ['unreferencedButAlive', eventLoop])).toEqual({ completed: true });
      }
    });
  });
});
