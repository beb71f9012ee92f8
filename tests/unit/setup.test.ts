/** Opening a ring: options, flags, fallbacks, refusals and how they are reported. */

import { afterEach, describe, expect, test } from '@jest/globals';
import { prepNop } from '../../src/ops/index.js';
import { Feature, REGISTER_OP_SINCE, RegisterOp, Ring, type RingOptions, SetupFlag } from '../../src/ring/index.js';
import {
  allErrnos,
  Errno,
  errnoName,
  errnoSentence,
  explainSetupErrno,
  UringError,
  UringUnavailableError,
} from '../../src/syscalls/index.js';
import { LINUX_6_1, SimulatedKernel } from '../../src/testing/index.js';
import { gapOn, gaps } from '../helpers/gaps.js';
import { describeOnBothKernels } from '../helpers/kernels.js';
import { run } from '../helpers/ring.js';

const kernels: SimulatedKernel[] = [];
const rings: Ring[] = [];
const simulated = (options: ConstructorParameters<typeof SimulatedKernel>[0] = {}) => {
  const kernel = new SimulatedKernel(options);
  kernels.push(kernel);
  return kernel;
};
const open = (syscalls: SimulatedKernel, options: Partial<RingOptions> = {}) => {
  const ring = Ring.open({ entries: 8, ...options, syscalls });
  rings.push(ring);
  return ring;
};
afterEach(() => {
  for (const ring of rings.splice(0)) ring.close();
  // No descriptor is left, whatever was refused or closed.
  for (const kernel of kernels.splice(0)) expect(kernel.openDescriptors).toEqual([]);
});

