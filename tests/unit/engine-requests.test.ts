/**
 * Edge cases of requests: how an operation, a chain, and an iterator end, and how similar cases are
 * told apart.
 */

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type Operation, OperationRequest } from '../../src/engine/operations/operation.js';
import { type Chunk, op, PollEvent, Uring, type UringOptions } from '../../src/index.js';
import { CqeFlag, Opcode, type OpcodeName, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { timers } from '../../src/timers.js';
import { catchWarnings } from '../helpers/warnings.js';

const cleanUp: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const turns = async (count = 6) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

function open(options: UringOptions = {}) {
  const kernel = new SimulatedKernel();
  cleanUp.push(kernel.clock.install());
  const uring = Uring.open({ ...options, syscalls: kernel });
  cleanUp.push(() => uring.close());
  const answers = new Map<number, (number | undefined)[]>();
  const seen: string[] = [];
  kernel.interceptOperations(({ opcode }) => {
    seen.push((Object.keys(Opcode) as OpcodeName[]).find((name) => Opcode[name] === opcode) as string);
    return answers.get(opcode)?.shift();
  });
  const answer = (name: OpcodeName, ...results: (number | undefined)[]) => void answers.set(Opcode[name], results);
  return { kernel, uring, answer, seen };
}

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error as Error & { cause?: Error & { code?: string }; code?: string },
  );

/** Creates a signal that counts how often listeners are added and removed. */
function listenedTo() {
  const controller = new AbortController();
  const added = jest.spyOn(controller.signal, 'addEventListener');
  const removed = jest.spyOn(controller.signal, 'removeEventListener');
  return { controller, signal: controller.signal, counts: () => [added.mock.calls.length, removed.mock.calls.length] };
}

