/** liburing's cases for readiness and multishot operations. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CQE_BUFFER_SHIFT, CqeFlag, PollEvent, PollFlag, RecvSendFlag, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { AF_INET, dataOf, SOCK_DGRAM, SOCK_STREAM, type Stage, stringOf } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { IN, OUT, HUP } = PollEvent;
const { MORE } = CqeFlag;

const poll = (stage: Stage, userData: number, fd: number, events: number, flags = 0) =>
  stage.add(userData, (sqe) => ops.prepPollAdd(sqe, fd, events, flags));

const works = (what: string, needed: number, start: (stage: Stage) => void) => (stage: Stage) => {
  start(stage);
  const [{ res } = { res: 0 }] = stage.wait(1);
  return res >= needed ? undefined : `the kernel knows no ${what}`;
};
const multishotPoll = works('multishot polls', 1, (stage) => {
  const [, writer] = stage.kernel.pipe();
  poll(stage, 1, writer, OUT, PollFlag.ADD_MULTI);
});
const multishotAccept = works('multishot accepts', 0, (stage) => {
  const { fd, port } = stage.listener();
  const client = stage.socket(AF_INET, SOCK_STREAM);
  stage.run((sqe) => ops.prepConnect(sqe, client, stage.loopback(port).address, 16));
  stage.add(1, (sqe) => ops.prepMultishotAccept(sqe, fd));
});

/** Registers a group of `count` buffers. */
const group = (stage: Stage, id: number, count: number, size: number) => {
  const ring = stage.ring.bufferRings.create({ group: id, entries: count });
  const blocks = Array.from({ length: count }, () => stage.block(size));
  blocks.forEach(({ bytes }, index) => {
    ring.add(bytes, index, index);
  });
  ring.advance(count);
  return { ring, blocks };
};
const multishotReceive = works('multishot receives', 1, (stage) => {
  const [one, other] = stage.kernel.socketPair();
  group(stage, 97, 1, 8);
  stage.kernel.write(other, Buffer.from('x'));
  stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 97, 0, 0, RecvSendFlag.RECV_MULTISHOT));
});

