/**
 * liburing's cases for the queues: their sizes, how they are filled and emptied, and what happens
 * when they are full.
 */

import { expect } from '@jest/globals';
import * as ops from '../../src/ops/index.js';
import { CqeFlag, NopFlag, Ring, type SetupFlagName, SqeFlag, SqeWord, SqRingFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import type { Stage } from '../helpers/stage.js';
import { ALL_KINDS, cases } from './cases.js';

const fill = (stage: Stage, count: number, first = 0) => {
  for (let index = 0; index < count; index++) stage.nop(first + index);
};

const inject = (value: number) => (sqe: Parameters<typeof ops.prepNop>[0]) => ops.prepNopWith(sqe, NopFlag.INJECT_RESULT, value);

const knowsInjection = (stage: Stage) => (stage.run(inject(7)) === 7 ? undefined : 'the kernel knows no results for NOPs');

const upTo = (count: number, first = 0) => Array.from({ length: count }, (_, index) => first + index);

cases('queues', (test) => {
  test(
    'sq-full',
    'the SQ holds as many SQEs as the ring has entries, and no more',
    { ring: { entries: 8 } },
    ({ ring, ...stage }) => {
      for (let round = 0; round < 3; round++) {
        let count = 0;
        for (let sqe = ring.getSqe(); sqe !== null; sqe = ring.getSqe()) {
          ops.prepNop(sqe);
          count++;
        }
        expect(count).toBe(8);
        expect(ring.submit()).toBe(8);
        ring.advance(8);
      }
      expect(stage).toBeDefined();
    },
  );

  test('sq-space_left', 'the entries that are ready and those that are left always add up', { ring: { entries: 8 } }, (stage) => {
    const { sq } = stage.ring;
    for (let taken = 0; taken < 8; taken++) {
      expect([sq.ready, sq.spaceLeft]).toEqual([taken, 8 - taken]);
      stage.nop(taken);
    }
    expect([sq.ready, sq.spaceLeft]).toEqual([8, 0]);
    stage.wait(8);
    expect([sq.ready, sq.spaceLeft]).toEqual([0, 8]);
  });

  test(
    'sq-space_left (a bad SQE)',
    'a submission stops after an SQE that the kernel refuses, and the next one continues',
    (stage) => {
      fill(stage, 8);
      stage.add(100, (sqe) => sqe.prepare(254, 0, 0, 0, 0, 0));
      fill(stage, 8, 200);
      expect(stage.ring.sq.ready).toBe(17);
      expect(stage.ring.submit()).toBe(9);
      expect(stage.ring.sq.ready).toBe(8);
      expect(stage.ring.submit()).toBe(8);
      expect(stage.ring.sq.ready).toBe(0);
      const all = stage.results(17);
      expect(all.find(([userData]) => userData === 100)).toEqual([100, -Errno.EINVAL]);
      expect(all.filter(([, res]) => res === 0).length).toBe(16);
    },
  );

  test(
    'cq-ready',
    'the count of ready CQEs follows those that arrive and are taken',
    { ring: { entries: 4 } },
    ({ ring, ...rest }) => {
      const stage = Object.assign(Object.create(null), rest);
      expect(stage).toBeDefined();
      const nops = () => {
        for (let sqe = ring.getSqe(); sqe !== null; sqe = ring.getSqe()) ops.prepNop(sqe);
        ring.submit();
      };
      expect(ring.cq.ready).toBe(0);
      nops();
      expect(ring.cq.ready).toBe(4);
      ring.advance(4);
      expect(ring.cq.ready).toBe(0);
      nops();
      ring.advance(1);
      expect(ring.cq.ready).toBe(3);
      ring.advance(2);
      expect(ring.cq.ready).toBe(1);
      ring.advance(1);
      expect(ring.cq.ready).toBe(0);
    },
  );

  test('cq-size', 'the requested size of the CQ is rounded up to a power of two', ({ kernel }) => {
    expect(kernel.open({ entries: 4, cqEntries: 64 }).cq.entries).toBe(64);
    expect(kernel.open({ entries: 4, cqEntries: 33 }).cq.entries).toBe(64);
    expect(() => kernel.open({ entries: 4, cqEntries: 0 })).toThrow(/cqEntries/);
    expect(() => kernel.open({ entries: 8, cqEntries: 4 })).toThrow(/cqEntries/);
  });

  test('cq-peek-batch', 'a batch returns the CQEs in order, and does not remove them', { ring: { entries: 4 } }, (stage) => {
    const { ring } = stage;
    const batch = () => {
      const target: { userData: number }[] = [];
      const seen: number[] = [];
      const count = ring.peekBatch(target as never, 4);
      for (let index = 0; index < count; index++) seen.push((target[index] as { userData: number }).userData);
      return seen;
    };
    expect(batch()).toEqual([]);
    fill(stage, 4);
    stage.submit();
    expect(batch()).toEqual([0, 1, 2, 3]);
    fill(stage, 4, 4);
    stage.submit();
    ring.advance(4);
    expect(batch()).toEqual([4, 5, 6, 7]);
    ring.advance(4);
    expect(batch()).toEqual([]);
  });

  test(
    'cq-peek-batch-mixed',
    'small and big CQEs are delivered without padding',
    { ring: { entries: 8, flags: ['CQE_MIXED'] }, probe: knowsBig },
    (stage) => {
      const big = (userData: number) =>
        stage.add(userData, (sqe) => {
          ops.prepNopWith(sqe, NopFlag.CQE32);
          sqe.set64(SqeWord.OFF, userData + 1000);
          sqe.set64(SqeWord.ADDR, userData + 2000);
        });
      let next = 0;
      const seen: [number, boolean][] = [];
      // Eleven CQEs, then a big one that would not fit before the end of the queue.
      for (const kind of 'ssbbsssssssbsssbbs') {
        if (kind === 'b') big(next++);
        else stage.nop(next++);
        stage.submit();
        stage.ring.forEachCqe((cqe) => seen.push([cqe.userData, (cqe.flags & CqeFlag.BIG) !== 0]));
      }
      expect(seen).toEqual([...'ssbbsssssssbsssbbs'].map((kind, index) => [index, kind === 'b']));
      expect(stage.ring.cq.ready).toBe(0);
    },
  );

  test('nop', 'NOPs complete alone, in a worker, and around a drain', { kinds: ALL_KINDS }, (stage) => {
    for (let round = 0; round < 50; round++) {
      expect(stage.nop(round, round & 1 ? SqeFlag.ASYNC : 0).results(1)).toEqual([[round, 0]]);
      fill(stage, 4);
      stage.nop(4, SqeFlag.IO_DRAIN);
      fill(stage, 3, 5);
      const order = stage.results(8).map(([userData]) => userData);
      expect([...order].sort()).toEqual(upTo(8));
      expect(order.indexOf(4)).toBeGreaterThanOrEqual(4);
      expect(order.slice(0, 4).sort()).toEqual(upTo(4));
    }
  });

  test('nop (results)', 'a NOP returns the result that it is given', { probe: knowsInjection }, (stage) => {
    for (const value of [42, 0, -Errno.EFAULT]) expect(stage.run(inject(value))).toBe(value);
  });

  for (const flags of [['SQE128'], ['CQE32'], ['SQE128', 'CQE32'], ['NO_SQARRAY']] satisfies SetupFlagName[][]) {
    test(
      `nop (${flags.join(', ')})`,
      'entries of other sizes keep user data and results',
      { ring: { entries: 8, flags } },
      (stage) => {
        for (let round = 0; round < 20; round++) {
          fill(stage, 8, round * 8);
          expect(stage.results(8)).toEqual(upTo(8, round * 8).map((userData) => [userData, 0]));
        }
      },
    );
  }

  test('nop-all-sizes', 'rings of every size can be filled twice, up to the last entry of the CQ', ({ kernel }) => {
    for (let entries = 1; entries <= 4096; entries *= 2) {
      const ring = kernel.open({ entries });
      for (let half = 0; half < 2; half++) {
        for (let index = 0; index < entries; index++) {
          const sqe = ring.getSqe();
          if (sqe === null) throw new Error('the SQ was full too early');
          ops.prepNop(sqe);
          sqe.setUserData(half * entries + index);
        }
        expect(ring.getSqe()).toBeNull();
        expect(ring.submit()).toBe(entries);
      }
      let next = 0;
      let wrong = 0;
      ring.forEachCqe((cqe) => {
        if (cqe.userData !== next++) wrong++;
      });
      expect([next, wrong, ring.cq.overflow]).toEqual([2 * entries, 0, 0]);
      ring.close();
    }
  });

  test(
    'nop-flags',
    'a NOP that uses a file or a buffer fails like other operations',
    { probe: knowsNopFile, linuxOnly: true },
    (stage) => {
      const [FILE, FIXED_FILE, FIXED_BUFFER] = [2, 4, 8];
      const nop = (flags: number, fd: number, sqeFlags = 0) =>
        stage.run((sqe) => {
          ops.prepNopWith(sqe, flags);
          sqe.set32(SqeWord.FD, fd);
        }, sqeFlags);
      const fd = stage.kernel.file();
      expect([nop(FILE, fd), nop(FILE, 9999)]).toEqual([0, -Errno.EBADF]);
      stage.ring.files.register([fd]);
      expect(nop(FILE | FIXED_FILE, 0, SqeFlag.FIXED_FILE)).toBe(0);
      expect(nop(FILE | FIXED_FILE, 999, SqeFlag.FIXED_FILE)).toBe(-Errno.EBADF);
      expect(nop(FIXED_BUFFER, 0)).toBe(-Errno.EFAULT);
    },
  );

  test('nop-fixed-file-leak', 'a NOP with a file does not keep it open', { probe: knowsNopFile, linuxOnly: true }, (stage) => {
    const [reader, writer] = stage.kernel.pipe();
    stage.run((sqe) => {
      ops.prepNopWith(sqe, 2);
      sqe.set32(SqeWord.FD, reader);
    }, SqeFlag.FIXED_FILE);
    stage.kernel.close(reader);
    const data = stage.put('x');
    expect(stage.run((sqe) => ops.prepWrite(sqe, writer, data.address, 1, -1))).toBe(-Errno.EPIPE);
  });

  test(
    'nop32',
    'CQEs of 32 bytes carry two more words',
    { ring: { entries: 8, flags: ['CQE_MIXED'] }, probe: knowsBig },
    ({ ring, ...stage }) => {
      expect(stage).toBeDefined();
      for (let index = 0; index < 40; index++) {
        const sqe = ring.getSqe();
        if (sqe === null) throw new Error('no SQE');
        ops.prepNopWith(sqe, NopFlag.CQE32);
        sqe.set64(SqeWord.OFF, 100 + index);
        sqe.set64(SqeWord.ADDR, 200 + index);
        sqe.setUserData(index);
        ring.submit();
        const cqe = ring.waitCqe(10_000);
        expect([cqe?.userData, cqe?.extra1, cqe?.extra2]).toEqual([index, BigInt(100 + index), BigInt(200 + index)]);
        ring.advance(1);
      }
    },
  );

  test(
    'nop32-overflow',
    'big CQEs that overflow the CQ are delivered later, in order',
    { ring: { entries: 8, cqEntries: 8, flags: ['CQE_MIXED'] }, probe: knowsBig },
    (stage) => {
      stage.nop(1);
      for (let index = 2; index <= 8; index++) stage.add(index, (sqe) => ops.prepNopWith(sqe, NopFlag.CQE32));
      expect(stage.results(8).map(([userData]) => userData)).toEqual(upTo(8, 1));
    },
  );

  test('io_uring_setup', 'invalid parameters of setup are refused', ({ kernel }) => {
    const { syscalls } = kernel;
    const params = (fields: readonly (readonly [number, number])[]) => {
      const bytes = new Uint8Array(120);
      for (const [at, value] of fields) new DataView(bytes.buffer).setUint32(at, value, true);
      return bytes;
    };
    const [CQ_ENTRIES, FLAGS, CPU] = [4, 8, 12];
    expect(syscalls.setup(0, params([]))).toBe(-Errno.EINVAL);
    expect(syscalls.setup(32769, params([]))).toBe(-Errno.EINVAL);
    expect(syscalls.setup(1, params([[FLAGS, 0xffff_ffff]]))).toBe(-Errno.EINVAL);
    expect(
      syscalls.setup(
        1,
        params([
          [FLAGS, 1 << 2],
          [CPU, 0],
        ]),
      ),
    ).toBe(-Errno.EINVAL);
    expect(
      syscalls.setup(
        4,
        params([
          [FLAGS, 1 << 3],
          [CQ_ENTRIES, 0],
        ]),
      ),
    ).toBe(-Errno.EINVAL);
    expect(
      syscalls.setup(
        4,
        params([
          [FLAGS, 1 << 3],
          [CQ_ENTRIES, 2],
        ]),
      ),
    ).toBe(-Errno.EINVAL);
    const clamped = kernel.open({ entries: 100_000, flags: ['CLAMP'], memory: 'mapped' });
    expect(clamped.sq.entries).toBe(32768);
  });

  test('b19062a56726', 'IOPOLL with SQ_AFF, but without SQPOLL, is refused', ({ kernel }) => {
    const bytes = new Uint8Array(120);
    const data = new DataView(bytes.buffer);
    data.setUint32(8, (1 << 0) | (1 << 2), true);
    data.setUint32(12, 1024, true);
    expect(kernel.syscalls.setup(1, bytes)).toBe(-Errno.EINVAL);
  });

  test('no-mmap-inval', 'NO_MMAP with memory for only one of the two areas is refused', { linuxOnly: true }, ({ kernel }) => {
    const bytes = new Uint8Array(120);
    const data = new DataView(bytes.buffer);
    const memory = new Uint8Array(new SharedArrayBuffer(16384));
    const page = Math.ceil(kernel.syscalls.addressOf(memory) / 4096) * 4096;
    data.setUint32(8, 1 << 14, true);
    data.setBigUint64(112, BigInt(page), true);
    expect([-Errno.EFAULT, -Errno.EINVAL, -Errno.ENOMEM]).toContain(kernel.syscalls.setup(2, bytes));
    expect(memory.length).toBe(16384);
  });

  test(
    'submit-and-wait',
    'a wait that times out has submitted, and keeps the completions that have arrived',
    { ring: { entries: 4 } },
    (stage) => {
      stage.nop(1);
      stage.ring.submitAndWait(2, 30);
      expect(stage.ring.cq.ready).toBe(1);
      expect(stage.results(1)).toEqual([[1, 0]]);
    },
  );

  test('b5837bd5311d', 'a wait for two completions returns with two', (stage) => {
    stage.add(1, (sqe) => ops.prepTimeout(sqe, stage.timespec(10), 0xffff_ffff)).submit();
    stage.nop(2);
    stage.ring.submitAndWait(2);
    expect(stage.ring.cq.ready).toBe(2);
    expect(stage.results(2)).toEqual([
      [2, 0],
      [1, -Errno.ETIME],
    ]);
  });

  for (const [flag, taken] of [
    [undefined, 5],
    ['SUBMIT_ALL', 6],
  ] as const) {
    test(
      `drop-submit (${flag ?? 'plain'})`,
      `${taken} of six SQEs are taken if the last two are invalid`,
      { ring: { entries: 8, flags: flag ? [flag] : [] } },
      (stage) => {
        fill(stage, 4);
        for (const userData of [10, 11]) stage.add(userData, (sqe) => sqe.prepare(254, 0, 0, 0, 0, 0));
        expect(stage.ring.submit()).toBe(taken);
        expect(stage.sorted(6)).toEqual([...upTo(4).map((userData) => [userData, 0]), [10, -Errno.EINVAL], [11, -Errno.EINVAL]]);
      },
    );
  }

  test('submit-reuse', 'iovecs can be reused as soon as they have been submitted', (stage) => {
    const content = Buffer.alloc(32768, 'ab');
    const fd = stage.kernel.file(content);
    for (const flags of [0, SqeFlag.ASYNC]) {
      const pieces = upTo(16).map(() => stage.block(2048));
      const vector = stage.block(256);
      stage.ring.arena.bytes.copyWithin(vector.offset, vector.offset, vector.offset);
      pieces.forEach(({ address }, index) => {
        stage.ring.arena.writeUint64(vector.offset + 16 * index, address);
        stage.ring.arena.writeUint64(vector.offset + 16 * index + 8, 2048);
      });
      stage.add(1, (sqe) => ops.prepReadv(sqe, fd, vector.address, 16, 0), flags).submit();
      vector.bytes.fill(0);
      expect(stage.results(1)).toEqual([[1, 32768]]);
      expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(content)).toBe(true);
    }
  });

  test('cq-full', 'no completion is lost when the CQ is full', { ring: { entries: 4 } }, (stage) => {
    for (let round = 0; round < 3; round++) {
      fill(stage, 4, round * 4);
      expect(stage.submit()).toBe(4);
    }
    expect(stage.results(12).map(([userData]) => userData)).toEqual(upTo(12));
    expect(stage.ring.cq.overflow).toBe(0);
  });

  test(
    'cq-overflow',
    'overflowed CQEs are delivered in order, and CQ_OVERFLOW is set meanwhile',
    { ring: { entries: 2, cqEntries: 2 }, kinds: ALL_KINDS.slice(0, 2) },
    (stage) => {
      for (let round = 0; round < 20; round++) {
        for (let index = 0; index < 8; index++) {
          stage.nop(round * 8 + index);
          stage.submit();
        }
        expect(stage.ring.sq.flags & SqRingFlag.CQ_OVERFLOW).not.toBe(0);
        expect(stage.results(8).map(([userData]) => userData)).toEqual(upTo(8, round * 8));
        stage.ring.getEvents();
        expect(stage.ring.sq.flags & SqRingFlag.CQ_OVERFLOW).toBe(0);
      }
    },
  );

  test('init-mem', 'a ring in the program’s memory delivers every CQE, whatever its size', ({ kernel }) => {
    for (const [entries, cqEntries] of [
      [1, 8],
      [2, 1024],
      [32, 4096],
      [256, 16384],
    ] as const) {
      const ring = kernel.open({ entries, cqEntries });
      let next = 0;
      for (let sent = 0; sent < 2 * cqEntries; ) {
        const batch = Math.min(entries, 64);
        for (let index = 0; index < batch; index++) {
          const sqe = ring.getSqe();
          if (sqe === null) throw new Error('no SQE');
          ops.prepNop(sqe);
          sqe.setUserData(sent++);
        }
        ring.submit();
        ring.forEachCqe((cqe) => {
          if (cqe.userData === next) next++;
        });
      }
      expect(next).toBe(2 * cqEntries);
      ring.close();
    }
  });

  test('io_uring_enter', 'invalid calls are refused', ({ kernel, ring }) => {
    const { syscalls } = kernel;
    expect(syscalls.enter(ring.fd, 1, 0, 0xffff_0000 | 0, 0, 0)).toBe(-Errno.EINVAL);
    expect(syscalls.enter(9999, 0, 0, 0, 0, 0)).toBe(-Errno.EBADF);
    expect(syscalls.enter(kernel.file(), 0, 0, 0, 0, 0)).toBe(-Errno.EOPNOTSUPP);
    expect(syscalls.enter(ring.fd, 0, 0, 0, 0, 0)).toBe(0);
  });

  test('probe', 'the probe reports which operations the kernel supports', ({ ring }) => {
    const probe = ring.probe();
    for (const opcode of [0, 1, 2, 3, 6, 11, 14, 18, 22]) expect(probe.supports(opcode)).toBe(true);
    expect(probe.supports(250)).toBe(false);
  });

  test(
    'ring-query',
    'the kernel reports how many operations it knows',
    { probe: ({ ring }) => (ring.query() ? undefined : 'the kernel knows no QUERY') },
    ({ ring }) => {
      const query = ring.query();
      expect(query?.opcodes).toBeGreaterThan(60);
      expect(query?.registerOps).toBeGreaterThan(35);
    },
  );

  test('teardowns', 'rings can be opened and closed repeatedly', { linuxOnly: true }, ({ kernel }) => {
    for (let round = 0; round < 100; round++) kernel.open({ entries: 164 }).close();
    expect(Ring).toBeDefined();
  });
});

function knowsBig(stage: Stage): string | undefined {
  return stage.run((sqe) => ops.prepNopWith(sqe, NopFlag.CQE32)) === 0 ? undefined : 'the kernel knows no big NOPs';
}

function knowsNopFile(stage: Stage): string | undefined {
  const answer = stage.run((sqe) => {
    ops.prepNopWith(sqe, 2);
    sqe.set32(SqeWord.FD, 9999);
  });
  return answer === -Errno.EBADF ? undefined : 'the kernel knows no files of NOPs';
}