describeOnBothKernels('opening', (kernel) => {
  test('rounds sizes up to powers of two', () => {
    const ring = kernel().open({ entries: 5 });
    expect([ring.sq.entries, ring.cq.entries]).toEqual([8, 16]);
    const other = kernel().open({ entries: 3, cqEntries: 100 });
    expect([other.sq.entries, other.cq.entries]).toEqual([4, 128]);
    const largest = kernel().open({ entries: 32768, cqEntries: 65536 });
    expect([largest.sq.entries, largest.cq.entries]).toEqual([32768, 65536]);
    expect(run(largest, prepNop).res).toBe(0);
    const clamped = kernel().open({ entries: 1_000_000, flags: ['CLAMP'] });
    expect(clamped.sq.entries).toBe(32768);
  });

  test('works in shared and in mapped memory', () => {
    const memories = gapOn(kernel().name, gaps.ringsInOurMemory) ? (['mapped'] as const) : (['shared', 'mapped'] as const);
    for (const memory of memories) {
      const ring = kernel().open({ entries: 8, memory });
      expect(ring.hasFlag('NO_MMAP')).toBe(memory === 'shared');
      for (let i = 0; i < 50; i++) expect(run(ring, prepNop, i)).toMatchObject({ userData: i, res: 0 });
      ring.close();
    }
  });

  test('can share the workers of another ring', () => {
    const first = kernel().open({ entries: 8 });
    const ring = kernel().open({ entries: 8, attachTo: first });
    expect(ring.hasFlag('ATTACH_WQ')).toBe(true);
    expect(run(ring, prepNop).res).toBe(0);
  });

  test('names the flag that the kernel refuses', () => {
    expect(() => kernel().open({ entries: 8, flags: ['DEFER_TASKRUN'] })).toThrow(
      expect.objectContaining({ code: 'EINVAL', message: expect.stringContaining('DEFER_TASKRUN needs SINGLE_ISSUER') }),
    );
    for (const [flag, message] of [
      ['TASKRUN_FLAG', 'TASKRUN_FLAG needs'],
      ['HYBRID_IOPOLL', 'HYBRID_IOPOLL needs IOPOLL'],
    ] as const) {
      expect(() => kernel().open({ entries: 8, flags: [flag] })).toThrow(message);
    }
    expect(() => kernel().open({ entries: 8, sqThreadCpu: 0 })).toThrow('SQ_AFF needs SQPOLL');
    expect(() => kernel().open({ entries: 8, flags: ['CQE_MIXED', 'CQE32'] })).toThrow('CQE_MIXED');
  });

  test('drops optional flags that the kernel refuses, and reports them', () => {
    const ring = kernel().open({ entries: 8, optionalFlags: ['SUBMIT_ALL', 'TASKRUN_FLAG'] });
    expect(ring.droppedFlags).toEqual(['TASKRUN_FLAG']);
    expect(ring.hasFlag('SUBMIT_ALL')).toBe(true);
    expect(kernel().open({ entries: 8, optionalFlags: ['SUBMIT_ALL'] }).droppedFlags).toEqual([]);
  });

  test('a ring may be closed twice, and throws when it is used after that', () => {
    const ring = kernel().open({ entries: 8 });
    const sqe = ring.getSqe();
    ring.close();
    ring.close();
    expect(ring.closed).toBe(true);
    const uses: (() => unknown)[] = [
      () => ring.getSqe(),
      () => ring.submit(),
      () => ring.submitAndWait(1),
      () => ring.peekCqe(),
      () => ring.peekBatch([]),
      () => ring.forEachCqe(() => undefined),
      () => ring.advance(0),
      () => ring.waitCqe(),
      () => ring.getEvents(),
      () => ring.probe(),
      () => ring.query(),
      () => ring.share(),
      () => ring.pin(new Uint8Array(1)),
      () => ring.cancelSync({}),
      () => ring.sendMessage(1, 1),
      () => ring.files.registerSparse(1),
      () => ring.settings.registerRingFd(),
    ];
    for (const use of uses) expect(use).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    // An SQE that was taken before does no harm.
    prepNop(sqe as never);
    const disposed = kernel().open({ entries: 8 });
    disposed[Symbol.dispose]();
    expect(disposed.closed).toBe(true);
  });

  test('a callback cannot close the ring that calls it', () => {
    const ring = kernel().open({ entries: 8 });
    prepNop(ring.getSqe() as never);
    ring.submitAndWait(1);
    expect(() => ring.forEachCqe(() => ring.close())).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    expect(ring.closed).toBe(false);
    expect(run(ring, prepNop).res).toBe(0);
    ring.close();
    expect(ring.closed).toBe(true);
  });

  test('a ring that was never enabled is closed at once', () => {
    const ring = kernel().open({ entries: 8, flags: ['R_DISABLED'] });
    const start = performance.now();
    ring.close();
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('a wait without a time limit does not reuse an earlier one', () => {
    const ring = kernel().open({ entries: 8 });
    expect(ring.waitCqe(1)).toBeNull();
    prepNop(ring.getSqe() as never);
    expect(ring.waitCqe()?.res).toBe(0);
  });

  test('an SQE of a closed ring in mapped memory does no harm', () => {
    const ring = kernel().open({ entries: 8, memory: 'mapped' });
    const sqe = ring.getSqe();
    ring.close();
    prepNop(sqe as never);
    expect(ring.cq.ready).toBe(0);
  });
});

describe('older kernels', () => {
  test('without NO_MMAP have their rings mapped', () => {
    const kernel = simulated(LINUX_6_1);
    const ring = open(kernel);
    expect(ring.hasFlag('NO_MMAP')).toBe(false);
    expect(run(ring, prepNop).res).toBe(0);
    expect(kernel.calls.mmap).toBe(2);
    ring.close();
    // Both mappings are replaced by empty memory.
    expect(kernel.calls.mmap).toBe(4);
    // A caller that requests the program's memory gets it or an error, whichever option it uses.
    expect(() => open(kernel, { memory: 'shared' })).toThrow('the kernel refuses the flag NO_MMAP');
    expect(() => open(kernel, { flags: ['NO_MMAP'] })).toThrow('the kernel refuses the flag NO_MMAP');
    expect(open(simulated(), { flags: ['NO_MMAP'] }).hasFlag('NO_MMAP')).toBe(true);
  });

  test('without SINGLE_MMAP have three mappings', () => {
    const kernel = simulated({ ...LINUX_6_1, features: Feature.EXT_ARG });
    expect(run(open(kernel), prepNop).res).toBe(0);
    expect(kernel.calls.mmap).toBe(3);
  });

  test('refuse a flag that needs privileges, and the error names it', () => {
    const kernel = simulated(LINUX_6_1);
    // Once with NO_MMAP, and once without.
    kernel.fail('setup', Errno.EPERM, Errno.EPERM);
    expect(() => open(kernel, { flags: ['SQPOLL'] })).toThrow(
      'EPERM: operation not permitted, io_uring_setup (the kernel refuses the flag SQPOLL',
    );
  });

  test('have unknown flags named in the error, and unknown optional flags dropped', () => {
    const kernel = simulated(LINUX_6_1);
    expect(() => open(kernel, { flags: ['NO_SQARRAY'] })).toThrow('refuses the flag NO_SQARRAY');
    expect(open(kernel, { optionalFlags: ['NO_SQARRAY', 'CQE_MIXED', 'SUBMIT_ALL'] }).droppedFlags).toEqual([
      'NO_SQARRAY',
      'CQE_MIXED',
    ]);
  });

  test('without EXT_ARG make a time limit an error before anything is submitted', () => {
    const ring = open(simulated({ features: 1 }));
    expect(() => ring.submitAndWait(1, 5)).toThrow(expect.objectContaining({ code: 'EOPNOTSUPP' }));
  });
});

describe('the table of register operations', () => {
  test('names the version since when each exists', () => {
    expect(Object.keys(REGISTER_OP_SINCE)).toEqual(Object.keys(RegisterOp));
    for (const version of Object.values(REGISTER_OP_SINCE)) expect(version).toMatch(/^[56]\.\d+$/);
  });
});

describe('refusals', () => {
  const refuse = (errno: number, host = {}) => {
    const kernel = simulated({ host });
    kernel.fail('setup', ...new Array(40).fill(errno));
    try {
      open(kernel);
    } catch (error) {
      return error as UringUnavailableError;
    }
    throw new Error('the ring was opened');
  };

  test.each([
    ['ENOSYS', {}, 'no-kernel-support', '6.18.0-simulated'],
    ['EPERM', { ioUringDisabled: 2 }, 'sysctl', 'kernel.io_uring_disabled is 2'],
    ['EPERM', { ioUringDisabled: 1, ioUringGroup: 77 }, 'sysctl', 'only group 77'],
    ['EPERM', { ioUringDisabled: 0 }, 'seccomp', 'seccomp'],
    ['EPERM', { ioUringDisabled: undefined, seccompMode: 2 }, 'seccomp', 'this process has a seccomp filter'],
    ['EOPNOTSUPP', {}, 'seccomp', 'EOPNOTSUPP'],
    ['EFAULT', {}, 'refused', 'EFAULT'],
    ['EINVAL', {}, 'refused', 'EINVAL'],
  ] as const)('are reported: %s with %j as %s', (name, host, kind, words) => {
    const error = refuse(Errno[name], host);
    expect(error).toBeInstanceOf(UringUnavailableError);
    expect(error.code).toBe('ERR_URING_UNAVAILABLE');
    expect(error.reason).toBe(kind);
    expect(error.errno).toBe(-Errno[name]);
    expect(error.message).toContain(words);
    // One sentence each.
    expect(error.reasonText).toMatch(/^[A-Z].*\.$/s);
    expect(error.remedy).toMatch(/^[A-Z].*\.$/s);
  });

  test('blame no flag if every ring is refused', () => {
    const kernel = simulated();
    kernel.fail('setup', ...new Array(40).fill(Errno.EINVAL));
    expect(() => open(kernel, { flags: ['SUBMIT_ALL'] })).toThrow(UringUnavailableError);
  });

  test.each([
    [['COOP_TASKRUN'], ''],
    [['SQPOLL'], ''],
    [['SQPOLL', 'COOP_TASKRUN'], '; COOP_TASKRUN does not go with SQPOLL'],
    [['CQE_MIXED'], ''],
    [['CQE32'], ''],
    [['CQE_MIXED', 'CQE32'], '; CQE_MIXED does not go with CQE32'],
    [['TASKRUN_FLAG'], '; TASKRUN_FLAG needs COOP_TASKRUN or DEFER_TASKRUN'],
    [['TASKRUN_FLAG', 'COOP_TASKRUN'], ''],
  ] as const)('of %j name the rule, if there is one', (flags, rule) => {
    const kernel = simulated();
    const setup = kernel.setup.bind(kernel);
    // Refuses every flag but the library's own NO_MMAP and CQSIZE.
    kernel.setup = (entries, params) =>
      new DataView(params.buffer, params.byteOffset).getUint32(8, true) & ~(SetupFlag.NO_MMAP | SetupFlag.CQSIZE)
        ? -Errno.EINVAL
        : setup(entries, params);
    expect(() => open(kernel, { flags: [...flags] })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(new RegExp(`refuses the flag [A-Z0-9_, ]+${rule}\\)?$`)) }),
    );
  });

  test('for lack of resources keep their own errors', () => {
    for (const name of ['ENOMEM', 'EMFILE', 'ENFILE'] as const) {
      const error = refuse(Errno[name], { memlock: { soft: 65536, hard: 65536 } }) as unknown as UringError;
      expect(error).toBeInstanceOf(UringError);
      expect(error.code).toBe(name);
      expect(error.errno).toBe(-Errno[name]);
      if (name === 'ENOMEM') expect(error.message).toContain('RLIMIT_MEMLOCK is 65536 bytes');
    }
  });

  test('can be requested with URING_DISABLE in the environment', () => {
    process.env.URING_DISABLE = '1';
    try {
      expect(() => open(simulated())).toThrow(expect.objectContaining({ reason: 'disabled' }));
    } finally {
      delete process.env.URING_DISABLE;
    }
  });

  test('include a failed mmap, which closes the ring', () => {
    const kernel = simulated(LINUX_6_1);
    kernel.fail('mmap', Errno.ENOMEM);
    expect(() => open(kernel, { memory: 'mapped' })).toThrow(expect.objectContaining({ code: 'ENOMEM', syscall: 'mmap' }));
  });

  test('have an explanation and a remedy for every errno', () => {
    const host = simulated().host();
    for (const { errno } of allErrnos()) {
      const explanation = explainSetupErrno(errno, host);
      expect(explanation.text).toMatch(/\.$/);
      expect(explanation.remedy).toMatch(/\.$/);
    }
  });
});

