/** liburing's cases for reading, writing, and moving data. */

import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { SpliceFlag, SqeFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { dataOf, type Stage, stringOf } from '../helpers/stage.js';
import { ALL_KINDS, cases, WITHOUT_THREAD } from './cases.js';

const { ASYNC, IO_LINK, FIXED_FILE } = SqeFlag;

const read = (stage: Stage, fd: number, length: number, offset: number | bigint = -1) => {
  const block = stage.block(length);
  const res = stage.run((sqe) => ops.prepRead(sqe, fd, block.address, length, offset));
  return res >= 0 ? stringOf(block, res) : res;
};
const write = (stage: Stage, fd: number, text: string, offset: number | bigint = -1) => {
  const block = stage.put(text);
  return stage.run((sqe) => ops.prepWrite(sqe, fd, block.address, Buffer.byteLength(text), offset));
};

cases('reading and writing', (test) => {
  test('short-read', 'a read returns less if the file is shorter than the buffer', (stage) => {
    const fd = stage.kernel.file(Buffer.alloc(1024));
    const block = stage.block(4096);
    expect(stage.run((sqe) => ops.prepReadv(sqe, fd, stage.iovecs(block), 1, 0))).toBe(1024);
    expect(stage.run((sqe) => ops.prepRead(sqe, fd, block.address, 4096, 1000))).toBe(24);
    expect(stage.run((sqe) => ops.prepRead(sqe, fd, block.address, 4096, 5000))).toBe(0);
  });

  for (const vectored of [false, true]) {
    for (const fixed of [false, true]) {
      for (const flags of [0, ASYNC]) {
        const title = [vectored ? 'vectors' : 'plain', fixed ? 'slots' : 'descriptors', flags ? 'workers' : 'inline'].join(', ');
        test(
          `read-write (${title})`,
          'many transfers at once each use their own offset',
          { kinds: flags ? WITHOUT_THREAD : ALL_KINDS },
          (stage) => {
            const fd = stage.kernel.file(new Uint8Array(32 * 512));
            if (fixed) stage.ring.files.register([fd]);
            const target = fixed ? 0 : fd;
            const sqeFlags = flags | (fixed ? FIXED_FILE : 0);
            const blocks = Array.from({ length: 32 }, (_, index) => stage.put(new Uint8Array(512).fill(index + 1)));
            for (const way of ['write', 'read'] as const) {
              if (way === 'read') for (const { bytes } of blocks) bytes.fill(0);
              blocks.forEach((block, index) => {
                const at = ((index * 7) % 32) * 512;
                stage.add(
                  index,
                  (sqe) => {
                    if (vectored && way === 'write') ops.prepWritev(sqe, target, stage.iovecs(block), 1, at);
                    else if (vectored) ops.prepReadv(sqe, target, stage.iovecs(block), 1, at);
                    else if (way === 'write') ops.prepWrite(sqe, target, block.address, 512, at);
                    else ops.prepRead(sqe, target, block.address, 512, at);
                  },
                  sqeFlags,
                );
              });
              expect(stage.sorted(32)).toEqual(blocks.map((_, index) => [index, 512]));
            }
            expect(blocks.every(({ bytes }, index) => bytes.every((byte) => byte === index + 1))).toBe(true);
          },
        );
      }
    }
  }

  test('evfd-short-read', 'a read of an eventfd returns eight bytes, whatever its length', (stage) => {
    const fd = stage.kernel.eventfd();
    const block = stage.block(16);
    stage.add(1, (sqe) => ops.prepRead(sqe, fd, block.address, 16, -1)).submit();
    stage.quiet();
    const one = Buffer.alloc(8);
    one[0] = 1;
    stage.kernel.write(fd, one);
    expect([stage.results(1), dataOf(block).getBigUint64(0, true)]).toEqual([[[1, 8]], 1n]);
  });

  test('fpos', 'each read at the file position moves it, in a chain as well', { ring: { entries: 64 } }, (stage) => {
    const content = Array.from({ length: 64 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
    const fd = stage.kernel.file(Buffer.from(content));
    const blocks = Array.from({ length: 64 }, () => stage.block(1));
    blocks.forEach(({ address }, index) => {
      stage.add(index, (sqe) => ops.prepRead(sqe, fd, address, 1, -1), index === 63 ? 0 : IO_LINK);
    });
    expect(stage.results(64)).toEqual(blocks.map((_, index) => [index, 1]));
    expect(blocks.map((block) => stringOf(block)).join('')).toBe(content);
    expect(read(stage, fd, 1)).toBe('');
  });

  test('fpos (writing)', 'writes at the file position follow one another', (stage) => {
    const fd = stage.kernel.file();
    for (const piece of ['one ', 'two ', 'three']) expect(write(stage, fd, piece)).toBe(piece.length);
    expect(Buffer.from(stage.kernel.contentOf(fd)).toString()).toBe('one two three');
  });

  test('pipe', 'a ring creates a pipe', { ops: ['PIPE'], kinds: ALL_KINDS }, (stage) => {
    const ends = stage.block(8);
    expect(stage.run((sqe) => ops.prepPipe(sqe, ends.address, 0o2000000))).toBe(0);
    const [reader, writer] = [dataOf(ends).getInt32(0, true), dataOf(ends).getInt32(4, true)];
    stage.keep(reader);
    stage.keep(writer);
    expect([write(stage, writer, 'through the pipe'), read(stage, reader, 32)]).toEqual([16, 'through the pipe']);
    expect(stage.run((sqe) => ops.prepPipe(sqe, ends.address, 0o7))).toBe(-Errno.EINVAL);
  });

  test('pipe-bug', 'a pipe that was written and closed is read to its end every time', (stage) => {
    for (let round = 0; round < 200; round++) {
      const [reader, writer] = stage.kernel.pipe();
      const seen = [
        write(stage, writer, 'foobar'),
        stage.run((sqe) => ops.prepClose(sqe, writer)),
        read(stage, reader, 32),
        read(stage, reader, 32),
      ];
      expect(seen).toEqual([6, 0, 'foobar', '']);
      stage.kernel.close(reader);
    }
  });

  test('pipe-eof', 'a read that waits gets the last bytes, and the next one the end', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const block = stage.block(32);
    stage.add(1, (sqe) => ops.prepRead(sqe, reader, block.address, 32, -1)).submit();
    stage.kernel.write(writer, Buffer.from('the end'));
    stage.kernel.close(writer);
    expect(stage.results(1)).toEqual([[1, 7]]);
    expect(read(stage, reader, 32)).toBe('');
  });

  test('pipe-reuse', 'a vectored read of a pipe survives that its vectors are overwritten', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const blocks = Array.from({ length: 16 }, () => stage.block(64));
    const vector = stage.block(256);
    blocks.forEach(({ address }, index) => {
      stage.ring.arena.writeUint64(vector.offset + 16 * index, address);
      stage.ring.arena.writeUint64(vector.offset + 16 * index + 8, 64);
    });
    stage.add(1, (sqe) => ops.prepReadv(sqe, reader, vector.address, 16, -1)).submit();
    vector.bytes.fill(0);
    stage.kernel.write(writer, Buffer.alloc(1024, 'p'));
    const [[, res]] = stage.results(1) as [[number, number]];
    expect(res).toBeGreaterThan(0);
    expect(
      Buffer.concat(blocks.map(({ bytes }) => bytes))
        .subarray(0, res)
        .every((byte) => byte === 112),
    ).toBe(true);
  });

  test('fifo-nonblock-read', 'a read of an empty pipe waits', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const block = stage.block(8);
    stage.add(1, (sqe) => ops.prepRead(sqe, reader, block.address, 8, -1)).submit();
    stage.quiet();
    stage.kernel.write(writer, Buffer.from('foobar'));
    expect(stage.results(1)).toEqual([[1, 6]]);
  });

  test('rw_merge_test', 'a read of a file does not wait for one of a pipe', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const fd = stage.kernel.file(Buffer.alloc(4096));
    const [a, b] = [stage.block(4096), stage.block(4096)];
    stage.add(1, (sqe) => ops.prepReadv(sqe, reader, stage.iovecs(a), 1, 0));
    stage.add(2, (sqe) => ops.prepReadv(sqe, fd, stage.iovecs(b), 1, 4096));
    expect(stage.results(1)).toEqual([[2, 0]]);
    stage.add(3, (sqe) => ops.prepReadv(sqe, fd, stage.iovecs(b), 1, 2048));
    expect(stage.results(1)).toEqual([[3, 2048]]);
    stage.kernel.write(writer, Buffer.from('x'));
    expect(stage.results(1)).toEqual([[1, 1]]);
  });

  test('eeed8b54e0df', 'a read with RWF_NOWAIT returns data or an error, and does not wait', (stage) => {
    const fd = stage.kernel.file(Buffer.alloc(4096, 'n'));
    const block = stage.block(4096);
    const RWF_NOWAIT = 8;
    const res = stage.run((sqe) => ops.prepRead(sqe, fd, block.address, 4096, 0, RWF_NOWAIT));
    expect([4096, -Errno.EAGAIN, -Errno.EOPNOTSUPP]).toContain(res);
    const [reader] = stage.kernel.pipe();
    expect([-Errno.EAGAIN, -Errno.EOPNOTSUPP]).toContain(
      stage.run((sqe) => ops.prepRead(sqe, reader, block.address, 8, -1, RWF_NOWAIT)),
    );
  });

  test('stdout', 'one chain writes a registered buffer and a vector to a pipe', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const data = stage.put('fixed ');
    stage.ring.buffers.register([data.bytes]);
    stage.add(1, (sqe) => ops.prepWriteFixed(sqe, writer, data.address, 6, -1, 0), IO_LINK);
    stage.add(2, (sqe) => ops.prepWritev(sqe, writer, stage.iovecs(stage.put('vector')), 1, -1));
    expect(stage.results(2)).toEqual([
      [1, 6],
      [2, 6],
    ]);
    expect(read(stage, reader, 32)).toBe('fixed vector');
  });

  test('file-verify', 'large reads, whole and in vectors, put every word in its place', (stage) => {
    const words = new Uint32Array(1 << 18).map((_, index) => index);
    const fd = stage.kernel.file(new Uint8Array(words.buffer));
    for (const segments of [1, 8, 16]) {
      for (let index = 0; index < 8; index++) {
        const at = index * 131072;
        const blocks = Array.from({ length: segments }, () => stage.block(131072 / segments));
        expect(stage.run((sqe) => ops.prepReadv(sqe, fd, stage.iovecs(...blocks), segments, at))).toBe(131072);
        const joined = Buffer.concat(blocks.map(({ bytes }) => bytes));
        expect(joined.equals(Buffer.from(words.buffer, at, 131072))).toBe(true);
      }
    }
    expect(read(stage, fd, 131072, (1 << 20) - 65536)).toHaveLength(
      Buffer.from(words.buffer, (1 << 20) - 65536).toString().length,
    );
  });

  test('splice', 'data is moved between files and pipes', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const source = stage.kernel.file(Buffer.from('the quick brown fox'));
    const target = stage.kernel.file();
    const splice = (from: number, fromOffset: number, to: number, toOffset: number, length: number, flags = 0) =>
      stage.run((sqe) => ops.prepSplice(sqe, from, fromOffset, to, toOffset, length, flags));
    expect(splice(source, 4, writer, -1, 5)).toBe(5);
    expect(splice(reader, -1, target, 0, 5)).toBe(5);
    expect(Buffer.from(stage.kernel.contentOf(target)).toString()).toBe('quick');
    expect(splice(source, -1, writer, -1, 3)).toBe(3);
    expect(splice(source, -1, writer, -1, 6)).toBe(6);
    expect(read(stage, reader, 32)).toBe('the quick');
    expect(splice(source, 0, writer, -1, 0)).toBe(0);
    expect(splice(source, 0, target, 0, 5)).toBe(-Errno.EINVAL);
    expect(splice(reader, 3, target, 0, 5)).toBe(-Errno.ESPIPE);
    stage.ring.files.register([source]);
    expect(splice(0, 10, writer, -1, 5, SpliceFlag.FD_IN_FIXED)).toBe(5);
    expect(read(stage, reader, 32)).toBe('brown');
  });

  test('splice (tee)', 'the data of a pipe is copied into another', (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    const [copyReader, copyWriter] = stage.kernel.pipe();
    stage.kernel.write(writer, Buffer.from('twice'));
    expect(stage.run((sqe) => ops.prepTee(sqe, reader, copyWriter, 5, 0))).toBe(5);
    expect([read(stage, reader, 32), read(stage, copyReader, 32)]).toEqual(['twice', 'twice']);
    const file = stage.kernel.file(Buffer.from('x'));
    expect(stage.run((sqe) => ops.prepTee(sqe, file, copyWriter, 1, 0))).toBe(-Errno.EINVAL);
  });

  test('self', '/proc/self is that of the submitting process', { linuxOnly: true }, (stage) => {
    const own = readFileSync('/proc/self/comm', 'utf8');
    for (const flags of [0, ASYNC]) {
      const fd = stage.keep(stage.run((sqe) => ops.prepOpenat(sqe, -100, stage.text('/proc/self/comm'), 0), flags));
      expect(read(stage, fd, 64, 0)).toBe(own);
    }
  });

  test('kallsyms', 'a kernel file is read plainly, in vectors, and into a registered buffer', { linuxOnly: true }, (stage) => {
    const path = '/proc/kallsyms';
    const expected = readFileSync(path).subarray(0, 2048);
    const block = stage.block(2048);
    stage.ring.buffers.register([block.bytes]);
    const ways = [
      (fd: number) => stage.run((sqe) => ops.prepRead(sqe, fd, block.address, 2048, 0)),
      (fd: number) => stage.run((sqe) => ops.prepReadv(sqe, fd, stage.iovecs(block), 1, 0)),
      (fd: number) => stage.run((sqe) => ops.prepReadFixed(sqe, fd, block.address, 2048, 0, 0)),
    ];
    for (const way of ways) {
      const fd = stage.keep(stage.run((sqe) => ops.prepOpenat(sqe, -100, stage.text(path), 0)));
      const res = way(fd);
      expect(res).toBeGreaterThan(0);
      expect(Buffer.from(block.bytes.subarray(0, res)).equals(expected.subarray(0, res))).toBe(true);
    }
  });

  test(
    'd4ae271dfaae',
    'the kernel thread of an SQPOLL ring reads a registered file',
    { ring: { entries: 16, flags: ['SQPOLL'] } },
    (stage) => {
      stage.ring.files.register([stage.kernel.file(Buffer.alloc(40960))]);
      const block = stage.block(40960);
      for (let index = 0; index < 10; index++) {
        stage.add(index, (sqe) => ops.prepRead(sqe, 0, block.address + 4096 * index, 4096, 4096 * index), FIXED_FILE);
      }
      expect(stage.sorted(10)).toEqual(Array.from({ length: 10 }, (_, index) => [index, 4096]));
    },
  );

  test('lfs-openat-write', 'a file is written and read beyond four gigabytes', { linuxOnly: true }, (stage) => {
    const fd = stage.kernel.file();
    const at = 2n ** 32n + 7n;
    expect(write(stage, fd, 'far away', at)).toBe(8);
    expect(read(stage, fd, 8, at)).toBe('far away');
  });
});