cases('polls and what goes on', (test) => {
  test('poll', 'a poll completes when there is data to read', { kinds: ALL_KINDS }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    poll(stage, 1, reader, IN).submit();
    stage.quiet();
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.results(1)).toEqual([[1, IN]]);
  });

  test('poll-v-poll', 'a poll reports the same events as poll(2)', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const file = stage.kernel.file(Buffer.from('x'));
    const ask = (fd: number, events: number) => stage.run((sqe) => ops.prepPollAdd(sqe, fd, events));
    expect(ask(writer, OUT)).toBe(OUT);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(ask(reader, IN)).toBe(IN);
    expect([ask(file, IN), ask(file, OUT), ask(file, IN | OUT)]).toEqual([IN, OUT, IN | OUT]);
    stage.kernel.read(reader, 1);
    stage.kernel.close(writer);
    expect(ask(reader, IN) & (IN | HUP)).toBe(HUP);
  });

  test('poll-v-poll (epoll)', 'an epoll instance can be polled', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const epoll = stage.kernel.epoll();
    const event = stage.block(16);
    dataOf(event).setUint32(0, IN, true);
    expect(stage.run((sqe) => ops.prepEpollCtl(sqe, epoll, reader, 1, event.address))).toBe(0);
    poll(stage, 1, epoll, IN).submit();
    stage.quiet();
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.results(1)).toEqual([[1, IN]]);
  });

  test(
    'poll-many',
    'of hundreds of polled pipes, only those that were written to report',
    { ring: { entries: 512 }, kinds: WITHOUT_THREAD },
    (stage) => {
      const pipes = Array.from({ length: 200 }, () => stage.kernel.pipe());
      pipes.forEach(([reader], index) => {
        poll(stage, index, reader, IN);
      });
      stage.submit();
      for (let round = 0; round < 10; round++) {
        const chosen = new Set(Array.from({ length: 50 }, (_, index) => (index * 37 + round * 11) % 200));
        for (const index of chosen) stage.kernel.write((pipes[index] as [number, number])[1], Buffer.from('x'));
        const seen = stage.wait(chosen.size).map(({ userData }) => userData);
        expect(new Set(seen)).toEqual(chosen);
        for (const index of chosen) {
          const [reader] = pipes[index] as [number, number];
          stage.kernel.read(reader, 1);
          poll(stage, index, reader, IN);
        }
        stage.submit();
      }
      stage.quiet();
    },
  );

  test(
    'poll-mshot-overflow',
    'a multishot poll survives a full CQ, or reports that it has ended',
    { ring: { entries: 2, cqEntries: 2 }, probe: multishotPoll },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      poll(stage, 1, reader, IN, PollFlag.ADD_MULTI).submit();
      for (let round = 0; round < 8; round++) {
        stage.kernel.write(writer, Buffer.from('x'));
        stage.ring.enter(0, 0, 0);
        stage.kernel.read(reader, 1);
      }
      stage.ring.getEvents();
      const seen = [];
      for (let cqe = stage.ring.waitCqe(20); cqe !== null; cqe = stage.ring.waitCqe(20)) {
        seen.push({ res: cqe.res, flags: cqe.flags });
        stage.ring.advance(1);
      }
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.slice(0, -1).every(({ res, flags }) => res >= 0 && (flags & MORE) !== 0)).toBe(true);
    },
  );

  test('poll-mshot-update', 'the events of a multishot poll can be changed', { probe: multishotPoll }, (stage) => {
    const [, writer] = stage.kernel.pipe();
    poll(stage, 1, writer, IN, PollFlag.ADD_MULTI).submit();
    stage.quiet();
    stage.add(2, (sqe) => ops.prepPollUpdate(sqe, 1, 0, OUT, PollFlag.UPDATE_EVENTS | PollFlag.ADD_MULTI));
    expect(stage.sorted(2)).toEqual([
      [1, OUT],
      [2, 0],
    ]);
    stage.add(3, (sqe) => ops.prepPollRemove(sqe, 1));
    expect(stage.sorted(2)).toEqual([
      [1, -Errno.ECANCELED],
      [3, 0],
    ]);
  });

  test('poll-update-trigger', 'a poll that cannot fire does so after an update of its events', (stage) => {
    const [, writer] = stage.kernel.pipe();
    poll(stage, 1, writer, IN).submit();
    stage.add(2, (sqe) => ops.prepPollUpdate(sqe, 1, 0, OUT, PollFlag.UPDATE_EVENTS));
    expect(stage.sorted(2)).toEqual([
      [1, OUT],
      [2, 0],
    ]);
  });

  test('poll-update-trigger (user data)', 'the user data of a poll can be changed', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    poll(stage, 1, reader, IN).submit();
    stage.add(2, (sqe) => ops.prepPollUpdate(sqe, 1, 77, 0, PollFlag.UPDATE_USER_DATA));
    expect(stage.results(1)).toEqual([[2, 0]]);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.results(1)).toEqual([[77, IN]]);
  });

  test(
    'poll-race',
    'each of many receives on one socket gets its part',
    { ring: { entries: 64 }, kinds: WITHOUT_THREAD },
    (stage) => {
      const [one, other] = stage.kernel.socketPair();
      for (let index = 0; index < 64; index++) {
        const block = stage.block(64);
        stage.add(index, (sqe) => ops.prepRecv(sqe, one, block.address, 64));
      }
      stage.submit();
      for (let index = 0; index < 64; index++) {
        stage.kernel.write(other, Buffer.alloc(64));
        expect(stage.wait(1)[0]?.res).toBe(64);
      }
      stage.quiet();
    },
  );

  test('poll-ring', 'a ring that polls itself can be closed', { kinds: WITHOUT_THREAD, linuxOnly: true }, (stage) => {
    poll(stage, 1, stage.ring.fd, IN).submit();
    stage.ring.close();
    expect(stage.ring.closed).toBe(true);
  });

  test(
    'evloop',
    'polling the ring’s own eventfd does not cause endless completions',
    { probe: multishotPoll, linuxOnly: true, kinds: WITHOUT_THREAD },
    (stage) => {
      const eventfd = stage.kernel.eventfd();
      stage.ring.settings.registerEventfd(eventfd);
      poll(stage, 1, eventfd, IN, PollFlag.ADD_MULTI).nop(2).submit();
      let count = 0;
      for (let cqe = stage.ring.waitCqe(50); cqe !== null && count < 100; cqe = stage.ring.waitCqe(50)) {
        stage.ring.advance(1);
        count++;
      }
      expect(count).toBeLessThan(10);
    },
  );

  test('eventfd', 'a poll on the ring’s own eventfd completes after a NOP', { linuxOnly: true }, (stage) => {
    const eventfd = stage.kernel.eventfd();
    stage.ring.settings.registerEventfd(eventfd);
    poll(stage, 1, eventfd, IN);
    stage.add(2, (sqe) => ops.prepNop(sqe));
    const [first, second] = stage.sorted(2) as [[number, number], [number, number]];
    expect(first).toEqual([1, IN]);
    expect(second).toEqual([2, 0]);
  });

  test('eventfd-disable', 'a ring does not signal an eventfd that is disabled', { kinds: WITHOUT_THREAD }, (stage) => {
    const eventfd = stage.kernel.eventfd();
    stage.ring.settings.registerEventfd(eventfd);
    stage.ring.cq.flags = 1;
    for (let index = 0; index < 20; index++) stage.nop(index);
    stage.wait(20);
    stage.ring.cq.flags = 0;
    stage.nop(1).wait(1);
    const count = stage.kernel.read(eventfd, 8);
    expect(dataOf({ bytes: count }).getBigUint64(0, true)).toBe(1n);
  });

  test('eventfd-reg', 'only one eventfd can be registered at a time', (stage) => {
    const { settings } = stage.ring;
    const eventfd = stage.kernel.eventfd();
    for (let round = 0; round < 100; round++) {
      settings.registerEventfd(eventfd);
      if (round === 0) expect(() => settings.registerEventfd(eventfd)).toThrow('EBUSY');
      settings.unregisterEventfd();
    }
    expect(() => settings.unregisterEventfd()).toThrow('ENXIO');
  });

  test('epwait', 'an epoll wait returns ready events', { ops: ['EPOLL_WAIT'], kinds: WITHOUT_THREAD }, (stage) => {
    const epoll = stage.kernel.epoll();
    const pipes = [stage.kernel.pipe(), stage.kernel.pipe()];
    const event = stage.block(16);
    const size = process.arch === 'x64' ? 12 : 16;
    pipes.forEach(([reader], index) => {
      dataOf(event).setUint32(0, IN, true);
      dataOf(event).setUint32(size - 8, index, true);
      stage.run((sqe) => ops.prepEpollCtl(sqe, epoll, reader, 1, event.address));
    });
    const events = stage.block(4 * size);
    stage.add(1, (sqe) => ops.prepEpollWait(sqe, epoll, events.address, 4)).submit();
    stage.quiet();
    stage.kernel.write((pipes[1] as [number, number])[1], Buffer.from('x'));
    expect(stage.results(1)).toEqual([[1, 1]]);
    expect([dataOf(events).getUint32(0, true), dataOf(events).getUint32(size - 8, true)]).toEqual([IN, 1]);
    stage.kernel.write((pipes[0] as [number, number])[1], Buffer.from('x'));
    expect(stage.run((sqe) => ops.prepEpollWait(sqe, epoll, events.address, 4))).toBe(2);
    expect(stage.run((sqe) => ops.prepEpollCtl(sqe, epoll, (pipes[0] as [number, number])[0], 2, event.address))).toBe(0);
    expect(stage.run((sqe) => ops.prepEpollWait(sqe, epoll, events.address, 4))).toBe(1);
  });

  // Multishot reads, receives, and accepts

  test(
    'read-mshot',
    'a multishot read continues until it runs out of buffers',
    { ops: ['READ_MULTISHOT'], kinds: WITHOUT_THREAD },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      const { blocks } = group(stage, 1, 8, 32);
      stage.add(1, (sqe) => ops.prepReadMultishot(sqe, reader, 0, -1, 1)).submit();
      for (let index = 0; index < 8; index++) {
        stage.kernel.write(writer, Buffer.from(`message ${index}`));
        const { res, flags } = stage.take();
        expect([res, flags & MORE, flags >>> CQE_BUFFER_SHIFT]).toEqual([9, MORE, index]);
        expect(stringOf(blocks[index] as { bytes: Uint8Array }, 9)).toBe(`message ${index}`);
      }
      stage.kernel.write(writer, Buffer.from('one more'));
      expect(stage.take()).toEqual({ userData: 1, res: -Errno.ENOBUFS, flags: 0 });
      stage.quiet();
    },
  );

  test('read-mshot (a file)', 'a multishot read of a regular file is refused', { ops: ['READ_MULTISHOT'] }, (stage) => {
    group(stage, 1, 2, 32);
    const fd = stage.kernel.file(Buffer.from('x'));
    expect(stage.add(1, (sqe) => ops.prepReadMultishot(sqe, fd, 0, 0, 1)).wait(1)).toEqual([
      { userData: 1, res: -Errno.EBADFD, flags: 0 },
    ]);
  });

  test('read-mshot-empty', 'all data is read, into as many buffers as it takes', { ops: ['READ_MULTISHOT'] }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    group(stage, 1, 4, 32);
    stage.add(1, (sqe) => ops.prepReadMultishot(sqe, reader, 0, -1, 1)).submit();
    for (let round = 0; round < 2; round++) {
      stage.kernel.write(writer, Buffer.alloc(64));
      for (const { res, flags } of stage.wait(2)) expect([res, flags & MORE]).toEqual([32, MORE]);
    }
  });

  test(
    'recv-multishot',
    'a multishot receive continues until the peer shuts down',
    { probe: multishotReceive, kinds: WITHOUT_THREAD },
    (stage) => {
      const [one, other] = stage.kernel.socketPair();
      const { ring, blocks } = group(stage, 1, 4, 64);
      stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 1, 0, 0, RecvSendFlag.RECV_MULTISHOT)).submit();
      for (let index = 1; index <= 10; index++) {
        stage.kernel.write(other, Buffer.alloc(4 * index, index));
        const { res, flags } = stage.take();
        const id = flags >>> CQE_BUFFER_SHIFT;
        const { bytes } = blocks[id] as { bytes: Uint8Array };
        expect([res, flags & MORE, bytes.subarray(0, res).every((byte) => byte === index)]).toEqual([4 * index, MORE, true]);
        ring.provide(bytes, id);
      }
      stage.add(2, (sqe) => ops.prepShutdown(sqe, other, 1));
      const ends = stage.wait(2).sort((a, b) => a.userData - b.userData);
      expect(ends.map(({ userData, res, flags }) => [userData, res, flags & MORE])).toEqual([
        [1, 0, 0],
        [2, 0, 0],
      ]);
    },
  );

  test('recv-multishot (cancelled)', 'a multishot receive can be cancelled', { probe: multishotReceive }, (stage) => {
    const [one] = stage.kernel.socketPair();
    group(stage, 1, 4, 64);
    stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 1, 0, 0, RecvSendFlag.RECV_MULTISHOT)).submit();
    stage.add(2, (sqe) => ops.prepCancel(sqe, 1));
    expect(stage.sorted(2)).toEqual([
      [1, -Errno.ECANCELED],
      [2, 0],
    ]);
  });

  test(
    'recv-mshot-drain',
    'all of a long stream is received through small buffers',
    { probe: multishotReceive, kinds: WITHOUT_THREAD },
    (stage) => {
      const [client, server] = stage.connection();
      const { ring, blocks } = group(stage, 1, 4, 128);
      const arm = () => stage.add(1, (sqe) => ops.prepRecvSelect(sqe, server, 1, 0, 0, RecvSendFlag.RECV_MULTISHOT)).submit();
      arm();
      let received = 0;
      let sent = 0;
      for (let round = 0; received < 256 * 64; round++) {
        if (round > 20_000) throw new Error(`only ${received} bytes of ${sent} came`);
        if (sent < 256 * 64) {
          stage.kernel.write(client, Buffer.alloc(64));
          sent += 64;
        }
        stage.ring.getEvents();
        let over = false;
        const free: number[] = [];
        stage.ring.forEachCqe(({ res, flags }) => {
          if (res > 0) {
            received += res;
            free.push(flags >>> CQE_BUFFER_SHIFT);
          }
          if (!(flags & MORE)) over = true;
        });
        for (const id of free) ring.provide((blocks[id] as { bytes: Uint8Array }).bytes, id);
        if (over) arm();
      }
      expect(received).toBe(sent);
    },
  );

  test(
    'mshot-shutdown-race',
    'data that was sent before a shutdown is delivered before the end',
    { probe: (stage) => multishotReceive(stage) ?? tellsTheEnd(stage) },
    (stage) => {
      for (let round = 0; round < 30; round++) {
        const [one, other] = stage.kernel.socketPair();
        const { ring } = group(stage, 1, 4, 256);
        stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 1, 0, 0, RecvSendFlag.RECV_MULTISHOT)).submit();
        stage.kernel.write(other, Buffer.alloc(123));
        stage.add(2, (sqe) => ops.prepShutdown(sqe, other, 1));
        const seen = stage.wait(3);
        expect(seen.filter(({ userData }) => userData === 1).map(({ res, flags }) => [res, flags & MORE])).toEqual([
          [123, MORE],
          [0, 0],
        ]);
        ring.release();
        for (const fd of [one, other]) stage.kernel.close(fd);
      }
    },
  );

  test('accept', 'an accept takes a pending connection, or waits for one', { kinds: ALL_KINDS }, (stage) => {
    const { fd, port } = stage.listener();
    const address = stage.loopback(port);
    for (const late of [false, true]) {
      const client = stage.socket(AF_INET, SOCK_STREAM);
      const connect = () => stage.add(2, (sqe) => ops.prepConnect(sqe, client, address.address, 16));
      const accept = () => stage.add(1, (sqe) => ops.prepAccept(sqe, fd));
      if (late) accept().submit();
      else {
        expect(connect().results(1)).toEqual([[2, 0]]);
      }
      const [[, server]] = (late ? connect().sorted(2) : accept().sorted(1)) as [[number, number]];
      stage.keep(server);
      const data = stage.put('hello');
      const target = stage.block(5);
      stage
        .add(1, (sqe) => ops.prepSend(sqe, client, data.address, 5))
        .add(2, (sqe) => ops.prepRecv(sqe, server, target.address, 5));
      expect([stage.sorted(2), stringOf(target)]).toEqual([
        [
          [1, 5],
          [2, 5],
        ],
        'hello',
      ]);
    }
  });

  test('accept (direct)', 'a connection is accepted into a slot', (stage) => {
    const { fd, port } = stage.listener();
    stage.ring.files.registerSparse(2);
    const client = stage.socket(AF_INET, SOCK_STREAM);
    stage.run((sqe) => ops.prepConnect(sqe, client, stage.loopback(port).address, 16));
    expect(stage.run((sqe) => ops.prepAccept(sqe, fd, 0, 0, 0, 0, 1))).toBe(0);
    const data = stage.put('direct');
    stage.add(1, (sqe) => ops.prepSend(sqe, 1, data.address, 6), SqeFlag.FIXED_FILE);
    expect(stage.results(1)).toEqual([[1, 6]]);
    expect(Buffer.from(stage.kernel.read(client, 6)).toString()).toBe('direct');
  });

  test('accept (multishot)', 'one accept takes many connections', { probe: multishotAccept, kinds: WITHOUT_THREAD }, (stage) => {
    const { fd, port } = stage.listener();
    const address = stage.loopback(port);
    stage.add(1, (sqe) => ops.prepMultishotAccept(sqe, fd)).submit();
    const fds = new Set<number>();
    for (let index = 0; index < 16; index++) {
      const client = stage.socket(AF_INET, SOCK_STREAM);
      stage.add(2, (sqe) => ops.prepConnect(sqe, client, address.address, 16));
      const accepted = stage.wait(2).find(({ userData }) => userData === 1) as { res: number; flags: number };
      expect(accepted.flags & MORE).toBe(MORE);
      fds.add(stage.keep(accepted.res));
    }
    expect(fds.size).toBe(16);
    stage.add(3, (sqe) => ops.prepCancel(sqe, 1));
    expect(stage.sorted(2)).toEqual([
      [1, -Errno.ECANCELED],
      [3, 0],
    ]);
  });

  test('accept (cancelled)', 'accepts that wait can be cancelled', { kinds: ALL_KINDS }, (stage) => {
    const { fd } = stage.listener();
    for (let index = 0; index < 4; index++) stage.add(index, (sqe) => ops.prepAccept(sqe, fd));
    stage.submit();
    for (let index = 0; index < 4; index++) stage.add(10 + index, (sqe) => ops.prepCancel(sqe, index));
    expect(stage.sorted(8)).toEqual([
      ...[0, 1, 2, 3].map((index) => [index, -Errno.ECANCELED]),
      ...[10, 11, 12, 13].map((index) => [index, 0]),
    ]);
  });

  test('accept-test', 'an accept with room for the address waits', (stage) => {
    const { fd } = stage.listener();
    const block = stage.block(132);
    dataOf(block).setUint32(128, 128, true);
    stage.add(1, (sqe) => ops.prepAccept(sqe, fd, block.address, block.address + 128)).submit();
    stage.quiet();
  });

  test('accept-reuse', 'the SQE of an accept that waits can be reused at once', { ring: { entries: 1 } }, (stage) => {
    const { fd, port } = stage.listener();
    const client = stage.socket(AF_INET, SOCK_STREAM);
    stage.add(1, (sqe) => ops.prepAccept(sqe, fd)).submit();
    const address = stage.loopback(port);
    stage.add(2, (sqe) => ops.prepConnect(sqe, client, address.address, 16)).submit();
    const [[, server], connected] = stage.sorted(2) as [[number, number], [number, number]];
    stage.keep(server);
    expect(connected).toEqual([2, 0]);
  });

  test('recv-multishot (datagrams)', 'a receive of datagrams can be cancelled', { probe: multishotReceive }, (stage) => {
    const receiver = stage.socket(AF_INET, SOCK_DGRAM);
    const sender = stage.socket(AF_INET, SOCK_DGRAM);
    const address = stage.loopback(0);
    if (stage.lacks('BIND') !== undefined) return;
    expect(stage.run((sqe) => ops.prepBind(sqe, receiver, address.address, 16))).toBe(0);
    group(stage, 1, 4, 64);
    stage.add(1, (sqe) => ops.prepRecvSelect(sqe, receiver, 1, 0, 0, RecvSendFlag.RECV_MULTISHOT)).submit();
    stage.quiet();
    expect(sender).toBeGreaterThan(0);
    stage.add(2, (sqe) => ops.prepCancel(sqe, 1));
    expect(stage.sorted(2)).toEqual([
      [1, -Errno.ECANCELED],
      [2, 0],
    ]);
  });
});

/** 6.1 needs a buffer for the end of the stream, too, and can report that there is none. */
function tellsTheEnd(stage: Stage): string | undefined {
  const [one, other] = stage.kernel.socketPair();
  group(stage, 96, 4, 256);
  stage.add(1, (sqe) => ops.prepRecvSelect(sqe, one, 96, 0, 0, RecvSendFlag.RECV_MULTISHOT)).submit();
  stage.kernel.write(other, Buffer.alloc(123));
  stage.add(2, (sqe) => ops.prepShutdown(sqe, other, 1));
  const last = stage
    .wait(3)
    .filter(({ userData }) => userData === 1)
    .at(-1);
  return last?.res === 0 ? undefined : 'the kernel does not tell the end of a multishot receive';
}
