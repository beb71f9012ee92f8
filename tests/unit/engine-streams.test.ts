/**
 * Iterators over multishot operations: what they request, yield and release, in
 * `tests/golden/engine-streams.txt`.
 */

import { afterEach, describe, expect, test } from '@jest/globals';
import { PollEvent, type Uring, type UringOptions } from '../../src/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { LINUX_6_1 } from '../../src/testing/index.js';
import { EngineStage } from '../helpers/engine-stage.js';
import { golden } from '../helpers/golden.js';

const matches = golden('engine-streams');

const stages: EngineStage[] = [];
afterEach(async () => {
  for (const stage of stages.splice(0).reverse()) await stage.end();
});

const stageOf = (title: string, options: UringOptions = {}, kernelOptions = {}) => {
  const stage = new EngineStage(title, matches, options, kernelOptions);
  stages.push(stage);
  return stage;
};

type Iterator<T> = AsyncIterableIterator<T> & { [Symbol.asyncDispose](): Promise<void> };

/** Requests the next value, and records it: bytes as text. */
const next = (stage: EngineStage, name: string, iterator: Iterator<unknown>) => {
  const taken = iterator.next().then(({ done, value }) => {
    if (done) return 'done';
    const { bytes } = value as { bytes?: Uint8Array };
    return bytes === undefined ? value : Buffer.from(bytes).toString();
  });
  stage.watch(name, taken);
  return taken;
};

describe('polls', () => {
  test('repeat, and are merged until they are taken', async () => {
    const stage = stageOf('polls');
    const { uring, kernel } = stage;
    const [reader, writer] = kernel.createPipe();
    const polls = uring.pollMany(reader, PollEvent.IN | PollEvent.HUP);
    await stage.step('not before somebody asks', () => undefined);
    await stage.step('asked', () => next(stage, 'first', polls));
    await stage.step('there', () => kernel.writeFile(writer, Buffer.from('a')));
    await stage.step('twice', () => {
      kernel.writeFile(writer, Buffer.from('b'));
      kernel.close(writer);
    });
    await stage.step('merged', () => next(stage, 'second', polls));
    await stage.step('two at once', () => {
      next(stage, 'third', polls);
      next(stage, 'fourth', polls);
    });
    await stage.step('left', () => stage.watch('return', polls.return?.() as Promise<unknown>));
    await stage.step('left again', () => stage.watch('return', polls.return?.() as Promise<unknown>));
    await stage.step('asked after the end', () => next(stage, 'fifth', polls));
    expect(polls[Symbol.asyncIterator]()).toBe(polls);
  });

  test('run one after the other on a kernel without multishot polls', async () => {
    const stage = stageOf('single polls');
    const { uring, kernel } = stage;
    const [reader, writer] = kernel.createPipe();
    stage.answer('POLL_ADD', -Errno.EINVAL);
    const polls = uring.pollMany(reader, PollEvent.IN);
    await stage.step('refused, and asked in another way', () => next(stage, 'first', polls));
    await stage.step('there', () => kernel.writeFile(writer, Buffer.from('a')));
    await stage.step('still there', () => next(stage, 'second', polls));
    stage.answer('POLL_ADD', -Errno.EINVAL);
    await stage.step('refused for good', () => next(stage, 'third', polls));
    await stage.step('told once', () => next(stage, 'fourth', polls));
  });

  test('end with an error, which is reported once', async () => {
    const stage = stageOf('polls, an error');
    stage.answer('POLL_ADD', -Errno.EBADF);
    const polls = stage.uring.pollMany(0, PollEvent.IN);
    await stage.step('for one of two', () => {
      next(stage, 'first', polls);
      next(stage, 'second', polls);
    });
    await stage.step('and then', () => next(stage, 'third', polls));
  });

  test('continue after the kernel has ended them on its own', async () => {
    const stage = stageOf('polls, ended');
    const [reader] = stage.kernel.createPipe();
    stage.answer('POLL_ADD', 1, 1, -Errno.ECANCELED, 1);
    const polls = stage.uring.pollMany(reader, PollEvent.IN);
    await stage.step('asked', () => next(stage, 'first', polls));
    await stage.step('asked again', () => next(stage, 'second', polls));
    await stage.step('left', () => stage.watch('dispose', polls[Symbol.asyncDispose]()));
  });

  test('can be aborted at every stage', async () => {
    const stage = stageOf('polls, aborted');
    const { uring, kernel } = stage;
    const [reader] = kernel.createPipe();
    const abort = (controller: AbortController) => controller.abort(new Error('enough'));
    await stage.step('before', () =>
      next(stage, 'a', uring.pollMany(reader, 1, { signal: AbortSignal.abort(new Error('too early')) })),
    );
    await stage.step('before it was asked', () => {
      const controller = new AbortController();
      const polls = uring.pollMany(reader, 1, { signal: controller.signal });
      abort(controller);
      next(stage, 'b', polls);
      next(stage, 'b again', polls);
    });
    await stage.step('in flight', () => {
      const controller = new AbortController();
      next(stage, 'c', uring.pollMany(reader, 1, { signal: controller.signal }));
      setImmediate(() => abort(controller));
    });
    await stage.step('with something in the queue', () => {
      const controller = new AbortController();
      const ticks = uring.interval(5, { signal: controller.signal });
      next(stage, 'd', ticks);
      setImmediate(() => {
        kernel.advance(20);
        setImmediate(() => {
          abort(controller);
          next(stage, 'd then', ticks);
          next(stage, 'd at last', ticks);
        });
      });
    });
  });

  test('end when the engine is closed, and when it fails', async () => {
    const stage = stageOf('polls, closing');
    const { uring, kernel } = stage;
    const [reader] = kernel.createPipe();
    const polls = uring.pollMany(reader, PollEvent.IN);
    const idle = uring.pollMany(reader, PollEvent.IN);
    await stage.step('asked', () => next(stage, 'first', polls));
    await stage.step('closing', () => stage.watch('close', uring.close()));
    await stage.step('the one that was not asked', () => next(stage, 'idle', idle));
    await stage.step('a new one', () => {
      try {
        next(stage, 'new', uring.pollMany(reader, PollEvent.IN));
      } catch (error) {
        stage.strace.note((error as Error).message);
      }
    });

    const other = stageOf('polls, failing');
    const [end] = other.kernel.createPipe();
    const failing = other.uring.pollMany(end, PollEvent.IN);
    const waiting = other.uring.pollMany(end, PollEvent.IN);
    await other.step('asked', () => next(other, 'first', failing));
    const { emitWarning } = process;
    process.emitWarning = (() => undefined) as typeof emitWarning;
    try {
      other.kernel.fail('enter', ...new Array(30).fill(Errno.EBADF));
      await other.step('the failure', () => other.watch('nop', other.uring.nop()));
      await other.step('left', () => other.watch('return', failing.return?.() as Promise<unknown>));
      await other.step('the one that was not asked', () => next(other, 'waiting', waiting));
      await other.end();
    } finally {
      process.emitWarning = emitWarning;
    }
  });
});

