/**
 * Reads and writes of open files: the system calls that they make, and the outcome, in
 * `tests/golden/transfers.txt`.
 */

import { afterEach, describe, expect, test } from '@jest/globals';
import type { Uring } from '../../src/index.js';
import { UringError } from '../../src/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { EngineStage } from '../helpers/engine-stage.js';
import { golden } from '../helpers/golden.js';
import { transferFile } from '../helpers/transfer-file.js';
import { catchWarnings } from '../helpers/warnings.js';

const matches = golden('transfers');

const stages: EngineStage[] = [];
afterEach(async () => {
  for (const stage of stages.splice(0).reverse()) await stage.end();
});

type File = Parameters<Uring['transfers']['read']>[0];
type Way = 'read' | 'write';

const KIB = 1024;

function setUp(title: string, { size = 10, canTry = false, pipe = false } = {}) {
  const stage = new EngineStage(title, matches);
  stages.push(stage);
  const { kernel, uring } = stage;
  const content = new Uint8Array(size).map((_, index) => (index * 7 + (index >> 8)) & 0xff);
  const [reader, writer] = pipe ? kernel.createPipe() : [kernel.createFile(content), -1];
  let references = 0;
  const file: File = transferFile(reader, {
    canTry,
    hasOffsets: !pipe,
    error: (res, syscall) => new UringError(res, `${syscall} of the test`),
    unref: () => {
      references--;
    },
  });
  /** Starts a transfer, and records its outcome: its length, and whether the bytes are right. */
  const start = (way: Way, view: ArrayBufferView, position: number | bigint, offset = 0, length = view.byteLength - offset) => {
    references++;
    const from = Math.max(0, Number(position));
    const shape = (count: number, bytes: ArrayBufferView) => {
      // Results that the test puts in place of the kernel's were never read.
      const isRight = () =>
        new Uint8Array(bytes.buffer, bytes.byteOffset + offset, count).every((byte, at) => byte === content[from + at]);
      const right = way === 'write' || pipe || isRight();
      return `${count} bytes${right ? '' : ', and they are wrong'}${bytes === view ? '' : ', in another view'}`;
    };
    stage.watch(way, uring.transfers[way](file, view, offset, length, position, shape));
  };
  const end = () => {
    expect(references).toBe(0);
    expect(uring.buffers.usage.bytes).toBe(0);
  };
  return { stage, kernel, uring, file, writer, start, end };
}

const detach = (view: ArrayBufferView) => structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });

describe('reads', () => {
  test('end with the file, and handle short reads, interruptions and errors', async () => {
    const { stage, start, end, file } = setUp('read', { canTry: true });
    const view = new Uint8Array(new ArrayBuffer(20), 4, 10);
    await stage.step('all', () => start('read', view, 0));
    await stage.step('a part, into a part', () => start('read', view, 3, 2, 5));
    await stage.step('at the file’s own position', () => start('read', view, -1));
    await stage.step('at a large position', () => start('read', view, 5n));
    await stage.step('beyond the end', () => start('read', view, 8));
    await stage.step('nothing', () => start('read', view, 0, 3, 0));
    stage.answer('READ', 4, 3);
    await stage.step('short twice', () => start('read', view, 0));
    stage.answer('READ', -Errno.EINTR, 4, -Errno.EINTR);
    await stage.step('interrupted', () => start('read', view, 0));
    stage.answer('READ', 4, -Errno.EIO);
    await stage.step('an error after a part', () => start('read', view, 0));
    stage.answer('READ', -Errno.EIO);
    await stage.step('an error', () => start('read', view, 0));
    stage.answer('READ', 4, -Errno.EAGAIN);
    await stage.step('the rest is not in the cache', () => start('read', view, 0));
    stage.answer('READ', -Errno.EAGAIN, 4, -Errno.EINTR);
    await stage.step('nothing is in the cache', () => start('read', view, 0));
    stage.answer('READ', -Errno.EAGAIN, -Errno.EAGAIN);
    await stage.step('a worker has to wait for it', () => start('read', view, 0));
    stage.answer('READ', -Errno.EAGAIN, -Errno.EAGAIN, -Errno.EAGAIN);
    await stage.step('which cannot, either', () => start('read', view, 0));
    stage.answer('READ', -Errno.EOPNOTSUPP);
    await stage.step('a file system that cannot tell', () => start('read', view, 0));
    await stage.step('is not asked again', () => start('read', view, 0));
    expect(file.canTry).toBe(false);
    stage.answer('READ', -Errno.EOPNOTSUPP);
    await stage.step('nor may it say so then', () => start('read', view, 0));
    end();
  });

  test('use memory in place that the kernel may use', async () => {
    const { stage, start, end, uring } = setUp('read in place', { canTry: true });
    await stage.step('shared', () => start('read', new Uint8Array(new SharedArrayBuffer(12), 2), 0, 1, 6));
    stage.answer('READ', 4, -Errno.EINTR, 3);
    await stage.step('shared, short, interrupted, at the end', () => start('read', new Uint8Array(new SharedArrayBuffer(10)), 0));
    const pooled = uring.buffers.allocate(10);
    await stage.step('pooled', () => start('read', pooled.bytes, 2));
    stage.answer('READ_FIXED', -Errno.EAGAIN);
    await stage.step('pooled, by a worker', () => start('read', pooled.bytes, 0));
    stage.answer('READ_FIXED', -Errno.EAGAIN, -Errno.EAGAIN);
    await stage.step('pooled, and not even so', () => start('read', pooled.bytes, 0));
    pooled.release();
    await stage.step('given back', () => start('read', pooled.bytes, 0));
    end();
  });

  test('of large ranges are made piece by piece', async () => {
    const { stage, start, end } = setUp('read pieces', { size: 1300 * KIB });
    await stage.step('all', () => start('read', new Uint8Array(1300 * KIB), 0));
    stage.answer('READ', undefined, -Errno.EINTR, undefined, -Errno.EAGAIN);
    await stage.step('with interruptions', () => start('read', new Uint8Array(1300 * KIB), 0));
    stage.answer('READ', undefined, 100);
    await stage.step('a piece that is short is the end', () => start('read', new Uint8Array(1300 * KIB), 0));
    await stage.step('as much as there is', () => start('read', new Uint8Array(2000 * KIB), 300 * KIB));
    end();
  });

  test('of a pipe return what it has', async () => {
    const { stage, start, end, kernel, writer } = setUp('read a pipe', { pipe: true });
    kernel.writeFile(writer, Buffer.from('abc'));
    await stage.step('less than asked for', () => start('read', new Uint8Array(8), -1));
    await stage.step('nothing yet', () => start('read', new Uint8Array(8), -1));
    await stage.step('then', () => kernel.writeFile(writer, Buffer.from('de')));
    await stage.step('the end', () => {
      start('read', new Uint8Array(8), -1);
      kernel.close(writer);
    });
    end();
  });

  test('of a pipe may go into the middle of a view', async () => {
    const { stage, start, end, kernel, writer } = setUp('read a pipe into the middle', { pipe: true });
    const view = new Uint8Array(new ArrayBuffer(20), 4, 10).fill(0x2e);
    await stage.step('nothing yet', () => start('read', view, -1, 3, 5));
    await stage.step('then', () => kernel.writeFile(writer, Buffer.from('abc')));
    expect(Buffer.from(view).toString()).toBe('...abc....');
    await stage.step('the end, with the memory gone', () => {
      const gone = new Uint8Array(8);
      start('read', gone, -1);
      setImmediate(() => {
        detach(gone);
        kernel.close(writer);
      });
    });
    end();
  });

  test('report their error even if their memory was detached', async () => {
    const { stage, start, end, kernel } = setUp('read, detached and failed', { canTry: true });
    for (const [name, ...results] of [
      ['cancelled by itself', -Errno.ECANCELED],
      ['an error', -Errno.EIO],
      ['an error of a piece', -Errno.EAGAIN, -Errno.EIO],
      ['a piece that was cancelled', -Errno.EAGAIN, -Errno.ECANCELED],
    ] as [string, ...number[]][]) {
      const view = new Uint8Array(10);
      kernel.interceptOperations(() => {
        const result = results.shift();
        if (results.length === 0 && name !== 'cancelled by itself') detach(view);
        return result;
      });
      await stage.step(name, () => start('read', view, 0));
    }
    kernel.interceptOperations(undefined);
    end();
  });

  test('fail if their memory was detached', async () => {
    const { stage, start, end, file } = setUp('read, detached', { canTry: true });
    await stage.step('before the kernel is entered', () => {
      const view = new Uint8Array(10);
      start('read', view, 0);
      detach(view);
    });
    file.canTry = false;
    await stage.step('in flight', () => {
      const view = new Uint8Array(10);
      start('read', view, 0);
      detach(view);
    });
    end();
  });

  test('end when the engine closes', async () => {
    const { stage, start, kernel, writer, uring } = setUp('read, closing', { pipe: true });
    await stage.step('waiting', () => start('read', new Uint8Array(8), -1));
    await stage.step('closing', () => stage.watch('close', uring.close()));
    kernel.close(writer);

    const other = setUp('read a part, closing', { size: 1300 * KIB });
    await other.stage.step('in the middle', () => {
      other.start('read', new Uint8Array(1300 * KIB), 0);
      other.stage.watch('close', other.uring.close());
    });
  });
});

