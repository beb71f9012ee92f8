/** liburing's cases for names, and for files as a whole. */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { SqeFlag, SqeWord } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { dataOf, type Stage, stringOf } from '../helpers/stage.js';
import { cases } from './cases.js';

const { IO_LINK, IO_DRAIN, ASYNC, FIXED_FILE } = SqeFlag;
const AT_FDCWD = -100;
const [O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC] = [
  2, 0o100, 0o200, 0o1000, 0o2000, 0o200000, 0o400000, 0o2000000,
];
/** An address that is not mapped. */
const NOWHERE = 0x1000;

const open = (stage: Stage, path: string, flags = 0, mode = 0o644) =>
  stage.run((sqe) => ops.prepOpenat(sqe, AT_FDCWD, stage.text(path), flags, mode));
const exists = (stage: Stage, path: string) => {
  const fd = open(stage, path);
  if (fd < 0) return fd;
  stage.run((sqe) => ops.prepClose(sqe, fd));
  return true;
};

cases('names and files', (test) => {
  test('open-close', 'a file is opened by name, and its descriptor can be closed once', (stage) => {
    const path = stage.kernel.put('file', 'content');
    const fd = open(stage, path);
    expect(fd).toBeGreaterThanOrEqual(0);
    expect(stage.run((sqe) => ops.prepClose(sqe, fd))).toBe(0);
    expect(stage.run((sqe) => ops.prepClose(sqe, fd))).toBe(-Errno.EBADF);
    expect(stage.run((sqe) => ops.prepClose(sqe, stage.ring.fd))).toBe(-Errno.EBADF);
    expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 0))).toBe(-Errno.ENXIO);
    stage.ring.files.registerSparse(2);
    expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 7))).toBe(-Errno.EINVAL);
    expect(stage.run((sqe) => ops.prepOpenat(sqe, AT_FDCWD, stage.text(path), O_CLOEXEC, 0, 1))).toBe(-Errno.EINVAL);
    expect(stage.run((sqe) => ops.prepOpenat(sqe, AT_FDCWD, stage.text(path), 0, 0, 1))).toBe(0);
    expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 1))).toBe(0);
    expect(stage.run((sqe) => ops.prepCloseDirect(sqe, 1))).toBe(-Errno.EBADF);
  });

  test('open-close (flags)', 'open flags determine how a name is opened', (stage) => {
    const path = stage.kernel.put('file', 'content');
    const missing = stage.kernel.path('missing');
    const directory = stage.kernel.path('.');
    expect(open(stage, missing)).toBe(-Errno.ENOENT);
    expect(open(stage, path, O_CREAT | O_EXCL)).toBe(-Errno.EEXIST);
    expect(open(stage, path, O_DIRECTORY)).toBe(-Errno.ENOTDIR);
    expect(open(stage, directory, O_RDWR)).toBe(-Errno.EISDIR);
    expect(open(stage, `${path}/below`)).toBe(-Errno.ENOTDIR);
    expect(open(stage, `${directory}/${'x'.repeat(256)}`)).toBe(-Errno.ENAMETOOLONG);
    expect(open(stage, '')).toBe(-Errno.ENOENT);
    const fd = stage.keep(open(stage, path, O_RDWR | O_TRUNC | O_APPEND));
    const data = stage.put('new');
    for (let round = 0; round < 2; round++) expect(stage.run((sqe) => ops.prepWrite(sqe, fd, data.address, 3, 0))).toBe(3);
    const block = stage.block(16);
    expect(stage.run((sqe) => ops.prepRead(sqe, fd, block.address, 16, 0))).toBe(6);
    expect(stringOf(block, 6)).toBe('newnew');
    expect(stage.run((sqe) => ops.prepOpenat(sqe, AT_FDCWD, NOWHERE, 0))).toBe(-Errno.EFAULT);
  });

  test('open-close (relative)', 'names are resolved relative to a directory descriptor', (stage) => {
    stage.kernel.put('dir/file', 'inside');
    const directory = stage.keep(open(stage, stage.kernel.path('dir'), O_DIRECTORY));
    const at = (fd: number, path: string) => stage.run((sqe) => ops.prepOpenat(sqe, fd, stage.text(path), 0));
    stage.keep(at(directory, 'file'));
    stage.keep(at(directory, '../dir/./file'));
    expect(at(directory, 'other')).toBe(-Errno.ENOENT);
    expect(at(9999, 'file')).toBe(-Errno.EBADF);
    expect(at(stage.kernel.file(), 'file')).toBe(-Errno.ENOTDIR);
  });

  test('openat2', 'resolve flags restrict the resolution of a path', (stage) => {
    stage.kernel.put('dir/file', 'inside');
    const directory = stage.keep(open(stage, stage.kernel.path('dir'), O_DIRECTORY));
    const how = stage.block(24);
    const openat2 = (path: string, flags: number, resolve: number, mode = 0) => {
      const fields = dataOf(how);
      fields.setBigUint64(0, BigInt(flags), true);
      fields.setBigUint64(8, BigInt(mode), true);
      fields.setBigUint64(16, BigInt(resolve), true);
      return stage.run((sqe) => ops.prepOpenat2(sqe, directory, stage.text(path), how.address));
    };
    const [NO_SYMLINKS, BENEATH, IN_ROOT] = [4, 8, 16];
    stage.keep(openat2('file', 0, 0));
    stage.keep(openat2('file', 0, BENEATH));
    stage.keep(openat2('/file', 0, IN_ROOT));
    expect(openat2('../dir/file', 0, BENEATH)).toBe(-Errno.EXDEV);
    expect(stage.run((sqe) => ops.prepSymlinkat(sqe, stage.text('file'), directory, stage.text('link')))).toBe(0);
    stage.keep(openat2('link', 0, 0));
    expect(openat2('link', 0, NO_SYMLINKS)).toBe(-Errno.ELOOP);
    expect(openat2('file', 0, 1 << 20)).toBe(-Errno.EINVAL);
    expect(openat2('file', 0, 0, 0o644)).toBe(-Errno.EINVAL);
    expect(stage.run((sqe) => ops.prepOpenat2(sqe, directory, stage.text('file'), NOWHERE))).toBe(-Errno.EFAULT);
  });

  test('openat2 (slots)', 'an opened file replaces the file in its slot', (stage) => {
    const [, writer] = stage.kernel.pipe();
    const path = stage.kernel.put('file', '');
    const how = stage.block(24);
    dataOf(how).setBigUint64(0, BigInt(O_RDWR), true);
    const openat2 = (slot: number) => stage.run((sqe) => ops.prepOpenat2(sqe, AT_FDCWD, stage.text(path), how.address, slot));
    expect(openat2(0)).toBe(-Errno.ENXIO);
    stage.ring.files.register([writer]);
    expect([openat2(1), openat2(0)]).toEqual([-Errno.EINVAL, 0]);
    const data = stage.put('x');
    const block = stage.block(1);
    stage.add(1, (sqe) => ops.prepWrite(sqe, 0, data.address, 1, 0), FIXED_FILE | IO_LINK);
    stage.add(2, (sqe) => ops.prepRead(sqe, 0, block.address, 1, 0), FIXED_FILE);
    expect([stage.results(2), stringOf(block)]).toEqual([
      [
        [1, 1],
        [2, 1],
      ],
      'x',
    ]);
  });

  test('mkdir', 'a directory is created once, in a directory that exists', (stage) => {
    const mkdir = (path: string) => stage.run((sqe) => ops.prepMkdirat(sqe, AT_FDCWD, stage.text(path), 0o700));
    const path = stage.kernel.path('made');
    expect([mkdir(path), mkdir(path), exists(stage, path)]).toEqual([0, -Errno.EEXIST, true]);
    expect(mkdir(stage.kernel.path('missing/below'))).toBe(-Errno.ENOENT);
    expect(stage.run((sqe) => ops.prepMkdirat(sqe, AT_FDCWD, NOWHERE, 0o700))).toBe(-Errno.EFAULT);
  });

  test('symlink', 'a symbolic link leads to its target, which need not exist', (stage) => {
    const symlink = (target: string, path: string) =>
      stage.run((sqe) => ops.prepSymlinkat(sqe, stage.text(target), AT_FDCWD, stage.text(path)));
    stage.kernel.put('target', 'x');
    const path = stage.kernel.path('link');
    expect([symlink('target', path), symlink('target', path), exists(stage, path)]).toEqual([0, -Errno.EEXIST, true]);
    expect(open(stage, path, O_NOFOLLOW)).toBe(-Errno.ELOOP);
    expect(symlink('target', stage.kernel.path('missing/link'))).toBe(-Errno.ENOENT);
    expect([symlink('nowhere', stage.kernel.path('dangling')), exists(stage, stage.kernel.path('dangling'))]).toEqual([
      0,
      -Errno.ENOENT,
    ]);
    expect([symlink('circle', stage.kernel.path('circle')), exists(stage, stage.kernel.path('circle'))]).toEqual([
      0,
      -Errno.ELOOP,
    ]);
    expect(stage.run((sqe) => ops.prepSymlinkat(sqe, NOWHERE, AT_FDCWD, stage.text('x')))).toBe(-Errno.EFAULT);
  });

  test('hardlink', 'a hard link is another name for the same file', (stage) => {
    const path = stage.kernel.put('first', 'same');
    const second = stage.kernel.path('second');
    const link = (from: string, to: string, flags = 0) =>
      stage.run((sqe) => ops.prepLinkat(sqe, AT_FDCWD, stage.text(from), AT_FDCWD, stage.text(to), flags));
    expect([link(path, second), link(path, second)]).toEqual([0, -Errno.EEXIST]);
    expect(link(path, stage.kernel.path('missing/second'))).toBe(-Errno.ENOENT);
    expect(link(stage.kernel.path('.'), stage.kernel.path('third'))).toBe(-Errno.EPERM);
    const fd = stage.keep(open(stage, path, O_RDWR));
    stage.run((sqe) => ops.prepWrite(sqe, fd, stage.put('SAME').address, 4, 0));
    const block = stage.block(4);
    const other = stage.keep(open(stage, second));
    expect([stage.run((sqe) => ops.prepRead(sqe, other, block.address, 4, 0)), stringOf(block)]).toEqual([4, 'SAME']);
  });

  test('rename', 'a rename follows the rules of renameat2(2)', (stage) => {
    const rename = (from: string, to: string, flags = 0) =>
      stage.run((sqe) =>
        ops.prepRenameat(sqe, AT_FDCWD, stage.text(stage.kernel.path(from)), AT_FDCWD, stage.text(stage.kernel.path(to)), flags),
      );
    const there = (name: string) => exists(stage, stage.kernel.path(name));
    const [NOREPLACE, EXCHANGE] = [1, 2];
    for (const name of ['a', 'b', 'dir/inside', 'empty/x']) stage.kernel.put(name, name);
    expect([rename('a', 'c'), there('a'), there('c')]).toEqual([0, -Errno.ENOENT, true]);
    expect([rename('b', 'c', NOREPLACE), rename('b', 'c'), there('b')]).toEqual([-Errno.EEXIST, 0, -Errno.ENOENT]);
    expect(rename('missing', 'c')).toBe(-Errno.ENOENT);
    expect(rename('c', 'dir')).toBe(-Errno.EISDIR);
    expect(rename('dir', 'c')).toBe(-Errno.ENOTDIR);
    expect(rename('dir', 'empty')).toBe(-Errno.ENOTEMPTY);
    expect(rename('dir', 'dir/inside2')).toBe(-Errno.EINVAL);
    expect([rename('c', 'dir', EXCHANGE), there('c/inside'), there('dir')]).toEqual([0, true, true]);
    expect(rename('c', 'missing', EXCHANGE)).toBe(-Errno.ENOENT);
    expect(rename('c', 'dir', EXCHANGE | NOREPLACE)).toBe(-Errno.EINVAL);
    expect(stage.run((sqe) => ops.prepRenameat(sqe, AT_FDCWD, NOWHERE, AT_FDCWD, stage.text('x')))).toBe(-Errno.EFAULT);
  });

  test('unlink', 'directories are removed with AT_REMOVEDIR, files without it', (stage) => {
    const AT_REMOVEDIR = 0x200;
    const unlink = (name: string, flags = 0) =>
      stage.run((sqe) => ops.prepUnlinkat(sqe, AT_FDCWD, stage.text(stage.kernel.path(name)), flags));
    for (const name of ['file', 'dir/inside']) stage.kernel.put(name, name);
    expect([unlink('file'), unlink('file')]).toEqual([0, -Errno.ENOENT]);
    expect([unlink('dir'), unlink('dir', AT_REMOVEDIR)]).toEqual([-Errno.EISDIR, -Errno.ENOTEMPTY]);
    expect([unlink('dir/inside', AT_REMOVEDIR), unlink('dir/inside'), unlink('dir', AT_REMOVEDIR)]).toEqual([
      -Errno.ENOTDIR,
      0,
      0,
    ]);
    expect(stage.run((sqe) => ops.prepUnlinkat(sqe, AT_FDCWD, NOWHERE))).toBe(-Errno.EFAULT);
  });

  test('unlink (open)', 'an open file can be read after its name is removed', (stage) => {
    const path = stage.kernel.put('open', 'still here');
    const fd = stage.keep(open(stage, path));
    expect(stage.run((sqe) => ops.prepUnlinkat(sqe, AT_FDCWD, stage.text(path)))).toBe(0);
    const block = stage.block(10);
    expect([stage.run((sqe) => ops.prepRead(sqe, fd, block.address, 10, 0)), stringOf(block)]).toEqual([10, 'still here']);
  });

  test('statx', 'size and type are reported by name and by descriptor', (stage) => {
    const path = stage.kernel.put('stat', 'seven b');
    const fd = stage.keep(open(stage, path));
    const result = stage.block(256);
    const [AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, BASIC] = [0x1000, 0x100, 0x7ff];
    const statx = (directory: number, name: string, flags = 0) => {
      const res = stage.run((sqe) => ops.prepStatx(sqe, directory, stage.text(name), flags, BASIC, result.address));
      return res < 0
        ? res
        : [
            dataOf(result).getUint16(28, true) & 0o170000,
            Number(dataOf(result).getBigUint64(40, true)),
            dataOf(result).getUint32(16, true),
          ];
    };
    expect(statx(AT_FDCWD, path)).toEqual([0o100000, 7, 1]);
    expect(statx(fd, '', AT_EMPTY_PATH)).toEqual([0o100000, 7, 1]);
    const link = stage.kernel.path('statlink');
    stage.run((sqe) => ops.prepSymlinkat(sqe, stage.text('stat'), AT_FDCWD, stage.text(link)));
    expect(statx(AT_FDCWD, link)).toEqual([0o100000, 7, 1]);
    expect(statx(AT_FDCWD, link, AT_SYMLINK_NOFOLLOW)).toEqual([0o120000, 4, 1]);
    expect(statx(AT_FDCWD, stage.kernel.path('missing'))).toBe(-Errno.ENOENT);
    expect(stage.run((sqe) => ops.prepStatx(sqe, AT_FDCWD, stage.text(path), 0, BASIC, NOWHERE))).toBe(-Errno.EFAULT);
  });

  test('truncate', 'a file is made shorter and longer', { ops: ['FTRUNCATE'] }, (stage) => {
    const fd = stage.kernel.file(Buffer.from('0123456789'));
    const truncate = (length: number) => [
      stage.run((sqe) => ops.prepFtruncate(sqe, fd, length)),
      stage.kernel.contentOf(fd).length,
    ];
    expect([truncate(4), truncate(20), truncate(0)]).toEqual([
      [0, 4],
      [0, 20],
      [0, 0],
    ]);
    const reader = stage.keep(open(stage, stage.kernel.put('readonly', 'x')));
    expect(stage.run((sqe) => ops.prepFtruncate(sqe, reader, 4))).toBe(-Errno.EINVAL);
  });

  test('fallocate', 'space is allocated in advance', (stage) => {
    const fd = stage.kernel.file();
    const KEEP_SIZE = 1;
    const fallocate = (mode: number, offset: number, length: number) =>
      stage.run((sqe) => ops.prepFallocate(sqe, fd, mode, offset, length));
    const first = fallocate(0, 0, 131072);
    if (first === -Errno.EOPNOTSUPP) return;
    expect([first, stage.kernel.contentOf(fd).length]).toEqual([0, 131072]);
    expect([fallocate(KEEP_SIZE, 0, 262144), stage.kernel.contentOf(fd).length]).toEqual([0, 131072]);
    expect(fallocate(0, 0, 0)).toBe(-Errno.EINVAL);
    stage.add(1, (sqe) => ops.prepFallocate(sqe, fd, 0, 131072, 10), IO_LINK).add(2, (sqe) => ops.prepFsync(sqe, fd));
    expect(stage.results(2)).toEqual([
      [1, 0],
      [2, 0],
    ]);
    const [reader] = stage.kernel.pipe();
    expect([-Errno.ESPIPE, -Errno.EBADF]).toContain(stage.run((sqe) => ops.prepFallocate(sqe, reader, 0, 0, 10)));
  });

  test('fsync', 'a drained fsync completes after the writes before it', (stage) => {
    const fd = stage.kernel.file();
    expect(stage.run((sqe) => ops.prepFsync(sqe, fd))).toBe(0);
    const data = stage.put(new Uint8Array(1024));
    for (let index = 0; index < 4; index++)
      stage.add(index, (sqe) => ops.prepWrite(sqe, fd, data.address, 1024, 1024 * index), ASYNC);
    stage.add(4, (sqe) => ops.prepFsync(sqe, fd, 1), IO_DRAIN);
    expect(stage.results(5).at(-1)).toEqual([4, 0]);
    expect(stage.run((sqe) => ops.prepSyncFileRange(sqe, fd, 0, 0, 0))).toBe(0);
    const [reader] = stage.kernel.pipe();
    expect(stage.run((sqe) => ops.prepFsync(sqe, reader))).toBe(-Errno.EINVAL);
    expect(stage.run((sqe) => ops.prepFsync(sqe, 9999))).toBe(-Errno.EBADF);
  });

  test('fadvise', 'advice does not change the content', (stage) => {
    const fd = stage.kernel.file(Buffer.from('unchanged'));
    const [WILLNEED, DONTNEED] = [3, 4];
    for (const advice of [DONTNEED, WILLNEED]) expect(stage.run((sqe) => ops.prepFadvise(sqe, fd, 0, 9, advice))).toBe(0);
    expect(Buffer.from(stage.kernel.contentOf(fd)).toString()).toBe('unchanged');
    const [reader] = stage.kernel.pipe();
    expect(stage.run((sqe) => ops.prepFadvise(sqe, reader, 0, 0, WILLNEED))).toBe(-Errno.ESPIPE);
  });

  test('madvise', 'advice is accepted only for page-aligned memory', { linuxOnly: true }, (stage) => {
    const block = stage.block(8192);
    const page = Math.ceil(block.address / 4096) * 4096;
    const WILLNEED = 3;
    expect(stage.run((sqe) => ops.prepMadvise(sqe, page, 4096, WILLNEED))).toBe(0);
    expect(stage.run((sqe) => ops.prepMadvise(sqe, page + 1, 4096, WILLNEED))).toBe(-Errno.EINVAL);
  });

  test('xattr', 'attributes are set and read by descriptor and by name', { ops: ['FSETXATTR', 'SETXATTR'] }, (stage) => {
    const path = stage.kernel.put('attributes', '');
    const fd = stage.keep(open(stage, path, O_RDWR));
    const value = stage.put('a value');
    const name = stage.text('user.one');
    const set = stage.run((sqe) => ops.prepFsetxattr(sqe, fd, name, value.address, 7));
    if (set === -Errno.EOPNOTSUPP) return;
    const block = stage.block(32);
    expect(set).toBe(0);
    expect([stage.run((sqe) => ops.prepFgetxattr(sqe, fd, name, block.address, 32)), stringOf(block, 7)]).toEqual([7, 'a value']);
    expect(stage.run((sqe) => ops.prepGetxattr(sqe, stage.text(path), name, 0, 0))).toBe(7);
    expect(stage.run((sqe) => ops.prepGetxattr(sqe, stage.text(path), name, block.address, 3))).toBe(-Errno.ERANGE);
    expect(stage.run((sqe) => ops.prepGetxattr(sqe, stage.text(path), stage.text('user.two'), block.address, 32))).toBe(
      -Errno.ENODATA,
    );
    const [CREATE, REPLACE] = [1, 2];
    expect(stage.run((sqe) => ops.prepSetxattr(sqe, stage.text(path), name, value.address, 1, CREATE))).toBe(-Errno.EEXIST);
    expect(stage.run((sqe) => ops.prepSetxattr(sqe, stage.text(path), stage.text('user.two'), value.address, 1, REPLACE))).toBe(
      -Errno.ENODATA,
    );
    expect(stage.run((sqe) => ops.prepFsetxattr(sqe, 9999, name, value.address, 1))).toBe(-Errno.EBADF);
    expect(stage.run((sqe) => ops.prepSetxattr(sqe, stage.text(stage.kernel.path('missing')), name, value.address, 1))).toBe(
      -Errno.ENOENT,
    );
  });

  test('truncate (stray fields)', 'unused fields must be zero', { ops: ['FTRUNCATE'], linuxOnly: true }, (stage) => {
    const fd = stage.kernel.file();
    expect(
      stage.run((sqe) => {
        ops.prepFtruncate(sqe, fd, 4);
        sqe.set32(SqeWord.LEN, 1);
      }),
    ).toBe(-Errno.EINVAL);
  });
});