describe('intervals', () => {
  test('tick, and count the ticks that were missed', async () => {
    const stage = stageOf('interval');
    const { uring, kernel } = stage;
    const ticks = uring.interval(1500);
    await stage.step('asked', () => next(stage, 'first', ticks));
    await stage.step('the first', () => kernel.advance(1500));
    await stage.step('three in a row', () => kernel.advance(4500));
    await stage.step('at once', () => next(stage, 'second', ticks));
    await stage.step('waited for', () => next(stage, 'third', ticks));
    await stage.step('left while one waits', () => stage.watch('return', ticks.return?.() as Promise<unknown>));
  });

  test('tick as often as requested, and no more', async () => {
    const stage = stageOf('interval with a count');
    const { uring, kernel } = stage;
    const ticks = uring.interval(10, { count: 3 });
    await stage.step('asked', () => next(stage, 'first', ticks));
    await stage.step('the first', () => kernel.advance(10));
    await stage.step('the rest', () => kernel.advance(50));
    await stage.step('together', () => next(stage, 'second', ticks));
    await stage.step('the end', () => next(stage, 'third', ticks));
  });

  test('work on a kernel without multishot timeouts', async () => {
    const stage = stageOf('single intervals');
    const { uring, kernel } = stage;
    stage.answer('TIMEOUT', -Errno.EINVAL);
    const ticks = uring.interval(10, { count: 2 });
    await stage.step('asked', () => next(stage, 'first', ticks));
    await stage.step('the first', () => kernel.advance(10));
    await stage.step('asked again', () => next(stage, 'second', ticks));
    await stage.step('the second', () => kernel.advance(10));
    await stage.step('the end', () => next(stage, 'third', ticks));
  });

  test('refuse bad options, as the other iterators do', () => {
    const { uring } = stageOf('bad intervals');
    const bad: [string, () => unknown][] = [
      ['interval 0', () => uring.interval(0)],
      ['interval NaN', () => uring.interval(Number.NaN)],
      ['interval 2 ** 60', () => uring.interval(2 ** 60)],
      ['interval, count 0', () => uring.interval(1, { count: 0 })],
      ['interval, count 2 ** 32', () => uring.interval(1, { count: 2 ** 32 })],
      ['interval, misspelled', () => uring.interval(1, { conut: 1 } as never)],
      ['interval, a signal that is none', () => uring.interval(1, { signal: {} as never })],
      ['pollMany, misspelled', () => uring.pollMany(1, 1, { count: 1 } as never)],
      ['acceptMany, misspelled', () => uring.acceptMany(1, { count: 1 } as never)],
      ['readMany, misspelled', () => uring.readMany(1, { buffer: 1 } as never)],
      ['readMany, no bytes', () => uring.readMany(1, { bufferSize: 0 })],
      ['readMany, too many bytes', () => uring.readMany(1, { bufferSize: 2 ** 30 + 1 })],
      ['readMany, no buffers', () => uring.readMany(1, { buffers: 0 })],
      ['readMany, too many buffers', () => uring.readMany(1, { buffers: 65_536 })],
      ['readMany, three buffers', () => uring.readMany(1, { buffers: 3 })],
      ['recvMany, three buffers', () => uring.recvMany(1, { buffers: 3 })],
    ];
    for (const [title, use] of bad) {
      let told = 'no error';
      try {
        use();
      } catch (error) {
        told = `${(error as { code: string }).code} ${(error as Error).message}`;
      }
      matches(title, told);
    }
    uring.interval(1, { count: 2 ** 32 - 1 });
    uring.interval(2 ** 53 - 1, { count: 1 });
    uring.readMany(1, { bufferSize: 2 ** 30, buffers: 32_768 });
  });
});

