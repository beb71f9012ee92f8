/**
 * Every operation once on the real kernel, with its effect observed from outside. Operations that
 * the kernel's probe does not know are skipped. RECV_ZC needs a network card that supports it, and
 * is only shown to be refused.
 */

import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import {
  AcceptFlag,
  CqeFlag,
  OPCODE_NAMES,
  Opcode,
  type OpcodeName,
  PollEvent,
  PollFlag,
  RecvSendFlag,
  Ring,
  SocketCommand,
  type Sqe,
  SqeFlag,
} from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { epollCreate, pipe, socketPair, temporaryDirectory, whyNoRing } from '../helpers/linux.js';
import { run, sqeOf, take, takeAll } from '../helpers/ring.js';

const reason = whyNoRing();
const directory = temporaryDirectory();
const supported = reason === undefined ? probe() : undefined;
const covered = new Set<OpcodeName>();
let ring: Ring;
const fds: number[] = [];

function probe() {
  const probing = Ring.open({ entries: 1 });
  const result = probing.probe();
  probing.close();
  return result;
}

/**
 * Registers a test of one or more operations. It is skipped if the kernel's probe lacks one of
 * them.
 */
function operation(names: OpcodeName | OpcodeName[], title: string, body: () => void | Promise<void>): void {
  const list = [names].flat();
  for (const name of list) covered.add(name);
  const missing = reason ?? list.filter((name) => !supported?.supports(Opcode[name])).join(', ');
  const full = `${list.join(', ')}: ${title}`;
  if (missing) test.skip(`${full} (skipped: the kernel lacks ${missing})`, () => undefined);
  else test(full, body);
}

const keep = (fd: number) => {
  fds.push(fd);
  return fd;
};
const keepPair = ([a, b]: [number, number]): [number, number] => [keep(a), keep(b)];
const text = (value: string) => ring.arena.cString(value).address;
const openFile = (content: string | Uint8Array = '') => {
  const name = directory.file(content);
  return { name, fd: keep(openSync(name, 'r+')) };
};
const result = (prepare: (sqe: Sqe) => void) => run(ring, prepare).res;
/** A block of memory for the kernel. */
const block = (size: number) => ring.arena.block(size);
const iovecs = (...views: { address: number; bytes: Uint8Array }[]) => {
  const vector = block(16 * views.length);
  views.forEach((view, index) => {
    ring.arena.writeUint64(vector.offset + 16 * index, view.address);
    ring.arena.writeUint64(vector.offset + 16 * index + 8, view.bytes.length);
  });
  return vector.address;
};
const string = (bytes: Uint8Array, length = bytes.length) => Buffer.from(bytes.subarray(0, length)).toString();
const put = (value: string) => {
  const memory = block(Math.max(1, Buffer.byteLength(value)));
  memory.bytes.set(Buffer.from(value));
  return memory;
};
const timespec = (milliseconds: number) => {
  const memory = block(16);
  ring.arena.writeUint64(memory.offset, Math.floor(milliseconds / 1000));
  ring.arena.writeUint64(memory.offset + 8, (milliseconds % 1000) * 1e6);
  return memory.address;
};
/** `struct msghdr` with one iovec. */
const message = (memory: { address: number; bytes: Uint8Array }) => {
  const header = block(56);
  ring.arena.writeUint64(header.offset + 16, iovecs(memory));
  ring.arena.writeUint64(header.offset + 24, 1);
  return header.address;
};

const AF_INET = 2;
const SOCK_STREAM = 1;
const loopback = (port: number) => {
  const address = block(16);
  const data = new DataView(address.bytes.buffer, address.bytes.byteOffset, 16);
  data.setUint16(0, AF_INET, true);
  data.setUint16(2, port);
  data.setUint32(4, 0x7f000001);
  return address;
};

beforeEach(() => {
  if (reason === undefined) ring = Ring.open({ entries: 32 });
});
afterEach(() => {
  if (reason === undefined) ring.close();
  for (const fd of fds.splice(0)) {
    try {
      closeSync(fd);
    } catch {
      // The operation under test has closed it.
    }
  }
});
afterAll(() => directory.remove());

