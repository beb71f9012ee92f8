/** liburing's cases for registered files, registered buffers, and their tags. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { FILES_SKIP, type Ring, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { AF_INET, AF_UNIX, dataOf, SOCK_DGRAM, type Stage, stringOf } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { FIXED_FILE, IO_LINK } = SqeFlag;

const codeOf = (body: () => unknown) => {
  try {
    body();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

const tried = (what: string, body: (ring: Ring) => void) => (stage: Stage) =>
  codeOf(() => body(stage.ring)) === 'none' ? undefined : `the kernel knows no ${what}`;
const knowsRanges = tried('ranges of slots', (ring) => {
  ring.files.registerSparse(4);
  ring.files.setAllocRange(1, 2);
});

cases('registered files and buffers', (test) => {
  test('file-register', 'a table with empty slots is filled, emptied, and changed', { kinds: ALL_KINDS }, (stage) => {
    const { files } = stage.ring;
    const fds = Array.from({ length: 8 }, (_, index) => stage.kernel.file(Buffer.from(`file ${index}`)));
    files.register([...fds, -1, -1]);
    expect(codeOf(() => files.register(fds))).toBe('EBUSY');
    expect(files.update(8, [fds[0] as number, fds[1] as number])).toBe(2);
    expect(files.update(0, [-1, FILES_SKIP, fds[7] as number])).toBe(3);
    const block = stage.block(6);
    const read = (slot: number) => stage.run((sqe) => ops.prepRead(sqe, slot, block.address, 6, 0), FIXED_FILE);
    expect([read(0), read(1), stringOf(block)]).toEqual([-Errno.EBADF, 6, 'file 1']);
    expect([read(2), stringOf(block), read(8), stringOf(block)]).toEqual([6, 'file 7', 6, 'file 0']);
    expect(codeOf(() => files.update(10, [-1]))).toBe('EINVAL');
    expect(codeOf(() => files.update(9, [-1, -1]))).toBe('EINVAL');
    files.unregister();
    expect(read(1)).toBe(-Errno.EBADF);
    expect(codeOf(() => files.unregister())).toBe('ENXIO');
  });

  test('file-register (large)', 'one file is used in a table of thousands of empty slots', (stage) => {
    // Not more slots than the limit of descriptors allows.
    stage.ring.files.registerSparse(4000);
    const fd = stage.kernel.file();
    expect(stage.ring.files.update(3193, [fd])).toBe(1);
    const data = stage.put('at 3193');
    expect(stage.run((sqe) => ops.prepWrite(sqe, 3193, data.address, 7, 0), FIXED_FILE)).toBe(7);
    expect(Buffer.from(stage.kernel.contentOf(fd)).toString()).toBe('at 3193');
  });

  test('file-register (bad ones)', 'a table with an invalid descriptor is refused', (stage) => {
    expect(codeOf(() => stage.ring.files.register([stage.kernel.file(), 9999]))).toBe('EBADF');
    expect(codeOf(() => stage.ring.files.register([]))).not.toBe('none');
    stage.ring.files.register([-1]);
  });

  test('file-register (kept open)', 'a slot keeps its file open when its descriptor is closed', (stage) => {
    const fd = stage.kernel.file(Buffer.from('kept'));
    stage.ring.files.register([fd]);
    stage.kernel.close(fd);
    const block = stage.block(4);
    expect(stage.run((sqe) => ops.prepRead(sqe, 0, block.address, 4, 0), FIXED_FILE)).toBe(4);
    expect(stringOf(block)).toBe('kept');
  });

  test(
    'file-register (in flight)',
    'an operation keeps the file of a slot that is emptied meanwhile',
    { kinds: WITHOUT_THREAD },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      stage.ring.files.register([reader]);
      const block = stage.block(4);
      stage.add(1, (sqe) => ops.prepRead(sqe, 0, block.address, 4, -1), FIXED_FILE).submit();
      stage.ring.files.update(0, [-1]);
      stage.kernel.write(writer, Buffer.from('late'));
      expect(stage.results(1)).toEqual([[1, 4]]);
      expect(stringOf(block)).toBe('late');
    },
  );

  test('file-register (ranges)', 'the kernel picks slots from the range that was set', { probe: knowsRanges }, (stage) => {
    const { files } = stage.ring;
    files.registerSparse(10);
    const fd = stage.kernel.file();
    const update = () => {
      const block = stage.block(4);
      dataOf(block).setInt32(0, fd, true);
      const res = stage.run((sqe) => ops.prepFilesUpdate(sqe, block.address, 1, 'auto'));
      return res === 1 ? dataOf(block).getInt32(0, true) : res;
    };
    files.setAllocRange(7, 2);
    expect([update(), update(), update()].map((slot) => (slot >= 0 ? slot >= 7 && slot <= 8 : slot))).toEqual([
      true,
      true,
      -Errno.ENFILE,
    ]);
    expect(codeOf(() => files.setAllocRange(8, 3))).toBe('EINVAL');
    expect(codeOf(() => files.setAllocRange(10, 1))).toBe('EINVAL');
    expect(codeOf(() => files.setAllocRange(7, 0xffff_fffe))).toBe('EOVERFLOW');
  });

  test('file-update', 'the same files can be registered with three rings', (stage) => {
    const fds = Array.from({ length: 10 }, () => stage.kernel.file());
    const rings = [stage.ring, stage.kernel.open({ entries: 8 }), stage.kernel.open({ entries: 8 })];
    for (const ring of rings) ring.files.register(fds);
    for (const ring of rings) expect(ring.files.update(0, [...fds].reverse())).toBe(10);
    const block = stage.block(40);
    for (let index = 0; index < 10; index++) dataOf(block).setInt32(4 * index, -1, true);
    expect(stage.run((sqe) => ops.prepFilesUpdate(sqe, block.address, 10, 0))).toBe(10);
    for (const ring of rings.slice(0, 2)) ring.files.unregister();
  });

  test('file-exit-unreg', 'a ring with tagged files can be closed', { kinds: WITHOUT_THREAD }, (stage) => {
    stage.ring.files.registerTagged([...stage.kernel.pipe()], [1, 2]);
    stage.close();
    expect(stage.ring.closed).toBe(true);
  });

  test(
    'ooo-file-unreg',
    'slots can be emptied while a poll on one of them is in flight',
    { probe: (stage) => stage.lacks('SOCKET') },
    (stage) => {
      const sockets = [stage.socket(AF_INET, SOCK_DGRAM), stage.socket(AF_INET, SOCK_DGRAM)];
      stage.ring.files.register(sockets);
      stage.add(1, (sqe) => ops.prepPollAdd(sqe, 0, 1), FIXED_FILE).submit();
      expect([stage.ring.files.update(1, [-1]), stage.ring.files.update(0, [-1])]).toEqual([1, 1]);
      stage.add(2, (sqe) => ops.prepCancel(sqe, 1));
      expect(stage.sorted(2)).toEqual([
        [1, -Errno.ECANCELED],
        [2, 0],
      ]);
    },
  );

  test(
    'open-direct-pick',
    'files are opened into slots that the kernel picks, until none is free',
    { probe: (stage) => (stage.ring.hasFeature('LINKED_FILE') ? undefined : 'the kernel picks no slots') },
    (stage) => {
      const count = 64;
      const path = stage.text(stage.kernel.put('picked', 'x'));
      stage.ring.files.registerSparse(count);
      const open = () => stage.run((sqe) => ops.prepOpenat(sqe, -100, path, 0, 0, 'auto'));
      expect(new Set(Array.from({ length: count }, open)).size).toBe(count);
      expect(open()).toBe(-Errno.ENFILE);
      const freed = [5, 17, 40, 41];
      for (const slot of freed) expect(stage.run((sqe) => ops.prepCloseDirect(sqe, slot))).toBe(0);
      expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 5))).toBe(-Errno.EBADF);
      expect(freed.map(open).sort((a, b) => a - b)).toEqual(freed);
      expect(open()).toBe(-Errno.ENFILE);
    },
  );

  test('reg-hint', 'no slot can be picked from an unregistered table', { ops: ['SOCKET'] }, (stage) => {
    stage.ring.files.registerSparse(16);
    stage.ring.files.unregister();
    expect([-Errno.ENFILE, -Errno.ENXIO]).toContain(stage.run((sqe) => ops.prepSocket(sqe, AF_UNIX, SOCK_DGRAM, 0, 0, 'auto')));
  });

  test('a0908ae19763', 'a table of one empty slot can be registered', { ring: { entries: 164 } }, (stage) => {
    stage.ring.files.register([-1]);
    stage.ring.files.unregister();
    stage.quiet();
  });

  test('8a9973408177', 'a file can be synchronized after files were unregistered', (stage) => {
    stage.ring.files.register([stage.kernel.file()]);
    stage.ring.files.unregister();
    const fd = stage.kernel.file();
    expect(stage.run((sqe) => ops.prepFsync(sqe, fd))).toBe(0);
  });

  test('35fa71a030ca', 'registering no buffers fails, and does no harm', (stage) => {
    const { syscalls } = stage.kernel;
    for (let round = 0; round < 50; round++) expect(syscalls.register(stage.ring.fd, 0, 0, 0)).toBeLessThan(0);
    stage.quiet();
  });

  test('rsrc_tags (files)', 'the tag of a replaced file is posted as a CQE', (stage) => {
    const { files } = stage.ring;
    const fds = Array.from({ length: 8 }, () => stage.kernel.file());
    files.registerTagged(fds, [1, 2, 3, 4, 5, 6, 7, 0]);
    expect(files.updateTagged(5, [-1], [0])).toBe(1);
    expect(stage.wait(1)).toEqual([{ userData: 6, res: 0, flags: 0 }]);
    files.updateTagged(5, [-1], [0]);
    files.updateTagged(7, [fds[0] as number], [77]);
    stage.quiet();
    files.updateTagged(7, [fds[1] as number], [78]);
    expect(stage.results(1)).toEqual([[77, 0]]);
  });

  test(
    'rsrc_tags (buffers)',
    'the tag of a buffer is posted when its last operation has completed',
    { kinds: WITHOUT_THREAD, linuxOnly: true },
    (stage) => {
      const [reader, writer] = stage.kernel.pipe();
      const blocks = [stage.block(4096), stage.block(4096)];
      stage.ring.buffers.registerTagged(
        blocks.map(({ bytes }) => bytes),
        [11, 12],
      );
      stage.add(1, (sqe) => ops.prepReadFixed(sqe, reader, (blocks[1] as { address: number }).address, 16, -1, 1)).submit();
      stage.ring.buffers.update(1, [null]);
      stage.quiet();
      stage.kernel.write(writer, Buffer.from('x'));
      expect(stage.results(2)).toEqual([
        [1, 1],
        [12, 0],
      ]);
      stage.ring.buffers.update(0, [null]);
      expect(stage.results(1)).toEqual([[11, 0]]);
    },
  );

  test('fixed-seg', 'reads can use any part of a registered buffer', (stage) => {
    const content = Buffer.from(Array.from({ length: 16384 }, (_, index) => (index * 7) & 0xff));
    const fd = stage.kernel.file(content);
    const block = stage.block(32768);
    stage.ring.buffers.register([block.bytes]);
    for (const [at, length] of [
      [0, 4096],
      [512, 4096],
      [3584, 4096],
      [4096, 8192],
      [16384, 4096],
    ] as const) {
      expect(stage.run((sqe) => ops.prepReadFixed(sqe, fd, block.address + at, length, 512, 0))).toBe(length);
      expect(Buffer.from(block.bytes.subarray(at, at + length)).equals(content.subarray(512, 512 + length))).toBe(true);
    }
    expect(stage.run((sqe) => ops.prepReadFixed(sqe, fd, block.address + 32768 - 10, 20, 0, 0))).toBe(-Errno.EFAULT);
    expect(stage.run((sqe) => ops.prepReadFixed(sqe, fd, block.address, 20, 0, 1))).toBe(-Errno.EFAULT);
  });

  test('fixed-buf-merge', 'adjacent parts of a registered buffer can be filled at once', (stage) => {
    const content = Buffer.concat(['1', '2', '3'].map((digit) => Buffer.alloc(4096, digit)));
    const fd = stage.kernel.file(content);
    const block = stage.block(65536);
    stage.ring.buffers.register([block.bytes]);
    for (let index = 0; index < 3; index++) {
      stage.add(index, (sqe) => ops.prepReadFixed(sqe, fd, block.address + 4096 * (index + 1), 4096, 4096 * index, 0));
    }
    expect(stage.sorted(3)).toEqual([
      [0, 4096],
      [1, 4096],
      [2, 4096],
    ]);
    expect(Buffer.from(block.bytes.subarray(4096, 16384)).equals(content)).toBe(true);
  });

  test('fixed-buf-iter', 'registered buffers work with devices', { linuxOnly: true }, (stage) => {
    const block = stage.block(4096);
    stage.ring.buffers.register([block.bytes]);
    const open = (path: string, flags: number) =>
      stage.keep(stage.run((sqe) => ops.prepOpenat(sqe, -100, stage.text(path), flags)));
    const [random, zero] = [open('/dev/urandom', 0), open('/dev/zero', 1)];
    expect(stage.run((sqe) => ops.prepReadFixed(sqe, random, block.address, 4096, 0, 0))).toBe(4096);
    expect(stage.run((sqe) => ops.prepWriteFixed(sqe, zero, block.address, 4096, 0, 0))).toBe(4096);
  });

  test('vec-regbuf', 'vectors can name parts of a registered buffer', { ops: ['READV_FIXED', 'WRITEV_FIXED'] }, (stage) => {
    const block = stage.block(65536);
    block.bytes.forEach((_, index) => {
      block.bytes[index] = index * 13;
    });
    stage.ring.buffers.registerSparse(8);
    stage.ring.buffers.update(1, [block.bytes]);
    const part = (start: number, length: number) => ({
      address: block.address + start,
      bytes: block.bytes.subarray(start, start + length),
    });
    const fd = stage.kernel.file();
    for (const parts of [
      [part(0, 4096)],
      [part(1, 3), part(4095, 4098)],
      [part(100, 20000), part(0, 65536)],
      [part(65000, 536), part(7, 9)],
    ]) {
      const total = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
      expect(stage.run((sqe) => ops.prepWritevFixed(sqe, fd, stage.iovecs(...parts), parts.length, 0, 1))).toBe(total);
      expect(
        Buffer.concat(parts.map(({ bytes }) => bytes)).equals(Buffer.from(stage.kernel.contentOf(fd)).subarray(0, total)),
      ).toBe(true);
    }
    const outside = { address: block.address - 1, bytes: new Uint8Array(2) };
    expect(stage.run((sqe) => ops.prepReadvFixed(sqe, fd, stage.iovecs(outside), 1, 0, 1))).toBe(-Errno.EFAULT);
  });

  test(
    'regbuf-clone',
    'the buffers of one ring can be cloned into another',
    { probe: tried('clones', (ring) => ring.buffers), linuxOnly: true },
    (stage) => {
      const source = stage.kernel.open({ entries: 8 });
      const clone = () => stage.ring.buffers.cloneFrom(source);
      if (codeOf(clone) === 'EINVAL') return;
      expect(codeOf(clone)).toBe('ENXIO');
      const block = stage.block(4096);
      source.buffers.register([block.bytes]);
      const fd = stage.kernel.file(Buffer.from('cloned'));
      const read = () => stage.run((sqe) => ops.prepReadFixed(sqe, fd, block.address, 6, 0, 0));
      expect(read()).toBe(-Errno.EFAULT);
      clone();
      expect([read(), stringOf(block, 6)]).toEqual([6, 'cloned']);
      expect(codeOf(clone)).toBe('EBUSY');
      source.buffers.unregister();
      expect(read()).toBe(6);
    },
  );

  test('io_uring_register', 'invalid calls are refused', (stage) => {
    const { syscalls } = stage.kernel;
    const file = stage.kernel.file();
    expect(syscalls.register(9999, 0, 0, 0)).toBe(-Errno.EBADF);
    expect(syscalls.register(file, 0, 0, 0)).toBe(-Errno.EOPNOTSUPP);
    expect(syscalls.register(stage.ring.fd, 0x7fff_ffff, 0, 0)).toBe(-Errno.EINVAL);
    const bad = stage.block(16);
    stage.ring.arena.writeUint64(bad.offset + 8, 4096);
    expect(syscalls.register(stage.ring.fd, 0, bad.address, 1)).toBe(-Errno.EFAULT);
    expect(syscalls.register(stage.ring.fd, 0, bad.address, 1_000_000)).toBe(-Errno.EINVAL);
    const own = stage.block(4);
    dataOf(own).setInt32(0, stage.ring.fd, true);
    expect(syscalls.register(stage.ring.fd, 2, own.address, 1)).toBe(-Errno.EBADF);
  });

  test('fd-install', 'the file of a slot is given a descriptor', { ops: ['FIXED_FD_INSTALL'] }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    stage.ring.files.register([reader]);
    stage.kernel.close(reader);
    const fd = stage.keep(stage.run((sqe) => ops.prepFixedFdInstall(sqe, 0)));
    stage.kernel.write(writer, Buffer.from('one'));
    expect(Buffer.from(stage.kernel.read(fd, 3)).toString()).toBe('one');
    expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 0))).toBe(0);
    stage.kernel.write(writer, Buffer.from('two'));
    expect(Buffer.from(stage.kernel.read(fd, 3)).toString()).toBe('two');
    expect(stage.run((sqe) => ops.prepFixedFdInstall(sqe, 0))).toBe(-Errno.EBADF);
    expect(stage.run((sqe) => ops.prepFixedFdInstall(sqe, 99))).toBe(-Errno.EBADF);
  });

  test('pipe-direct-fixed', 'a pipe is created in the given slots', { ops: ['PIPE'] }, (stage) => {
    stage.ring.files.registerSparse(10);
    const ends = stage.block(8);
    expect(stage.run((sqe) => ops.prepPipe(sqe, ends.address, 0, 5))).toBe(0);
    const data = stage.put('through slots');
    expect(stage.run((sqe) => ops.prepWrite(sqe, 6, data.address, 13, -1), FIXED_FILE)).toBe(13);
    const block = stage.block(13);
    expect(stage.run((sqe) => ops.prepRead(sqe, 5, block.address, 13, -1), FIXED_FILE)).toBe(13);
    expect(stringOf(block)).toBe('through slots');
  });

  test('close-opath', 'descriptors opened with O_PATH can be closed', (stage) => {
    stage.kernel.put('in/a', '');
    const O_PATH = 0o10000000;
    for (const flags of [0, O_PATH]) {
      const fd = stage.run((sqe) => ops.prepOpenat(sqe, -100, stage.text(stage.kernel.path('in')), flags));
      expect(fd).toBeGreaterThanOrEqual(0);
      expect(stage.run((sqe) => ops.prepClose(sqe, fd))).toBe(0);
      expect(stage.run((sqe) => ops.prepClose(sqe, fd))).toBe(-Errno.EBADF);
    }
  });

  test(
    'register-restrictions',
    'a ring can do only what it was allowed before it was enabled',
    { ring: { entries: 8, flags: ['R_DISABLED'] } },
    (stage) => {
      const { ring } = stage;
      expect(codeOf(() => stage.nop(1).submit())).toBe('EBADFD');
      ring.settings.restrict({ operations: ['NOP', 'WRITE'], registrations: ['BUFFERS'] });
      ring.settings.enable();
      expect(stage.results(1)).toEqual([[1, 0]]);
      const fd = stage.kernel.file();
      const data = stage.put('ok');
      expect(stage.run((sqe) => ops.prepWrite(sqe, fd, data.address, 2, 0))).toBe(2);
      expect(stage.run((sqe) => ops.prepRead(sqe, fd, data.address, 2, 0))).toBe(-Errno.EACCES);
      ring.buffers.register([data.bytes]);
      expect(codeOf(() => ring.files.register([fd]))).toBe('EACCES');
    },
  );

  test(
    'reg-reg-ring',
    'a registered ring is entered by its index',
    { probe: (stage) => (stage.ring.hasFeature('REG_REG_RING') ? undefined : 'the kernel lacks REG_REG_RING') },
    (stage) => {
      stage.ring.settings.registerRingFd();
      expect(stage.nop(1, IO_LINK).nop(2).results(2)).toEqual([
        [1, 0],
        [2, 0],
      ]);
      stage.ring.files.register([stage.kernel.file()]);
      stage.ring.settings.unregisterRingFd();
      expect(stage.nop(3).results(1)).toEqual([[3, 0]]);
    },
  );
});
