/**
 * The encoders, byte by byte: compared with what liburing's io_uring_prep_* functions write
 * (tests/oracle), and for newer operations with the fields that the kernel's interface names.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import {
  AcceptFlag,
  CancelFlag,
  CqeFlag,
  MsgRingCommand,
  Opcode,
  PollFlag,
  RecvSendFlag,
  Sqe,
  SqeFlag,
} from '../../src/ring/index.js';
import { golden } from '../helpers/golden.js';

const told = golden('operations');

// The same sets as in tests/oracle/prep.c.
const FD = [3, 1000, 0x7fffffff];
const FD2 = [4, 77, 0];
const ADDR = [0x1000, 0x7f1234567890, 0x7fffffffffff];
const ADDR2 = [0x2008, 0x7e0000000010, 0x1];
const LEN = [1, 4096, 0x7fffffff];
const SMALL = [0, 5, 1024];
const OFF = [0, 123456789012, 0x1fffffffffffff];
const FLAGS = [0, 5, 0x40000001];
const DATA = [1, 0x123456789abc, 0xfffffffffffffffen];
const U16 = [0, 7, 65535];
const SLOT = [0, 9, 65534];
const HOW = [0, 1, 2];

type Encode = (sqe: Sqe, v: number) => void;

/** Returns the value of a parameter in a set. */
const at = <T>(values: readonly T[], v: number) => values[v] as T;

