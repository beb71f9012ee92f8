/** liburing's cases for provided buffers, both as rings and as lists. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CQE_BUFFER_SHIFT, CqeFlag, RecvSendFlag, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { type Stage, stringOf } from '../helpers/stage.js';
import { cases, WITHOUT_THREAD } from './cases.js';

const codeOf = (body: () => unknown) => {
  try {
    body();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

const idOf = (flags: number) => (flags & CqeFlag.BUFFER ? flags >>> CQE_BUFFER_SHIFT : -1);

/** Registers a group of `count` buffers. The id of each buffer is its index. */
const group = (stage: Stage, id: number, count: number, size: number, incremental = false) => {
  const ring = stage.ring.bufferRings.create({ group: id, entries: count, incremental });
  const blocks = Array.from({ length: count }, () => stage.block(size));
  blocks.forEach(({ bytes }, index) => {
    ring.add(bytes, index, index);
  });
  ring.advance(count);
  return { ring, blocks };
};

const hasGroups = (stage: Stage) =>
  codeOf(() => stage.ring.bufferRings.create({ group: 99, entries: 1 })) === 'none'
    ? undefined
    : 'the kernel knows no buffer rings';
const hasIncremental = (stage: Stage) =>
  codeOf(() => stage.ring.bufferRings.create({ group: 99, entries: 1, incremental: true })) === 'none'
    ? undefined
    : 'the kernel knows no incremental rings';

const select = (stage: Stage, userData: number, fd: number, id: number, length = 0, offset = -1) =>
  stage.add(userData, (sqe) => ops.prepReadSelect(sqe, fd, id, length, offset));

