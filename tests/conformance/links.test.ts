/** liburing's cases for order: links, drains, and CQE_SKIP_SUCCESS. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CqeFlag, PollEvent, PollFlag, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import type { Stage } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { IO_LINK, IO_HARDLINK, IO_DRAIN, ASYNC, CQE_SKIP_SUCCESS, FIXED_FILE } = SqeFlag;
const CANCELED = -Errno.ECANCELED;

/** Adds an operation that fails at once: its buffer group does not exist. */
const failing = (stage: Stage, userData: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepRemoveBuffers(sqe, 1, 10), flags);
const timeout = (stage: Stage, userData: number, milliseconds: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepTimeout(sqe, stage.timespec(milliseconds)), flags);
const pipeRead = (stage: Stage, userData: number, fd: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepRead(sqe, fd, stage.block(8).address, 8, -1), flags);
const linkTimeout = (stage: Stage, userData: number, milliseconds: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepLinkTimeout(sqe, stage.timespec(milliseconds)), flags);

cases('links, drains, silence', (test) => {
  test('link', 'a chain runs in order, independently of other chains', { kinds: ALL_KINDS }, (stage) => {
    stage.nop(1, IO_LINK).nop(2);
    expect(stage.results(2)).toEqual([
      [1, 0],
      [2, 0],
    ]);
    stage.nop(1, IO_LINK).nop(2, IO_LINK).nop(3);
    expect(stage.results(3)).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    stage.nop(1, IO_LINK).nop(2).nop(3, IO_LINK).nop(4);
    expect(stage.sorted(4)).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0],
    ]);
  });

  test('link (a failing head)', 'a head that fails cancels the rest of its chain', { kinds: ALL_KINDS }, (stage) => {
    failing(stage, 1, IO_LINK).nop(2);
    expect(stage.results(2)).toEqual([
      [1, -Errno.ENOENT],
      [2, CANCELED],
    ]);
    stage.add(1, (sqe) => ops.prepReadv(sqe, 4242, stage.iovecs(stage.block(8)), 1, 0), IO_LINK).nop(2);
    expect(stage.results(2)).toEqual([
      [1, -Errno.EBADF],
      [2, CANCELED],
    ]);
  });

  test('link (hard)', 'a hard link survives a failure that breaks a soft link', { kinds: ALL_KINDS }, (stage) => {
    timeout(stage, 1, 5, IO_LINK | IO_HARDLINK).nop(2);
    expect(stage.results(2)).toEqual([
      [1, -Errno.ETIME],
      [2, 0],
    ]);
    timeout(stage, 1, 5, IO_HARDLINK);
    timeout(stage, 2, 8, IO_HARDLINK).nop(3);
    expect(stage.results(3)).toEqual([
      [1, -Errno.ETIME],
      [2, -Errno.ETIME],
      [3, 0],
    ]);
  });

  test('link_drain', 'a drain in a chain delays the whole chain, and everything after it', { kinds: WITHOUT_THREAD }, (stage) => {
    const fd = stage.kernel.file();
    const data = stage.put(new Uint8Array(4096));
    const write = (userData: number, flags = 0) =>
      stage.add(userData, (sqe) => ops.prepWritev(sqe, fd, stage.iovecs(data), 1, 0), flags);
    for (let round = 0; round < 20; round++) {
      write(0);
      stage
        .nop(1, IO_LINK)
        .nop(2, IO_LINK | IO_DRAIN)
        .nop(3)
        .nop(4);
      expect(stage.results(5).map(([userData]) => userData)).toEqual([0, 1, 2, 3, 4]);
      write(0);
      stage
        .nop(1, IO_LINK)
        .nop(2, IO_LINK | IO_DRAIN)
        .nop(3)
        .nop(4, IO_LINK)
        .nop(5, IO_LINK);
      write(6, IO_LINK | IO_DRAIN);
      stage.nop(7).nop(8);
      expect(stage.results(9).map(([userData]) => userData)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
  });

  test('fixed-link', 'reads into registered buffers can be linked', (stage) => {
    const fd = stage.kernel.file(Buffer.alloc(64, 'x'));
    const blocks = [stage.block(18), stage.block(18)];
    stage.ring.buffers.register(blocks.map(({ bytes }) => bytes));
    blocks.forEach(({ address }, index) => {
      stage.add(index, (sqe) => ops.prepReadFixed(sqe, fd, address, 18, 0, index), index === 0 ? IO_LINK : 0);
    });
    expect(stage.results(2)).toEqual([
      [0, 18],
      [1, 18],
    ]);
  });

  for (const size of [1, 2, 3]) {
    for (const link of [IO_LINK, IO_HARDLINK]) {
      test(
        `submit-link-fail (${size}, ${link === IO_LINK ? 'soft' : 'hard'})`,
        'a chain with a member that the kernel refuses fails as a whole, and each member posts a CQE',
        (stage) => {
          for (let bad = 0; bad < size; bad++) {
            for (let index = 0; index < size; index++) {
              const flags = index === size - 1 ? 0 : link;
              if (index === bad) stage.add(index, (sqe) => sqe.prepare(254, 0, 0, 0, 0, 0), flags);
              else stage.nop(index, flags);
            }
            expect(stage.ring.submit()).toBe(size);
            expect(stage.sorted(size)).toEqual(
              Array.from({ length: size }, (_, index) => [index, index === bad ? -Errno.EINVAL : CANCELED]),
            );
          }
        },
      );
    }
  }

  test('poll-link', 'a poll that is linked to a timeout ends with whichever comes first', { kinds: ALL_KINDS }, (stage) => {
    const { fd, port } = stage.listener();
    const poll = (milliseconds: number) => {
      stage.add(1, (sqe) => ops.prepPollAdd(sqe, fd, PollEvent.IN), IO_LINK);
      linkTimeout(stage, 2, milliseconds).submit();
    };
    poll(10);
    expect(stage.sorted(2)).toEqual([
      [1, CANCELED],
      [2, -Errno.ETIME],
    ]);
    poll(60_000);
    const client = stage.socket(2, 1);
    const address = stage.loopback(port);
    stage.add(3, (sqe) => ops.prepConnect(sqe, client, address.address, 16));
    expect(stage.sorted(3)).toEqual([
      [1, PollEvent.IN],
      [2, CANCELED],
      [3, 0],
    ]);
  });

  test('accept-link', 'an accept that is linked to a timeout ends with whichever comes first', { kinds: ALL_KINDS }, (stage) => {
    const { fd, port } = stage.listener();
    const accept = (milliseconds: number) => {
      stage.add(1, (sqe) => ops.prepAccept(sqe, fd), IO_LINK);
      linkTimeout(stage, 2, milliseconds).submit();
    };
    accept(10);
    expect(stage.sorted(2)).toEqual([
      [1, CANCELED],
      [2, -Errno.ETIME],
    ]);
    accept(60_000);
    const client = stage.socket(2, 1);
    const address = stage.loopback(port);
    stage.add(3, (sqe) => ops.prepConnect(sqe, client, address.address, 16));
    const [[, connection], ...others] = stage.sorted(3) as [[number, number], [number, number], [number, number]];
    stage.keep(connection);
    expect(others).toEqual([
      [2, CANCELED],
      [3, 0],
    ]);
  });

  for (const flags of [0, ASYNC]) {
    test(
      `open-direct-link${flags ? ' (by workers)' : ''}`,
      'a single chain opens a file into a slot, reads it, and closes it',
      (stage) => {
        const path = stage.text(stage.kernel.put('direct', Buffer.alloc(4096, 'd')));
        stage.ring.files.register([-1, -1, -1]);
        const block = stage.block(4096);
        stage.add(1, (sqe) => ops.prepOpenat(sqe, -100, path, 0, 0, 1), IO_LINK | flags);
        stage.add(2, (sqe) => ops.prepRead(sqe, 1, block.address, 4096, 0), IO_LINK | FIXED_FILE | flags);
        stage.add(3, (sqe) => ops.prepCloseDirect(sqe, 1), flags);
        expect(stage.results(3)).toEqual([
          [1, 0],
          [2, 4096],
          [3, 0],
        ]);
        expect(block.bytes.every((byte) => byte === 100)).toBe(true);
      },
    );
  }

  test('open-direct-link (silent)', 'only the read of a silent chain posts a CQE', (stage) => {
    const path = stage.text(stage.kernel.put('direct', Buffer.alloc(4096, 'd')));
    stage.ring.files.register([-1]);
    stage.add(1, (sqe) => ops.prepOpenat(sqe, -100, path, 0, 0, 0), IO_LINK | CQE_SKIP_SUCCESS);
    stage.add(2, (sqe) => ops.prepRead(sqe, 0, stage.block(4096).address, 4096, 0), IO_LINK | FIXED_FILE);
    stage.add(3, (sqe) => ops.prepCloseDirect(sqe, 0), CQE_SKIP_SUCCESS);
    expect(stage.results(1)).toEqual([[2, 4096]]);
    stage.quiet();
  });

  test('fixed-reuse', 'a slot is looked up when the operation starts, not when it is submitted', (stage) => {
    stage.ring.files.register([stage.kernel.file(Buffer.alloc(16, 'a'))]);
    const path = stage.text(stage.kernel.put('second', Buffer.alloc(16, 'b')));
    const block = stage.block(16);
    stage.add(1, (sqe) => ops.prepOpenat(sqe, -100, path, 0, 0, 0), IO_LINK);
    stage.add(2, (sqe) => ops.prepRead(sqe, 0, block.address, 16, 0), IO_LINK | FIXED_FILE);
    stage.add(3, (sqe) => ops.prepCloseDirect(sqe, 0));
    expect(stage.results(3)).toEqual([
      [1, 0],
      [2, 16],
      [3, 0],
    ]);
    expect(block.bytes.every((byte) => byte === 98)).toBe(true);
  });

  for (const length of [2, 7]) {
    test(`skip-cqe (${length})`, 'only members of a chain that are not silent post a CQE', (stage) => {
      for (let index = 0; index < length; index++) stage.nop(index, index === length - 1 ? 0 : IO_LINK | CQE_SKIP_SUCCESS);
      expect(stage.results(1)).toEqual([[length - 1, 0]]);
      for (let index = 0; index < length; index++) stage.nop(index, (index === length - 1 ? 0 : IO_LINK) | CQE_SKIP_SUCCESS);
      stage.submit();
      stage.quiet();
    });
  }

  test('skip-cqe (a failure)', 'a silent operation that fails posts a CQE', (stage) => {
    failing(stage, 1, CQE_SKIP_SUCCESS);
    expect(stage.results(1)).toEqual([[1, -Errno.ENOENT]]);
    stage.nop(1, IO_LINK | CQE_SKIP_SUCCESS);
    failing(stage, 2, CQE_SKIP_SUCCESS);
    expect(stage.results(1)).toEqual([[2, -Errno.ENOENT]]);
    stage.quiet();
  });

  test('skip-cqe (a hard chain)', 'each member of a hard chain is silent on its own', (stage) => {
    for (const bad of [0, 3, 6]) {
      for (const silent of [0, 3, 6]) {
        for (let index = 0; index < 7; index++) {
          const flags = (index === 6 ? 0 : IO_HARDLINK) | (index === silent ? CQE_SKIP_SUCCESS : 0);
          if (index === bad) failing(stage, index, flags);
          else stage.nop(index, flags);
        }
        const heard = [0, 1, 2, 3, 4, 5, 6].filter((index) => index !== silent || index === bad);
        expect(stage.results(heard.length)).toEqual(heard.map((index) => [index, index === bad ? -Errno.ENOENT : 0]));
        stage.quiet();
      }
    }
  });

  test('skip-cqe (a linked timeout)', 'a silent timeout posts no CQE; a silent read that times out does', (stage) => {
    const [reader] = stage.kernel.pipe();
    stage.nop(1, IO_LINK);
    linkTimeout(stage, 2, 60_000, CQE_SKIP_SUCCESS);
    expect(stage.results(1)[0]).toEqual([1, 0]);
    pipeRead(stage, 3, reader, IO_LINK | CQE_SKIP_SUCCESS);
    linkTimeout(stage, 4, 5);
    expect(stage.sorted(2)).toEqual([
      [3, CANCELED],
      [4, -Errno.ETIME],
    ]);
  });

  test(
    'defer',
    'chains of a hundred keep their user data, whether they run or are cancelled',
    { ring: { entries: 128 }, kinds: ALL_KINDS },
    (stage) => {
      for (let index = 0; index < 100; index++) stage.nop(index, index === 99 ? 0 : IO_LINK);
      expect(stage.results(100)).toEqual(Array.from({ length: 100 }, (_, index) => [index, 0]));
      for (let index = 0; index < 100; index++) failing(stage, index, index === 99 ? 0 : IO_LINK);
      expect(stage.results(100)).toEqual(
        Array.from({ length: 100 }, (_, index) => [index, index === 0 ? -Errno.ENOENT : CANCELED]),
      );
    },
  );

  test('defer (drained timeouts)', 'timeouts that are linked and drained all complete', (stage) => {
    for (let index = 0; index < 3; index++) {
      timeout(stage, 2 * index, 5, IO_LINK | IO_DRAIN);
      linkTimeout(stage, 2 * index + 1, 60_000);
    }
    expect(stage.sorted(6).map(([userData]) => userData)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test(
    'multicqes_drain',
    'a drain waits for the end of multishot operations',
    { kinds: WITHOUT_THREAD, probe: knowsMultishotPoll },
    (stage) => {
      const [first, firstIn] = stage.kernel.pipe();
      const [second, secondIn] = stage.kernel.pipe();
      stage.add(0, (sqe) => ops.prepPollAdd(sqe, first, PollEvent.IN, PollFlag.ADD_MULTI));
      stage.add(1, (sqe) => ops.prepPollAdd(sqe, second, PollEvent.IN)).submit();
      const seen: number[] = [];
      for (let round = 0; round < 2; round++) {
        stage.kernel.write(firstIn, Buffer.from('x'));
        const { userData, flags } = stage.take();
        seen.push(userData);
        expect(flags & CqeFlag.MORE).not.toBe(0);
        stage.kernel.read(first, 1);
      }
      stage.kernel.write(secondIn, Buffer.from('x'));
      stage.add(2, (sqe) => ops.prepPollRemove(sqe, 0)).nop(3, IO_DRAIN);
      const rest = stage.results(4).map(([userData]) => userData);
      expect(seen).toEqual([0, 0]);
      expect(rest.at(-1)).toBe(3);
      expect(rest.slice(0, 3).sort()).toEqual([0, 1, 2]);
    },
  );
});

function knowsMultishotPoll(stage: Stage): string | undefined {
  const [reader, writer] = stage.kernel.pipe();
  stage.kernel.write(writer, Buffer.from('x'));
  const { res } = stage.add(1, (sqe) => ops.prepPollAdd(sqe, reader, PollEvent.IN, PollFlag.ADD_MULTI)).wait(1)[0] as {
    res: number;
  };
  return res > 0 ? undefined : 'the kernel knows no multishot polls';
}
