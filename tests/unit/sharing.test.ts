/**
 * State that threads share: the lock, the table of threads, and the second side of a ring. One
 * thread plays all of them.
 */

import { afterEach, describe, expect, test } from '@jest/globals';
import { prepPollAdd } from '../../src/ops/index.js';
import { PollEvent, Ring } from '../../src/ring/index.js';
import { SharedLock } from '../../src/ring/lock.js';
import { Errno, type Syscalls } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { nops, sqeOf, takeAll } from '../helpers/ring.js';

describe('the lock', () => {
  const [MINE, THEIRS, WAITERS] = [7, 9, 0x8000_0000 | 0];

  /** Creates a lock, with a callback for when it checks whether its holder is alive. */
  const lockWith = (isThreadAlive: (words: Int32Array, asked: number) => boolean) => {
    const words = new Int32Array(new SharedArrayBuffer(16));
    let ids = 0;
    const syscalls = {
      threadId: () => {
        ids++;
        return MINE;
      },
      isThreadAlive: (thread: number) => isThreadAlive(words, thread),
    } as Syscalls;
    return { words, lock: new SharedLock(words, 1, syscalls), idsAsked: () => ids };
  };
  const never = () => {
    throw new Error('nobody is to be asked');
  };

  test('is acquired if it is free, and released', () => {
    const { words, lock, idsAsked } = lockWith(never);
    lock.acquire();
    expect([...words]).toEqual([0, MINE, 0, 0]);
    lock.release();
    expect([...words]).toEqual([0, 0, 0, 0]);
    expect(lock.with(() => words[1])).toBe(MINE);
    expect(() =>
      lock.with(() => {
        throw new Error('from within');
      }),
    ).toThrow('from within');
    expect([...words]).toEqual([0, 0, 0, 0]);
    expect(idsAsked()).toBe(1);
  });

  test('is waited for while it is held, and its holder learns of the waiter', () => {
    let seen = 0;
    const { words, lock } = lockWith((shared, thread) => {
      seen = shared[1] as number;
      expect(thread).toBe(THEIRS);
      Atomics.store(shared, 1, 0);
      return true;
    });
    words[1] = THEIRS;
    lock.acquire();
    expect([seen, words[1]]).toEqual([THEIRS | WAITERS, MINE | WAITERS]);
    lock.release();
    expect(words[1]).toBe(0);
  });

  test('may go to another waiter first', () => {
    let asked = 0;
    const { words, lock } = lockWith((shared) => {
      // At first another thread takes it, and then releases it.
      Atomics.store(shared, 1, asked++ === 0 ? 11 : 0);
      return true;
    });
    words[1] = THEIRS | WAITERS;
    lock.acquire();
    expect([asked, words[1]]).toEqual([2, MINE | WAITERS]);
  });

  test('is taken over from a thread that has ended, unless another was faster', () => {
    let asked = 0;
    const { words, lock } = lockWith((shared, thread) => {
      if (asked++ === 0) {
        Atomics.store(shared, 1, 11);
        return false;
      }
      expect(thread).toBe(11);
      return false;
    });
    words[1] = THEIRS;
    lock.acquire();
    expect([asked, words[1]]).toEqual([2, MINE | WAITERS]);
  });
});

const rings: Ring[] = [];
afterEach(() => {
  for (const ring of rings.splice(0)) ring.close();
});

function shared() {
  const kernel = new SimulatedKernel();
  const first = Ring.open({ entries: 4, syscalls: kernel });
  rings.push(first);
  const handle = first.share();
  const attach = (thread: number) => {
    kernel.currentThread = thread;
    const ring = Ring.attach(handle, { syscalls: kernel });
    rings.push(ring);
    kernel.currentThread = 1;
    return ring;
  };
  return { kernel, first, handle, attach };
}

