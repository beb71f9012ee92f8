/**
 * Every operation of the engine on Linux, with its typed result, including multishot operations.
 */

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AbortError, op, PollEvent, type SocketAddress, Uring } from '../../src/index.js';
import { Opcode, type OpcodeName, Ring } from '../../src/ring/index.js';
import { gaps } from '../helpers/gaps.js';
import { testUnless } from '../helpers/kernels.js';
import { epollCreate, pipe, socketPair, temporaryDirectory, whyNoRing } from '../helpers/linux.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

/** Returns whether the kernel has an opcode, by probe. */
const supports = (() => {
  if (reason !== undefined) return () => false;
  const ring = Ring.open({ entries: 1 });
  const probe = ring.probe();
  ring.close();
  return (name: OpcodeName) => probe.supports(Opcode[name]);
})();

/** Registers a test of an operation. It is skipped if the kernel's probe lacks the operation. */
const testOf = (name: OpcodeName, title: string, body: () => Promise<void>) =>
  supports(name) ? test(title, body) : test.skip(`${title} (skipped: the kernel has no ${name})`, body);

const { O_RDWR, O_CREAT, O_DIRECT } = fs.constants;

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );
const turn = () => new Promise((resolve) => setImmediate(resolve));
const text = (memory: Uint8Array) => Buffer.from(memory).toString();

