/** `URingContext` on both kernels: its behavior beyond the tests of the reference. */

import { afterEach, describe, expect, test } from '@jest/globals';
import { OperationTable, Stat } from '../../src/context/operation-table.js';
import { NoSpaceError, PollEvent, URingContext, UringError } from '../../src/index.js';
import { Arena, ArenaWord } from '../../src/ring/arena.js';
import { Opcode, Ring } from '../../src/ring/index.js';
import { SharedLock } from '../../src/ring/lock.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { gapOn, gaps } from '../helpers/gaps.js';
import { describeOnBothKernels } from '../helpers/kernels.js';
import { nops, takeAll } from '../helpers/ring.js';

const contexts: URingContext[] = [];
const keep = (context: URingContext) => {
  contexts.push(context);
  return context;
};
afterEach(() => {
  for (const context of contexts.splice(0)) context.close();
});

const drain = (context: URingContext, count: number) => {
  const seen: [bigint, number][] = [];
  while (seen.length < count) for (const { userData, result } of context.wait()) seen.push([userData, result]);
  return seen;
};

describeOnBothKernels('the context', (kernel, name) => {
  const open = (entries: number, options = {}) => keep(new URingContext(entries, { ...options, syscalls: kernel().syscalls }));

  test('a full ring throws NoSpaceError and changes nothing', () => {
    const context = open(4);
    const fd = kernel().file(Buffer.from('x'));
    for (let i = 0; i < 4; i++) context.addNop(i);
    for (const add of [
      () => context.addNop(9),
      () => context.addRead(new Uint8Array(1), fd, 0, 9),
      () => context.addReadv([new Uint8Array(1)], fd, 0, 9),
    ]) {
      expect(add).toThrow(NoSpaceError);
      expect(add).toThrow(expect.objectContaining({ code: 'ERR_URING_NO_SPACE' }));
    }
    expect(drain(context, 4)).toEqual([
      [0n, 0],
      [1n, 0],
      [2n, 0],
      [3n, 0],
    ]);
    expect(context.stats).toEqual({ totalEnterCalls: 1, totalOps: 4, totalComplete: 4 });
  });

  test('user data may be any value, and may be in use twice at once', () => {
    const context = open(8);
    const fd = kernel().file(Buffer.from('abcdef'));
    const [first, second] = [new Uint8Array(3), new Uint8Array(3)];
    context.addReadv([first], fd, 0, 2n ** 64n - 1n);
    context.addReadv([second], fd, 3, 2n ** 64n - 1n);
    expect(drain(context, 2)).toEqual([
      [2n ** 64n - 1n, 3],
      [2n ** 64n - 1n, 3],
    ]);
    expect(Buffer.concat([first, second]).toString()).toBe('abcdef');
  });

  test('null means the current position', () => {
    const context = open(8);
    const fd = kernel().file(Buffer.from('abcdef'));
    const buffer = new Uint8Array(3);
    const read = () => {
      context.addRead(buffer, fd, null, 1);
      expect(drain(context, 1)[0]?.[1]).toBe(3);
      return Buffer.from(buffer).toString();
    };
    expect([read(), read()]).toEqual(['abc', 'def']);
  });

  test('a poll is removed by the user data it was given', () => {
    const context = open(8);
    const [reader] = kernel().pipe();
    const [other] = kernel().pipe();
    context.addPollFd(reader, PollEvent.IN, 7);
    context.addRead(new Uint8Array(1), other, null, 7);
    context.submit();
    context.removePollFd(7, 8);
    expect(drain(context, 2).sort()).toEqual([
      [7n, -Errno.ECANCELED],
      [8n, 0],
    ]);
    context.removePollFd(7, 9);
    expect(drain(context, 1)).toEqual([[9n, -Errno.ENOENT]]);
    context.asyncCancel(7, 10);
    expect(drain(context, 2).sort()).toEqual([
      [10n, 0],
      [7n, -Errno.ECANCELED],
    ]);
  });

  test('the oldest of several operations with the same user data is cancelled', () => {
    const context = open(8);
    const [reader] = kernel().pipe();
    const [other, writer] = kernel().pipe();
    const buffer = new Uint8Array(1);
    context.addRead(new Uint8Array(1), reader, null, 7);
    context.addRead(buffer, other, null, 7);
    context.submit();
    context.asyncCancel(7, 8);
    expect(drain(context, 2).sort()).toEqual([
      [7n, -Errno.ECANCELED],
      [8n, 0],
    ]);
    kernel().write(writer, Buffer.from('x'));
    expect(drain(context, 1)).toEqual([[7n, 1]]);
    expect(buffer[0]).toBe(120);
  });

  test('a completion returns its value, or throws its error', () => {
    const context = open(8);
    context.addRead(new Uint8Array(1), 9999, 0, 1);
    const [completion] = [...context.wait()];
    expect(() => completion?.value()).toThrow(UringError);
    expect(() => completion?.value()).toThrow('EBADF: bad file descriptor, read');
  });

  test('completions that a loop leaves are there for the next wait', () => {
    const context = open(8);
    for (let i = 0; i < 5; i++) context.addNop(i);
    for (const completion of context.wait()) if (completion.userData === 1n) break;
    expect(drain(context, 3).map(([userData]) => userData)).toEqual([2n, 3n, 4n]);
  });

  test('a wait that could never end throws, and one with a time limit ends', () => {
    const context = open(8);
    expect(() => context.wait()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    const [reader] = kernel().pipe();
    context.addPollFd(reader, PollEvent.IN, 1);
    expect([...context.wait(5)]).toEqual([]);
  });

  test('what is added and what is ready can be asked, and wait(0) takes what is there', () => {
    const context = open(4);
    expect([...context.wait(0)]).toEqual([]);
    expect([context.added, context.ready]).toEqual([0, 0]);
    context.addNop(1);
    context.addNop(2);
    expect([context.added, context.ready]).toEqual([2, 0]);
    context.submit();
    expect(context.added).toBe(0);
    const seen: bigint[] = [];
    while (seen.length < 2) for (const { userData } of context.wait(0)) seen.push(userData);
    expect(seen).toEqual([1n, 2n]);
    expect([context.added, context.ready]).toEqual([0, 0]);
    context.close();
    expect(() => context.added).toThrow('closed');
    expect(() => context.ready).toThrow('closed');
  });

  describe('without blocking', () => {
    test('waitAsync submits, and returns the completions', async () => {
      const context = open(8);
      const [reader, writer] = kernel().pipe();
      const buffer = new Uint8Array(4);
      context.addRead(buffer, reader, null, 1);
      const waiting = context.waitAsync();
      kernel().write(writer, Buffer.from('late'));
      expect([...(await waiting)].map(({ userData, result }) => [userData, result])).toEqual([[1n, 4]]);
      expect(Buffer.from(buffer).toString()).toBe('late');
    });

    test('an iteration ends when nothing is in flight, and one that stops leaves the others', async () => {
      const context = open(8);
      for (let index = 0; index < 3; index++) context.addNop(index);
      for await (const { userData } of context) {
        expect(userData).toBe(0n);
        break;
      }
      const seen: bigint[] = [];
      for await (const { userData } of context) {
        seen.push(userData);
        if (userData === 2n) context.addNop(3);
      }
      expect(seen).toEqual([1n, 2n, 3n]);
      for await (const _completion of context) throw new Error('Nothing is in flight.');
    });

    test('more completions than the queue holds all arrive', async () => {
      const context = open(4, { cqEntries: 4 });
      for (let batch = 0; batch < 5; batch++) {
        for (let index = 0; index < 4; index++) context.addNop(4 * batch + index);
        context.submit();
      }
      const seen: bigint[] = [];
      for await (const { userData } of context) seen.push(userData);
      expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index)));
    });

    test('a time limit ends the wait, and several may wait', async () => {
      const context = open(8);
      const [reader, writer] = kernel().pipe();
      expect([...(await context.waitAsync(10))]).toEqual([]);
      context.addPollFd(reader, PollEvent.IN, 7);
      expect([...(await context.waitAsync(0))]).toEqual([]);
      expect([...(await context.waitAsync(1))]).toEqual([]);
      const waiting = [context.waitAsync(), context.waitAsync(60_000)];
      kernel().write(writer, Buffer.from('x'));
      const seen = (await Promise.all(waiting)).map((completions) => [...completions].length);
      expect(seen).toEqual([1, 0]);
      await expect(context.waitAsync()).rejects.toThrow('waitAsync() would never end');
      await expect(context.waitAsync(-1)).rejects.toThrow(RangeError);
    });

    test('closing ends the waits: calls reject, and iterations end', async () => {
      const context = open(8);
      const [reader] = kernel().pipe();
      context.addPollFd(reader, PollEvent.IN, 7);
      const waiting = context.waitAsync();
      const iterating = (async () => {
        for await (const _completion of context) throw new Error('There is none.');
      })();
      // Both are waiting.
      await new Promise((resolve) => setImmediate(resolve));
      context.close();
      await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      await iterating;
      await expect(context.waitAsync()).rejects.toThrow('the context is closed');
    });

    test('without a descriptor left, the wait fails, and the context goes on', async () => {
      const context = open(8);
      const [reader, writer] = kernel().pipe();
      context.addPollFd(reader, PollEvent.IN, 7);
      if (kernel().simulated === undefined) return;
      for (const call of ['setup', 'eventfd'] as const) {
        kernel().simulated?.fail(call, Errno.EMFILE);
        await expect(context.waitAsync()).rejects.toThrow(expect.objectContaining({ code: 'EMFILE' }));
      }
      kernel().simulated?.fail('register', Errno.ENOMEM);
      await expect(context.waitAsync()).rejects.toThrow(expect.objectContaining({ code: 'ENOMEM' }));
      kernel().write(writer, Buffer.from('x'));
      expect([...(await context.waitAsync())].map(({ userData }) => userData)).toEqual([7n]);
    });
  });

  test('operations outside the restrictions are refused by the kernel', () => {
    const context = open(8, { restrictions: ['READ'] });
    const fd = kernel().file(Buffer.from('x'));
    context.addRead(new Uint8Array(1), fd, 0, 1);
    context.addNop(2);
    // Older kernels post the refusal first.
    expect(drain(context, 2).sort()).toEqual([
      [1n, 1],
      [2n, -Errno.EACCES],
    ]);
  });

  test('closing cancels operations in flight, and drops unsubmitted ones', () => {
    const context = open(8);
    const [reader] = kernel().pipe();
    const fd = kernel().file();
    context.addRead(new Uint8Array(8), reader, null, 1);
    context.submit();
    context.addWrite(new Uint8Array(8), fd, 0, 2);
    const start = performance.now();
    context.close();
    context.close();
    expect(performance.now() - start).toBeLessThan(2000);
    expect(kernel().contentOf(fd)).toHaveLength(0);
    expect(() => context.addNop(1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    expect(() => context.wait()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  const memories = gapOn(name, gaps.ringsInOurMemory) ? (['mapped'] as const) : (['shared', 'mapped'] as const);
  test.each(memories)('a second context on the same ring (%s) sees the same operations', (memory) => {
    const context = open(8, { memory });
    const other = keep(URingContext.attach(context.share(), { syscalls: kernel().syscalls }));
    expect(other.fd).not.toBe(context.fd);
    const fd = kernel().file(Buffer.from('shared'));
    const buffer = new Uint8Array(6);
    context.addRead(buffer, fd, 0, 5);
    other.addNop(6);
    other.submit();
    expect(drain(other, 2).sort()).toEqual([
      [5n, 6],
      [6n, 0],
    ]);
    expect(Buffer.from(buffer).toString()).toBe('shared');
    expect(context.stats).toEqual(other.stats);
    const handle = context.share();
    context.close();
    other.addNop(7);
    expect(drain(other, 1)).toEqual([[7n, 0]]);
    other.close();
    expect(() => URingContext.attach(handle, { syscalls: kernel().syscalls })).toThrow('the shared ring is closed');
  });
});

describe('the context on old kernels', () => {
  test('waits until EBUSY has passed', () => {
    const kernel = new SimulatedKernel({ busyOnOverflow: true });
    const context = keep(new URingContext(2, { syscalls: kernel }));
    for (let i = 0; i < 10; i += 2) {
      context.addNop(i);
      context.addNop(i + 1);
      context.submit();
      if (i === 4) break;
    }
    context.addNop(6);
    context.addNop(7);
    expect(context.submit()).toBe(0);
    expect(drain(context, 8).map(([userData]) => userData)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  });

  test('continues after signals', () => {
    const kernel = new SimulatedKernel();
    const context = keep(new URingContext(4, { syscalls: kernel }));
    context.addNop(1);
    kernel.fail('enter', Errno.EINTR);
    expect(context.submit()).toBe(1);
    context.addNop(2);
    kernel.fail('enter', Errno.EINTR, Errno.EINTR);
    expect(drain(context, 2)).toHaveLength(2);
    kernel.fail('enter', Errno.EAGAIN);
    context.addNop(3);
    expect(() => context.submit()).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
    expect(drain(context, 1)).toEqual([[3n, 0]]);
  });
});

describe('state that threads share', () => {
  test('the last side of a restricted context cancels operations in flight, even if it was attached', () => {
    const kernel = new SimulatedKernel();
    const [reader] = kernel.createPipe();
    const first = keep(new URingContext(8, { restrictions: ['READ'], syscalls: kernel }));
    const second = keep(URingContext.attach(first.share(), { syscalls: kernel }));
    first.addRead(new Uint8Array(8), reader, null, 1);
    first.submit();
    second.addRead(new Uint8Array(8), reader, null, 2);
    second.submit();
    first.close();
    const before = kernel.calls.register;
    second.close();
    expect(kernel.calls.register).toBeGreaterThan(before);
    expect(kernel.openDescriptors).toHaveLength(2);
  });

  test('a thread that has left cannot harm the others through its queues', () => {
    const kernel = new SimulatedKernel();
    const first = Ring.open({ entries: 8, syscalls: kernel });
    const second = Ring.attach(first.share(), { syscalls: kernel });
    const { sq, cq } = first;
    first.close();
    nops(second, 1, 2);
    second.submit();
    expect(sq.publish()).toBe(0);
    expect(sq.reserve()).toBeNull();
    expect(cq.forEach(() => {})).toBe(0);
    expect(cq.ready).toBe(0);
    expect(takeAll(second).map(({ userData }) => userData)).toEqual([1, 2]);
    second.close();
    expect(kernel.openDescriptors).toEqual([]);
  });

  test('attaching fails when the table of threads is full, and leaves no descriptor', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 8, syscalls: kernel });
    const handle = ring.share();
    const attached: Ring[] = [];
    expect(() => {
      for (;;) {
        kernel.currentThread++;
        attached.push(Ring.attach(handle, { syscalls: kernel }));
      }
    }).toThrow('too many threads');
    expect(kernel.openDescriptors).toHaveLength(attached.length + 1);
    for (const other of attached) other.close();
    ring.close();
    expect(kernel.openDescriptors).toEqual([]);
  });

  test('a descriptor that was closed or reused is not taken for the ring', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 8, syscalls: kernel });
    const handle = ring.share();
    // As when Node terminates a worker: the descriptor is closed first, and the thread ends later.
    kernel.close(ring.fd);
    expect(() => Ring.attach(handle, { syscalls: kernel })).toThrow('every thread that had the shared ring has ended');
    expect(kernel.createFile()).toBe(3);
    expect(() => Ring.attach(handle, { syscalls: kernel })).toThrow('every thread that had the shared ring has ended');
    expect(kernel.openDescriptors).toEqual([3]);
  });

  test('the table of operations grows, reuses records, and distinguishes generations', () => {
    const arena = Arena.create(new SimulatedKernel());
    const table = new OperationTable(arena);
    const take = (low: number, high: number, opcode: number) => {
      const slot = table.take(low, high, opcode);
      table.commit();
      return slot;
    };
    const ids = Array.from({ length: 600 }, (_, i) => take(i, 0, Opcode.NOP));
    expect(new Set(ids).size).toBe(600);
    expect(table.find(555, 0, undefined)).toBe(ids[555]);
    const generation = table.generation(ids[7] as number);
    table.free(ids[7] as number);
    expect(table.has(ids[7] as number, generation)).toBe(false);
    expect(take(9, 9, Opcode.READ)).toBe(ids[7]);
    expect(table.userData(ids[7] as number)).toBe((9n << 32n) | 9n);
    expect(table.inUse).toBe(600);
    table.count(Stat.OPS, 2 ** 32 - 1);
    table.count(Stat.OPS, 5);
    expect(table.stat(Stat.OPS)).toBe(2 ** 32 + 4);
  });

  test('the arena hands out aligned, zeroed blocks once, and again after they were freed', () => {
    const kernel = new SimulatedKernel();
    const arena = Arena.create(kernel);
    const taken = new Map<number, number>();
    for (const size of [1, 64, 65, 100, 4096, 5000, 64, 1 << 20]) {
      const offset = arena.allocate(size);
      for (const [start, end] of taken) expect(offset >= end || offset + size <= start).toBe(true);
      taken.set(offset, offset + size);
      expect(arena.address(offset) % Math.min(4096, 2 ** Math.ceil(Math.log2(Math.max(64, size))))).toBe(0);
    }
    const offset = arena.allocate(100);
    arena.bytes.fill(7, offset, offset + 100);
    arena.free(offset, 100);
    expect(arena.allocate(128)).toBe(offset);
    expect(arena.bytes.subarray(offset, offset + 128).every((byte) => byte === 0)).toBe(true);
    expect(() => {
      for (;;) arena.allocate(1 << 24);
    }).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    const text = arena.cString('grüße');
    expect(Buffer.from(text.bytes).toString()).toBe('grüße\0');
  });

  test('the lock of a thread that has ended is taken over', () => {
    const kernel = new SimulatedKernel();
    const arena = Arena.create(kernel);
    const word = arena.control + ArenaWord.QUEUE_LOCK;
    const mine = new SharedLock(arena.words, word, kernel);
    kernel.currentThread = 2;
    const theirs = new SharedLock(arena.words, word, kernel);
    theirs.acquire();
    kernel.endThread(2);
    kernel.currentThread = 1;
    const start = performance.now();
    mine.acquire();
    expect(performance.now() - start).toBeGreaterThan(50);
    mine.release();
    expect(Atomics.load(arena.words, word)).toBe(0);
  });
});