describe('operations on the real kernel', () => {
  operation('NOP', 'completes with 0, or with the result given', () => {
    expect(run(ring, ops.prepNop, 9)).toEqual({ userData: 9, res: 0, flags: 0, extra1: 0n, extra2: 0n });
  });

  operation(['READ', 'WRITE'], 'at an offset and at the current position', () => {
    const { fd, name } = openFile('hello world');
    const memory = block(5);
    expect(result((sqe) => ops.prepRead(sqe, fd, memory.address, 5, 6))).toBe(5);
    expect(string(memory.bytes)).toBe('world');
    expect(result((sqe) => ops.prepRead(sqe, fd, memory.address, 5, ops.CURRENT_POSITION))).toBe(5);
    expect(string(memory.bytes)).toBe('hello');
    const source = put('HELLO');
    expect(result((sqe) => ops.prepWrite(sqe, fd, source.address, 5, 0))).toBe(5);
    expect(readFileSync(name, 'utf8')).toBe('HELLO world');
    expect(result((sqe) => ops.prepRead(sqe, fd, memory.address, 5, 100))).toBe(0);
  });

  operation(['READ', 'WRITE'], 'beyond 4 GiB', () => {
    const { fd } = openFile();
    const source = put('far away');
    const offset = 2 ** 33 + 5;
    expect(result((sqe) => ops.prepWrite(sqe, fd, source.address, 8, offset))).toBe(8);
    const memory = block(8);
    expect(result((sqe) => ops.prepRead(sqe, fd, memory.address, 8, BigInt(offset)))).toBe(8);
    expect(string(memory.bytes)).toBe('far away');
  });

  operation(['READV', 'WRITEV'], 'over several buffers', () => {
    const { fd, name } = openFile();
    expect(result((sqe) => ops.prepWritev(sqe, fd, iovecs(put('abc'), put('defg')), 2, 0))).toBe(7);
    expect(readFileSync(name, 'utf8')).toBe('abcdefg');
    const [first, second] = [block(2), block(5)];
    expect(result((sqe) => ops.prepReadv(sqe, fd, iovecs(first, second), 2, 0))).toBe(7);
    expect([string(first.bytes), string(second.bytes)]).toEqual(['ab', 'cdefg']);
  });

  operation(['READ_FIXED', 'WRITE_FIXED'], 'with registered buffers', () => {
    const { fd, name } = openFile('0123456789');
    const view = new Uint8Array(4096);
    ring.buffers.register([view]);
    const address = ring.pin(view);
    expect(result((sqe) => ops.prepReadFixed(sqe, fd, address + 100, 10, 0, 0))).toBe(10);
    expect(string(view.subarray(100, 110))).toBe('0123456789');
    expect(result((sqe) => ops.prepWriteFixed(sqe, fd, address + 105, 5, 0, 0))).toBe(5);
    expect(readFileSync(name, 'utf8')).toBe('5678956789');
    expect(result((sqe) => ops.prepReadFixed(sqe, fd, address, 8192, 0, 0))).toBe(-Errno.EFAULT);
    expect(result((sqe) => ops.prepReadFixed(sqe, fd, address, 1, 0, 5))).toBe(-Errno.EFAULT);
  });

  operation(['READV_FIXED', 'WRITEV_FIXED'], 'with pieces of a registered buffer', () => {
    const { fd, name } = openFile('0123456789');
    const view = new Uint8Array(4096);
    ring.buffers.register([view]);
    const address = ring.pin(view);
    const piece = (at: number, length: number) => ({ address: address + at, bytes: view.subarray(at, at + length) });
    expect(result((sqe) => ops.prepReadvFixed(sqe, fd, iovecs(piece(0, 4), piece(64, 6)), 2, 0, 0))).toBe(10);
    expect(string(view.subarray(64, 70))).toBe('456789');
    expect(result((sqe) => ops.prepWritevFixed(sqe, fd, iovecs(piece(64, 2), piece(0, 2)), 2, 0, 0))).toBe(4);
    expect(readFileSync(name, 'utf8')).toBe('4501456789');
  });

  operation('READ_MULTISHOT', 'posts a completion for each piece, until it is cancelled', () => {
    const [reader, writer] = keepPair(pipe());
    const buffers = ring.bufferRings.create({ group: 3, entries: 4, bufferSize: 16 });
    ops.prepReadMultishot(sqeOf(ring), reader, 0, ops.CURRENT_POSITION, 3);
    ring.submit();
    for (const word of ['one', 'two', 'three']) {
      writeSync(writer, word);
      const cqe = take(ring);
      expect(cqe.res).toBe(word.length);
      expect(cqe.flags & (CqeFlag.MORE | CqeFlag.BUFFER)).toBe(CqeFlag.MORE | CqeFlag.BUFFER);
      expect(string(buffers.buffer(cqe.flags >>> 16) as Uint8Array, cqe.res)).toBe(word);
    }
    ring.cancelSync({ userData: 0 });
    expect(take(ring)).toMatchObject({ res: -Errno.ECANCELED, flags: 0 });
  });

  operation(['FSYNC', 'SYNC_FILE_RANGE', 'FADVISE'], 'succeed on a file', () => {
    const { fd } = openFile('x'.repeat(8192));
    expect(result((sqe) => ops.prepFsync(sqe, fd))).toBe(0);
    expect(result((sqe) => ops.prepFdatasync(sqe, fd))).toBe(0);
    const SYNC_FILE_RANGE_WRITE = 2;
    expect(result((sqe) => ops.prepSyncFileRange(sqe, fd, 4096, 0, SYNC_FILE_RANGE_WRITE))).toBe(0);
    const POSIX_FADV_DONTNEED = 4;
    expect(result((sqe) => ops.prepFadvise(sqe, fd, 0, 0, POSIX_FADV_DONTNEED))).toBe(0);
    const [reader] = keepPair(pipe());
    expect(result((sqe) => ops.prepFsync(sqe, reader))).toBe(-Errno.EINVAL);
  });

  operation('MADVISE', 'takes advice about memory', () => {
    const memory = block(8192);
    memory.bytes.fill(7);
    const MADV_DONTNEED = 4;
    expect(result((sqe) => ops.prepMadvise(sqe, memory.address, 8192, MADV_DONTNEED))).toBe(0);
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
  });

  operation(['FALLOCATE', 'FTRUNCATE'], 'change the size of a file', () => {
    const { fd, name } = openFile();
    expect(result((sqe) => ops.prepFallocate(sqe, fd, 0, 0, 100_000))).toBe(0);
    expect(statSync(name).size).toBe(100_000);
    expect(result((sqe) => ops.prepFtruncate(sqe, fd, 5))).toBe(0);
    expect(statSync(name).size).toBe(5);
  });

  operation(['OPENAT', 'CLOSE'], 'open and close by fd', () => {
    const name = directory.file('content');
    const opened = result((sqe) => ops.prepOpenat(sqe, ops.AT_FDCWD, text(name), 0));
    expect(opened).toBeGreaterThan(2);
    expect(readFileSync(opened, 'utf8')).toBe('content');
    expect(result((sqe) => ops.prepClose(sqe, opened))).toBe(0);
    expect(() => fstatSync(opened)).toThrow('EBADF');
    expect(result((sqe) => ops.prepOpenat(sqe, ops.AT_FDCWD, text(`${name}-no`), 0))).toBe(-Errno.ENOENT);
    const O_CREAT_WRONLY = 0o101;
    const created = result((sqe) => ops.prepOpenat(sqe, ops.AT_FDCWD, text(`${name}-new`), O_CREAT_WRONLY, 0o640));
    expect(fstatSync(keep(created)).mode & 0o777).toBe(0o640);
  });

  operation('OPENAT2', 'opens within a directory only', () => {
    const name = directory.file('inside');
    const dirfd = keep(openSync(directory.path, 'r'));
    const how = block(ops.OPEN_HOW_SIZE);
    const RESOLVE_BENEATH = 8;
    ring.arena.writeUint64(how.offset + 16, RESOLVE_BENEATH);
    const opened = result((sqe) => ops.prepOpenat2(sqe, dirfd, text(path.basename(name)), how.address));
    expect(readFileSync(keep(opened), 'utf8')).toBe('inside');
    expect(result((sqe) => ops.prepOpenat2(sqe, dirfd, text('../etc'), how.address))).toBe(-Errno.EXDEV);
  });

  operation(['OPENAT', 'READ', 'CLOSE'], 'linked, on a direct descriptor', () => {
    ring.files.registerSparse(4);
    const memory = block(64);
    const open = sqeOf(ring);
    ops.prepOpenat(open, ops.AT_FDCWD, text(directory.file('direct')), 0, 0, 3);
    open.setFlags(SqeFlag.IO_LINK);
    const read = sqeOf(ring);
    ops.prepRead(read, 3, memory.address, 64, 0);
    read.setFlags(SqeFlag.FIXED_FILE | SqeFlag.IO_HARDLINK);
    const close = sqeOf(ring);
    ops.prepCloseDirect(close, 3);
    ring.submitAndWait(3);
    expect(takeAll(ring).map(({ res }) => res)).toEqual([0, 6, 0]);
    expect(string(memory.bytes, 6)).toBe('direct');
    expect(result((sqe) => ops.prepCloseDirect(sqe, 3))).toBe(-Errno.EBADF);
    // A slot that the kernel picks.
    const slot = result((sqe) => ops.prepOpenat(sqe, ops.AT_FDCWD, text('/dev/null'), 0, 0, 'auto'));
    expect(result((sqe) => ops.prepCloseDirect(sqe, slot))).toBe(0);
  });

  operation('STATX', 'fills a struct statx', () => {
    const name = directory.file('12345');
    const memory = block(ops.SIZEOF_STATX);
    const STATX_BASIC_STATS = 0x7ff;
    expect(result((sqe) => ops.prepStatx(sqe, ops.AT_FDCWD, text(name), 0, STATX_BASIC_STATS, memory.address))).toBe(0);
    const data = new DataView(memory.bytes.buffer, memory.bytes.byteOffset);
    expect(Number(data.getBigUint64(40, true))).toBe(5);
    expect(Number(data.getBigUint64(32, true))).toBe(statSync(name).ino);
  });

  operation(['RENAMEAT', 'UNLINKAT', 'MKDIRAT', 'SYMLINKAT', 'LINKAT'], 'change names', () => {
    const at = (name: string) => path.join(directory.path, name);
    const cwd = ops.AT_FDCWD;
    directory.file('named');
    const source = directory.file('content');
    expect(result((sqe) => ops.prepMkdirat(sqe, cwd, text(at('made')), 0o700))).toBe(0);
    expect(statSync(at('made')).isDirectory()).toBe(true);
    expect(result((sqe) => ops.prepMkdirat(sqe, cwd, text(at('made')), 0o700))).toBe(-Errno.EEXIST);
    expect(result((sqe) => ops.prepSymlinkat(sqe, text('the-target'), cwd, text(at('symbolic'))))).toBe(0);
    expect(readlinkSync(at('symbolic'))).toBe('the-target');
    expect(result((sqe) => ops.prepLinkat(sqe, cwd, text(source), cwd, text(at('hard'))))).toBe(0);
    expect(lstatSync(at('hard')).nlink).toBe(2);
    expect(result((sqe) => ops.prepRenameat(sqe, cwd, text(at('hard')), cwd, text(at('made/renamed'))))).toBe(0);
    expect(readFileSync(at('made/renamed'), 'utf8')).toBe('content');
    expect(result((sqe) => ops.prepUnlinkat(sqe, cwd, text(at('made/renamed'))))).toBe(0);
    const AT_REMOVEDIR = 0x200;
    expect(result((sqe) => ops.prepUnlinkat(sqe, cwd, text(at('made')), AT_REMOVEDIR))).toBe(0);
    expect(existsSync(at('made'))).toBe(false);
  });

  operation(['SETXATTR', 'GETXATTR', 'FSETXATTR', 'FGETXATTR'], 'set and get attributes', () => {
    const { fd, name } = openFile();
    const memory = block(16);
    const set = result((sqe) => ops.prepSetxattr(sqe, text(name), text('user.one'), put('first').address, 5));
    // Some file systems have no attributes (old tmpfs): then all four operations report that.
    if (set === -Errno.EOPNOTSUPP) {
      expect(result((sqe) => ops.prepGetxattr(sqe, text(name), text('user.one'), memory.address, 16))).toBe(set);
      return;
    }
    expect(set).toBe(0);
    expect(result((sqe) => ops.prepGetxattr(sqe, text(name), text('user.one'), memory.address, 16))).toBe(5);
    expect(string(memory.bytes, 5)).toBe('first');
    expect(result((sqe) => ops.prepFsetxattr(sqe, fd, text('user.two'), put('second').address, 6))).toBe(0);
    expect(result((sqe) => ops.prepFgetxattr(sqe, fd, text('user.two'), memory.address, 16))).toBe(6);
    expect(string(memory.bytes, 6)).toBe('second');
    expect(result((sqe) => ops.prepFgetxattr(sqe, fd, text('user.no'), memory.address, 16))).toBe(-Errno.ENODATA);
  });

  operation(['SPLICE', 'TEE'], 'move and copy between pipes', () => {
    const { fd } = openFile('spliced');
    const [firstReader, firstWriter] = keepPair(pipe());
    const [secondReader, secondWriter] = keepPair(pipe());
    expect(result((sqe) => ops.prepSplice(sqe, fd, 0, firstWriter, -1, 7))).toBe(7);
    expect(result((sqe) => ops.prepTee(sqe, firstReader, secondWriter, 7))).toBe(7);
    const memory = Buffer.alloc(16);
    expect(readSync(firstReader, memory)).toBe(7);
    expect(readSync(secondReader, memory)).toBe(7);
    expect(memory.toString('utf8', 0, 7)).toBe('spliced');
  });

  operation(['POLL_ADD', 'POLL_REMOVE'], 'tell readiness, again and again, and can be changed and ended', () => {
    const [reader, writer] = keepPair(pipe());
    const add = sqeOf(ring);
    ops.prepPollAdd(add, reader, PollEvent.IN, PollFlag.ADD_MULTI);
    add.setUserData(5);
    ring.submit();
    writeSync(writer, 'x');
    expect(take(ring)).toMatchObject({ userData: 5, res: PollEvent.IN, flags: CqeFlag.MORE });
    readSync(reader, Buffer.alloc(8));
    expect(run(ring, (sqe) => ops.prepPollUpdate(sqe, 5, 6, 0, PollFlag.UPDATE_USER_DATA | PollFlag.ADD_MULTI)).res).toBe(0);
    writeSync(writer, 'x');
    expect(take(ring)).toMatchObject({ userData: 6, res: PollEvent.IN });
    readSync(reader, Buffer.alloc(8));
    ops.prepPollRemove(sqeOf(ring), 6);
    ring.submitAndWait(2);
    expect(
      takeAll(ring)
        .map(({ res }) => res)
        .sort(),
    ).toEqual([-Errno.ECANCELED, 0].sort());
    expect(result((sqe) => ops.prepPollRemove(sqe, 6))).toBe(-Errno.ENOENT);
  });

  operation(['EPOLL_CTL', 'EPOLL_WAIT'], 'watch a pipe', () => {
    const [reader, writer] = keepPair(pipe());
    const epoll = keep(epollCreate());
    const event = block(12);
    event.bytes[0] = 1;
    event.bytes[4] = 77;
    expect(result((sqe) => ops.prepEpollCtl(sqe, epoll, reader, 1, event.address))).toBe(0);
    writeSync(writer, 'x');
    const events = block(24);
    expect(result((sqe) => ops.prepEpollWait(sqe, epoll, events.address, 2))).toBe(1);
    expect([events.bytes[0], events.bytes[4]]).toEqual([1, 77]);
  });

  operation(['TIMEOUT', 'TIMEOUT_REMOVE'], 'fire, count, and can be changed and ended', () => {
    expect(result((sqe) => ops.prepTimeout(sqe, timespec(1)))).toBe(-Errno.ETIME);
    const counting = sqeOf(ring);
    ops.prepTimeout(counting, timespec(60_000), 1);
    counting.setUserData(5);
    ops.prepNop(sqeOf(ring));
    ring.submitAndWait(2);
    expect(
      takeAll(ring)
        .map(({ userData, res }) => [userData, res])
        .sort(),
    ).toEqual([
      [0, 0],
      [5, 0],
    ]);
    const long = sqeOf(ring);
    ops.prepTimeout(long, timespec(60_000));
    long.setUserData(6);
    expect(run(ring, (sqe) => ops.prepTimeoutUpdate(sqe, timespec(1), 6), 7).res).toBe(0);
    expect(take(ring)).toMatchObject({ userData: 6, res: -Errno.ETIME });
    const other = sqeOf(ring);
    ops.prepTimeout(other, timespec(60_000));
    other.setUserData(8);
    const remove = sqeOf(ring);
    ops.prepTimeoutRemove(remove, 8);
    remove.setUserData(9);
    ring.submitAndWait(2);
    expect(Object.fromEntries(takeAll(ring).map(({ userData, res }) => [userData, res]))).toEqual({
      8: -Errno.ECANCELED,
      9: 0,
    });
  });

  operation('LINK_TIMEOUT', 'cancels what it is linked to', () => {
    const [reader] = keepPair(pipe());
    const read = sqeOf(ring);
    ops.prepRead(read, reader, block(8).address, 8, 0);
    read.setUserData(1);
    read.setFlags(SqeFlag.IO_LINK);
    const limit = sqeOf(ring);
    ops.prepLinkTimeout(limit, timespec(1));
    limit.setUserData(2);
    ring.submit();
    const both = [take(ring), take(ring)];
    expect(Object.fromEntries(both.map(({ userData, res }) => [userData, res]))).toEqual({
      1: -Errno.ECANCELED,
      2: -Errno.ETIME,
    });
  });

  const cancelsBy = (ways: ((sqe: Sqe, fd: number) => void)[]) => {
    const [reader] = keepPair(pipe());
    for (const cancel of ways) {
      const read = sqeOf(ring);
      ops.prepRead(read, reader, block(8).address, 8, 0);
      read.setUserData(5);
      const request = sqeOf(ring);
      cancel(request, reader);
      request.setUserData(6);
      ring.submit();
      const both = Object.fromEntries([take(ring), take(ring)].map(({ userData, res }) => [userData, res]));
      expect(both).toEqual({ 5: -Errno.ECANCELED, 6: 0 });
    }
    expect(result((sqe) => ops.prepCancel(sqe, 5))).toBe(-Errno.ENOENT);
  };

  operation('ASYNC_CANCEL', 'cancels by user data and by fd', () => {
    cancelsBy([(sqe) => ops.prepCancel(sqe, 5), (sqe, fd) => ops.prepCancelFd(sqe, fd)]);
  });

  // The flag is from 6.6: older kernels find no match. READ_MULTISHOT, from 6.7, shows that the
  // kernel has it.
  operation(['ASYNC_CANCEL', 'READ_MULTISHOT'], 'cancels by opcode', () => {
    cancelsBy([(sqe) => ops.prepCancelOpcode(sqe, Opcode.READ)]);
  });

  operation('FILES_UPDATE', 'puts files into slots', () => {
    ring.files.registerSparse(4);
    const { fd } = openFile('by slot');
    const slots = block(8);
    new DataView(slots.bytes.buffer, slots.bytes.byteOffset).setInt32(0, fd, true);
    expect(result((sqe) => ops.prepFilesUpdate(sqe, slots.address, 1, 2))).toBe(1);
    const memory = block(16);
    const read = run(ring, (sqe) => {
      ops.prepRead(sqe, 2, memory.address, 16, 0);
      sqe.setFlags(SqeFlag.FIXED_FILE);
    });
    expect(string(memory.bytes, read.res)).toBe('by slot');
  });

  operation('FIXED_FD_INSTALL', 'makes a descriptor of a slot', () => {
    const { fd } = openFile('installed');
    ring.files.register([fd]);
    const installed = result((sqe) => ops.prepFixedFdInstall(sqe, 0));
    expect(readFileSync(keep(installed), 'utf8')).toBe('installed');
  });

  operation('MSG_RING', 'posts to another ring, and sends it a file', () => {
    const other = Ring.open({ entries: 4 });
    try {
      expect(result((sqe) => ops.prepMsgRing(sqe, other.fd, 11, 22))).toBe(0);
      expect(take(other)).toMatchObject({ userData: 22, res: 11 });
      const { fd } = openFile('sent');
      ring.files.register([fd]);
      other.files.registerSparse(4);
      expect(result((sqe) => ops.prepMsgRingFd(sqe, other.fd, 0, 1, 33))).toBe(0);
      expect(take(other)).toMatchObject({ userData: 33, res: 0 });
      const memory = other.arena.block(8);
      const read = run(other, (sqe) => {
        ops.prepRead(sqe, 1, memory.address, 8, 0);
        sqe.setFlags(SqeFlag.FIXED_FILE);
      });
      expect(string(memory.bytes, read.res)).toBe('sent');
    } finally {
      other.close();
    }
  });

  operation('PIPE', 'makes a pipe', () => {
    const ends = block(8);
    expect(result((sqe) => ops.prepPipe(sqe, ends.address))).toBe(0);
    const data = new DataView(ends.bytes.buffer, ends.bytes.byteOffset);
    const [reader, writer] = [keep(data.getInt32(0, true)), keep(data.getInt32(4, true))];
    writeSync(writer, 'through');
    const memory = Buffer.alloc(16);
    expect(readSync(reader, memory)).toBe(7);
  });

  operation(['SOCKET', 'BIND', 'LISTEN', 'ACCEPT', 'CONNECT', 'SEND', 'RECV', 'SHUTDOWN'], 'talk over loopback', () => {
    const server = keep(result((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_STREAM, 0)));
    const address = loopback(0);
    expect(result((sqe) => ops.prepBind(sqe, server, address.address, 16))).toBe(0);
    expect(result((sqe) => ops.prepListen(sqe, server, 8))).toBe(0);
    const bound = loopback(boundPort(server));
    const client = keep(result((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_STREAM, 0)));
    const accept = sqeOf(ring);
    ops.prepAccept(accept, server, 0, 0, 0, AcceptFlag.MULTISHOT);
    accept.setUserData(100);
    const connect = sqeOf(ring);
    ops.prepConnect(connect, client, bound.address, 16);
    connect.setUserData(200);
    ring.submit();
    const both = new Map([take(ring), take(ring)].map((cqe) => [cqe.userData, cqe]));
    expect(both.get(200)?.res).toBe(0);
    expect((both.get(100)?.flags ?? 0) & CqeFlag.MORE).toBe(CqeFlag.MORE);
    const peer = keep(both.get(100)?.res as number);
    expect(result((sqe) => ops.prepSend(sqe, client, put('greetings').address, 9))).toBe(9);
    const memory = block(16);
    expect(result((sqe) => ops.prepRecv(sqe, peer, memory.address, 16))).toBe(9);
    expect(string(memory.bytes, 9)).toBe('greetings');
    const SHUT_WR = 1;
    expect(result((sqe) => ops.prepShutdown(sqe, client, SHUT_WR))).toBe(0);
    expect(result((sqe) => ops.prepRecv(sqe, peer, memory.address, 16))).toBe(0);
  });

  operation(['SENDMSG', 'RECVMSG'], 'carry messages', () => {
    const [left, right] = keepPair(socketPair());
    expect(result((sqe) => ops.prepSendmsg(sqe, left, message(put('a message'))))).toBe(9);
    const memory = block(16);
    expect(result((sqe) => ops.prepRecvmsg(sqe, right, message(memory)))).toBe(9);
    expect(string(memory.bytes, 9)).toBe('a message');
  });

  operation('RECV', 'multishot, into selected buffers, until there are none', () => {
    const [left, right] = keepPair(socketPair());
    const buffers = ring.bufferRings.create({ group: 1, entries: 2, bufferSize: 8 });
    writeSync(left, 'x'.repeat(19));
    ops.prepRecvSelect(sqeOf(ring), right, 1, 0, 0, RecvSendFlag.RECV_MULTISHOT);
    ring.submit();
    const cqes = [take(ring), take(ring), take(ring)];
    expect(cqes.map(({ res }) => res)).toEqual([8, 8, -Errno.ENOBUFS]);
    expect(cqes.map(({ flags }) => flags & CqeFlag.MORE)).toEqual([CqeFlag.MORE, CqeFlag.MORE, 0]);
    expect(cqes.slice(0, 2).map(({ flags }) => flags >>> 16)).toEqual([0, 1]);
    buffers.recycle(0);
    ops.prepRecvSelect(sqeOf(ring), right, 1);
    ring.submit();
    expect(take(ring).res).toBe(3);
  });

  operation(['PROVIDE_BUFFERS', 'REMOVE_BUFFERS'], 'give buffers to a group and take them back', () => {
    const [reader, writer] = keepPair(pipe());
    const memory = block(64);
    expect(result((sqe) => ops.prepProvideBuffers(sqe, memory.address, 16, 4, 9, 100))).toBe(0);
    writeSync(writer, 'selected');
    const cqe = run(ring, (sqe) => ops.prepReadSelect(sqe, reader, 9, 16, ops.CURRENT_POSITION));
    expect(cqe.res).toBe(8);
    const id = (cqe.flags >>> 16) - 100;
    expect(string(memory.bytes.subarray(id * 16, id * 16 + 8))).toBe('selected');
    expect(result((sqe) => ops.prepRemoveBuffers(sqe, 10, 9))).toBe(3);
  });

  operation(['SEND_ZC', 'SENDMSG_ZC', 'BIND', 'LISTEN'], 'post a result and a notification', () => {
    const server = keep(result((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_STREAM, 0)));
    expect(result((sqe) => ops.prepBind(sqe, server, loopback(0).address, 16))).toBe(0);
    result((sqe) => ops.prepListen(sqe, server, 1));
    const client = keep(result((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_STREAM, 0)));
    expect(result((sqe) => ops.prepConnect(sqe, client, loopback(boundPort(server)).address, 16))).toBe(0);
    const peer = keep(result((sqe) => ops.prepAccept(sqe, server)));
    ops.prepSendZc(sqeOf(ring), client, put('zero').address, 4);
    ring.submit();
    let cqes = [take(ring), take(ring)];
    expect(cqes.map(({ res, flags }) => [res, flags])).toEqual([
      [4, CqeFlag.MORE],
      [0, CqeFlag.NOTIF],
    ]);
    ops.prepSendmsgZc(sqeOf(ring), client, message(put('copy')));
    ring.submit();
    cqes = [take(ring), take(ring)];
    expect(cqes.map(({ flags }) => flags)).toEqual([CqeFlag.MORE, CqeFlag.NOTIF]);
    const memory = block(16);
    expect(result((sqe) => ops.prepRecv(sqe, peer, memory.address, 16))).toBe(8);
    expect(string(memory.bytes, 8)).toBe('zerocopy');
    // A failure has a notification, too.
    const [left] = keepPair(socketPair());
    ops.prepSendZc(sqeOf(ring), left, put('no').address, 2);
    ring.submit();
    expect([take(ring), take(ring)].map(({ res, flags }) => [res, flags])).toEqual([
      [-Errno.EOPNOTSUPP, CqeFlag.MORE],
      [0, CqeFlag.NOTIF],
    ]);
  });

  operation('RECV_ZC', 'is refused without a queue', () => {
    const [left] = keepPair(socketPair());
    expect(result((sqe) => ops.prepRecvZc(sqe, left, 0, 0))).toBe(-Errno.EINVAL);
  });

  // Sockets have commands since 6.7, which also added FUTEX_WAIT.
  operation(['URING_CMD', 'FUTEX_WAIT'], 'asks a socket', () => {
    const socket = keep(result((sqe) => ops.prepSocket(sqe, AF_INET, SOCK_STREAM, 0)));
    const value = block(4);
    const [SOL_SOCKET, SO_REUSEADDR] = [1, 2];
    value.bytes[0] = 1;
    expect(
      result((sqe) => ops.prepSocketCommand(sqe, SocketCommand.SETSOCKOPT, socket, SOL_SOCKET, SO_REUSEADDR, value.address, 4)),
    ).toBe(0);
    value.bytes[0] = 0;
    expect(
      result((sqe) => ops.prepSocketCommand(sqe, SocketCommand.GETSOCKOPT, socket, SOL_SOCKET, SO_REUSEADDR, value.address, 4)),
    ).toBe(4);
    expect(value.bytes[0]).toBe(1);
    const [left, right] = keepPair(socketPair());
    writeSync(left, '12345');
    expect(result((sqe) => ops.prepUringCmd(sqe, 99, right))).toBe(-Errno.EOPNOTSUPP);
  });

  operation(['FUTEX_WAIT', 'FUTEX_WAKE', 'FUTEX_WAITV'], 'wait for a word of memory', () => {
    const word = block(4);
    const other = block(4);
    const wait = sqeOf(ring);
    ops.prepFutexWait(wait, word.address, 0);
    wait.setUserData(5);
    ring.submit();
    expect(run(ring, (sqe) => ops.prepFutexWake(sqe, word.address, 1), 6)).toMatchObject({ userData: expect.any(Number) });
    const second = take(ring);
    expect(second.res).toBeGreaterThanOrEqual(0);
    expect(result((sqe) => ops.prepFutexWait(sqe, word.address, 1))).toBe(-Errno.EAGAIN);
    const waiters = block(48);
    [word, other].forEach((futex, index) => {
      ring.arena.writeUint64(waiters.offset + 24 * index + 8, futex.address);
      ring.arena.data.setUint32(waiters.offset + 24 * index + 16, 0x82, true);
    });
    const vector = sqeOf(ring);
    ops.prepFutexWaitv(vector, waiters.address, 2);
    vector.setUserData(7);
    const wake = sqeOf(ring);
    ops.prepFutexWake(wake, other.address, 1);
    wake.setUserData(8);
    ring.submit();
    const both = Object.fromEntries([take(ring), take(ring)].map(({ userData, res }) => [userData, res]));
    expect(both).toEqual({ 7: 1, 8: 1 });
  });

  operation('WAITID', 'waits for a child process', async () => {
    const child = spawn('sleep', ['60']);
    const info = block(128);
    const [P_PID, WEXITED, WNOWAIT] = [1, 4, 0x0100_0000];
    const wait = sqeOf(ring);
    ops.prepWaitid(wait, P_PID, child.pid as number, info.address, WEXITED | WNOWAIT);
    ring.submit();
    expect(ring.peekCqe()).toBeNull();
    child.kill('SIGTERM');
    expect(take(ring).res).toBe(0);
    const data = new DataView(info.bytes.buffer, info.bytes.byteOffset);
    expect(data.getInt32(16, true)).toBe(child.pid);
    expect(data.getInt32(24, true)).toBe(15);
    await new Promise((resolve) => child.once('exit', resolve));
  });

  test('every operation has a test', () => {
    expect(OPCODE_NAMES.filter((name) => !covered.has(name))).toEqual([]);
  });
});

/** Returns the port that a socket was bound to, from /proc, by the socket's inode. */
function boundPort(fd: number): number {
  const inode = readlinkSync(`/proc/self/fd/${fd}`).match(/\d+/)?.[0];
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((row) => row.trim().split(/\s+/)[9] === inode);
  const port = line?.trim().split(/\s+/)[1]?.split(':')[1];
  if (port) return Number.parseInt(port, 16);
  throw new Error('the socket is not listening');
}