onLinux(`the engine's operations${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const directory = temporaryDirectory();
  const fds: number[] = [];
  let uring: Uring;
  beforeEach(() => {
    uring = Uring.open();
  });
  afterEach(async () => {
    await uring.close();
    for (const fd of fds.splice(0)) {
      try {
        fs.closeSync(fd);
      } catch {
        // The test has closed it.
      }
    }
  });
  afterAll(() => directory.remove());

  const own = (fd: number) => {
    fds.push(fd);
    return fd;
  };
  const ownPipe = () => pipe().map(own) as [number, number];
  const ownPair = () => socketPair().map(own) as [number, number];

  describe('files', () => {
    test('openat, write, fsync, read, and close work on a new file', async () => {
      const name = `${directory.path}/new`;
      const fd = own(await uring.openat(name, { flags: O_RDWR | O_CREAT, mode: 0o640 }));
      expect(fs.statSync(name).mode & 0o777).toBe(0o640 & ~process.umask());
      expect(await uring.write(fd, Buffer.from('hello'))).toBe(5);
      expect(await uring.write(fd, Buffer.from(' ring'), { offset: 5n })).toBe(5);
      await uring.fsync(fd);
      await uring.fsync(fd, { datasync: true });
      const buffer = new Uint8Array(20);
      expect(await uring.read(fd, buffer, { offset: 0 })).toBe(10);
      expect(text(buffer.subarray(0, 10))).toBe('hello ring');
      await uring.closeFile(fd);
      expect(() => fs.fstatSync(fd)).toThrow('EBADF');
      expect(fs.readFileSync(`/proc/self/fdinfo/${own(await uring.openat(name))}`, 'utf8')).toMatch(/flags:\s+02\d*/);
    });

    testOf('FTRUNCATE', 'ftruncate shortens a file', async () => {
      const fd = own(fs.openSync(directory.file('0123456789'), 'r+'));
      await uring.ftruncate(fd, 4);
      expect(fs.fstatSync(fd).size).toBe(4);
    });

    test('fallocate, fadvise, and sync_file_range succeed', async () => {
      const fd = own(fs.openSync(directory.file('x'), 'r+'));
      await uring.fallocate(fd, 0, 0, 10_000);
      expect(fs.fstatSync(fd).size).toBe(10_000);
      await uring.fadvise(fd, 0, 0, 1);
      await uring.syncFileRange(fd, 0, 10_000, 7);
    });

    test('offsets beyond 2^32 work', async () => {
      const fd = own(fs.openSync(directory.file(), 'r+'));
      const offset = 2 ** 33 + 5;
      expect(await uring.write(fd, Buffer.from('far'), { offset })).toBe(3);
      const buffer = new Uint8Array(3);
      expect(await uring.read(fd, buffer, { offset: BigInt(offset) })).toBe(3);
      expect(text(buffer)).toBe('far');
    });

    test('splice and tee move data between pipes and files', async () => {
      const [reader, writer] = ownPipe();
      const [reader2, writer2] = ownPipe();
      const source = own(fs.openSync(directory.file('spliced data'), 'r'));
      expect(await uring.splice(source, writer, 7, { offsetIn: 0 })).toBe(7);
      expect(await uring.tee(reader, writer2, 100)).toBe(7);
      const buffer = new Uint8Array(7);
      for (const end of [reader, reader2]) {
        expect(await uring.read(end, buffer)).toBe(7);
        expect(text(buffer)).toBe('spliced');
      }
    });

    testOf('PIPE', 'pipe returns two connected descriptors', async () => {
      const { reader, writer } = await uring.pipe();
      own(reader);
      own(writer);
      expect(await uring.write(writer, Buffer.from('through'))).toBe(7);
      const buffer = new Uint8Array(10);
      expect(await uring.read(reader, buffer)).toBe(7);
    });

    test('O_DIRECT reads into a pooled buffer, which is registered, and into any other memory', async () => {
      const name = directory.file(Buffer.alloc(8192, 7));
      const fd = own(await uring.openat(name, { flags: O_DIRECT }));
      const buffer = uring.buffers.allocate(8192);
      expect(await uring.read(fd, buffer.bytes, { offset: 0 })).toBe(8192);
      expect(buffer.bytes.every((byte) => byte === 7)).toBe(true);
      // And into any memory of the caller, whatever its alignment.
      const odd = new Uint8Array(new ArrayBuffer(4096 + 3), 3, 4096);
      expect(await uring.read(fd, odd, { offset: 4096 })).toBe(4096);
      expect(odd.every((byte) => byte === 7)).toBe(true);
      buffer.release();
    });

    test('a chain can open, read, and close a file in a slot', async () => {
      const name = directory.file('slotted');
      const slot = uring.files.allocate();
      const buffer = new Uint8Array(7);
      const results = await uring.link([op.openat(name, { slot: slot.slot }), op.read(slot, buffer), op.closeFile(slot)]);
      expect(results.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
      expect(text(buffer)).toBe('slotted');
      slot.release();
      slot.release();
      const all = Array.from({ length: 1024 }, () => uring.files.allocate());
      expect(() => uring.files.allocate()).toThrow('all slots are in use');
      for (const one of all) one.release();
    });

    testOf('FIXED_FD_INSTALL', 'fixedFdInstall makes a descriptor of a slot', async () => {
      const slot = uring.files.allocate();
      await uring.openat(directory.file('installed'), { slot: slot.slot });
      const fd = own(await uring.fixedFdInstall(slot));
      expect(fs.readFileSync(fd, 'utf8')).toBe('installed');
      await uring.closeFile(slot);
    });
  });

  describe('paths', () => {
    test('mkdirat, symlinkat, linkat, renameat, and unlinkat change names', async () => {
      const root = `${directory.path}/paths`;
      await uring.mkdirat(root, 0o700);
      fs.writeFileSync(`${root}/a`, 'a');
      const at = own(fs.openSync(root, 'r'));
      await uring.linkat('a', 'b', { directory: at, newDirectory: at });
      await uring.symlinkat('a', 'c', { directory: at });
      await uring.renameat('b', 'd', { directory: at, newDirectory: at });
      await uring.mkdirat('e', 0o755, { directory: at });
      expect(fs.readdirSync(root).sort()).toEqual(['a', 'c', 'd', 'e']);
      expect(fs.readlinkSync(`${root}/c`)).toBe('a');
      // RENAME_NOREPLACE.
      expect(await reasonOf(uring.renameat('a', 'd', { directory: at, newDirectory: at, flags: 1 }))).toMatchObject({
        code: 'EEXIST',
      });
      for (const name of ['a', 'c', 'd']) await uring.unlinkat(name, { directory: at });
      await uring.unlinkat('e', { directory: at, removeDirectory: true });
      expect(fs.readdirSync(root)).toEqual([]);
      await uring.unlinkat(root, { removeDirectory: true });
    });

    test('statx returns the same as fs.stat, for files and links, in numbers and bigints', async () => {
      const name = directory.file('x');
      const link = `${directory.path}/link`;
      fs.symlinkSync(name, link);
      expect(await uring.statx(name)).toEqual(fs.statSync(name));
      expect(await uring.statx(link, { noFollow: true })).toEqual(fs.lstatSync(link));
      expect(await uring.statx('/dev/null')).toEqual(fs.statSync('/dev/null'));
      expect(await uring.statx(name, { bigint: true })).toEqual(fs.statSync(name, { bigint: true }));
      const fd = own(fs.openSync(name, 'r'));
      const stats = await uring.statx(fd);
      expect(stats).toBeInstanceOf(fs.Stats);
      expect(stats.isFile()).toBe(true);
      expect(stats.mtime).toEqual(fs.fstatSync(fd).mtime);
    });

    test('openat2 with RESOLVE_NO_SYMLINKS refuses a link', async () => {
      const name = directory.file('x');
      const link = `${directory.path}/resolve`;
      fs.symlinkSync(name, link);
      own(await uring.openat2(link));
      expect(await reasonOf(uring.openat2(link, { resolve: 4 }))).toMatchObject({ code: 'ELOOP' });
    });

    testOf('GETXATTR', 'extended attributes are set and read by path and by descriptor', async () => {
      const name = directory.file('x');
      const fd = own(fs.openSync(name, 'r+'));
      await uring.setxattr(name, 'user.one', 'value');
      await uring.setxattr(fd, 'user.two', Buffer.from([1, 2, 3]));
      expect(text(await uring.getxattr(fd, 'user.one'))).toBe('value');
      expect([...(await uring.getxattr(name, 'user.two'))]).toEqual([1, 2, 3]);
      expect(await reasonOf(uring.getxattr(name, 'user.none'))).toMatchObject({ code: 'ENODATA' });
      expect(await reasonOf(uring.setxattr(name, 'user.one', 'x', { flags: 1 }))).toMatchObject({ code: 'EEXIST' });
    });
  });

  describe('sockets', () => {
    const listening = async (address: SocketAddress) => {
      const server = own(await uring.socket(address.family));
      await uring.bind(server, address);
      await uring.listen(server, 10);
      return server;
    };
    /** Returns the port that the kernel chose. */
    const portOf = (fd: number) => {
      const inode = fs.readlinkSync(`/proc/self/fd/${fd}`).match(/\d+/)?.[0];
      for (const table of ['tcp', 'tcp6']) {
        const line = fs
          .readFileSync(`/proc/self/net/${table}`, 'utf8')
          .split('\n')
          .find((row) => row.trim().split(/\s+/)[9] === inode);
        if (line) return Number.parseInt(line.trim().split(/\s+/)[1]?.split(':')[1] as string, 16);
      }
      throw new Error('no such socket');
    };

    describe.each([
      ['IPv4', '127.0.0.1'],
      ['IPv6', '::1'],
    ] as const)('%s', (family, address) => {
      testOf('LISTEN', 'bind, listen, connect, accept, send, recv, and shutdown work', async () => {
        const server = await listening({ family, address, port: 0 });
        const port = portOf(server);
        const client = own(await uring.socket(family));
        const [accepted] = await Promise.all([uring.accept(server), uring.connect(client, { family, address, port })]);
        own(accepted.fd);
        expect(accepted.address).toMatchObject({ family, address });
        expect(await uring.send(client, Buffer.from('over the wire'))).toBe(13);
        const buffer = new Uint8Array(100);
        expect(await uring.recv(accepted.fd, buffer)).toBe(13);
        expect(text(buffer.subarray(0, 13))).toBe('over the wire');
        expect(await uring.sendmsg(accepted.fd, [Buffer.from('a'), Buffer.from('bc')])).toBe(3);
        expect(await uring.recvmsg(client, [new Uint8Array(2), buffer])).toMatchObject({ bytes: 3 });
        await uring.shutdown(client, 'write');
        expect(await uring.recv(accepted.fd, buffer)).toBe(0);
      });

      testOf('BIND', 'datagrams carry addresses', async () => {
        const server = own(await uring.socket(family, { type: 'datagram' }));
        const table = family === 'IPv4' ? 'udp' : 'udp6';
        await uring.bind(server, { family, address, port: 0 });
        const inode = fs.readlinkSync(`/proc/self/fd/${server}`).match(/\d+/)?.[0];
        const row = fs
          .readFileSync(`/proc/self/net/${table}`, 'utf8')
          .split('\n')
          .find((line) => line.trim().split(/\s+/)[9] === inode);
        const port = Number.parseInt(row?.trim().split(/\s+/)[1]?.split(':')[1] as string, 16);
        const client = own(await uring.socket(family, { type: 'datagram' }));
        expect(await uring.sendmsg(client, [Buffer.from('to you')], { address: { family, address, port } })).toBe(6);
        const buffer = new Uint8Array(4);
        const received = await uring.recvmsg(server, [buffer]);
        // MSG_TRUNC: the datagram was longer.
        expect(received).toMatchObject({ bytes: 4, flags: 0x20, address: { family, address } });
        expect(text(buffer)).toBe('to y');
      });
    });

    testOf('LISTEN', 'Unix sockets work by path and by abstract name', async () => {
      for (const path of [`${directory.path}/socket`, '\0uring-test-abstract']) {
        const server = await listening({ family: 'unix', path });
        const client = own(await uring.socket('unix'));
        await uring.connect(client, { family: 'unix', path });
        const { fd, address } = await uring.accept(server);
        own(fd);
        expect(address).toEqual({ family: 'unix', path: '' });
      }
    });

    testUnless(gaps.of('SEND_ZC', 'BIND'), 'zero-copy sends complete at their notification', async () => {
      const server = await listening({ family: 'IPv4', address: '127.0.0.1', port: 0 });
      const client = own(await uring.socket('IPv4'));
      await uring.connect(client, { family: 'IPv4', address: '127.0.0.1', port: portOf(server) });
      const { fd } = await uring.accept(server);
      own(fd);
      const buffer = uring.buffers.allocate(20_000);
      buffer.bytes.fill(5);
      expect(await uring.sendZc(client, buffer.bytes)).toBe(20_000);
      expect(await uring.sendmsgZc(client, [Buffer.from('tail')])).toBe(4);
      expect(uring.counters.inFlight).toBe(0);
      buffer.release();
      const [left] = ownPair();
      // A socket that does not support it: an error, with its notification.
      expect(await reasonOf(uring.sendZc(left, new Uint8Array(10)))).toMatchObject({ code: 'EOPNOTSUPP' });
      expect(uring.counters.inFlight).toBe(0);
    });

    // The command cannot be probed for; READ_MULTISHOT came with the same version.
    testOf('READ_MULTISHOT', 'socket options are set and read', async () => {
      const fd = own(await uring.socket('IPv4'));
      const SOL_SOCKET = 1;
      const SO_KEEPALIVE = 9;
      await uring.setSocketOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
      expect([...(await uring.getSocketOption(fd, SOL_SOCKET, SO_KEEPALIVE))]).toEqual([1, 0, 0, 0]);
    });

    test('invalid addresses are refused before anything happens', async () => {
      const fd = own(await uring.socket('IPv4'));
      for (const address of [
        { family: 'IPv4', address: '::1', port: 1 },
        { family: 'IPv6', address: '127.0.0.1', port: 1 },
        { family: 'IPv4', address: 'localhost', port: 1 },
        { family: 'IPv4', address: '127.0.0.1', port: 65_536 },
        { family: 'unix', path: 'x'.repeat(108) },
        { family: 'ipx' },
        null,
      ]) {
        expect(((await reasonOf(uring.connect(fd, address as never))) as { code: string }).code).toMatch(/^ERR_/);
      }
    });
  });

  describe('waiting', () => {
    test('timeout waits as long as it should', async () => {
      const start = performance.now();
      await uring.timeout(15.5);
      expect(performance.now() - start).toBeGreaterThanOrEqual(15);
    });

    test('poll reports the events that are present', async () => {
      const [reader, writer] = ownPipe();
      expect(await uring.poll(writer, PollEvent.OUT)).toBe(PollEvent.OUT);
      const promise = uring.poll(reader, PollEvent.IN);
      fs.closeSync(writer);
      expect(await promise).toBe(PollEvent.HUP);
    });

    test('a linked timeout cancels with an AbortError that has ETIME as its cause', async () => {
      const [reader] = ownPipe();
      const error = await reasonOf(uring.read(reader, new Uint8Array(1), { timeoutMs: 10 }));
      expect(error).toBeInstanceOf(AbortError);
      expect((error as Error & { cause: object }).cause).toMatchObject({ code: 'ETIME' });
      expect(await uring.nop({ timeoutMs: 1000 })).toBeUndefined();
      expect(uring.counters.inFlight).toBe(0);
    });

    test('AbortSignal.timeout cancels an operation', async () => {
      const [reader] = ownPipe();
      const error = await reasonOf(uring.read(reader, new Uint8Array(1), { signal: AbortSignal.timeout(10) }));
      expect(error).toBeInstanceOf(AbortError);
      expect((error as Error & { cause: Error }).cause.name).toBe('TimeoutError');
    });

    test('a timeout within a chain cuts off the rest of it', async () => {
      const [reader] = ownPipe();
      const results = await uring.link([op.read(reader, new Uint8Array(1), { timeoutMs: 10 }), op.nop()]);
      expect(results[0]).toMatchObject({ status: 'failed', error: { name: 'AbortError' } });
      expect(results[1]).toEqual({ status: 'cut', by: 0 });
    });

    testOf('EPOLL_WAIT', 'epollCtl and epollWait watch a pipe', async () => {
      const epoll = own(epollCreate());
      const [reader, writer] = ownPipe();
      await uring.epollCtl(epoll, 'add', reader, PollEvent.IN, 0x1234_5678_9abcn);
      fs.writeSync(writer, 'x');
      expect(await uring.epollWait(epoll, 10)).toEqual([{ events: PollEvent.IN, data: 0x1234_5678_9abcn }]);
      await uring.epollCtl(epoll, 'remove', reader);
    });

    testOf('WAITID', 'waitid reports how a child has ended', async () => {
      const child = spawn('sh', ['-c', 'read line; exit 3'], { stdio: ['pipe', 'ignore', 'ignore'] });
      const WEXITED_NOWAIT = 4 | 0x0100_0000;
      const promise = uring.waitid(child.pid, WEXITED_NOWAIT);
      await turn();
      const exited = new Promise((resolve) => child.on('exit', resolve));
      child.stdin?.end('\n');
      // Node waits for its own children, and can be first.
      const outcome = await promise.catch((error) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'ECHILD' });
      else expect(outcome).toMatchObject({ pid: child.pid, code: 'exited', status: 3 });
      expect(await exited).toBe(3);
    });

    testOf('FUTEX_WAIT', 'futex waits are woken', async () => {
      const words = new Int32Array(new SharedArrayBuffer(64));
      const promise = uring.futexWait(words, 3, 0);
      const several = uring.futexWaitv([
        { words, index: 4, value: 0 },
        { words, index: 5, value: 0 },
      ]);
      await turn();
      expect(await uring.futexWake(words, 3, 10)).toBe(1);
      expect(await promise).toBeUndefined();
      expect(await uring.futexWake(words, 5)).toBe(1);
      expect(await several).toBe(1);
      expect(await reasonOf(uring.futexWait(words, 0, 7))).toMatchObject({ code: 'EAGAIN' });
    });

    testOf('MSG_RING', 'msgRing posts to another ring', async () => {
      const ring = Ring.open({ entries: 4 });
      try {
        await uring.msgRing(ring.fd, 77, 5);
        expect(ring.waitCqe(1000)).toMatchObject({ userData: 77, res: 5 });
      } finally {
        ring.close();
      }
    });
  });

  describe('multishot operations', () => {
    test('readMany yields the pieces of a pipe until its end', async () => {
      const [reader, writer] = ownPipe();
      const seen: string[] = [];
      const pieces = ['one', 'two', 'three'];
      fs.writeSync(writer, pieces[0] as string);
      for await (const chunk of uring.readMany(reader)) {
        seen.push(text(chunk.bytes));
        if (seen.length < pieces.length) fs.writeSync(writer, pieces[seen.length] as string);
        else fs.closeSync(writer);
      }
      expect(seen).toEqual(pieces);
      expect(uring.counters.inFlight).toBe(0);
    });

    test('no byte is lost or duplicated when the reader is slow and the buffers are few', async () => {
      const [reader, writer] = ownPipe();
      const total = 300_000;
      const source = Buffer.alloc(total, 'abcdefghijklmnopqrstuvwxyz0123456789');
      const child = spawn('cat', { stdio: ['pipe', writer, 'inherit'] });
      fs.closeSync(writer);
      child.stdin?.end(source);
      const received: Buffer[] = [];
      for await (const chunk of uring.readMany(reader, { bufferSize: 1024, buffers: 2 })) {
        received.push(Buffer.from(chunk.bytes));
        if (received.length % 20 === 0) await turn();
      }
      expect(Buffer.concat(received).equals(source)).toBe(true);
    });

    test('chunks that are kept stop the kernel, and are not overwritten', async () => {
      const [reader, writer] = ownPipe();
      const iterator = uring.readMany(reader, { bufferSize: 4, buffers: 2 });
      fs.writeSync(writer, 'aaaabbbbcccc');
      const first = (await iterator.next()).value;
      expect(text(first.bytes)).toBe('aaaa');
      const second = (await iterator.next()).value;
      expect(text(second.bytes)).toBe('bbbb');
      expect(text((await iterator.next()).value.bytes)).toBe('cccc');
      await iterator.return();
      expect(uring.counters.inFlight).toBe(0);
    });

    test('leaving an iterator cancels its operation in the kernel', async () => {
      const [reader, writer] = ownPipe();
      fs.writeSync(writer, 'x');
      for await (const chunk of uring.readMany(reader)) {
        expect(text(chunk.bytes)).toBe('x');
        break;
      }
      expect(uring.inspect()).toEqual([]);
      const { bytes } = uring.buffers.usage;
      for (let i = 0; i < 50; i++) {
        const iterator = uring.readMany(reader);
        const next = iterator.next();
        await turn();
        await iterator.return();
        expect(await next).toEqual({ done: true, value: undefined });
      }
      expect(uring.buffers.usage.bytes).toBe(bytes);
    });

    test('an abort ends an iterator with an AbortError', async () => {
      const [reader] = ownPipe();
      const controller = new AbortController();
      const iterator = uring.readMany(reader, { signal: controller.signal });
      const next = reasonOf(iterator.next());
      await turn();
      controller.abort('because');
      expect(await next).toMatchObject({ name: 'AbortError', cause: 'because' });
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
      expect(await reasonOf(uring.readMany(reader, { signal: AbortSignal.abort() }).next())).toBeInstanceOf(AbortError);
    });

    testUnless(gaps.of('READ_MULTISHOT'), 'readMany of a file that cannot be polled fails', async () => {
      const fd = own(fs.openSync(directory.file('x'), 'r'));
      expect(await reasonOf(uring.readMany(fd).next())).toMatchObject({ code: 'EBADFD' });
    });

    test('closing the engine ends iterators', async () => {
      const [reader] = ownPipe();
      const next = reasonOf(uring.readMany(reader).next());
      const poll = reasonOf(uring.pollMany(reader, PollEvent.IN).next());
      await turn();
      await uring.close();
      expect(await next).toBeInstanceOf(AbortError);
      expect(await poll).toBeInstanceOf(AbortError);
      expect(() => uring.readMany(reader)).toThrow('closed');
    });

    test('pollMany reports each change, and merges those that were not taken', async () => {
      const [left, right] = ownPair();
      const iterator = uring.pollMany(left, PollEvent.IN);
      const next = iterator.next();
      fs.writeSync(right, 'x');
      expect(await next).toEqual({ done: false, value: PollEvent.IN });
      fs.writeSync(right, 'y');
      fs.writeSync(right, 'z');
      expect((await iterator.next()).value & PollEvent.IN).toBe(PollEvent.IN);
      await iterator.return();
    });

    testUnless(gaps.multishotTimeouts(), 'interval ticks, and counts the ticks that were not taken', async () => {
      let ticks = 0;
      for await (const tick of uring.interval(2, { count: 5 })) ticks += tick;
      expect(ticks).toBe(5);
      const iterator = uring.interval(1);
      await iterator.next();
      // A late consumer gets several ticks in one, however busy the machine: after a few turns at
      // the latest.
      let merged = 0;
      while (merged <= 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        merged = (await iterator.next()).value;
      }
      await iterator.return();
      expect(uring.counters.inFlight).toBe(0);
    });

    testOf('LISTEN', 'acceptMany and recvMany deliver connections and data', async () => {
      const path = `${directory.path}/many`;
      const server = own(await uring.socket('unix'));
      await uring.bind(server, { family: 'unix', path });
      await uring.listen(server, 100);
      const clients: number[] = [];
      const connect = async () => {
        const client = own(await uring.socket('unix'));
        await uring.connect(client, { family: 'unix', path });
        clients.push(client);
      };
      await Promise.all(Array.from({ length: 5 }, connect));
      const accepted: number[] = [];
      for await (const fd of uring.acceptMany(server)) {
        accepted.push(own(fd));
        if (accepted.length === 5) break;
      }
      expect(new Set(accepted).size).toBe(5);
      const data = uring.recvMany(accepted[0] as number);
      const next = data.next();
      for (const client of clients) await uring.send(client, Buffer.from('hello'));
      expect(text((await next).value.bytes)).toBe('hello');
      await data.return();
      // Connections that were accepted and never taken are closed.
      const before = fs.readdirSync('/proc/self/fd').length;
      const iterator = uring.acceptMany(server);
      const first = iterator.next();
      await Promise.all([connect(), connect(), connect()]);
      own((await first).value);
      await turn();
      await iterator.return();
      await uring.nop();
      expect(fs.readdirSync('/proc/self/fd').length - before).toBeLessThanOrEqual(3 + 3);
    });
  });

  testOf('LISTEN', 'recvMany keeps data that it has received ahead, and does not end at an empty datagram', async () => {
    const path = `${directory.path}/datagrams`;
    const receiver = own(await uring.socket('unix', { type: 'datagram' }));
    await uring.bind(receiver, { family: 'unix', path });
    const sender = own(await uring.socket('unix', { type: 'datagram' }));
    await uring.connect(sender, { family: 'unix', path });
    const incoming = uring.recvMany(receiver);
    const first = incoming.next();
    for (const word of ['one', '', 'three', 'four']) await uring.send(sender, Buffer.from(word));
    expect(text((await first).value.bytes)).toBe('one');
    expect((await incoming.next()).value.length).toBe(0);
    await uring.nop();
    await incoming.return();
    expect(incoming.rest.map(String)).toEqual(['three', 'four']);
  });

  test('thousands of cold reads complete', async () => {
    const name = directory.file(Buffer.alloc(8 << 20, 3));
    execFileSync('sync', [name]);
    const fd = own(fs.openSync(name, 'r'));
    const POSIX_FADV_DONTNEED = 4;
    for (let round = 0; round < 5; round++) {
      await uring.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      const counts = await Promise.all(
        Array.from({ length: 2048 }, (_, index) => uring.read(fd, new Uint8Array(4096), { offset: index * 4096 })),
      );
      expect(counts.every((count) => count === 4096)).toBe(true);
    }
  });

  test('the default engine is shared by a thread, and is opened again after it was closed', async () => {
    const first = Uring.default();
    expect(Uring.default()).toBe(first);
    await first.nop();
    await first.close();
    const second = Uring.default();
    expect(second).not.toBe(first);
    await second.nop();
    await second.close();
  });

  test('errors of operations on paths name the paths, as Node’s do', async () => {
    await using uring = Uring.open();
    const error = await uring.openat('/nowhere').catch((reason) => reason);
    expect(error).toMatchObject({ message: "ENOENT: no such file or directory, openat '/nowhere'", path: '/nowhere' });
    expect('dest' in error).toBe(false);
    const other = await uring.renameat('/nowhere', Buffer.from('/elsewhere')).catch((reason) => reason);
    expect(other).toMatchObject({ path: '/nowhere', dest: '/elsewhere' });
    expect(other.message).toBe("ENOENT: no such file or directory, renameat '/nowhere' -> '/elsewhere'");
  });

  test('ticks that are too short for the kernel arrive several at once, and end', async () => {
    await using uring = Uring.open();
    let ticks = 0;
    for await (const count of uring.interval(0.0001)) {
      ticks += count;
      if (ticks > 100_000) break;
    }
    let exactly = 0;
    for await (const count of uring.interval(0.3, { count: 7 })) exactly += count;
    expect(exactly).toBe(7);
  });
});