describe('the result of an operation', () => {
  /** Creates a request that is not in the ring: the test completes it. */
  const request = (operation: Operation<unknown>, uring = open().uring) => {
    const ends: (readonly [kind: string, what: unknown, res?: number])[] = [];
    const one = new OperationRequest(uring.engine, operation, {
      done: (value) => ends.push(['done', value]),
      failed: (error, res) => ends.push(['failed', error, res]),
    });
    return { one, ends, uring };
  };

  test.each([Errno.ECANCELED, Errno.EINTR, 512])('is a cancellation on errno %i if one was requested', (errno) => {
    const plain = request(op.nop());
    plain.one.complete(-errno, 0);
    expect(plain.ends).toEqual([['failed', expect.objectContaining({ name: 'UringError', errno: -errno }), -errno]]);
    const aborted = request(op.nop());
    aborted.one.abort('why');
    aborted.one.abort('again');
    aborted.one.complete(-errno, 0);
    expect(aborted.ends).toEqual([['failed', expect.objectContaining({ name: 'AbortError', cause: 'why' }), -errno]]);
    const closing = request(op.nop());
    closing.uring.engine.core.closing = true;
    closing.one.complete(-errno, 0);
    expect(closing.ends).toEqual([['failed', expect.objectContaining({ name: 'AbortError' }), -errno]]);
  });

  test.each([Errno.EIO, -Errno.EINTR, -512])('is not a cancellation for %i, even if one was requested', (errno) => {
    const { one, ends } = request(op.nop());
    one.abort('why');
    one.complete(-errno, 0);
    expect(ends).toEqual([errno > 0 ? ['failed', expect.objectContaining({ errno: -errno }), -errno] : ['done', undefined]]);
  });

  test('is delivered once, when the kernel is done with the whole operation', () => {
    const { one, ends } = request(op.nop());
    one.id = 0;
    one.complete(5, CqeFlag.MORE);
    expect(ends).toEqual([]);
    one.id = -1;
    one.complete(0, CqeFlag.NOTIF);
    expect(ends).toEqual([['done', undefined]]);
  });

  test('releases the signal, as does abandoning the operation', async () => {
    const { uring, kernel } = open();
    const { signal, counts } = listenedTo();
    await uring.nop({ signal });
    expect(counts()).toEqual([1, 1]);
    await uring.nop();
    const [reader] = kernel.createPipe();
    const read = errorOf(uring.read(reader, new Uint8Array(1), { signal }));
    await turns();
    expect(counts()).toEqual([2, 1]);
    cleanUp.push(catchWarnings().restore);
    const other = errorOf(uring.read(reader, new Uint8Array(1)));
    kernel.fail('enter', ...new Array(30).fill(Errno.EBADF));
    await Promise.all([read, other]);
    expect(counts()).toEqual([2, 2]);
    await uring.close();
  });

  test('may have a custom error, and may come from a worker', async () => {
    const { uring, answer } = open();
    answer('NOP', -Errno.EIO);
    const plain = op.nop({ timeoutMs: 50 });
    const named = plain.withError((res) => new Error(`so ${res}`));
    expect(await errorOf(uring.run(named))).toMatchObject({ message: `so ${-Errno.EIO}` });
    expect([named.name, named.timeoutMs, plain.sqeFlags, named.sqeFlags, plain.inWorker().sqeFlags]).toEqual([
      'NOP',
      50,
      0,
      0,
      SqeFlag.ASYNC,
    ]);
    expect(plain.error(-Errno.EIO)).toMatchObject({ code: 'EIO' });
  });

  test('has the first line outside the engine as its call site', () => {
    const { prepareStackTrace } = Error;
    cleanUp.push(() => {
      Error.prepareStackTrace = prepareStackTrace;
    });
    const engine = new URL('../../src/engine/', import.meta.url).pathname;
    const siteOf = (...lines: string[]) => {
      const { uring } = open({ callSites: true });
      Error.prepareStackTrace = () => lines.join('\n');
      const { one } = request(op.nop(), uring);
      Error.prepareStackTrace = prepareStackTrace;
      return one.callSite;
    };
    const own = `    at callSite (file://${engine}operation.ts:1:2)`;
    expect(
      siteOf(
        'Error',
        own,
        `    at Uring.read (file://${engine}uring.ts:3:4)`,
        '    at read (/app/at home.mjs:3:4)',
        '    at main (/app/main.mjs:5:6)',
      ),
    ).toBe('read (/app/at home.mjs:3:4)');
    expect(siteOf('Error: /app/main.mjs', own)).toBeUndefined();
    expect(siteOf()).toBeUndefined();
  });
});

