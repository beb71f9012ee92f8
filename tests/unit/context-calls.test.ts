/**
 * The system calls of the context, each with the SQEs that it submits, and the outcome, in
 * `tests/golden/context-calls.txt`.
 */

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Completion } from '../../src/context/completion.js';
import { Holds } from '../../src/context/holds.js';
import { OperationTable } from '../../src/context/operation-table.js';
import { NoSpaceError, URingContext, type URingContextOptions } from '../../src/index.js';
import { prepMsgRing } from '../../src/ops/index.js';
import { Arena, Feature, Opcode, PollEvent, Ring } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { LINUX_6_1, SimulatedKernel } from '../../src/testing/index.js';
import { golden } from '../helpers/golden.js';
import { sqeOf } from '../helpers/ring.js';
import { Strace } from '../helpers/strace.js';

const matches = golden('context-calls');

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const step of cleanUp.splice(0).reverse()) step();
});

class Stage {
  readonly kernel: SimulatedKernel;
  readonly strace: Strace;

  constructor(
    private readonly title: string,
    kernelOptions: ConstructorParameters<typeof SimulatedKernel>[0] = {},
  ) {
    this.kernel = new SimulatedKernel(kernelOptions);
    cleanUp.push(this.kernel.clock.install());
    this.strace = new Strace(this.kernel, {}, true);
  }

  open(entries = 4, options: URingContextOptions = {}): URingContext {
    return this.keep(new URingContext(entries, { ...options, syscalls: this.strace.syscalls }));
  }

  keep(context: URingContext): URingContext {
    cleanUp.push(() => context.close());
    return context;
  }