describe('chunks', () => {
  const withPipe = (
    title: string,
    read: (uring: Uring, reader: number) => Iterator<{ bytes: Uint8Array; release(): void }>,
    kernelOptions = {},
  ) => {
    const stage = stageOf(title, {}, kernelOptions);
    const [reader, writer] = stage.kernel.createPipe();
    const write = (text: string) => void stage.kernel.writeFile(writer, Buffer.from(text));
    return { stage, write, writer, pieces: read(stage.uring, reader), uring: stage.uring };
  };

  test('are lent to the consumer, and released with the next one', async () => {
    const { stage, write, writer, pieces, uring } = withPipe('pieces', (ring, fd) =>
      ring.readMany(fd, { buffers: 2, bufferSize: 4 }),
    );
    const before = uring.buffers.usage.bytes;
    write('ab');
    await stage.step('the first', () => next(stage, 'first', pieces));
    await stage.step('the second waits', () => next(stage, 'second', pieces));
    await stage.step('and comes', () => write('cd'));
    await stage.step('more than there are buffers', () => {
      for (const text of ['efgh', 'ijkl', 'mnop']) write(text);
    });
    for (const name of ['third', 'fourth', 'fifth']) await stage.step(name, () => next(stage, name, pieces));
    await stage.step('the end', () => {
      next(stage, 'sixth', pieces);
      stage.kernel.close(writer);
    });
    await stage.step('and after', () => next(stage, 'seventh', pieces));
    await stage.step('left', () => stage.watch('return', pieces.return?.() as Promise<unknown>));
    expect(uring.buffers.usage.bytes).toBe(before);
  });

  test('can be released earlier, and after the end', async () => {
    const { stage, write, pieces, uring } = withPipe('pieces, released', (ring, fd) =>
      ring.readMany(fd, { buffers: 2, bufferSize: 4 }),
    );
    const before = uring.buffers.usage.bytes;
    write('ab');
    const first = (await pieces.next()).value;
    expect(Buffer.from(first.bytes).toString()).toBe('ab');
    first.release();
    first.release();
    write('cd');
    const second = (await pieces.next()).value;
    write('efgh');
    expect([second.toString(), second.copy(), second.length]).toEqual(['cd', Buffer.from('cd'), 2]);
    await stage.step('left', () => stage.watch('return', pieces.return?.() as Promise<unknown>));
    // It no longer belongs to the consumer.
    for (const use of [() => second.bytes, () => second.copy(), () => second.toString()]) expect(use).toThrow('was released');
    second.release();
    expect(uring.buffers.usage.bytes).toBe(before);
    await stage.step('a second iterator has the same group', () => {
      const again = uring.readMany(3, { buffers: 1 });
      next(stage, 'again', again);
    });
  });

  test('arrive again after the consumer has held all buffers', async () => {
    const { stage, write, pieces } = withPipe('pieces, kept', (ring, fd) => ring.readMany(fd, { buffers: 1, bufferSize: 4 }));
    write('abcd');
    await stage.step('the only one', () => next(stage, 'first', pieces));
    await stage.step('no buffer is left', () => write('efgh'));
    await stage.step('until it is given back', () => next(stage, 'second', pieces));
    await stage.step('left in need', async () => {
      write('ijkl');
    });
    await stage.step('left', () => stage.watch('return', pieces.return?.() as Promise<unknown>));
  });

  test('are read one at a time on a kernel without multishot reads', async () => {
    const { stage, write, pieces } = withPipe(
      'single pieces',
      (ring, fd) => ring.readMany(fd, { buffers: 2, bufferSize: 4 }),
      LINUX_6_1,
    );
    write('ab');
    await stage.step('the first', () => next(stage, 'first', pieces));
    await stage.step('the second', () => {
      next(stage, 'second', pieces);
      write('cd');
    });
    await stage.step('left', () => stage.watch('return', pieces.return?.() as Promise<unknown>));
  });

  test('return to the pool after an error', async () => {
    const { stage, pieces, uring } = withPipe('pieces, an error', (ring) => ring.readMany(1000, { buffers: 2 }));
    const before = uring.buffers.usage.bytes;
    await stage.step('the first', () => next(stage, 'first', pieces));
    await stage.step('and after', () => next(stage, 'second', pieces));
    expect(uring.buffers.usage.bytes).toBe(before);
  });

  test('stop the kernel if too many are not taken', async () => {
    const { stage, write, pieces } = withPipe('pieces, too many', (ring, fd) =>
      ring.readMany(fd, { buffers: 128, bufferSize: 4 }),
    );
    next(stage, 'first', pieces);
    await stage.step('asked', () => undefined);
    for (let i = 0; i < 70; i++) {
      write('x');
      await stage.step('one more', () => undefined);
    }
    await stage.step('taken', async () => {
      // Those that are there are taken one by one, the others are requested at once.
      for (let i = 0; i < 64; i++) await next(stage, `${i}`, pieces);
      for (let i = 64; i < 69; i++) next(stage, `${i}`, pieces);
    });
    await stage.step('and the rest', () => next(stage, 'rest', pieces));
  });

  test('can be received from a socket', async () => {
    const stage = stageOf('received');
    const [one, other] = stage.kernel.createSocketPair();
    const pieces = stage.uring.recvMany(one, { buffers: 2, bufferSize: 8 }) as Iterator<unknown>;
    await stage.step('asked', () => next(stage, 'first', pieces));
    await stage.step('there', () => stage.kernel.writeFile(other, Buffer.from('hello')));
    await stage.step('the end', () => {
      next(stage, 'second', pieces);
      stage.kernel.close(other);
    });
    stage.answer('RECV', -Errno.EINVAL);
    const single = stage.uring.recvMany(one, { buffers: 2, bufferSize: 8 }) as Iterator<unknown>;
    await stage.step('one at a time', () => next(stage, 'single', single));
  });

  test('are unavailable if the buffer group cannot be created', async () => {
    const stage = stageOf('no group');
    const [reader] = stage.kernel.createPipe();
    stage.kernel.fail('register', Errno.ENOMEM);
    await stage.step('asked', () => next(stage, 'first', stage.uring.readMany(reader) as Iterator<unknown>));
    await stage.step('the next has its number', () => next(stage, 'first', stage.uring.readMany(reader) as Iterator<unknown>));
  });
});

describe('connections', () => {
  const connecting = async (title: string) => {
    const stage = stageOf(title);
    const { fd, port } = stage.kernel.createListener();
    const connect = async () => {
      const socket = await stage.uring.socket('IPv4');
      await stage.uring.connect(socket, { family: 'IPv4', address: '127.0.0.1', port });
      stage.strace.take();
      return socket;
    };
    return { stage, fd, connect };
  };

  test('are closed if they are not taken', async () => {
    const { stage, fd, connect } = await connecting('connections');
    const connections = stage.uring.acceptMany(fd) as Iterator<unknown>;
    await stage.step('asked', () => next(stage, 'first', connections));
    for (let i = 0; i < 3; i++) await connect();
    await stage.step('three', () => undefined);
    await stage.step('the second', () => next(stage, 'second', connections));
    await stage.step('left', () => stage.watch('return', connections.return?.() as Promise<unknown>));
    stage.answer('ACCEPT', -Errno.EINVAL);
    const single = stage.uring.acceptMany(fd) as Iterator<unknown>;
    await stage.step('one at a time', () => next(stage, 'single', single));
    await connect();
    await stage.step('comes', () => undefined);
  });
});