describe('a time limit', () => {
  test('must be a number of at most 2 ** 53 - 1', async () => {
    const { uring } = open();
    expect(await errorOf(uring.nop({ timeoutMs: Number.MAX_SAFE_INTEGER }))).toBeUndefined();
    expect(await errorOf(uring.nop({ timeoutMs: '5' as never }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  });

  test('reaches the kernel with its operation, when only one of them would fit', async () => {
    const { uring, kernel } = open({ entries: 4 });
    const [reader] = kernel.createPipe();
    for (let i = 0; i < 3; i++) uring.nop();
    const read = errorOf(uring.read(reader, new Uint8Array(1), { timeoutMs: 5 }));
    await turns();
    kernel.advance(6);
    expect(await read).toMatchObject({ name: 'AbortError', cause: { code: 'ETIME' } });
  });

  test('counts toward the length of a chain', async () => {
    const { uring, kernel } = open({ entries: 4 });
    const [reader] = kernel.createPipe();
    for (let i = 0; i < 2; i++) uring.nop();
    const chain = uring.link([op.read(reader, new Uint8Array(1), { timeoutMs: 5 }), op.nop()]);
    await turns();
    kernel.advance(6);
    expect(await chain).toMatchObject([{ status: 'failed' }, { status: 'cut', by: 0 }]);
  });

  test('fires once', async () => {
    const { uring, kernel, seen } = open();
    const [reader, writer] = kernel.createPipe();
    const set = jest.spyOn(timers, 'setTimeout');
    cleanUp.push(() => set.mockRestore());
    const read = uring.read(reader, new Uint8Array(1), { timeoutMs: 100 });
    await turns();
    uring.engine.core.operations.visit((_id, request, opcode) => {
      if (opcode === Opcode.LINK_TIMEOUT) request.complete(-Errno.ETIME, 0);
    });
    kernel.advance(99);
    await turns();
    expect(seen).toEqual(['READ']);
    kernel.writeFile(writer, Buffer.from('x'));
    expect(await read).toBe(1);
    // There is no timer of the engine beside the kernel's timeout, whichever completes first.
    expect(set).not.toHaveBeenCalled();
  });

  test('is kept by the engine if the kernel, short of memory, did not take it', async () => {
    const { uring, kernel } = open();
    const [reader] = kernel.createPipe();
    kernel.limitSubmissions(1);
    const set = jest.spyOn(timers, 'setTimeout');
    cleanUp.push(() => set.mockRestore());
    const read = errorOf(uring.read(reader, new Uint8Array(1), { timeoutMs: 50 }));
    await turns();
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    kernel.advance(10);
    await turns();
    expect(uring.counters.inFlight).toBe(1);
    kernel.advance(60);
    expect(await read).toMatchObject({ name: 'AbortError', cause: { code: 'ETIME' } });
    // The timer does not keep the process alive; the read does.
    const standIn = set.mock.calls.findIndex(([, milliseconds]) => milliseconds === 50);
    const { value } = set.mock.results[standIn] as { value: NodeJS.Timeout };
    expect(value.hasRef()).toBe(false);
  });
});

test('shared memory and files are kept as long as their operation is in flight', async () => {
  const { uring, kernel } = open();
  const [reader, writer] = kernel.createPipe();
  const file = { fd: reader };
  const bytes = new Uint8Array(new SharedArrayBuffer(8));
  const read = uring.read(file, bytes);
  await turns();
  const kept: unknown[] = [];
  uring.engine.core.operations.visit((_id, request) => {
    const { scope } = request as unknown as { scope: { kept: object[]; leases: { memory: ArrayBufferView }[] } };
    kept.push(...scope.kept, ...scope.leases.map(({ memory }) => memory.buffer));
  });
  kernel.writeFile(writer, Buffer.from('x'));
  expect(await read).toBe(1);
  expect([kept.includes(file), kept.includes(bytes.buffer)]).toEqual([true, true]);
});

describe('a chain', () => {
  test('is cut off by a later operation if the kernel refuses that one before the chain begins', async () => {
    const { uring, answer } = open();
    answer('NOP', -Errno.ECANCELED, -Errno.EINVAL, -Errno.ECANCELED);
    expect(await uring.link([op.nop(), op.nop(), op.nop()], { hard: true })).toMatchObject([
      { status: 'cut', by: 1 },
      { status: 'failed' },
      { status: 'cut', by: 1 },
    ]);
  });

  test('releases its signal', async () => {
    const { uring } = open();
    const { signal, counts } = listenedTo();
    await uring.link([op.nop(), op.nop()], { signal });
    expect(counts()).toEqual([1, 1]);
    await uring.link([op.nop()]);
  });
});

describe('an iterator', () => {
  const withPipe = (options: UringOptions = {}) => {
    const stage = open(options);
    const [reader, writer] = stage.kernel.createPipe();
    const write = (text: string) => void stage.kernel.writeFile(writer, Buffer.from(text));
    return { ...stage, reader, writer, write };
  };
  const textOf = async (next: Promise<IteratorResult<Chunk>>) => Buffer.from((await next).value.bytes).toString();

  test.each([
    ['POLL_ADD', 'poll_add', ({ uring, reader }) => uring.pollMany(reader, PollEvent.IN)],
    ['TIMEOUT', 'timeout', ({ uring }) => uring.interval(10)],
    ['READ_MULTISHOT', 'read_multishot', ({ uring, reader }) => uring.readMany(reader)],
    ['RECV', 'recv', ({ uring, reader }) => uring.recvMany(reader)],
    ['ACCEPT', 'accept', ({ uring, reader }) => uring.acceptMany(reader)],
  ] as [OpcodeName, string, (stage: ReturnType<typeof withPipe>) => AsyncIterableIterator<unknown>][])(
    'over %s reports errors with the name of its operation',
    async (opcode, name, start) => {
      const stage = withPipe();
      stage.answer(opcode, -Errno.EBADF);
      expect(await errorOf(start(stage).next())).toMatchObject({ code: 'EBADF', syscall: name });
    },
  );

  test('without buffers reports ENOBUFS as an error, as the kernel is out of memory', async () => {
    const { uring, reader, answer } = withPipe();
    answer('ACCEPT', -Errno.ENOBUFS);
    expect(await errorOf(uring.acceptMany(reader).next())).toMatchObject({ code: 'ENOBUFS' });
  });

  test('is not retried in another form if its second request is refused', async () => {
    const { uring, answer, seen } = withPipe();
    answer('TIMEOUT', -Errno.ETIME, -Errno.EINVAL);
    const ticks = uring.interval(10);
    expect(await ticks.next()).toEqual({ done: false, value: 1 });
    expect(await errorOf(ticks.next())).toMatchObject({ code: 'EINVAL' });
    expect(seen).toEqual(['TIMEOUT', 'TIMEOUT']);
  });

  test('of any kind takes a signal, and releases it at the end', async () => {
    const stage = withPipe();
    const { uring, reader } = stage;
    for (const start of [
      (options: { signal: AbortSignal }) => uring.pollMany(reader, PollEvent.IN, options),
      (options: { signal: AbortSignal }) => uring.interval(10, options),
      (options: { signal: AbortSignal }) => uring.readMany(reader, options),
      (options: { signal: AbortSignal }) => uring.recvMany(reader, options),
      (options: { signal: AbortSignal }) => uring.acceptMany(reader, options),
    ]) {
      const { signal, counts } = listenedTo();
      await start({ signal }).return?.();
      expect(counts()).toEqual([1, 1]);
    }
    await uring.pollMany(reader, PollEvent.IN).return?.();
  });

  test('merges values that were not taken', async () => {
    const { uring, kernel } = open();
    const [one, other] = kernel.createSocketPair();
    const polls = uring.pollMany(one, PollEvent.IN | PollEvent.OUT | PollEvent.RDHUP);
    expect(await polls.next()).toEqual({ done: false, value: PollEvent.OUT });
    kernel.writeFile(other, Buffer.from('x'));
    await turns();
    // Read, so that the next event does not report it again.
    await uring.recv(one, new Uint8Array(8));
    kernel.close(other);
    await turns();
    const { value } = await polls.next();
    expect(value & PollEvent.IN).toBe(PollEvent.IN);
    expect(value & PollEvent.RDHUP).toBe(PollEvent.RDHUP);
    await polls.return?.();
  });

  test('can read from a slot', async () => {
    const { uring, reader, write, kernel } = withPipe();
    const slot = uring.files.allocate();
    uring.engine.core.ring.files.update(slot.slot, [reader]);
    kernel.close(reader);
    const pieces = uring.readMany(slot, { buffers: 1 });
    write('through the slot');
    expect(await textOf(pieces.next())).toBe('through the slot');
    await pieces.return?.();
  });

  test('starts again if a buffer was returned right after the kernel ran out of buffers', async () => {
    const { uring, reader, write, seen, answer } = withPipe();
    // As if a buffer had been returned a moment after the kernel reported that it has none.
    answer('READ_MULTISHOT', -Errno.ENOBUFS);
    const pieces = uring.readMany(reader, { buffers: 2, bufferSize: 4 });
    const first = pieces.next();
    await turns();
    expect(seen).toEqual(['READ_MULTISHOT', 'READ_MULTISHOT']);
    write('abcd');
    expect(await textOf(first)).toBe('abcd');
  });

  test('has its own buffer group while another one runs', async () => {
    const { uring, reader, write, kernel } = withPipe();
    const [second, end] = kernel.createPipe();
    const [a, b] = [uring.readMany(reader, { buffers: 1 }), uring.readMany(second, { buffers: 1 })];
    write('a');
    kernel.writeFile(end, Buffer.from('b'));
    expect(await Promise.all([textOf(a.next()), textOf(b.next())])).toEqual(['a', 'b']);
    await Promise.all([a.return?.(), b[Symbol.asyncDispose]()]);
    expect([uring.counters.inFlight, uring.buffers.usage.bytes]).toEqual([0, 0]);
  });

  test('drops what arrives while it is being stopped, and waits for the kernel to end', async () => {
    const { uring, reader, write } = withPipe();
    const pieces = uring.readMany(reader, { buffers: 4, bufferSize: 8 });
    const first = pieces.next();
    await turns();
    write('first');
    expect(await textOf(first)).toBe('first');
    const { core, memory } = uring.engine;
    const inFlightAtTheEnd: number[] = [];
    const give = jest.spyOn(memory.groupIds, 'give').mockImplementation(() => {
      core.operations.visit((_id, _request, opcode) => inFlightAtTheEnd.push(opcode));
    });
    const end = pieces.return?.();
    // The cancellation is not submitted yet.
    write('late');
    await end;
    expect(give).toHaveBeenCalledTimes(1);
    expect(inFlightAtTheEnd).not.toContain(Opcode.READ_MULTISHOT);
    await turns();
    expect([uring.counters.inFlight, uring.buffers.usage.bytes]).toEqual([0, 0]);
  });

  test('is stopped once, when its chunks are not taken', async () => {
    const { uring, reader, write, seen } = withPipe();
    const pieces = uring.readMany(reader, { buffers: 128, bufferSize: 4 });
    const first = pieces.next();
    await turns();
    write('x'.repeat(4 * 100));
    await turns();
    expect(await textOf(first)).toBe('xxxx');
    expect(seen).toEqual(['READ_MULTISHOT', 'ASYNC_CANCEL']);
    let count = 1;
    while (count < 100) {
      expect(await textOf(pieces.next())).toBe('xxxx');
      count++;
    }
    await pieces.return?.();
  });

  test('ends after the kernel has if it is aborted while being stopped', async () => {
    const { uring, reader, write } = withPipe();
    const controller = new AbortController();
    const pieces = uring.readMany(reader, { buffers: 128, bufferSize: 4, signal: controller.signal });
    const first = pieces.next();
    await turns();
    write('x'.repeat(4 * 100));
    // The kernel delivers some at a time. They are too many: the engine has queued a cancellation,
    // but not submitted it yet.
    for (let i = 0; i < 10 && uring.counters.inFlight < 2; i++) uring.engine.core.flush();
    expect(uring.counters.inFlight).toBe(2);
    controller.abort('enough');
    expect(uring.engine.iterators.size).toBe(1);
    await turns();
    expect(await textOf(first)).toBe('xxxx');
    expect(await errorOf(pieces.next())).toMatchObject({ name: 'AbortError', cause: 'enough' });
    expect([uring.engine.iterators.size, uring.counters.inFlight, uring.buffers.usage.bytes]).toEqual([0, 0, 0]);
  });

  test('keeps its first error', async () => {
    const { uring, reader } = withPipe();
    const controller = new AbortController();
    const polls = uring.pollMany(reader, PollEvent.IN, { signal: controller.signal });
    polls.next().catch(() => undefined);
    await turns();
    const idle = uring.pollMany(reader, PollEvent.IN, { signal: controller.signal });
    controller.abort('enough');
    await uring.close();
    expect(await errorOf(idle.next())).toMatchObject({ cause: 'enough' });
  });

  test('yields chunks that other operations can use, which keep the buffer', async () => {
    const { uring, kernel } = open();
    const [reader, writer] = kernel.createPipe();
    const [there, on] = kernel.createPipe();
    kernel.writeFile(writer, Buffer.from('abcd'));
    const pieces = uring.readMany(reader, { buffers: 1, bufferSize: 4 });
    const chunk = (await pieces.next()).value as Chunk;
    // The pipe is full: the write has to wait, and the buffer with it.
    await uring.write(on, new Uint8Array(65536));
    const written = uring.write(on, chunk.bytes);
    chunk.release();
    chunk.release();
    kernel.writeFile(writer, Buffer.from('efgh'));
    const second = pieces.next();
    await turns();
    await uring.read(there, new Uint8Array(65536));
    expect(await written).toBe(4);
    const [piece, target] = [(await second).value as Chunk, new Uint8Array(8)];
    expect(piece.toString()).toBe('efgh');
    expect(await uring.read(there, target)).toBe(4);
    expect(Buffer.from(target).toString('latin1', 0, 4)).toBe('abcd');
    await pieces.return?.();
  });

  test('yields chunks that may outlive it, and return to the pool once', async () => {
    const { uring, reader, write } = withPipe();
    const controller = new AbortController();
    const pieces = uring.readMany(reader, { buffers: 2, bufferSize: 4096, signal: controller.signal });
    write('kept');
    const { value: chunk } = await pieces.next();
    controller.abort();
    await turns();
    expect(uring.counters.inFlight).toBe(0);
    expect(uring.buffers.usage.bytes).toBe(4096);
    // Its memory is not handed out again.
    uring.buffers.allocate(4096).bytes.fill(0xee);
    expect(Buffer.from(chunk.bytes).toString()).toBe('kept');
    chunk[Symbol.dispose]();
    expect(uring.buffers.usage.bytes).toBe(4096);
    chunk.release();
    expect(uring.buffers.usage.bytes).toBe(4096);
    await pieces.return?.();
    expect(uring.buffers.usage.bytes).toBe(4096);
  });

  test('ends if it is aborted while the consumer holds all buffers', async () => {
    const { uring, reader, write } = withPipe();
    const controller = new AbortController();
    const pieces = uring.readMany(reader, { buffers: 1, bufferSize: 4, signal: controller.signal });
    const first = pieces.next();
    await turns();
    write('abcd');
    const { value: chunk } = await first;
    write('efgh');
    controller.abort('enough');
    await turns();
    expect([uring.counters.inFlight, uring.engine.iterators.size]).toEqual([0, 0]);
    expect(Buffer.from(chunk.bytes).toString()).toBe('abcd');
    chunk.release();
    expect(uring.buffers.usage.bytes).toBe(0);
  });

  test('of a failed engine keeps its buffers, as the kernel may still write to them', async () => {
    const { uring, reader, write, kernel } = withPipe();
    const pieces = uring.readMany(reader, { buffers: 2, bufferSize: 4096 });
    write('kept');
    const { value: chunk } = await pieces.next();
    const other = uring.readMany(reader, { buffers: 2, bufferSize: 4096 });
    const waiting = errorOf(other.next());
    await turns();
    const used = uring.buffers.usage.bytes;
    cleanUp.push(catchWarnings().restore);
    kernel.fail('enter', ...new Array(30).fill(Errno.EBADF));
    await errorOf(uring.nop());
    expect(await waiting).toMatchObject({ code: 'EBADF' });
    await other.return?.();
    expect(uring.buffers.usage.bytes).toBe(used);
    await uring.close();
    chunk.release();
    expect(uring.buffers.usage.bytes).toBe(used);
  });
});