cases('provided buffers', (test) => {
  test('buf-ring', 'a group can be created only once, until it is released', { probe: hasGroups }, (stage) => {
    const { bufferRings } = stage.ring;
    const ring = bufferRings.create({ group: 1, entries: 4 });
    expect(codeOf(() => bufferRings.create({ group: 1, entries: 4 }))).toBe('EEXIST');
    ring.release();
    bufferRings.create({ group: 1, entries: 4 }).release();
    expect(codeOf(() => bufferRings.create({ group: 1, entries: 3 }))).toBe('ERR_OUT_OF_RANGE');
    expect(stage.run((sqe) => ops.prepReadSelect(sqe, stage.kernel.file(Buffer.from('x')), 77, 1, 0))).toBe(-Errno.ENOBUFS);
  });

  for (const entries of [1, 16, 512]) {
    test(
      `buf-ring (${entries})`,
      'each buffer is used exactly once, and then none is left',
      { ring: { entries: 512 }, probe: hasGroups },
      (stage) => {
        const fd = stage.kernel.file(Buffer.alloc(entries, 'z'));
        const { ring, blocks } = group(stage, 127, entries, 64);
        for (let round = 0; round < 3; round++) {
          for (let index = 0; index < entries; index++) select(stage, index, fd, 127, 1, index);
          const ids = stage.wait(entries).map(({ flags }) => idOf(flags));
          expect([...ids].sort((a, b) => a - b)).toEqual(Array.from({ length: entries }, (_, index) => index));
          select(stage, 7, fd, 127, 1, 0);
          expect(stage.results(1)).toEqual([[7, -Errno.ENOBUFS]]);
          for (const id of ids) ring.provide((blocks[id] as { bytes: Uint8Array }).bytes, id);
        }
      },
    );
  }

  test('buf-ring-stress', 'buffers provided again never hold another read’s data', { probe: hasGroups }, (stage) => {
    const content = Buffer.concat(Array.from({ length: 8 }, (_, index) => Buffer.alloc(256, index)));
    const fd = stage.kernel.file(content);
    const { ring, blocks } = group(stage, 3, 8, 256);
    for (let round = 0; round < 100; round++) {
      for (let index = 0; index < 16; index++) select(stage, index, fd, 3, 256, (index % 8) * 256);
      const all = stage.wait(16);
      const good = all.filter(({ res }) => res === 256);
      expect([good.length, all.filter(({ res }) => res === -Errno.ENOBUFS).length]).toEqual([8, 8]);
      for (const { userData, flags } of good) {
        const { bytes } = blocks[idOf(flags)] as { bytes: Uint8Array };
        if (bytes.some((byte) => byte !== userData % 8)) throw new Error(`buffer ${idOf(flags)} has another read’s data`);
        ring.provide(bytes, idOf(flags));
      }
    }
  });

  for (const [name, flags] of [
    ['', 0],
    [', half by workers', SqeFlag.ASYNC],
  ] as const) {
    test(
      `ringbuf-read${name && ' (by workers)'}`,
      `each piece of a file is read into its own buffer${name}`,
      { ring: { entries: 64 }, probe: hasGroups },
      (stage) => {
        const fd = stage.kernel.file(Buffer.concat(Array.from({ length: 64 }, (_, index) => Buffer.alloc(1024, index + 1))));
        const { blocks } = group(stage, 5, 64, 1024);
        for (let index = 0; index < 64; index++) {
          stage.add(index, (sqe) => ops.prepReadSelect(sqe, fd, 5, 1024, index * 1024), index % 2 ? flags : 0);
        }
        const seen = stage.wait(64);
        expect(new Set(seen.map(({ flags: own }) => idOf(own))).size).toBe(64);
        for (const { userData, res, flags: own } of seen) {
          expect([res, (blocks[idOf(own)] as { bytes: Uint8Array }).bytes.every((byte) => byte === userData + 1)]).toEqual([
            1024,
            true,
          ]);
        }
      },
    );
  }

  test(
    'ringbuf-status',
    'the kernel reports the head of the buffer ring',
    {
      probe: (stage) =>
        hasGroups(stage) ??
        (codeOf(() => group(stage, 98, 1, 8).ring.head) === 'none' ? undefined : 'the kernel tells no status'),
    },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      const { ring } = group(stage, 4, 8, 32);
      expect([ring.head, ring.available]).toEqual([0, 8]);
      select(stage, 1, reader, 4, 32).submit();
      stage.kernel.write(writer, Buffer.alloc(16));
      expect(stage.results(1)).toEqual([[1, 16]]);
      expect([ring.head, ring.available]).toEqual([1, 7]);
    },
  );

  test('read-inc-file', 'several reads fill one buffer, one after the other', { probe: hasIncremental }, (stage) => {
    const fd = stage.kernel.file(Buffer.from('a'.repeat(80) + 'b'.repeat(80) + 'c'.repeat(80) + 'd'.repeat(80)));
    const { blocks } = group(stage, 4, 2, 1024, true);
    for (let index = 0; index < 4; index++) {
      select(stage, index, fd, 4, 80, index * 80);
      const [{ res, flags } = { res: 0, flags: 0 }] = stage.wait(1);
      expect([res, idOf(flags), flags & CqeFlag.BUF_MORE]).toEqual([80, 0, CqeFlag.BUF_MORE]);
    }
    expect(stringOf(blocks[0] as { bytes: Uint8Array }, 320)).toBe(
      'a'.repeat(80) + 'b'.repeat(80) + 'c'.repeat(80) + 'd'.repeat(80),
    );
  });

  test('read-inc-buf-more', 'BUF_MORE is not set once a buffer is used up', { probe: hasIncremental }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    group(stage, 4, 2, 32, true);
    const read = (bytes: number) => {
      stage.kernel.write(writer, Buffer.alloc(bytes));
      const [{ res, flags } = { res: 0, flags: 0 }] = select(stage, 1, reader, 4, 0).wait(1);
      return [res, idOf(flags), flags & CqeFlag.BUF_MORE];
    };
    expect(read(12)).toEqual([12, 0, CqeFlag.BUF_MORE]);
    expect(read(20)).toEqual([20, 0, 0]);
    expect(read(5)).toEqual([5, 1, CqeFlag.BUF_MORE]);
  });

  test('read-write (provided)', 'the buffers of a list are provided, used, and removed', (stage) => {
    const fd = stage.kernel.file(Buffer.from('0123456789'));
    const memory = stage.block(8 * 64);
    const provide = (count: number, first: number) =>
      stage.run((sqe) => ops.prepProvideBuffers(sqe, memory.address + first * 64, 64, count, 10, first));
    expect(provide(8, 0)).toBeGreaterThanOrEqual(0);
    for (let index = 0; index < 5; index++) {
      const [{ res, flags } = { res: 0, flags: 0 }] = select(stage, 1, fd, 10, 1, index).wait(1);
      const id = idOf(flags);
      expect([res, String.fromCharCode(memory.bytes[id * 64] as number)]).toEqual([1, String(index)]);
    }
    const remove = (count: number) => stage.run((sqe) => ops.prepRemoveBuffers(sqe, count, 10));
    expect([remove(2), remove(5)]).toEqual([2, 1]);
    select(stage, 1, fd, 10, 1, 0);
    expect(stage.results(1)).toEqual([[1, -Errno.ENOBUFS]]);
    expect(stage.run((sqe) => ops.prepRemoveBuffers(sqe, 1, 4711))).toBe(-Errno.ENOENT);
  });

  test('buf-ring (and lists)', 'a list and a ring cannot share a group', { probe: hasGroups }, (stage) => {
    group(stage, 6, 2, 64);
    const memory = stage.block(64);
    expect([-Errno.EEXIST, -Errno.EINVAL]).toContain(
      stage.run((sqe) => ops.prepProvideBuffers(sqe, memory.address, 64, 1, 6, 0)),
    );
  });

  for (const kind of ['ring', 'list'] as const) {
    test(`send_recvmsg (${kind})`, 'a message is received into a buffer of the group', { probe: hasGroups }, (stage) => {
      const [one, other] = stage.kernel.socketPair();
      const memory = stage.block(256);
      if (kind === 'ring') {
        const ring = stage.ring.bufferRings.create({ group: 10, entries: 1 });
        ring.add(memory.bytes, 89);
        ring.advance(1);
      } else {
        stage.run((sqe) => ops.prepProvideBuffers(sqe, memory.address, 256, 1, 10, 89));
      }
      stage.kernel.write(other, Buffer.from('a message'));
      const header = stage.message([{ address: 0, bytes: new Uint8Array(256) } as never]);
      const [{ res, flags } = { res: 0, flags: 0 }] = stage
        .add(1, (sqe) => ops.prepRecvmsg(sqe, one, header.address, 0, 0, 10))
        .wait(1);
      expect([res, idOf(flags), stringOf(memory, 9)]).toEqual([9, 89, 'a message']);
      stage.kernel.write(other, Buffer.from('x'));
      expect(stage.run((sqe) => ops.prepRecvmsg(sqe, one, header.address, 0, 0, 10))).toBe(-Errno.ENOBUFS);
    });
  }

  test(
    'buf-ring-mshot',
    'four receivers share one group',
    { ring: { entries: 64 }, kinds: WITHOUT_THREAD, probe: (stage) => hasGroups(stage) ?? hasReceiveMultishot(stage) },
    (stage) => {
      const { ring, blocks } = group(stage, 7, 8, 256);
      const pairs = Array.from({ length: 4 }, () => stage.kernel.socketPair());
      const sent = [0, 0, 0, 0];
      const received = [0, 0, 0, 0];
      const ended = [false, false, false, false];
      const shut = [false, false, false, false];
      const arm = (index: number) =>
        stage.add(index, (sqe) =>
          ops.prepRecvSelect(sqe, (pairs[index] as [number, number])[0], 7, 0, 0, RecvSendFlag.RECV_MULTISHOT),
        );
      for (let index = 0; index < 4; index++) arm(index);
      stage.submit();
      for (let step = 0; ended.includes(false); step++) {
        pairs.forEach(([, other], index) => {
          if ((sent[index] as number) < 64 * 128) {
            stage.kernel.write(other, Buffer.alloc(128, index + 1));
            (sent[index] as number) += 128;
          } else if (!shut[index]) {
            shut[index] = true;
            stage.add(100 + index, (sqe) => ops.prepShutdown(sqe, other, 1));
          }
        });
        stage.submit();
        stage.ring.getEvents();
        const again: number[] = [];
        const free: number[] = [];
        stage.ring.forEachCqe(({ userData, res, flags }) => {
          if (userData >= 100) return;
          const id = idOf(flags);
          if (id >= 0) {
            const bytes = (blocks[id] as { bytes: Uint8Array }).bytes.subarray(0, res);
            if (bytes.some((byte) => byte !== userData + 1)) throw new Error('somebody else’s bytes');
            (received[userData] as number) += res;
            free.push(id);
          }
          if (res === 0) ended[userData] = true;
          else if (!(flags & CqeFlag.MORE)) again.push(userData);
        });
        for (const id of free) ring.provide((blocks[id] as { bytes: Uint8Array }).bytes, id);
        for (const index of again) arm(index);
        if (step > 100_000) throw new Error('no end');
      }
      expect(received).toEqual([8192, 8192, 8192, 8192]);
    },
  );

  test('buf-ring (none left)', 'an operation fails at once if its group has no buffer', { probe: hasGroups }, (stage) => {
    const [reader] = stage.kernel.pipe();
    const [one] = stage.kernel.socketPair();
    stage.ring.bufferRings.create({ group: 9, entries: 2 });
    expect(select(stage, 1, reader, 9, 8).results(1)).toEqual([[1, -Errno.ENOBUFS]]);
    expect(stage.run((sqe) => ops.prepRecvSelect(sqe, one, 9, 8))).toBe(-Errno.ENOBUFS);
  });

  test(
    'recv-bundle-buf-len',
    'a receive that finds no data leaves the group unchanged',
    { probe: (stage) => hasGroups(stage) ?? keepsBuffers(stage) },
    (stage) => {
      const [one, other] = stage.kernel.socketPair();
      const { blocks } = group(stage, 8, 2, 4096);
      const MSG_DONTWAIT = 0x40;
      expect(stage.run((sqe) => ops.prepRecvSelect(sqe, one, 8, 1, MSG_DONTWAIT))).toBe(-Errno.EAGAIN);
      stage.kernel.write(other, Buffer.alloc(64, 'q'));
      const [{ res, flags } = { res: 0, flags: 0 }] = stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 8, 32)).wait(1);
      expect([res, idOf(flags), stringOf(blocks[0] as { bytes: Uint8Array }, 32)]).toEqual([32, 0, 'q'.repeat(32)]);
    },
  );
});

function hasReceiveMultishot(stage: Stage): string | undefined {
  const [one, other] = stage.kernel.socketPair();
  const { ring } = group(stage, 97, 1, 8);
  stage.kernel.write(other, Buffer.from('x'));
  const [{ res } = { res: 0 }] = stage
    .add(1, (sqe) => ops.prepRecvSelect(sqe, one, 97, 0, 0, RecvSendFlag.RECV_MULTISHOT))
    .wait(1);
  stage.run((sqe) => ops.prepCancel(sqe, 1));
  ring.release();
  return res === 1 ? undefined : 'the kernel knows no multishot receives';
}

/** Linux 6.1 loses a buffer to a receive that finds no data. */
function keepsBuffers(stage: Stage): string | undefined {
  const [one, other] = stage.kernel.socketPair();
  group(stage, 96, 2, 64);
  const MSG_DONTWAIT = 0x40;
  stage.run((sqe) => ops.prepRecvSelect(sqe, one, 96, 1, MSG_DONTWAIT));
  stage.kernel.write(other, Buffer.from('x'));
  const [cqe] = stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 96, 1)).wait(1);
  return idOf(cqe?.flags ?? 0) === 0 ? undefined : 'the kernel loses a buffer to a receive that finds nothing';
}
