/** liburing's cases for sockets. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CqeFlag, RecvSendFlag, SocketCommand, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { AF_INET, AF_UNIX, dataOf, SOCK_DGRAM, SOCK_STREAM, type Stage, stringOf } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { IO_LINK, ASYNC } = SqeFlag;
const [MSG_DONTWAIT, MSG_WAITALL, MSG_NOSIGNAL] = [0x40, 0x100, 0x4000];
const [SOL_SOCKET, SO_REUSEADDR, SO_TYPE, SO_RCVBUF] = [1, 2, 3, 8];

/** Returns a unique address in the abstract namespace. */
const abstractAddress = (stage: Stage) =>
  stage.put(Buffer.concat([Buffer.from([AF_UNIX, 0, 0]), Buffer.from(`uring-${process.pid}-${++names}`)]));
let names = 0;

/** Creates two datagram sockets. The first has an address, to which the second is connected. */
const datagrams = (stage: Stage) => {
  const receiver = stage.socket(AF_UNIX, SOCK_DGRAM);
  const sender = stage.socket(AF_UNIX, SOCK_DGRAM);
  const address = abstractAddress(stage);
  expect(stage.run((sqe) => ops.prepBind(sqe, receiver, address.address, address.bytes.length))).toBe(0);
  expect(stage.run((sqe) => ops.prepConnect(sqe, sender, address.address, address.bytes.length))).toBe(0);
  return { receiver, sender, address };
};

const canSendZeroCopy = (stage: Stage) => stage.lacks('SEND_ZC');