const CASES: { readonly [name: string]: Encode } = {
  nop: (s) => ops.prepNop(s),
  readv: (s, v) => ops.prepReadv(s, at(FD, v), at(ADDR, v), at(SMALL, v), at(OFF, v), at(FLAGS, v)),
  writev: (s, v) => ops.prepWritev(s, at(FD, v), at(ADDR, v), at(SMALL, v), at(OFF, v), at(FLAGS, v)),
  read: (s, v) => ops.prepRead(s, at(FD, v), at(ADDR, v), at(LEN, v), at(OFF, v)),
  'read-current': (s, v) => ops.prepRead(s, at(FD, v), at(ADDR, v), at(LEN, v), ops.CURRENT_POSITION),
  write: (s, v) => ops.prepWrite(s, at(FD, v), at(ADDR, v), at(LEN, v), at(OFF, v)),
  read_fixed: (s, v) => ops.prepReadFixed(s, at(FD, v), at(ADDR, v), at(LEN, v), at(OFF, v), at(U16, v)),
  write_fixed: (s, v) => ops.prepWriteFixed(s, at(FD, v), at(ADDR, v), at(LEN, v), at(OFF, v), at(U16, v)),
  fsync: (s, v) => ops.prepFsync(s, at(FD, v), at(FLAGS, v)),
  poll_add: (s, v) => ops.prepPollAdd(s, at(FD, v), at(FLAGS, v)),
  poll_multishot: (s, v) => ops.prepPollAdd(s, at(FD, v), at(FLAGS, v), PollFlag.ADD_MULTI),
  poll_remove: (s, v) => ops.prepPollRemove(s, at<number | bigint>(DATA, v)),
  poll_update: (s, v) => ops.prepPollUpdate(s, at<number | bigint>(DATA, v), at(OFF, v), at(FLAGS, v), at(SMALL, v)),
  sync_file_range: (s, v) => ops.prepSyncFileRange(s, at(FD, v), at(LEN, v), at(OFF, v), at(FLAGS, v)),
  sendmsg: (s, v) => ops.prepSendmsg(s, at(FD, v), at(ADDR, v), at(FLAGS, v)),
  sendmsg_zc: (s, v) => ops.prepSendmsgZc(s, at(FD, v), at(ADDR, v), at(FLAGS, v)),
  recvmsg: (s, v) => ops.prepRecvmsg(s, at(FD, v), at(ADDR, v), at(FLAGS, v)),
  recvmsg_multishot: (s, v) => ops.prepRecvmsg(s, at(FD, v), at(ADDR, v), at(FLAGS, v), RecvSendFlag.RECV_MULTISHOT),
  timeout: (s, v) => ops.prepTimeout(s, at(ADDR, v), at(LEN, v), at(FLAGS, v)),
  timeout_remove: (s, v) => ops.prepTimeoutRemove(s, at<number | bigint>(DATA, v), at(FLAGS, v)),
  timeout_update: (s, v) => ops.prepTimeoutUpdate(s, at(ADDR, v), at<number | bigint>(DATA, v), at(FLAGS, v)),
  link_timeout: (s, v) => ops.prepLinkTimeout(s, at(ADDR, v), at(FLAGS, v)),
  accept: (s, v) => ops.prepAccept(s, at(FD, v), at(ADDR, v), at(ADDR2, v), at(FLAGS, v)),
  accept_direct: (s, v) => ops.prepAccept(s, at(FD, v), at(ADDR, v), at(ADDR2, v), at(FLAGS, v), 0, at(SLOT, v)),
  multishot_accept: (s, v) => ops.prepMultishotAccept(s, at(FD, v), at(FLAGS, v)),
  multishot_accept_direct: (s, v) => ops.prepMultishotAccept(s, at(FD, v), at(FLAGS, v), 'auto'),
  cancel: (s, v) => ops.prepCancel(s, at<number | bigint>(DATA, v), at(FLAGS, v)),
  cancel_fd: (s, v) => ops.prepCancelFd(s, at(FD, v), at(FLAGS, v)),
  connect: (s, v) => ops.prepConnect(s, at(FD, v), at(ADDR, v), at(U16, v)),
  fallocate: (s, v) => ops.prepFallocate(s, at(FD, v), at(SMALL, v), at(OFF, v), at(OFF, v)),
  openat: (s, v) => ops.prepOpenat(s, at(FD, v), at(ADDR, v), at(FLAGS, v), at(SMALL, v)),
  'openat-cwd': (s, v) => ops.prepOpenat(s, ops.AT_FDCWD, at(ADDR, v), at(FLAGS, v), at(SMALL, v)),
  openat_direct: (s, v) => ops.prepOpenat(s, at(FD, v), at(ADDR, v), at(FLAGS, v), at(SMALL, v), at(SLOT, v)),
  'openat_direct-auto': (s, v) => ops.prepOpenat(s, at(FD, v), at(ADDR, v), at(FLAGS, v), at(SMALL, v), 'auto'),
  openat2: (s, v) => ops.prepOpenat2(s, at(FD, v), at(ADDR, v), at(ADDR2, v)),
  openat2_direct: (s, v) => ops.prepOpenat2(s, at(FD, v), at(ADDR, v), at(ADDR2, v), at(SLOT, v)),
  close: (s, v) => ops.prepClose(s, at(FD, v)),
  close_direct: (s, v) => ops.prepCloseDirect(s, at(SLOT, v)),
  files_update: (s, v) => ops.prepFilesUpdate(s, at(ADDR, v), at(SMALL, v), at(SLOT, v)),
  'files_update-auto': (s, v) => ops.prepFilesUpdate(s, at(ADDR, v), at(SMALL, v), 'auto'),
  statx: (s, v) => ops.prepStatx(s, at(FD, v), at(ADDR, v), at(FLAGS, v), at(SMALL, v), at(ADDR2, v)),
  fadvise: (s, v) => ops.prepFadvise(s, at(FD, v), at(OFF, v), at(LEN, v), at(SMALL, v)),
  madvise: (s, v) => ops.prepMadvise(s, at(ADDR, v), at(LEN, v), at(SMALL, v)),
  send: (s, v) => ops.prepSend(s, at(FD, v), at(ADDR, v), at(LEN, v), at(FLAGS, v)),
  sendto: (s, v) => ops.prepSend(s, at(FD, v), at(ADDR, v), at(LEN, v), at(FLAGS, v), 0, at(ADDR2, v), at(U16, v)),
  send_zc: (s, v) => ops.prepSendZc(s, at(FD, v), at(ADDR, v), at(LEN, v), at(FLAGS, v), at(SMALL, v)),
  send_zc_fixed: (s, v) => ops.prepSendZc(s, at(FD, v), at(ADDR, v), at(LEN, v), at(FLAGS, v), at(SMALL, v), 0, 0, at(U16, v)),
  recv: (s, v) => ops.prepRecv(s, at(FD, v), at(ADDR, v), at(LEN, v), at(FLAGS, v)),
  recv_multishot: (s, v) => ops.prepRecv(s, at(FD, v), at(ADDR, v), at(LEN, v), at(FLAGS, v), RecvSendFlag.RECV_MULTISHOT),
  epoll_ctl: (s, v) => ops.prepEpollCtl(s, at(FD, v), at(FD2, v), at(SMALL, v), at(ADDR, v)),
  splice: (s, v) => ops.prepSplice(s, at(FD, v), at(OFF, v), at(FD2, v), at(OFF, v), at(LEN, v), at(FLAGS, v)),
  'splice-pipes': (s, v) => ops.prepSplice(s, at(FD, v), -1, at(FD2, v), -1, at(LEN, v), at(FLAGS, v)),
  tee: (s, v) => ops.prepTee(s, at(FD, v), at(FD2, v), at(LEN, v), at(FLAGS, v)),
  provide_buffers: (s, v) => ops.prepProvideBuffers(s, at(ADDR, v), at(LEN, v), at(SMALL, v) + 1, at(U16, v), at(SMALL, v)),
  remove_buffers: (s, v) => ops.prepRemoveBuffers(s, at(SMALL, v) + 1, at(U16, v)),
  shutdown: (s, v) => ops.prepShutdown(s, at(FD, v), at(HOW, v)),
  renameat: (s, v) => ops.prepRenameat(s, at(FD, v), at(ADDR, v), at(FD2, v), at(ADDR2, v), at(FLAGS, v)),
  unlinkat: (s, v) => ops.prepUnlinkat(s, at(FD, v), at(ADDR, v), at(FLAGS, v)),
  mkdirat: (s, v) => ops.prepMkdirat(s, at(FD, v), at(ADDR, v), at(SMALL, v)),
  symlinkat: (s, v) => ops.prepSymlinkat(s, at(ADDR, v), at(FD, v), at(ADDR2, v)),
  linkat: (s, v) => ops.prepLinkat(s, at(FD, v), at(ADDR, v), at(FD2, v), at(ADDR2, v), at(FLAGS, v)),
  msg_ring: (s, v) => ops.prepMsgRing(s, at(FD, v), at(LEN, v), at<number | bigint>(DATA, v), at(FLAGS, v)),
  fsetxattr: (s, v) => ops.prepFsetxattr(s, at(FD, v), at(ADDR, v), at(ADDR2, v), at(LEN, v), at(SMALL, v)),
  setxattr: (s, v) => ops.prepSetxattr(s, at(ADDR, v), at(ADDR, v), at(ADDR2, v), at(LEN, v), at(SMALL, v)),
  fgetxattr: (s, v) => ops.prepFgetxattr(s, at(FD, v), at(ADDR, v), at(ADDR2, v), at(LEN, v)),
  getxattr: (s, v) => ops.prepGetxattr(s, at(ADDR, v), at(ADDR, v), at(ADDR2, v), at(LEN, v)),
  socket: (s, v) => ops.prepSocket(s, at(SMALL, v), at(FLAGS, v), at(LEN, v), at(FLAGS, v)),
  socket_direct: (s, v) => ops.prepSocket(s, at(SMALL, v), at(FLAGS, v), at(LEN, v), at(FLAGS, v), at(SLOT, v)),
  socket_direct_alloc: (s, v) => ops.prepSocket(s, at(SMALL, v), at(FLAGS, v), at(LEN, v), at(FLAGS, v), 'auto'),
};