describe('a shared ring', () => {
  test('has a side for each thread, with its own descriptor', () => {
    const { kernel, first, attach } = shared();
    const second = attach(2);
    expect(second.fd).not.toBe(first.fd);
    expect([second.sq.entries, second.cq.entries, second.setupFlags, second.features]).toEqual([
      first.sq.entries,
      first.cq.entries,
      first.setupFlags,
      first.features,
    ]);
    expect(second.droppedFlags).toEqual([]);
    nops(first, 1);
    nops(second, 2);
    expect([first.sq.ready, second.sq.ready, second.sq.spaceLeft]).toEqual([2, 2, 2]);
    expect(second.submit()).toBe(2);
    expect(takeAll(first).map(({ userData }) => userData)).toEqual([1, 2]);
    nops(second, 3, 4, 5, 6);
    expect(first.getSqe()).toBeNull();
    expect(first.submitAndWait(4)).toBe(4);
    expect(takeAll(second)).toHaveLength(4);
    first.close();
    expect(first.closed && !second.closed).toBe(true);
    nops(second, 7);
    expect(second.submitAndWait(1)).toBe(1);
    expect(takeAll(second).map(({ userData }) => userData)).toEqual([7]);
    second.close();
    expect(kernel.openDescriptors).toEqual([]);
  });

  test('loses no prepared SQE when it is shared twice', () => {
    const { first } = shared();
    nops(first, 1, 2);
    expect(first.share()).toEqual(first.share());
    nops(first, 3);
    first.share();
    expect(first.sq.ready).toBe(3);
    expect(first.submitAndWait(3)).toBe(3);
  });

  test('does not submit prepared SQEs when it is closed', () => {
    const { kernel, first } = shared();
    const seen: number[] = [];
    kernel.interceptOperations(({ userData }) => {
      if (userData < 100n) seen.push(Number(userData));
      return undefined;
    });
    nops(first, 1, 2);
    first.close();
    expect(seen).toEqual([]);
  });

  test('cannot be attached to once it is closed', () => {
    const { first, attach } = shared();
    first.close();
    expect(() => attach(2)).toThrow('the shared ring is closed');
  });

  test('can be attached to before it is enabled', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 4, flags: ['R_DISABLED'], syscalls: kernel });
    rings.push(ring);
    const handle = ring.share();
    kernel.currentThread = 2;
    const other = Ring.attach(handle, { syscalls: kernel });
    rings.push(other);
    expect(other.fd).toBeGreaterThan(ring.fd);
    kernel.currentThread = 1;
  });

  test('does not count a thread that has ended, and reuses its entry', () => {
    const { kernel, first, attach } = shared();
    const second = attach(2);
    kernel.endThread(2);
    // Its descriptor was closed when it ended.
    kernel.close(second.fd);
    const third = attach(3);
    first.close();
    kernel.currentThread = 3;
    nops(third, 1);
    expect(third.submitAndWait(1)).toBe(1);
    third.close();
    expect(kernel.openDescriptors).toEqual([]);
  });

  test('takes its descriptor from another thread if the first has ended', () => {
    const { kernel, first, attach } = shared();
    attach(2);
    kernel.endThread(1);
    kernel.close(first.fd);
    const third = attach(3);
    kernel.currentThread = 3;
    nops(third, 1);
    expect(third.submitAndWait(1)).toBe(1);
  });

  test('cannot be attached to if no descriptor is available', () => {
    const { kernel, handle } = shared();
    const duplicate = kernel.duplicate.bind(kernel);
    kernel.duplicate = () => -Errno.EMFILE;
    expect(() => Ring.attach(handle, { syscalls: kernel })).toThrow(
      expect.objectContaining({ code: 'EMFILE', syscall: 'fcntl', message: expect.stringContaining('F_DUPFD_CLOEXEC') }),
    );
    kernel.duplicate = duplicate;
  });

  test('keeps no side whose mapping has failed', () => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 4, memory: 'mapped', syscalls: kernel });
    rings.push(ring);
    const handle = ring.share();
    kernel.currentThread = 2;
    kernel.fail('mmap', Errno.ENOMEM);
    expect(() => Ring.attach(handle, { syscalls: kernel })).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(kernel.openDescriptors).toEqual([ring.fd]);
    const other = Ring.attach(handle, { syscalls: kernel });
    rings.push(other);
    nops(other, 1);
    expect(other.submitAndWait(1)).toBe(1);
    kernel.currentThread = 1;
    expect(takeAll(ring)).toHaveLength(1);
  });

  test('ends operations in flight when the last side leaves, not before', () => {
    const { kernel, first, attach } = shared();
    const second = attach(2);
    const [reader] = kernel.createPipe();
    prepPollAdd(sqeOf(first), reader, PollEvent.IN);
    first.submit();
    first.close();
    expect(second.cq.ready).toBe(0);
    const before = kernel.calls.register;
    second.close();
    expect(kernel.calls.register).toBeGreaterThan(before);
  });

  test('cannot be resized', () => {
    expect(() => shared().first.settings.resize(8)).toThrow('a ring that threads share cannot be resized');
  });

  test.each(['SINGLE_ISSUER', 'REGISTERED_FD_ONLY'] as const)('is impossible with %s', (flag) => {
    const kernel = new SimulatedKernel();
    const ring = Ring.open({ entries: 4, flags: [flag], memory: 'shared', syscalls: kernel });
    rings.push(ring);
    expect(() => ring.share()).toThrow(`a ring with ${flag} belongs to one thread`);
  });
});