describe('errors', () => {
  test('include every errno of Linux once, with a name and a sentence', () => {
    const all = allErrnos();
    // 41 and 58 are the numbers of aliases, and unused.
    expect(all).toHaveLength(131);
    expect(new Set(all.map(({ name }) => name)).size).toBe(131);
    expect(all.map(({ errno }) => errno)).toEqual([...all.map(({ errno }) => errno)].sort((a, b) => a - b));
    for (const { name, sentence } of all) {
      expect(name).toMatch(/^E[A-Z0-9]+$/);
      expect(sentence).toMatch(/\w/);
    }
    expect(errnoName(-62)).toBe('ETIME');
    expect(errnoSentence(77)).toBe('file descriptor in bad state');
    expect(errnoName(512)).toBe('Unknown system error -512');
  });

  test('have the form of Node’s errors', () => {
    const error = new UringError(2, 'openat');
    expect(error).toMatchObject({ errno: -2, code: 'ENOENT', syscall: 'openat', name: 'UringError' });
    expect(error.message).toBe('ENOENT: no such file or directory, openat');
    expect(new UringError(-22, 'read', 'why').message).toBe('EINVAL: invalid argument, read (why)');
  });
});

describe('enter', () => {
  test('reports each error by name', () => {
    for (const name of ['EAGAIN', 'EBUSY', 'EBADR', 'ENXIO', 'EOWNERDEAD', 'EFAULT'] as const) {
      const kernel = simulated();
      const ring = open(kernel);
      prepNop(ring.getSqe() as never);
      kernel.fail('enter', Errno[name]);
      expect(() => ring.submit()).toThrow(expect.objectContaining({ code: name, syscall: 'io_uring_enter' }));
      // Nothing is lost: the SQE is still there, and is submitted by the next call.
      expect(ring.sq.ready).toBe(1);
      expect(ring.submitAndWait(1)).toBe(1);
    }
  });

  test('continues an interrupted wait', () => {
    const kernel = simulated();
    const ring = open(kernel);
    prepNop(ring.getSqe() as never);
    kernel.fail('enter', Errno.EINTR, Errno.EINTR);
    expect(ring.submitAndWait(1)).toBe(1);
    expect(ring.cq.ready).toBe(1);
    kernel.fail('enter', Errno.EINTR);
    expect(ring.submitAndWait(1, 5)).toBe(0);
  });

  test('submits as many as the kernel has memory for, and the remainder later', () => {
    const kernel = simulated();
    const ring = open(kernel);
    for (let i = 0; i < 5; i++) prepNop(ring.getSqe() as never);
    kernel.limitSubmissions(2);
    expect([ring.submit(), ring.submit(), ring.submit(), ring.submit()]).toEqual([2, 2, 1, 0]);
  });

  test('is refused to another thread on a ring with SINGLE_ISSUER', () => {
    const kernel = simulated();
    const ring = open(kernel, { flags: ['SINGLE_ISSUER'] });
    prepNop(ring.getSqe() as never);
    kernel.currentThread = 2;
    expect(() => ring.submit()).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    kernel.currentThread = 1;
    expect(ring.submit()).toBe(1);
  });
});