/** Creates an SQE in memory full of leftovers. */
function dirtySqe(size = 16): Sqe {
  const memory = new Int32Array(4 * size).fill(-1);
  return new Sqe(memory, new Float64Array(memory.buffer), size, size);
}

describe('liburing and the encoders', () => {
  const lines = readFileSync(new URL('../oracle/liburing.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n');

  test('have the same cases', () => {
    expect([...new Set(lines.map((line) => line.split(' ')[0]))].sort()).toEqual(Object.keys(CASES).sort());
  });

  test.each(lines.map((line) => line.split(' ') as [string, string, string]))('agree on %s, set %s', (name, set, expected) => {
    const sqe = dirtySqe();
    CASES[name]?.(sqe, Number(set));
    expect(Buffer.from(sqe.bytes()).toString('hex')).toBe(expected);
  });
});

interface Fields {
  readonly opcode: number;
  readonly flags?: number;
  readonly ioprio?: number;
  readonly fd?: number;
  readonly off?: bigint;
  readonly addr?: bigint;
  readonly len?: number;
  readonly opFlags?: number;
  readonly buf?: number;
  readonly fileIndex?: number;
  readonly addr3?: bigint;
}

function fieldsOf(sqe: Sqe): Required<Fields> & { rest: bigint[]; personality: number } {
  const bytes = sqe.bytes();
  const data = new DataView(bytes.buffer);
  return {
    opcode: data.getUint8(0),
    flags: data.getUint8(1),
    ioprio: data.getUint16(2, true),
    fd: data.getInt32(4, true),
    off: data.getBigUint64(8, true),
    addr: data.getBigUint64(16, true),
    len: data.getUint32(24, true),
    opFlags: data.getUint32(28, true),
    rest: [data.getBigUint64(32, true), data.getBigUint64(56, true)],
    buf: data.getUint16(40, true),
    personality: data.getUint16(42, true),
    fileIndex: data.getUint32(44, true),
    addr3: data.getBigUint64(48, true),
  };
}

const NEW: [name: string, encode: (sqe: Sqe) => void, fields: Fields][] = [
  ['prepNopWith', (s) => ops.prepNopWith(s, 1, -7), { opcode: 0, fd: -1, len: 0xfffffff9, opFlags: 1 }],
  ['prepReadSelect', (s) => ops.prepReadSelect(s, 3, 9, 10, 11), { opcode: 22, fd: 3, flags: 32, len: 10, off: 11n, buf: 9 }],
  [
    'prepRecvSelect',
    (s) => ops.prepRecvSelect(s, 3, 9, 0, 4, 2),
    { opcode: 27, fd: 3, flags: 32, opFlags: 4, ioprio: 2, buf: 9 },
  ],
  [
    'prepReadMultishot',
    (s) => ops.prepReadMultishot(s, 3, 10, -1, 9),
    { opcode: 49, fd: 3, flags: 32, len: 10, off: 2n ** 64n - 1n, buf: 9 },
  ],
  ['prepWaitid', (s) => ops.prepWaitid(s, 1, 77, 0x5000, 4, 0), { opcode: 50, fd: 77, len: 1, off: 0x5000n, fileIndex: 4 }],
  [
    'prepFutexWait',
    (s) => ops.prepFutexWait(s, 0x5000, 6, 0xff, 0x82),
    { opcode: 51, fd: 0x82, addr: 0x5000n, off: 6n, addr3: 0xffn },
  ],
  [
    'prepFutexWake',
    (s) => ops.prepFutexWake(s, 0x5000, 1, 0xff, 0x82),
    { opcode: 52, fd: 0x82, addr: 0x5000n, off: 1n, addr3: 0xffn },
  ],
  ['prepFutexWaitv', (s) => ops.prepFutexWaitv(s, 0x5000, 2), { opcode: 53, fd: 0, addr: 0x5000n, len: 2 }],
  ['prepFixedFdInstall', (s) => ops.prepFixedFdInstall(s, 5, 1), { opcode: 54, fd: 5, flags: 1, opFlags: 1 }],
  ['prepFtruncate', (s) => ops.prepFtruncate(s, 5, 2n ** 40n), { opcode: 55, fd: 5, off: 2n ** 40n }],
  ['prepBind', (s) => ops.prepBind(s, 5, 0x5000, 16), { opcode: 56, fd: 5, addr: 0x5000n, off: 16n }],
  ['prepListen', (s) => ops.prepListen(s, 5, 128), { opcode: 57, fd: 5, len: 128 }],
  ['prepRecvZc', (s) => ops.prepRecvZc(s, 5, 10, 3), { opcode: 58, fd: 5, len: 10, ioprio: 2, fileIndex: 3 }],
  ['prepEpollWait', (s) => ops.prepEpollWait(s, 5, 0x5000, 8), { opcode: 59, fd: 5, addr: 0x5000n, len: 8 }],
  [
    'prepReadvFixed',
    (s) => ops.prepReadvFixed(s, 5, 0x5000, 2, 7, 3, 1),
    { opcode: 60, fd: 5, addr: 0x5000n, len: 2, off: 7n, buf: 3, opFlags: 1 },
  ],
  [
    'prepWritevFixed',
    (s) => ops.prepWritevFixed(s, 5, 0x5000, 2, 7, 3),
    { opcode: 61, fd: 5, addr: 0x5000n, len: 2, off: 7n, buf: 3 },
  ],
  ['prepPipe', (s) => ops.prepPipe(s, 0x5000, 0o4000, 2), { opcode: 62, fd: 0, addr: 0x5000n, opFlags: 0o4000, fileIndex: 3 }],
  ['prepCancelOpcode', (s) => ops.prepCancelOpcode(s, 22, 1), { opcode: 14, fd: -1, len: 22, opFlags: CancelFlag.OP | 1 }],
  [
    'prepMsgRing with flags',
    (s) => ops.prepMsgRing(s, 5, 1, 2, 2, 0x40),
    { opcode: 40, fd: 5, len: 1, off: 2n, opFlags: 2, fileIndex: 0x40 },
  ],
  [
    'prepMsgRingFd',
    (s) => ops.prepMsgRingFd(s, 5, 6, 7, 8),
    { opcode: 40, fd: 5, addr: BigInt(MsgRingCommand.SEND_FD), off: 8n, addr3: 6n, fileIndex: 8 },
  ],
  [
    'prepMsgRingFd, auto',
    (s) => ops.prepMsgRingFd(s, 5, 6, 'auto', 8, 1),
    { opcode: 40, fd: 5, addr: 1n, off: 8n, addr3: 6n, fileIndex: 0xffffffff, opFlags: 1 },
  ],
  [
    'prepSocketCommand',
    (s) => ops.prepSocketCommand(s, 2, 5, 1, 3, 0x5000, 4),
    { opcode: 46, fd: 5, off: 2n, addr: (3n << 32n) | 1n, fileIndex: 4, addr3: 0x5000n },
  ],
  [
    'prepFadvise of more than 4 GiB',
    (s) => ops.prepFadvise(s, 5, 0, 2n ** 40n, 4),
    { opcode: 24, fd: 5, addr: 2n ** 40n, opFlags: 4 },
  ],
  [
    'prepMadvise of more than 4 GiB',
    (s) => ops.prepMadvise(s, 0x5000, 2n ** 40n, 4),
    { opcode: 25, fd: -1, addr: 0x5000n, off: 2n ** 40n, opFlags: 4 },
  ],
  ['prepFdatasync', (s) => ops.prepFdatasync(s, 5), { opcode: 3, fd: 5, opFlags: 1 }],
  ['prepAccept, polling first', (s) => ops.prepAccept(s, 5, 0, 0, 0, AcceptFlag.POLL_FIRST), { opcode: 13, fd: 5, ioprio: 4 }],
  [
    'a bigint offset',
    (s) => ops.prepRead(s, 5, 0x5000, 1, 2n ** 63n - 1n),
    { opcode: 22, fd: 5, addr: 0x5000n, len: 1, off: 2n ** 63n - 1n },
  ],
];

describe('newer operations', () => {
  test.each(NEW)('are encoded field by field: %s', (_, encode, fields) => {
    const sqe = dirtySqe();
    encode(sqe);
    const empty = { flags: 0, ioprio: 0, fd: 0, off: 0n, addr: 0n, len: 0, opFlags: 0, buf: 0, fileIndex: 0, addr3: 0n };
    expect(fieldsOf(sqe)).toEqual({ ...empty, personality: 0, rest: [0n, 0n], ...fields });
  });

  test('include a command of 16 bytes, or 80 in a large SQE, that is written as a whole', () => {
    const small = dirtySqe();
    ops.prepUringCmd(small, 7, 5, 1, new Uint8Array(16).fill(9));
    expect(fieldsOf(small)).toMatchObject({ opcode: Opcode.URING_CMD, fd: 5, off: 7n, opFlags: 1 });
    expect([...small.bytes().subarray(48)]).toEqual(new Array(16).fill(9));
    expect(() => ops.prepUringCmd(small, 7, 5, 0, new Uint8Array(17))).toThrow('"payload.byteLength" is out of range');
    ops.prepUringCmd(small, 7, 5);
    expect(
      small
        .bytes()
        .subarray(48)
        .every((byte) => byte === 0),
    ).toBe(true);
    const memory = new SharedArrayBuffer(256);
    const behind = new Sqe(new Int32Array(memory, 64), new Float64Array(memory, 64), 16, 16);
    ops.prepUringCmd(behind, 7, 5, 0, new Uint8Array(16).fill(9));
    expect([...behind.bytes().subarray(48)]).toEqual(new Array(16).fill(9));
    const large = dirtySqe(32);
    ops.prepUringCmd(large, 7, 5, 0, new Uint8Array(70).fill(9));
    expect([...large.bytes().subarray(48)]).toEqual([...new Array(70).fill(9), ...new Array(10).fill(0)]);
  });
});

describe('a value that does not fit', () => {
  type AnyEncoder = (sqe: Sqe, ...args: unknown[]) => void;
  const encoders = Object.entries(ops).filter(([name]) => name.startsWith('prep')) as [string, AnyEncoder][];

  /** Returns the names of the parameters after the SQE, from the source text. */
  const parametersOf = (encode: AnyEncoder) => {
    const [, list] = /^function \w*\(([^{]*?)\)\s*{/.exec(String(encode)) as unknown as [string, string];
    return list
      .split(',')
      .map((text) => text.split('=')[0]?.trim() as string)
      .slice(1)
      .filter(Boolean);
  };
  const refusalOf = (body: () => void) => {
    try {
      body();
      return 'none';
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      return code === undefined ? 'no code' : message;
    }
  };
  const fitting = (parameter: string) => (parameter === 'payload' ? new Uint8Array(8) : 1);

  test.each(encoders)('is refused by %s with the name of the argument, and leaves the SQE unchanged', (_, encode) => {
    const parameters = parametersOf(encode);
    const right = parameters.map(fitting);
    encode(dirtySqe(), ...right);
    const accepted: string[] = [];
    for (const [index, parameter] of parameters.entries()) {
      // A bundler may append a number to names that are used elsewhere.
      const named = new RegExp(`["']${parameter.replace(/\d+$/, '')}["'.]`);
      for (const wrong of [{}, 'x', 1.5, 2 ** 70]) {
        const sqe = dirtySqe();
        const refusal = refusalOf(() => encode(sqe, ...right.map((value, at) => (at === index ? wrong : value))));
        if (!named.test(refusal) || !sqe.words.every((word) => word === -1)) accepted.push(`${parameter} ${wrong}: ${refusal}`);
      }
    }
    expect(accepted).toEqual([]);
  });
});

describe('the catalog', () => {
  test('has one record for each opcode, at its index', () => {
    expect(ops.OPERATIONS.map(({ code }) => code)).toEqual(Array.from({ length: 63 }, (_, code) => code));
    for (const { code, name } of ops.OPERATIONS) expect(Opcode[name]).toBe(code);
  });

  test.each(ops.OPERATIONS.map((operation) => [operation.name, operation] as const))(
    'describes %s as the golden file does',
    (name, operation) => {
      told(name, JSON.stringify(operation));
    },
  );

  test('names encoders that exist, and every encoder is tested here', () => {
    const tested = `${Object.values(CASES).join()}${NEW.map(([, encode]) => encode).join()}`;
    for (const { encoder } of ops.OPERATIONS) {
      expect(ops).toHaveProperty(encoder);
    }
    const encoders = Object.keys(ops).filter((name) => name.startsWith('prep') && name !== 'prepUringCmd');
    for (const name of encoders) expect(tested).toContain(`${name}(`);
  });
});

describe('fields that all operations have', () => {
  test('do not overwrite each other', () => {
    const sqe = dirtySqe();
    ops.prepNop(sqe);
    sqe.setUserData(2n ** 64n - 1n);
    sqe.setFlags(SqeFlag.IO_LINK | SqeFlag.ASYNC);
    sqe.setIoprio(0xabcd);
    sqe.setBufferIndex(0x1234);
    sqe.setPersonality(0x5678);
    expect(fieldsOf(sqe)).toMatchObject({ opcode: 0, flags: 0x14, ioprio: 0xabcd, buf: 0x1234, personality: 0x5678 });
    expect(fieldsOf(sqe).rest[0]).toBe(2n ** 64n - 1n);
    sqe.setFlags(0);
    expect(fieldsOf(sqe)).toMatchObject({ flags: 0, ioprio: 0xabcd });
    expect(sqe.opcode).toBe(0);
    sqe.setBufferIndex(0x4321);
    expect(fieldsOf(sqe)).toMatchObject({ buf: 0x4321, personality: 0x5678 });
    sqe.setUserData(5);
    expect(fieldsOf(sqe).rest[0]).toBe(5n);
  });

  test.each([16, 32])('leave the memory around an SQE of %i words untouched', (size) => {
    const memory = new Int32Array(4 * size).fill(-1);
    const sqe = new Sqe(memory, new Float64Array(memory.buffer), size, size);
    ops.prepRead(sqe, 3, 1, 1, 2 ** 40);
    sqe.setUserData(2 ** 40);
    sqe.setUserData(1);
    sqe.setUserData(2n ** 63n);
    sqe.setFlags(1);
    sqe.setIoprio(1);
    sqe.setPersonality(1);
    sqe.setBufferIndex(1);
    expect([...memory.subarray(0, size), ...memory.subarray(2 * size)].every((word) => word === -1)).toBe(true);
    expect([...memory.subarray(size + 16, 2 * size)].every((word) => word === 0)).toBe(true);
    const copy = new Sqe(memory, new Float64Array(memory.buffer), 2 * size, size);
    copy.copyFrom(sqe);
    expect(copy.bytes()).toEqual(sqe.bytes());
    expect(memory.subarray(0, size).every((word) => word === -1)).toBe(true);
    expect(memory.subarray(3 * size).every((word) => word === -1)).toBe(true);
  });
});

describe('the decoder', () => {
  test('prints every field that is set', () => {
    const sqe = dirtySqe();
    const show = (title: string, encode: (sqe: Sqe) => void) => {
      encode(sqe);
      told(title, ops.describeSqe(sqe));
    };
    show('a NOP', ops.prepNop);
    show('all bits', (s) => s.words.fill(-1));
    show('fields beside the usual ones', (s) => {
      ops.prepSetxattr(s, 0x1000, 0x2000, 0x3000, 5, 1);
      s.setIoprio(3);
      s.setBufferIndex(4);
      s.setPersonality(5);
    });
    show('a slot', (s) => ops.prepSocket(s, 1, 2, 0, 0, 4));
    show('a slot that the kernel chooses', (s) => ops.prepSocket(s, 1, 2, 0, 0, 'auto'));
    show('an offset', (s) => ops.prepRead(s, 1, 2, 3, 2n ** 47n));
    show('an offset that looks like an address', (s) => ops.prepRead(s, 1, 2, 3, 2n ** 47n + 1n));
    show('a message into a buffer of a group', (s) => ops.prepRecvmsg(s, 1, 2, 0, 0, 7));
    show('4 GiB but a byte, of a file', (s) => ops.prepFadvise(s, 1, 0, 0xffff_ffff, 2));
    show('4 GiB but a byte, of memory', (s) => ops.prepMadvise(s, 4096, 0xffff_ffff, 2));
    show('the current position', (s) => ops.prepRead(s, 1, 2, 3, -1));
    show('all flags', (s) => {
      ops.prepNop(s);
      s.setFlags(0x7f);
    });
  });

  test.each([undefined, null, 'x', {}, new Uint8Array(63), { bytes: 1 }])('refuses %p', (value) => {
    expect(() => ops.describeSqe(value as never)).toThrow('The "sqe" argument must be an SQE or its bytes');
    expect(() => ops.describeCqe(value as never)).toThrow('The "cqe" argument must be a CQE');
  });

  test('prints an SQE as a line', () => {
    const sqe = dirtySqe();
    ops.prepRead(sqe, 5, 0x7f2c10000000, 4096, 512);
    sqe.setFlags(SqeFlag.IO_LINK);
    sqe.setUserData(7);
    expect(ops.describeSqe(sqe)).toBe('READ fd=5 addr=0x7f2c10000000 len=4096 off=512 IO_LINK user_data=7');
    ops.prepOpenat(sqe, ops.AT_FDCWD, 0x1000, 2, 0o600, 'auto');
    expect(ops.describeSqe(sqe)).toBe('OPENAT fd=AT_FDCWD addr=0x1000 len=384 op_flags=0x2 file_index=auto user_data=0');
    ops.prepRead(sqe, 5, 0x1000, 1, -1);
    expect(ops.describeSqe(sqe.bytes())).toBe('READ fd=5 addr=0x1000 len=1 off=-1 user_data=0');
    sqe.prepare(200, 0, 0, 0, 0, 0);
    expect(ops.describeSqe(sqe)).toBe('opcode 200 fd=0 user_data=0');
  });

  test('prints a CQE as a line', () => {
    expect(ops.describeCqe({ userData64: 7n, res: -2, flags: CqeFlag.MORE })).toBe('user_data=7 res=-2 (ENOENT) MORE');
    expect(ops.describeCqe({ userData64: 7n, res: 3, flags: CqeFlag.BUFFER | (5 << 16) })).toBe('user_data=7 res=3 buffer=5');
    expect(ops.describeCqe({ userData64: 1n, res: 0, flags: 0, isBig: true, extra1: 2n, extra2: 3n })).toBe(
      'user_data=1 res=0 extra1=2 extra2=3',
    );
  });
});