cases('sockets', (test) => {
  test('socket', 'a ring creates sockets, and refuses families that do not exist', { ops: ['SOCKET'] }, (stage) => {
    stage.ring.files.registerSparse(4);
    expect(stage.socket(AF_INET, SOCK_STREAM)).toBeGreaterThanOrEqual(0);
    expect(stage.run((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_DGRAM, 0, 0, 2))).toBe(0);
    expect([0, 1, 3]).toContain(stage.run((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_DGRAM, 0, 0, 'auto')));
    expect(stage.run((sqe) => ops.prepSocket(sqe, 1234, SOCK_STREAM, 0))).toBe(-Errno.EAFNOSUPPORT);
    expect(stage.run((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_STREAM, 17))).toBe(-Errno.EPROTONOSUPPORT);
  });

  test(
    'bind-listen',
    'a server and its client need nothing but the ring',
    { ops: ['BIND', 'LISTEN', 'SOCKET'], kinds: WITHOUT_THREAD },
    (stage) => {
      const server = stage.socket(AF_UNIX, SOCK_STREAM);
      const client = stage.socket(AF_UNIX, SOCK_STREAM);
      const address = abstractAddress(stage);
      const { length } = address.bytes;
      stage
        .add(1, (sqe) => ops.prepBind(sqe, server, address.address, length), IO_LINK)
        .add(2, (sqe) => ops.prepListen(sqe, server, 4));
      expect(stage.results(2)).toEqual([
        [1, 0],
        [2, 0],
      ]);
      const data = stage.put('hello world!');
      stage
        .add(3, (sqe) => ops.prepConnect(sqe, client, address.address, length), IO_LINK)
        .add(4, (sqe) => ops.prepSend(sqe, client, data.address, 12));
      expect(stage.results(2)).toEqual([
        [3, 0],
        [4, 12],
      ]);
      const accepted = stage.keep(stage.run((sqe) => ops.prepAccept(sqe, server)));
      const block = stage.block(12);
      expect(stage.run((sqe) => ops.prepRecv(sqe, accepted, block.address, 12))).toBe(12);
      expect(stringOf(block)).toBe('hello world!');
    },
  );

  test(
    'bind-listen (bad ones)',
    'files that are not sockets, and invalid addresses, are refused',
    { ops: ['BIND', 'LISTEN', 'SOCKET'] },
    (stage) => {
      const socket = stage.socket(AF_INET, SOCK_STREAM);
      const file = stage.kernel.file();
      const address = stage.loopback(0);
      expect(stage.run((sqe) => ops.prepBind(sqe, socket, address.address, 0))).toBe(-Errno.EINVAL);
      expect(stage.run((sqe) => ops.prepBind(sqe, file, address.address, 16))).toBe(-Errno.ENOTSOCK);
      expect(stage.run((sqe) => ops.prepListen(sqe, file, 1))).toBe(-Errno.ENOTSOCK);
      expect(stage.run((sqe) => ops.prepBind(sqe, socket, address.address, 16))).toBe(0);
      expect(stage.run((sqe) => ops.prepBind(sqe, socket, address.address, 16))).toBe(-Errno.EINVAL);
    },
  );

  test('connect', 'a connection succeeds with a listener, and is refused without', { kinds: ALL_KINDS }, (stage) => {
    const { fd, port } = stage.listener();
    const address = stage.loopback(port);
    for (const flags of [0, ASYNC]) {
      const client = stage.socket(AF_INET, SOCK_STREAM);
      expect(stage.run((sqe) => ops.prepConnect(sqe, client, address.address, 16), flags)).toBe(0);
      stage.keep(stage.run((sqe) => ops.prepAccept(sqe, fd)));
    }
    stage.kernel.close(fd);
    const late = stage.socket(AF_INET, SOCK_STREAM);
    expect(stage.run((sqe) => ops.prepConnect(sqe, late, address.address, 16))).toBe(-Errno.ECONNREFUSED);
  });

  test('connect-rep', 'every attempt to connect without a listener is refused', (stage) => {
    const { fd, port } = stage.listener();
    stage.kernel.close(fd);
    const address = stage.loopback(port);
    for (let round = 0; round < 16; round++) {
      const client = stage.socket(AF_INET, SOCK_STREAM);
      expect(stage.run((sqe) => ops.prepConnect(sqe, client, address.address, 16))).toBe(-Errno.ECONNREFUSED);
    }
  });

  test('recv-msgall-stream', 'a receive with MSG_WAITALL waits until its buffer is full', { kinds: WITHOUT_THREAD }, (stage) => {
    const [one, other] = stage.kernel.socketPair();
    const block = stage.block(512);
    stage.add(1, (sqe) => ops.prepRecv(sqe, one, block.address, 512, MSG_WAITALL)).submit();
    stage.kernel.write(other, Buffer.alloc(256, 'a'));
    stage.quiet();
    stage.kernel.write(other, Buffer.alloc(256, 'b'));
    expect(stage.results(1)).toEqual([[1, 512]]);
    expect(stringOf(block)).toBe('a'.repeat(256) + 'b'.repeat(256));
  });

  test('recv-msgall', 'a receive with MSG_WAITALL gets one datagram', { ops: ['BIND'] }, (stage) => {
    const { receiver, sender } = datagrams(stage);
    const block = stage.block(512);
    const data = stage.put(Buffer.alloc(256, 'd'));
    stage.add(1, (sqe) => ops.prepRecv(sqe, receiver, block.address, 512, MSG_WAITALL)).submit();
    stage
      .add(2, (sqe) => ops.prepSend(sqe, sender, data.address, 256))
      .add(3, (sqe) => ops.prepSend(sqe, sender, data.address, 256));
    expect(stage.sorted(3)).toEqual([
      [1, 256],
      [2, 256],
      [3, 256],
    ]);
  });

  for (const flags of [0, ASYNC]) {
    test(`send_recv${flags ? ' (by workers)' : ''}`, 'datagrams arrive as they were sent', { ops: ['BIND'] }, (stage) => {
      const { receiver, sender } = datagrams(stage);
      const data = stage.put(Buffer.alloc(4096, 'm'));
      const block = stage.block(4096);
      stage.add(1, (sqe) => ops.prepRecv(sqe, receiver, block.address, 4096), flags);
      stage.add(2, (sqe) => ops.prepSend(sqe, sender, data.address, 4096), flags);
      expect(stage.sorted(2)).toEqual([
        [1, 4096],
        [2, 4096],
      ]);
      expect(block.bytes.every((byte) => byte === 109)).toBe(true);
    });
  }

  for (const pieces of [1, 10]) {
    test(`send_recvmsg (${pieces} pieces)`, 'messages are sent and received in pieces', { ops: ['BIND'] }, (stage) => {
      const { receiver, sender } = datagrams(stage);
      const out = Array.from({ length: pieces }, (_, index) => stage.put(`piece ${index};`));
      const into = Array.from({ length: pieces }, () => stage.block(8));
      const sent = stage.message(out);
      const received = stage.message(into, stage.block(128));
      stage
        .add(1, (sqe) => ops.prepRecvmsg(sqe, receiver, received.address))
        .add(2, (sqe) => ops.prepSendmsg(sqe, sender, sent.address));
      expect(stage.sorted(2)).toEqual([
        [1, 8 * pieces],
        [2, 8 * pieces],
      ]);
      expect(into.map((block) => stringOf(block))).toEqual(out.map((block) => stringOf(block)));
    });
  }

  test('send_recvmsg (cut off)', 'a message that is cut off has MSG_TRUNC set', { ops: ['BIND'] }, (stage) => {
    const { receiver, sender } = datagrams(stage);
    const data = stage.put('much too long');
    expect(stage.run((sqe) => ops.prepSend(sqe, sender, data.address, 13))).toBe(13);
    const header = stage.message([stage.block(4)]);
    expect(stage.run((sqe) => ops.prepRecvmsg(sqe, receiver, header.address))).toBe(4);
    const MSG_TRUNC = 0x20;
    expect(dataOf(header).getUint32(48, true) & MSG_TRUNC).toBe(MSG_TRUNC);
  });

  test(
    'send-zerocopy',
    'a send posts two CQEs: its result, and that its memory is free again',
    { probe: canSendZeroCopy, kinds: WITHOUT_THREAD },
    (stage) => {
      const [client, server] = stage.connection();
      const data = stage.put(Buffer.alloc(100, 'z'));
      stage.add(1, (sqe) => ops.prepSendZc(sqe, client, data.address, 100));
      const [first, second] = stage.wait(2);
      expect([first?.res, (first?.flags ?? 0) & CqeFlag.MORE]).toEqual([100, CqeFlag.MORE]);
      expect([second?.userData, (second?.flags ?? 0) & (CqeFlag.NOTIF | CqeFlag.MORE)]).toEqual([1, CqeFlag.NOTIF]);
      expect(Buffer.from(stage.kernel.read(server, 100)).equals(Buffer.alloc(100, 'z'))).toBe(true);
      stage.quiet();
    },
  );

  test(
    'send-zerocopy (bad ones)',
    'a send that fails releases its memory, too, and posts nothing else',
    { probe: canSendZeroCopy },
    (stage) => {
      const [client] = stage.connection();
      const data = stage.put('x');
      const all = stage.add(1, (sqe) => ops.prepSendZc(sqe, client, data.address, 1, 0, 0xffff)).wait(1);
      expect(all[0]?.res).toBe(-Errno.EINVAL);
      if ((all[0]?.flags ?? 0) & CqeFlag.MORE) expect(stage.take()).toEqual({ userData: 1, res: 0, flags: CqeFlag.NOTIF });
      stage.quiet();
    },
  );

  test('send-zerocopy (registered memory)', 'a send can use a registered buffer', { probe: canSendZeroCopy }, (stage) => {
    const [client, server] = stage.connection();
    const data = stage.put(Buffer.alloc(4096, 'f'));
    stage.ring.buffers.register([data.bytes]);
    stage.add(1, (sqe) => {
      ops.prepSendZc(sqe, client, data.address, 4096, 0, RecvSendFlag.FIXED_BUF);
      sqe.setBufferIndex(0);
    });
    const [first] = stage.wait(2);
    expect(first?.res).toBe(4096);
    expect(Buffer.from(stage.kernel.read(server, 4096)).equals(Buffer.alloc(4096, 'f'))).toBe(true);
  });

  test('shutdown', 'nothing can be sent after a shutdown', (stage) => {
    const [one] = stage.kernel.socketPair();
    expect(stage.run((sqe) => ops.prepShutdown(sqe, one, 1))).toBe(0);
    const data = stage.put('x');
    expect(stage.run((sqe) => ops.prepSend(sqe, one, data.address, 1, MSG_NOSIGNAL))).toBe(-Errno.EPIPE);
    const lonely = stage.socket(AF_INET, SOCK_STREAM);
    expect(stage.run((sqe) => ops.prepShutdown(sqe, lonely, 1))).toBe(-Errno.ENOTCONN);
    expect(stage.run((sqe) => ops.prepShutdown(sqe, stage.kernel.file(), 1))).toBe(-Errno.ENOTSOCK);
  });

  test('socket-nb', 'a receive with MSG_DONTWAIT fails with EAGAIN; others wait', (stage) => {
    const [one, other] = stage.kernel.socketPair();
    const block = stage.block(8);
    expect(stage.run((sqe) => ops.prepRecv(sqe, one, block.address, 8, MSG_DONTWAIT))).toBe(-Errno.EAGAIN);
    stage.add(1, (sqe) => ops.prepRecv(sqe, one, block.address, 8)).submit();
    stage.quiet();
    stage.kernel.write(other, Buffer.from('there'));
    expect(stage.results(1)).toEqual([[1, 5]]);
  });

  for (const offset of [0, -1]) {
    test(
      `socket-rw${offset === 0 ? '' : '-offset'}`,
      'one submission can hold a read that waits and the write of its peer',
      { kinds: ALL_KINDS },
      (stage) => {
        const [client, server] = stage.connection();
        const data = stage.put(Buffer.alloc(128, 'w'));
        const block = stage.block(128);
        stage.add(1, (sqe) => ops.prepReadv(sqe, server, stage.iovecs(block), 1, offset));
        stage.add(2, (sqe) => ops.prepWritev(sqe, client, stage.iovecs(data), 1, 0));
        expect(stage.sorted(2)).toEqual([
          [1, 128],
          [2, 128],
        ]);
        expect(block.bytes.every((byte) => byte === 119)).toBe(true);
      },
    );
  }

  test('232c93d07b74', 'every byte arrives in order, with odd sizes on both sides', (stage) => {
    const [client, server] = stage.connection();
    const seen: number[] = [];
    let next = 0;
    const block = stage.block(2);
    while (seen.length < 33) {
      if (next < 33) {
        const piece = stage.put(Uint8Array.of(next, next + 1, next + 2));
        expect(stage.run((sqe) => ops.prepWritev(sqe, client, stage.iovecs(piece), 1, -1))).toBe(3);
        next += 3;
      }
      const res = stage.run((sqe) => ops.prepReadv(sqe, server, stage.iovecs(block), 1, -1));
      seen.push(...block.bytes.subarray(0, res));
    }
    expect(seen).toEqual(Array.from({ length: 33 }, (_, index) => index));
  });

  test('socket-getsetsock-cmd', 'socket options are read and set', { probe: socketCommands }, (stage) => {
    const socket = stage.socket(AF_INET, SOCK_STREAM);
    const value = stage.block(4);
    const get = (option: number) =>
      stage.run((sqe) => ops.prepSocketCommand(sqe, SocketCommand.GETSOCKOPT, socket, SOL_SOCKET, option, value.address, 4));
    expect([get(SO_TYPE), dataOf(value).getInt32(0, true)]).toEqual([4, SOCK_STREAM]);
    for (const wanted of [1, 0]) {
      dataOf(value).setInt32(0, wanted, true);
      expect(
        stage.run((sqe) =>
          ops.prepSocketCommand(sqe, SocketCommand.SETSOCKOPT, socket, SOL_SOCKET, SO_REUSEADDR, value.address, 4),
        ),
      ).toBe(0);
      expect([get(SO_REUSEADDR), dataOf(value).getInt32(0, true)]).toEqual([4, wanted]);
    }
    expect(get(SO_RCVBUF)).toBe(4);
  });

  test('socket-io-cmd', 'SIOCINQ reports how much can be read', { probe: socketCommands }, (stage) => {
    const [one, other] = stage.kernel.socketPair();
    stage.kernel.write(other, Buffer.from('nine byte'));
    expect(stage.run((sqe) => ops.prepSocketCommand(sqe, SocketCommand.SIOCINQ, one, 0, 0, 0, 0))).toBe(9);
  });

  test(
    'sendmsg_iov_clean',
    'many messages in flight can use the same vectors',
    { ring: { entries: 64 }, kinds: WITHOUT_THREAD },
    (stage) => {
      const [one, other] = stage.kernel.socketPair();
      const data = stage.put(Buffer.alloc(512, 's'));
      const header = stage.message([data]);
      let received = 0;
      for (let round = 0; round < 4; round++) {
        for (let index = 0; index < 32; index++) stage.add(index, (sqe) => ops.prepSendmsg(sqe, one, header.address));
        expect(stage.sorted(32).every(([, res]) => res === 512)).toBe(true);
        while (received < (round + 1) * 32 * 512) received += stage.kernel.read(other, 65536).length;
      }
      expect(received).toBe(4 * 32 * 512);
    },
  );
});

function socketCommands(stage: Stage): string | undefined {
  const [one] = stage.kernel.socketPair();
  const res = stage.run((sqe) => ops.prepSocketCommand(sqe, SocketCommand.SIOCINQ, one, 0, 0, 0, 0));
  return res === 0 ? undefined : 'the kernel knows no commands of sockets';
}