  step(name: string, body: () => unknown): void {
    let end = '';
    try {
      end = textOf(body());
    } catch (error) {
      end = `\n${(error as Error).name}: ${(error as Error).message}`;
    }
    matches(`${this.title}, ${name}`, `\n${this.strace.take() || 'no call'}${end}`);
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return `\ngives ${value}`;
  if (Array.isArray(value)) return value.map((each) => `\n${completionText(each as Completion)}`).join('');
  return '';
}

function completionText(completion: Completion): string {
  const { userData, result, flags } = completion as Completion & { flags: number };
  let value: string;
  try {
    value = String(completion.value());
  } catch (error) {
    value = `${(error as Error).name} ${(error as Error).message}`;
  }
  return `completion ${userData}: ${result} ${flags}, ${value}`;
}

test('each operation makes the recorded calls', () => {
  const stage = new Stage('operation');
  const context = stage.open(32);
  const { kernel } = stage;
  const fd = kernel.createFile(Buffer.from('some text'));
  const [reader] = kernel.createPipe();
  const views = [new Uint8Array(4), new Uint8Array(new SharedArrayBuffer(6))];
  const take = () => [...context.wait()];
  stage.step('adding', () => {
    context.addRead(views[0] as Uint8Array, fd, 2, 1);
    context.addRead(views[0] as Uint8Array, fd, null, 2);
    context.addWrite(views[0] as Uint8Array, fd, 2n ** 40n, 2n ** 64n - 1n);
    context.addWrite(views[0] as Uint8Array, fd, null, 4);
    context.addReadv(views, fd, 1, 5);
    context.addReadv(views, fd, null, 5);
    context.addWritev(views, fd, 1, 6);
    context.addWritev(views, fd, null, 6);
    context.addReadvIter(new Set(views), fd, 1, 7);
    context.addWritevIter(new Set(views), fd, 1, 8);
    context.addNop(9);
    context.addFsync(fd, 10);
    context.addFallocate(fd, 5, 10n, 1, 11);
    context.addPollFd(fd, PollEvent.IN | PollEvent.OUT, 12);
  });
  stage.step('submitting', () => context.submit());
  stage.step('again', () => context.submit());
  stage.step('waiting', take);
  stage.step('polls to be removed', () => {
    context.addPollFd(reader, PollEvent.IN, 20);
    context.addPollFd(reader, PollEvent.IN, 20);
    context.addRead(views[0] as Uint8Array, reader, null, 20);
    context.removePollFd(20, 21);
    context.removePollFd(99, 22);
    context.asyncCancel(20, 23);
    context.asyncCancel(98, 24);
  });
  stage.step('of which these are over', take);
  for (const userData of [25, 26]) {
    stage.step(`the oldest of the rest, ${userData}`, () => {
      context.asyncCancel(20, userData);
      return take();
    });
  }
  stage.step('nothing is left', take);
  expect(context.stats).toEqual({ totalEnterCalls: expect.any(Number), totalOps: 23, totalComplete: 23 });
  stage.step('closing', () => context.close());
  stage.step('closed', () => context.addNop(1));
  stage.step('closed, submitting', () => context.submit());
  stage.step('closed, waiting', () => context.wait());
  stage.step('closed, sharing', () => void context.share());
  stage.step('closed, a vector', () => context.addReadv(views, fd, 1, 5));
});

describe('waiting', () => {
  test('returns completions with a time limit and without', () => {
    const stage = new Stage('wait');
    const context = stage.open();
    const [reader, writer] = stage.kernel.createPipe();
    stage.step('for nothing', () => context.wait());
    stage.step('for nothing, with a time limit', () => context.wait(10));
    context.addRead(new Uint8Array(4), reader, null, 1);
    stage.step('until the time is over', () => [...context.wait(600)]);
    stage.step('no time at all', () => [...context.wait(0)]);
    stage.kernel.writeFile(writer, Buffer.from('x'));
    stage.step('for what is there', () => [...context.wait()]);
    context.addNop(2);
    context.addNop(3);
    context.addNop(4);
    stage.step('for one of three', () => {
      for (const completion of context.wait()) return [completion];
      return [];
    });
    context.addNop(5);
    stage.step('for those that are left', () => [...context.wait(10)]);
    stage.step('closing in between', () => {
      context.addNop(6);
      context.addNop(7);
      const seen: Completion[] = [];
      for (const completion of context.wait()) {
        seen.push(completion);
        context.close();
      }
      return seen;
    });
  });

  test('ends when a completion arrives meanwhile', () => {
    const stage = new Stage('meanwhile');
    const { kernel } = stage;
    const context = stage.open();
    const [reader, writer] = kernel.createPipe();
    const later = (milliseconds: number, body: () => void) => kernel.clock.at(kernel.clock.now + milliseconds * 1e6, body);
    context.addRead(new Uint8Array(4), reader, null, 1);
    context.submit();
    stage.strace.take();
    later(5, () => kernel.writeFile(writer, Buffer.from('x')));
    stage.step('it comes in time', () => [...context.wait()]);
    context.addPollFd(reader, PollEvent.IN, 2);
    later(700, () => kernel.writeFile(writer, Buffer.from('x')));
    stage.step('it takes its time', () => [...context.wait()]);
  });

  test('passes over completions that belong to no operation', () => {
    const stage = new Stage('strangers');
    const { kernel } = stage;
    const context = stage.open();
    const other = Ring.open({ entries: 4, syscalls: kernel });
    cleanUp.push(() => other.close());
    const send = (userData: number | bigint) => {
      prepMsgRing(sqeOf(other), context.fd, 0, userData);
      other.submitAndWait(1);
    };
    context.addNop(1);
    context.submit();
    // The second is the next token.
    for (const userData of [0, 1n << 32n, 1n << 33n, 2n ** 64n - 1n]) send(userData);
    stage.strace.take();
    stage.step('are passed over', () => [...context.wait()]);
    expect(context.stats.totalComplete).toBe(1);
    context.addNop(3);
    context.submit();
    send(0);
    context.addNop(4);
    context.submit();
    stage.strace.take();
    stage.step('also in the middle', () => [...context.wait()]);
    const [reader] = kernel.createPipe();
    context.addRead(new Uint8Array(1), reader, null, 2);
    context.submit();
    send(0);
    stage.strace.take();
    stage.step('also when it is closed', () => context.close());
  });

  test('delivers operations that the kernel does not take at first', () => {
    const stage = new Stage('nothing is taken');
    const context = stage.open();
    stage.kernel.limitSubmissions(0);
    context.addNop(1);
    stage.step('submitting', () => context.submit());
    stage.kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    stage.step('later', () => [...context.wait()]);
  });

  test.each(['EINTR', 'EBUSY', 'EBADF'] as const)('loses nothing of an overflowed queue when enter returns %s', (name) => {
    const stage = new Stage(`overflow, enter answers ${name}`);
    const context = stage.open(2, { cqEntries: 2 });
    for (let i = 0; i < 4; i += 2) {
      context.addNop(i);
      context.addNop(i + 1);
      context.submit();
    }
    stage.strace.take();
    const completions = context.wait();
    stage.step('the first two', () => [completions.next().value, completions.next().value]);
    stage.kernel.fail('enter', Errno[name]);
    stage.step('the rest', () => [...completions]);
    stage.step('and then', () => [...context.wait(1)]);
  });

  test.each(['EINTR', 'ETIME', 'EBADF'] as const)('handles EBUSY followed by %s', (name) => {
    const stage = new Stage(`EBUSY, then ${name}`);
    const context = stage.open();
    context.addNop(1);
    stage.kernel.fail('enter', Errno.EBUSY, Errno[name]);
    stage.step('waiting', () => [...context.wait()]);
    stage.step('then', () => [...context.wait()]);
  });

  test('handles EBUSY followed by a completion', () => {
    const stage = new Stage('EBUSY, then a completion');
    const { kernel } = stage;
    const context = stage.open();
    const [reader, writer] = kernel.createPipe();
    context.addRead(new Uint8Array(4), reader, null, 1);
    context.submit();
    context.addNop(2);
    kernel.fail('enter', Errno.EBUSY);
    kernel.clock.at(kernel.clock.now + 5e6, () => kernel.writeFile(writer, Buffer.from('x')));
    stage.step('waiting', () => [...context.wait()]);
  });

  test('continues after a signal if nothing has completed', () => {
    const stage = new Stage('EINTR');
    const context = stage.open();
    context.addNop(1);
    stage.kernel.fail('enter', Errno.EINTR);
    stage.step('waiting', () => [...context.wait()]);
    expect(context.stats).toEqual({ totalEnterCalls: 2, totalOps: 1, totalComplete: 1 });
  });

  test('delivers all completions of an overflowed queue', () => {
    const stage = new Stage('overflow');
    const context = stage.open(2, { cqEntries: 2 });
    for (let i = 0; i < 6; i += 2) {
      context.addNop(i);
      context.addNop(i + 1);
      context.submit();
    }
    stage.strace.take();
    stage.step('all', () => [...context.wait()]);
  });

  test.each(['EINTR', 'EBUSY', 'EAGAIN'] as const)('handles %s from enter, once and twice', (name) => {
    const stage = new Stage(`enter answers ${name}`);
    const context = stage.open();
    for (const count of [1, 2]) {
      context.addNop(1);
      stage.kernel.fail('enter', ...new Array(count).fill(Errno[name]));
      stage.step(`${count} times, submitting`, () => context.submit());
      stage.kernel.fail('enter', ...new Array(count).fill(Errno[name]));
      context.addNop(2);
      stage.step(`${count} times, waiting`, () => [...context.wait()]);
      stage.step('then', () => [...context.wait(1)]);
    }
  });

  test('submits to an old kernel that is busy until completions are taken', () => {
    const stage = new Stage('busy', { busyOnOverflow: true });
    const context = stage.open(2, { cqEntries: 2 });
    for (let i = 0; i < 4; i += 2) {
      context.addNop(i);
      context.addNop(i + 1);
      context.submit();
    }
    context.addNop(4);
    stage.strace.take();
    stage.step('submitting', () => context.submit());
    stage.step('waiting', () => [...context.wait()]);
    stage.step('the rest', () => [...context.wait(1)]);
  });

  test('works on a kernel without time limits', () => {
    const stage = new Stage('no time limits', { features: Feature.NODROP });
    const context = stage.open();
    context.addNop(1);
    stage.step('waiting', () => [...context.wait()]);
  });

  test('submits the remainder when the kernel takes only a part', () => {
    const stage = new Stage('a part');
    const context = stage.open();
    stage.kernel.limitSubmissions(1);
    for (let i = 0; i < 3; i++) context.addNop(i);
    stage.step('submitting', () => context.submit());
    for (let i = 0; i < 3; i++) context.addNop(i);
    stage.step('waiting', () => [...context.wait()]);
  });
});

test('closing cancels reads in flight', () => {
  const stage = new Stage('close');
  const context = stage.open();
  const [reader] = stage.kernel.createPipe();
  context.addRead(new Uint8Array(4), reader, null, 1);
  context.submit();
  context.addRead(new Uint8Array(4), reader, null, 2);
  stage.strace.take();
  stage.step('closing', () => context.close());
  stage.step('again', () => context.close());
});

test('buffers are held for their operations', () => {
  const stage = new Stage('kept');
  const keep = jest.spyOn(Holds.prototype, 'keep');
  const context = stage.open(8);
  const fd = stage.kernel.createFile();
  const views = [new Uint8Array(1), new Uint8Array(2)];
  context.addRead(views[0] as Uint8Array, fd, 0, 1);
  context.addWrite(views[1] as Uint8Array, fd, 0, 1);
  context.addReadv(views, fd, 0, 1);
  context.addNop(1);
  expect(keep.mock.calls).toEqual([
    [0, [views[0]]],
    [1, [views[1]]],
    [2, views],
  ]);
  keep.mockRestore();
});

test('a context in a using block is closed at its end', () => {
  const stage = new Stage('using');
  const context = stage.open();
  context[Symbol.dispose]();
  expect(stage.kernel.openDescriptors).toEqual([]);
});

test('errors carry their code, system call and message', () => {
  expect(() => new Completion(1n, -5, 0, 200).value()).toThrow(expect.objectContaining({ code: 'EIO', syscall: 'io_uring' }));
  const error = new NoSpaceError();
  expect([error.name, error.message]).toEqual([
    'NoSpaceError',
    'No space for more ring entries: submit() or wait() first, or make the context with more entries',
  ]);
});

describe('opening', () => {
  test('sets the restrictions', () => {
    const stage = new Stage('restrictions');
    const context = stage.open(4, { restrictions: ['NOP', 'READ'] });
    stage.step('opening', () => undefined);
    context.addNop(1);
    context.addFsync(0, 2);
    stage.step('what is allowed, and what is not', () => [...context.wait()]);
  });

  test('leaves no descriptor when the restrictions are refused', () => {
    const stage = new Stage('refused restrictions');
    stage.kernel.fail('register', Errno.EPERM);
    stage.step('opening', () => stage.open(4, { restrictions: ['NOP'] }));
    expect(stage.kernel.openDescriptors).toEqual([]);
  });

  test('works on Linux 6.1', () => {
    const stage = new Stage('on 6.1', LINUX_6_1);
    const context = stage.open();
    stage.step('opening', () => undefined);
    context.addNop(1);
    stage.step('waiting', () => [...context.wait()]);
    stage.step('closing', () => context.close());
  });
});

describe('a shared context', () => {
  test('serves two threads, one after the other', () => {
    const stage = new Stage('shared');
    const { kernel } = stage;
    const context = stage.open();
    const [reader, writer] = kernel.createPipe();
    let other: URingContext | undefined;
    const onOther = <T>(body: (context: URingContext) => T): T => {
      kernel.currentThread = 2;
      try {
        return body(other as URingContext);
      } finally {
        kernel.currentThread = 1;
      }
    };
    stage.strace.take();
    stage.step('sharing', () => {
      const handle = context.share();
      kernel.currentThread = 2;
      other = stage.keep(URingContext.attach(handle, { syscalls: stage.strace.syscalls }));
      kernel.currentThread = 1;
    });
    expect(other?.fd).not.toBe(context.fd);
    stage.step('there is nothing there', () => onOther((there) => [...there.wait(5)]));
    stage.step('added here, waited for there', () => {
      context.addNop(1);
      return onOther((there) => [...there.wait()]);
    });
    stage.step('added there, submitted here', () => {
      onOther((there) => there.addNop(2));
      return context.submit();
    });
    stage.step('and waited for here', () => [...context.wait()]);
    stage.step('no end of waiting is known', () => [...context.wait(5)]);
    stage.step('what one waits for, the other takes', () => {
      context.addNop(3);
      const completions = context.wait(7);
      onOther((there) => expect([...there.wait()]).toHaveLength(1));
      return [...completions];
    });
    stage.step('until something else comes', () => {
      context.addNop(4);
      const completions = context.wait();
      onOther((there) => expect([...there.wait()]).toHaveLength(1));
      context.addNop(5);
      return [...completions];
    });
    stage.step('as many as fit, of both', () => {
      for (let i = 0; i < 2; i++) {
        context.addNop(10 + i);
        onOther((there) => there.addNop(20 + i));
      }
      try {
        context.addNop(30);
      } catch (error) {
        expect(error).toBeInstanceOf(NoSpaceError);
      }
      return [...context.wait()];
    });
    stage.step('a buffer that the other sees the end of', () => {
      context.addRead(new Uint8Array(4), reader, null, 40);
      context.submit();
      kernel.writeFile(writer, Buffer.from('y'));
      return onOther((there) => [...there.wait()]);
    });
    stage.step('leaving with something in flight', () => {
      context.addRead(new Uint8Array(4), reader, null, 41);
      context.submit();
      context.close();
    });
    stage.step('its end is seen there', () => onOther((there) => [...there.wait(5)]));
    stage.step('the last one leaves', () => onOther((there) => there.close()));
    stage.step('leaving again', () => context.close());
  });

  test('cancels only operations in flight when a thread leaves', () => {
    const stage = new Stage('shared, and over');
    const { kernel } = stage;
    const context = stage.open();
    const [reader, writer] = kernel.createPipe();
    const handle = context.share();
    kernel.currentThread = 2;
    const other = stage.keep(URingContext.attach(handle, { syscalls: stage.strace.syscalls }));
    kernel.currentThread = 1;
    for (const userData of [1, 2]) context.addRead(new Uint8Array(4), reader, null, userData);
    context.submit();
    kernel.writeFile(writer, Buffer.from('x'));
    kernel.currentThread = 2;
    expect([...other.wait()]).toHaveLength(1);
    other.addNop(3);
    kernel.currentThread = 1;
    stage.strace.take();
    stage.step('leaving', () => context.close());
  });

  test('limits the time that leaving takes', () => {
    const stage = new Stage('shared, and slow');
    const { kernel } = stage;
    const context = stage.open();
    const [reader] = kernel.createPipe();
    const handle = context.share();
    stage.keep(URingContext.attach(handle, { syscalls: stage.strace.syscalls }));
    for (const userData of [1, 2, 3]) context.addRead(new Uint8Array(4), reader, null, userData);
    context.submit();
    const { register } = kernel;
    kernel.register = function slow(...args) {
      kernel.clock.now += 600e6;
      return register.apply(kernel, args);
    };
    stage.strace.take();
    stage.step('leaving', () => context.close());
  });

  test('lets a thread leave whose operations cannot be cancelled', () => {
    const stage = new Stage('shared, and not to be cancelled');
    const { kernel } = stage;
    const context = stage.open();
    const [reader] = kernel.createPipe();
    const handle = context.share();
    kernel.currentThread = 2;
    const other = stage.keep(URingContext.attach(handle, { syscalls: stage.strace.syscalls }));
    kernel.currentThread = 1;
    context.addRead(new Uint8Array(4), reader, null, 1);
    context.addRead(new Uint8Array(4), reader, null, 2);
    context.submit();
    kernel.fail('register', Errno.ETIME, Errno.ENOENT);
    stage.strace.take();
    stage.step('leaving', () => context.close());
    kernel.currentThread = 2;
    stage.step('the last one leaves', () => other.close());
  });
});

describe('held buffers', () => {
  test('are released when any thread has seen their operation complete', () => {
    const table = new OperationTable(Arena.create(new SimulatedKernel()));
    const holds = new Holds(table);
    const taken = [1, 2, 3].map((userData) => table.take(userData, 0, Opcode.READ));
    const [a, b, c] = taken as [number, number, number];
    for (const id of taken) {
      table.commit();
      holds.keep(id, [new Uint8Array(1)]);
    }
    expect(holds.held).toEqual([
      [a, 1],
      [b, 1],
      [c, 1],
    ]);
    holds.release(a);
    table.free(b);
    expect(holds.held).toEqual([[c, 1]]);
    expect(table.take(4, 0, Opcode.READ)).toBe(b);
    holds.keep(b, []);
    expect(holds.held).toEqual([
      [c, 1],
      [b, 2],
    ]);
  });

  test('are swept whenever twice as many are held as after the last sweep', () => {
    const table = new OperationTable(Arena.create(new SimulatedKernel()));
    const holds = new Holds(table);
    const sweep = jest.spyOn(holds, 'sweep');
    const add = () => {
      const id = table.take(1, 0, Opcode.READ);
      table.commit();
      holds.keep(id, []);
      return id;
    };
    const first = Array.from({ length: 256 }, add);
    expect(sweep).toHaveBeenCalledTimes(0);
    for (const id of first.slice(0, 100)) table.free(id);
    add();
    // 156 remain: the next sweep is at twice that number.
    expect(sweep).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 312 - 157; i++) add();
    expect(sweep).toHaveBeenCalledTimes(1);
    add();
    expect(sweep).toHaveBeenCalledTimes(2);
  });

  test('vectors return to the arena when their operation is freed', () => {
    const arena = Arena.create(new SimulatedKernel());
    const table = new OperationTable(arena);
    const [a, b] = [table.take(1, 0, Opcode.READV), table.take(2, 0, Opcode.READV)];
    table.commit();
    table.commit();
    const [first, second] = [arena.allocate(64), arena.allocate(128)];
    table.attachIovecs(a, first, 64);
    table.attachIovecs(b, second, 128);
    table.free(b);
    expect(arena.allocate(128)).toBe(second);
    table.free(a);
    expect(arena.allocate(64)).toBe(first);
    const again = table.take(1, 0, Opcode.NOP);
    table.abandon(again);
    expect(arena.allocate(64)).not.toBe(first);
  });

  test('the table refuses more operations than it holds', () => {
    const table = new OperationTable(Arena.create(new SimulatedKernel()));
    for (let i = 0; i < 262_144; i++) table.take(i, 0, Opcode.NOP);
    expect(() => table.take(0, 0, Opcode.NOP)).toThrow(NoSpaceError);
    table.abandon(5);
    expect(table.take(0, 0, Opcode.NOP)).toBe(5);
    expect(table.inUse).toBe(0);
  });

  test('the table finds the oldest operation with some user data and, optionally, opcode', () => {
    const table = new OperationTable(Arena.create(new SimulatedKernel()));
    const add = (low: number, high: number, opcode: number) => {
      const id = table.take(low, high, opcode);
      table.commit();
      return id;
    };
    const [a, b, c, d] = [add(1, 0, Opcode.READ), add(1, 0, Opcode.NOP), add(1, 1, Opcode.READ), add(2, 0, Opcode.READ)];
    expect(table.find(1, 0, undefined)).toBe(a);
    expect(table.find(1, 0, Opcode.NOP)).toBe(b);
    expect(table.find(1, 1, undefined)).toBe(c);
    expect(table.find(2, 0, Opcode.READ)).toBe(d);
    expect(table.find(2, 1, undefined)).toBe(-1);
    expect(table.find(2, 0, Opcode.NOP)).toBe(-1);
    table.free(a as number);
    expect(table.find(1, 0, undefined)).toBe(b);
    // Taken again, the first record holds the youngest operation.
    expect(add(1, 0, Opcode.READ)).toBe(a);
    expect(table.find(1, 0, undefined)).toBe(b);
    expect(table.opcode(b as number)).toBe(Opcode.NOP);
    expect([table.has(-1, 1), table.has(4, 1), table.has(a as number, 1), table.has(a as number, 2)]).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });
});