describe('writes', () => {
  test('handle short writes, interruptions and errors', async () => {
    const { stage, start, end, kernel, file } = setUp('write', { size: 0 });
    const view = new Uint8Array(Buffer.from('0123456789').buffer.slice(0, 16)).fill(5);
    await stage.step('all', () => start('write', view, 0));
    await stage.step('a part', () => start('write', view, 3, 2, 5));
    await stage.step('at the file’s own position', () => start('write', view, -1));
    await stage.step('at a large position', () => start('write', view, 2n));
    await stage.step('nothing', () => start('write', view, 0, 0, 0));
    stage.answer('WRITE', 4, 3);
    await stage.step('short twice', () => start('write', view, 0));
    stage.answer('WRITE', -Errno.EINTR, 4, -Errno.EINTR);
    await stage.step('interrupted', () => start('write', view, 0));
    stage.answer('WRITE', 4, -Errno.ENOSPC);
    await stage.step('no room for the rest', () => start('write', view, 0));
    stage.answer('WRITE', -Errno.ENOSPC);
    await stage.step('no room', () => start('write', view, 0));
    stage.answer('WRITE', -Errno.EAGAIN);
    await stage.step('by a worker', () => start('write', view, 0));
    stage.answer('WRITE', -Errno.EAGAIN, 4, -Errno.EAGAIN);
    await stage.step('which cannot, either', () => start('write', view, 0));
    stage.answer('WRITE', 0);
    await stage.step('nothing is taken', () => start('write', view, 0));
    stage.answer('WRITE', 4, 0);
    await stage.step('nothing more is taken', () => start('write', view, 0));
    expect(kernel.contentOf(file.fd).length).toBe(18);
    end();
  });

  test('use memory in place that the kernel may use', async () => {
    const { stage, start, end, uring } = setUp('write in place', { size: 0 });
    stage.answer('WRITE', 4, -Errno.EINTR, -Errno.EAGAIN);
    await stage.step('shared', () => start('write', new Uint8Array(new SharedArrayBuffer(12), 2), 0, 1, 6));
    const pooled = uring.buffers.allocate(10);
    await stage.step('pooled', () => start('write', pooled.bytes, 2));
    pooled.release();
    await stage.step('given back', () => start('write', pooled.bytes, 0));
    end();
  });

  test('of large data are made piece by piece, except at a file’s own position', async () => {
    const { stage, start, end } = setUp('write pieces', { size: 0 });
    await stage.step('all', () => start('write', new Uint8Array(1300 * KIB), 0));
    await stage.step('at the file’s own position', () => start('write', new Uint8Array(1300 * KIB), -1));
    stage.answer('WRITE', undefined, 100, -Errno.EINTR);
    await stage.step('short, interrupted', () => start('write', new Uint8Array(600 * KIB), 0));
    await stage.step('more than fits into one block', () => start('write', new Uint8Array(65 * KIB * KIB), -1));
    end();
  });

  test('are retried with the bytes of the first attempt', async () => {
    const { stage, start, end, kernel, file } = setUp('write again', { size: 0 });
    for (const errno of [Errno.EINTR, Errno.EAGAIN]) {
      const view = new Uint8Array(4).fill(errno);
      let tries = 0;
      kernel.interceptOperations(() => {
        view.fill(0xff);
        return tries++ === 0 ? -errno : undefined;
      });
      await stage.step(`after errno ${errno}`, () => start('write', view, 0));
      expect([...kernel.contentOf(file.fd)]).toEqual(new Array(4).fill(errno));
    }
    kernel.interceptOperations(undefined);
    end();
  });

  test('of no bytes fail if their memory is detached', async () => {
    const { stage, start, end } = setUp('write nothing', { size: 0 });
    const gone = new Uint8Array(8);
    detach(gone);
    await stage.step('from memory that is gone', () => start('write', gone, 0, 0, 0));
    end();
  });

  test('end early if their memory is detached, with what was copied before', async () => {
    const { stage, start, end } = setUp('write, detached', { size: 0 });
    await stage.step('when all of it was taken', () => {
      const view = new Uint8Array(10);
      start('write', view, 0);
      detach(view);
    });
    await stage.step('when a part of it was', () => {
      const view = new Uint8Array(600 * KIB);
      start('write', view, 0);
      detach(view);
    });
    await stage.step('before anything was', () => {
      const view = new Uint8Array(10);
      detach(view);
      start('write', view, 0, 0, 10);
    });
    end();
  });

  test('end when the engine closes', async () => {
    const { stage, start, uring } = setUp('write, closing', { size: 0 });
    stage.answer('WRITE', 4);
    await stage.step('a part was written', () => {
      start('write', new Uint8Array(10), 0);
      stage.watch('close', uring.close());
    });
    const short = setUp('write a part, then closing', { size: 0 });
    short.kernel.interceptOperations(() => {
      short.uring.engine.core.closing = true;
      return 4;
    });
    await short.stage.step('the rest is not written', () => short.start('write', new Uint8Array(10), 0));
    const other = setUp('write nothing, closing', { size: 0 });
    await other.stage.step('cancelled', () => {
      other.start('write', new Uint8Array(10), 0);
      other.stage.answer('WRITE', -Errno.ECANCELED);
      other.stage.watch('close', other.uring.close());
    });
  });

  test('fail with the ring, and so do reads', async () => {
    const { stage, start, kernel } = setUp('failing', { size: 10, canTry: true });
    const { restore } = catchWarnings();
    try {
      kernel.fail('enter', ...new Array(20).fill(Errno.EBADF));
      await stage.step('both', () => {
        start('read', new Uint8Array(10), 0);
        start('write', new Uint8Array(10), 0);
      });
      await stage.end();
    } finally {
      restore();
    }
  });
});
