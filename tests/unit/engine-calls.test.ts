/**
 * The engine's system calls, and their timing: each `enter` with the SQEs that it submits, the
 * waker, and the promises that settle, in order, in `tests/golden/engine-calls.txt`. User data is
 * shown as id and generation.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, test } from '@jest/globals';
import { op, type UringOptions } from '../../src/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { EngineStage, turn } from '../helpers/engine-stage.js';
import { golden } from '../helpers/golden.js';
import { catchWarnings } from '../helpers/warnings.js';

const matches = golden('engine-calls');

const cleanUp: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const stageOf = (title: string, ...options: UringOptions[]) => {
  const stage = new EngineStage(title, matches, ...options);
  cleanUp.push(() => stage.end());
  return stage;
};

describe('operations', () => {
  test('that complete at once make the recorded calls', async () => {
    const stage = stageOf('at once');
    const { uring } = stage;
    await stage.step('one', () => stage.watch('nop', uring.nop()));
    await stage.step('three', () => {
      for (const name of ['a', 'b', 'c']) stage.watch(name, uring.nop());
    });
    await stage.step('one that starts another', () => {
      stage.watch('first', uring.nop());
      uring.nop().then(() => stage.watch('then', uring.nop()));
    });
    await stage.step('closing', () => stage.watch('close', uring.close()));
    await stage.step('after closing', () => stage.watch('nop', uring.nop()));
  });

  test('that take time make the recorded calls', async () => {
    const stage = stageOf('in time');
    const { uring, kernel } = stage;
    const [reader, writer] = kernel.createPipe();
    await stage.step('a read that waits', () => stage.watch('read', uring.read(reader, new Uint8Array(4))));
    await stage.step('something that does not', () => stage.watch('nop', uring.nop()));
    await stage.step('what it waits for', () => kernel.writeFile(writer, Buffer.from('abc')));
    await stage.step('a timeout', () => stage.watch('timeout', uring.timeout(1500)));
    await stage.step('nobody needs to stay for it', () => uring.unref());
    await stage.step('somebody does', () => uring.ref());
    await stage.step('its end', () => kernel.advance(1500));
    await stage.step('without reference', () => {
      uring.unref();
      stage.watch('timeout', uring.timeout(10));
    });
    await stage.step('closing', () => stage.watch('close', uring.close()));
  });

  test('that do not fit into the queue are submitted later', async () => {
    const stage = stageOf('more than fit', { entries: 4, cqEntries: 8 });
    const { uring } = stage;
    await stage.step('eleven', () => {
      for (let i = 0; i < 11; i++) stage.watch(`nop ${i}`, uring.nop());
    });
    await stage.step('chains', () => {
      for (let i = 0; i < 3; i++) stage.watch(`chain ${i}`, uring.link([op.nop(), op.nop(), op.nop()]));
    });
    await stage.step('a chain that can never fit', () => stage.watch('chain', uring.link(new Array(5).fill(op.nop()))));
    await stage.step('timed ones', () => {
      for (let i = 0; i < 3; i++) stage.watch(`timed ${i}`, uring.nop({ timeoutMs: 100 }));
    });
  });

  test('in a long burst give way to the event loop', async () => {
    const stage = stageOf('a burst');
    const { uring, kernel } = stage;
    let left = 300;
    const again = (): unknown => {
      kernel.clock.now += 1e6;
      return --left > 0 ? uring.nop().then(again) : stage.strace.note('the last');
    };
    let turns = 0;
    const count = () => {
      turns++;
      if (left > 0) setImmediate(count);
    };
    setImmediate(count);
    await again();
    while (left > 0) await turn();
    stage.strace.take();
    await stage.step('gives way to the event loop', () => stage.strace.note(turns > 1 ? 'more than one turn' : 'in one turn'));
  });
});

test('operations started by listeners do not become part of a chain', async () => {
  const stage = stageOf('listeners');
  const { uring } = stage;
  let more = 2;
  const onSubmit = () => {
    if (more-- > 0) stage.watch('listener', uring.nop());
  };
  subscribe('uring:submit', onSubmit);
  cleanUp.push(() => void unsubscribe('uring:submit', onSubmit));
  await stage.step('a chain with time limits', () => {
    stage.watch('chain', uring.link([op.nop({ timeoutMs: 5 }), op.nop({ timeoutMs: 5 }), op.nop()]));
  });
});

describe('cancelling', () => {
  test('works at every stage of an operation', async () => {
    const stage = stageOf('abort');
    const { uring, kernel } = stage;
    const [reader] = kernel.createPipe();
    const read = (signal: AbortSignal) => uring.read(reader, new Uint8Array(4), { signal });
    await stage.step('before', () => stage.watch('read', read(AbortSignal.abort(new Error('too early')))));
    await stage.step('unseen', () => {
      const controller = new AbortController();
      stage.watch('read', read(controller.signal));
      stage.watch('nop', uring.nop());
      controller.abort(new Error('unseen'));
    });
    const controller = new AbortController();
    await stage.step('started', () => stage.watch('read', read(controller.signal)));
    await stage.step('in flight', () => controller.abort(new Error('in flight')));
    await stage.step('not found at first', () => {
      const other = new AbortController();
      stage.watch('read', read(other.signal));
      setImmediate(() => {
        stage.answer('ASYNC_CANCEL', -Errno.ENOENT, -Errno.EALREADY, -Errno.ENOENT);
        other.abort(new Error('late'));
      });
    });
    for (const ms of [1, 2, 4, 8]) await stage.step(`${ms} ms later`, () => kernel.advance(ms));
    await stage.step('refused for another reason', () => {
      const other = new AbortController();
      stage.watch('read', read(other.signal));
      setImmediate(() => {
        stage.answer('ASYNC_CANCEL', -Errno.EINVAL);
        other.abort(new Error('never'));
      });
    });
    await stage.step('much later', () => kernel.advance(1000));
    await stage.step('closing', () => stage.watch('close', uring.close()));
  });

  test('works in a chain that is not submitted yet', async () => {
    const stage = stageOf('abort in a chain');
    const { uring } = stage;
    for (const hard of [false, true]) {
      for (const which of [0, 1, 2]) {
        await stage.step(`${hard ? 'hard' : 'soft'}, ${which}`, () => {
          const controllers = [0, 1, 2].map(() => new AbortController());
          const chain = controllers.map(({ signal }) => op.nop({ signal }));
          stage.watch('chain', uring.link(chain, { hard }));
          controllers[which]?.abort(new Error('no'));
        });
      }
    }
    await stage.step('all of it', () => {
      const { signal, abort } = new AbortController();
      stage.watch('chain', uring.link([op.nop(), op.nop()], { signal }));
      void abort;
    });
    await stage.step('all of it, aborted', () => {
      const controller = new AbortController();
      stage.watch('chain', uring.link([op.nop(), op.nop()], { signal: controller.signal }));
      controller.abort(new Error('all'));
    });
  });

  test('ends operations of all kinds when the engine closes', async () => {
    const stage = stageOf('close', { entries: 4 });
    const { uring, kernel } = stage;
    const [reader] = kernel.createPipe();
    await stage.step('everything', () => {
      stage.watch('read', uring.read(reader, new Uint8Array(4)));
      stage.watch('timeout', uring.timeout(1000));
      stage.watch('timed', uring.read(reader, new Uint8Array(4), { timeoutMs: 500 }));
      stage.watch('chain', uring.link([op.timeout(2000), op.nop()]));
    });
    await stage.step('closing', () => {
      stage.watch('unsent', uring.nop());
      stage.watch('close', uring.close());
      stage.watch('late', uring.nop());
    });
    await stage.step('its time limit', () => kernel.advance(10_000));
  });
});

describe('time limits', () => {
  test('end operations, alone and in chains', async () => {
    const stage = stageOf('timeoutMs');
    const { uring, kernel } = stage;
    const [reader, writer] = kernel.createPipe();
    const start = () => stage.watch('read', uring.read(reader, new Uint8Array(4), { timeoutMs: 1234.5 }));
    await stage.step('started', start);
    await stage.step('over', () => kernel.advance(1235));
    await stage.step('started again', start);
    await stage.step('in time', () => kernel.writeFile(writer, Buffer.from('x')));
    await stage.step('in a chain', () => {
      stage.watch(
        'chain',
        uring.link([op.nop({ timeoutMs: 5 }), op.read(reader, new Uint8Array(1), { timeoutMs: 5 }), op.nop()]),
      );
    });
    await stage.step('over in the chain', () => kernel.advance(5));
    await stage.step('in a hard chain', () => {
      stage.watch('chain', uring.link([op.read(reader, new Uint8Array(1), { timeoutMs: 5 }), op.nop()], { hard: true }));
    });
    await stage.step('over in the hard chain', () => kernel.advance(5));
  });
});

describe('faults', () => {
  test.each(['EAGAIN', 'EBUSY', 'ENOMEM', 'EINTR'] as const)('are retried when enter returns %s twice', async (name) => {
    const stage = stageOf(`enter answers ${name}`);
    const { uring, kernel } = stage;
    kernel.fail('enter', Errno[name], Errno[name]);
    await stage.step('at first', () => stage.watch('nop', uring.nop()));
    await stage.step('a little later', () => kernel.advance(1));
    await stage.step('later', () => kernel.advance(100));
    await stage.step('then', () => stage.watch('nop', uring.nop()));
  });

  test.each(['EBADF', 'EPERM', 'EOWNERDEAD'] as const)('end the engine when enter returns %s', async (name) => {
    const stage = stageOf(`enter answers ${name}`);
    const { uring, kernel } = stage;
    const [reader] = kernel.createPipe();
    await stage.step('something in flight', () => {
      stage.watch('read', uring.read(reader, new Uint8Array(4)));
      stage.watch('chain', uring.link([op.timeout(1), op.nop()]));
    });
    cleanUp.push(catchWarnings((...args) => stage.strace.note(`warning ${JSON.stringify(args)}`)).restore);
    kernel.fail('enter', ...new Array(20).fill(Errno[name]));
    await stage.step('the failure', () => stage.watch('nop', uring.nop()));
    await stage.step('after it', () => stage.watch('nop', uring.nop()));
    await stage.step('closing', () => stage.watch('close', uring.close()));
  });

  test('include a kernel that takes a part, and the remainder follows later', async () => {
    const stage = stageOf('a part');
    const { uring, kernel } = stage;
    for (const limit of [1, 2, 3, 4]) {
      for (const hard of [false, true]) {
        kernel.limitSubmissions(limit);
        await stage.step(`${limit} of a ${hard ? 'hard' : 'soft'} chain of three, and two more`, () => {
          stage.watch('chain', uring.link([op.nop(), op.nop(), op.nop()], { hard }));
          stage.watch('fourth', uring.nop());
          stage.watch('fifth', uring.nop());
        });
        kernel.limitSubmissions(Number.POSITIVE_INFINITY);
        await stage.step('the rest', () => kernel.advance(100));
      }
    }
  });

  test('include memory detached before submission, which the kernel never sees', async () => {
    const stage = stageOf('detached');
    const { uring, kernel } = stage;
    const fd = kernel.createFile(new Uint8Array(100).fill(7));
    const { file, take } = {
      file: fd,
      take: (view: Uint8Array) => structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] }),
    };
    await stage.step('one of three', () => {
      const views = [0, 1, 2].map(() => new Uint8Array(8));
      for (const [index, view] of views.entries()) stage.watch(`read ${index}`, uring.read(file, view, { offset: index }));
      take(views[1] as Uint8Array);
    });
    await stage.step('of a write', () => {
      const view = new Uint8Array(8);
      stage.watch('write', uring.write(file, view, { offset: 0 }));
      take(view);
    });
    kernel.limitSubmissions(1);
    const late = [0, 1, 2].map(() => new Uint8Array(8));
    await stage.step('when a part was taken', () => {
      for (const [index, view] of late.entries()) stage.watch(`read ${index}`, uring.read(file, view, { offset: index }));
    });
    kernel.limitSubmissions(Number.POSITIVE_INFINITY);
    await stage.step('then it goes', () => {
      take(late[2] as Uint8Array);
      kernel.advance(100);
    });
  });
});
