/**
 * The system calls of each function of the ring, with their flags and arguments, in
 * `tests/golden/calls.txt`.
 */

import { afterEach, describe, expect, test } from '@jest/globals';
import { prepPollAdd } from '../../src/ops/index.js';
import { CancelFlag, Feature, PollEvent, Ring, type RingOptions } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { LINUX_6_1, SimulatedKernel } from '../../src/testing/index.js';
import { golden } from '../helpers/golden.js';
import { nops, sqeOf } from '../helpers/ring.js';
import { type Answers, Strace } from '../helpers/strace.js';
import { catchWarnings } from '../helpers/warnings.js';

const matches = golden('calls');

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const step of cleanUp.splice(0).reverse()) step();
});

type KernelOptions = ConstructorParameters<typeof SimulatedKernel>[0];

/** Creates a kernel whose calls are recorded, on a clock that stands still. */
function traced(options: KernelOptions = {}, answers: Answers = {}) {
  const kernel = new SimulatedKernel(options);
  cleanUp.push(kernel.clock.install());
  const strace = new Strace(kernel, answers);
  const open = (ringOptions: Partial<RingOptions> = {}) => {
    const ring = Ring.open({ entries: 4, ...ringOptions, syscalls: strace.syscalls });
    cleanUp.push(() => ring.close());
    return ring;
  };
  return { kernel, strace, open };
}

/** Compares the calls of several steps with the golden file, each under its own title. */
function steps(title: string, strace: Strace, all: Record<string, () => unknown>): void {
  for (const [name, step] of Object.entries(all)) {
    let end = '';
    try {
      const value = step();
      if (typeof value === 'number' || typeof value === 'boolean') end = `\ngives ${value}`;
      else if (value === null || (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)) {
        end = `\ngives ${JSON.stringify(value)}`;
      }
    } catch (error) {
      end = `\nthrows ${(error as Error).message}`;
    }
    matches(`${title}, ${name}`, `\n${strace.take() || 'no call'}${end}`);
  }
}

describe('opening and closing', () => {
  const cases: [string, Partial<RingOptions>, KernelOptions?][] = [
    ['no options', {}],
    ['sizes', { entries: 5, cqEntries: 100 }],
    ['beyond all sizes', { entries: 100_000, cqEntries: 100_000, flags: ['CLAMP'] }],
    ['an SQ thread', { flags: ['SQPOLL'], sqThreadCpu: 1, sqThreadIdle: 20 }],
    ['attached to an fd', { attachTo: 77, flags: ['ATTACH_WQ'] }],
    ['large entries', { flags: ['SQE128', 'CQE32'] }],
    ['large entries, mapped', { flags: ['SQE128', 'CQE32'], memory: 'mapped' }],
    ['without an array', { flags: ['NO_SQARRAY'] }],
    ['mapped', { memory: 'mapped' }],
    ['without a descriptor', { flags: ['REGISTERED_FD_ONLY'], memory: 'shared' }],
    ['not enabled', { flags: ['R_DISABLED'] }],
    ['on 6.1', {}, LINUX_6_1],
    ['on a kernel that maps each queue', { memory: 'mapped' }, { features: Feature.EXT_ARG }],
    ['without time limits', {}, { features: Feature.SINGLE_MMAP }],
    ['optional flags, all known', { optionalFlags: ['SUBMIT_ALL', 'COOP_TASKRUN'] }],
    ['optional flags on 6.1', { optionalFlags: ['CQE_MIXED', 'SUBMIT_ALL', 'NO_SQARRAY'] }, LINUX_6_1],
    ['an optional flag that is wanted anyway', { flags: ['SUBMIT_ALL'], optionalFlags: ['SUBMIT_ALL'] }],
    ['an optional flag that breaks a rule', { optionalFlags: ['TASKRUN_FLAG', 'SUBMIT_ALL'] }],
    ['a flag unknown to 6.1', { flags: ['NO_SQARRAY'] }, LINUX_6_1],
    ['two flags unknown to 6.1', { flags: ['NO_SQARRAY', 'HYBRID_IOPOLL', 'IOPOLL'] }, LINUX_6_1],
    ['shared memory on 6.1', { memory: 'shared' }, LINUX_6_1],
    ['SQ_AFF without a thread', { sqThreadCpu: 0 }],
    ['DEFER_TASKRUN alone', { flags: ['DEFER_TASKRUN'] }],
    ['DEFER_TASKRUN with a thread', { flags: ['DEFER_TASKRUN', 'SINGLE_ISSUER', 'SQPOLL'] }],
    ['COOP_TASKRUN with a thread', { flags: ['COOP_TASKRUN', 'SQPOLL'] }],
    ['TASKRUN_FLAG alone', { flags: ['TASKRUN_FLAG'] }],
    ['HYBRID_IOPOLL alone', { flags: ['HYBRID_IOPOLL'] }],
    ['REGISTERED_FD_ONLY, mapped', { flags: ['REGISTERED_FD_ONLY'], memory: 'mapped' }],
    ['CQE_MIXED with CQE32', { flags: ['CQE_MIXED', 'CQE32'] }],
  ];
  test.each(cases)('make the recorded calls: %s', (title, options, kernelOptions = {}) => {
    const { strace, open } = traced(kernelOptions);
    let ring: Ring | undefined;
    steps(`open: ${title}`, strace, {
      opening: () => {
        ring = open(options);
        return { fd: ring.fd, sq: ring.sq.entries, cq: ring.cq.entries, dropped: ring.droppedFlags, flags: ring.setupFlags };
      },
      closing: () => ring?.close(),
      'closing again': () => ring?.close(),
    });
  });

  test.each(['EPERM', 'ENOMEM', 'EINVAL', 'EMFILE', 'EFAULT'] as const)('fail as recorded when setup returns %s', (name) => {
    const { kernel, strace, open } = traced();
    kernel.fail('setup', ...new Array(30).fill(Errno[name]));
    steps(`open: setup answers ${name}`, strace, { opening: () => open({ optionalFlags: ['SUBMIT_ALL', 'COOP_TASKRUN'] }) });
  });

  test('succeed when only the first setup fails', () => {
    const { kernel, strace, open } = traced();
    kernel.fail('setup', Errno.ENOMEM);
    steps('open: the first attempt fails', strace, { opening: () => open().setupFlags });
    expect(kernel.openDescriptors).toHaveLength(1);
  });

  test('close the ring again when mmap fails', () => {
    const { kernel, strace, open } = traced();
    kernel.fail('mmap', Errno.ENOMEM);
    steps('open: mmap fails', strace, { opening: () => open({ memory: 'mapped' }) });
  });

  test('cancel operations in flight', () => {
    const { kernel, strace, open } = traced();
    const ring = open();
    const [reader] = kernel.createPipe();
    prepPollAdd(sqeOf(ring), reader, PollEvent.IN);
    ring.submit();
    nops(ring, 1);
    strace.take();
    steps('close: something in flight', strace, { closing: () => ring.close() });
  });

  test.each(['EEXIST', 'EBADF', 'EOWNERDEAD', 'EPERM', 'EACCES', 'ENOSYS', 'EOPNOTSUPP', 'EBADFD'] as const)(
    'make the recorded calls when enter returns %s',
    (name) => {
      const { kernel, strace, open } = traced();
      const ring = open();
      kernel.fail('enter', ...new Array(10).fill(Errno[name]));
      strace.take();
      const { warnings, restore } = catchWarnings();
      try {
        steps(`close: enter answers ${name}`, strace, { closing: () => ring.close() });
      } finally {
        restore();
      }
      matches(`close: enter answers ${name}, warnings`, JSON.stringify(warnings.flat()));
    },
  );

  test.each(['EINTR', 'EBUSY', 'EAGAIN'] as const)('try again when enter returns %s once', (name) => {
    const { kernel, strace, open } = traced();
    const ring = open();
    kernel.fail('enter', Errno[name]);
    strace.take();
    steps(`close: enter answers ${name} once`, strace, { closing: () => ring.close() });
  });

  test('wait until a ring that refuses drains is quiet', () => {
    const { strace, open } = traced();
    const ring = open({ flags: ['R_DISABLED'] });
    ring.settings.restrict({ operations: ['READ'] });
    ring.settings.enable();
    strace.take();
    steps('close: a ring that refuses drains', strace, { closing: () => ring.close() });
  });
});

describe('submitting and waiting', () => {
  const everything = (ring: Ring, kernel: SimulatedKernel): Record<string, () => unknown> => ({
    'nothing to submit': () => ring.submit(),
    'submit two': () => {
      nops(ring, 1, 2);
      return ring.submit();
    },
    look: () => ring.peekCqe()?.userData,
    take: () => ring.forEachCqe(() => undefined),
    'take none': () => ring.forEachCqe(() => undefined),
    'look at none': () => ring.peekCqe(),
    'a batch of none': () => ring.peekBatch([], 4),
    'submit one and wait': () => {
      nops(ring, 3);
      return ring.submitAndWait(1);
    },
    'wait for what is there': () => ring.waitCqe()?.userData,
    'with a time limit': () => {
      nops(ring, 4);
      return ring.submitAndWait(1, 1234.5);
    },
    'wait for what is there, with a time limit': () => ring.waitCqe(5)?.userData,
    advance: () => ring.advance(2),
    'a time that is over': () => ring.submitAndWait(1, 20),
    'wait for nothing': () => ring.waitCqe(20),
    'without waiting': () => ring.submitAndWait(0),
    'no time at all': () => ring.waitCqe(0),
    'deferred work': () => ring.getEvents(),
    overflow: () => {
      for (let round = 0; round < 3; round++) {
        nops(ring, 5, 6, 7, 8);
        ring.submit();
        kernel.runSqThreads();
      }
    },
    'take what is there': () => ring.forEachCqe(() => undefined),
    'take what waited': () => ring.forEachCqe(() => undefined),
    'interrupted once': () => {
      kernel.fail('enter', Errno.EINTR);
      nops(ring, 9);
      return ring.submitAndWait(1);
    },
    'interrupted, with a time limit': () => {
      kernel.fail('enter', Errno.EINTR);
      nops(ring, 10);
      return ring.submitAndWait(2, 10);
    },
    'an error': () => {
      kernel.fail('enter', Errno.EAGAIN);
      nops(ring, 11);
      return ring.submit();
    },
    'an error of a wait': () => {
      kernel.fail('enter', Errno.EBADR);
      return ring.submitAndWait(1);
    },
    'an error of a wait with a time limit': () => {
      kernel.fail('enter', Errno.EBADR);
      return ring.submitAndWait(1, 1);
    },
    'an error of deferred work': () => {
      kernel.fail('enter', Errno.EBADR);
      ring.getEvents();
    },
    'as it is': () => ring.enter(0, 0, 1, 5),
    probing: () => ring.probe().supports(0) && !ring.probe().supports(200),
    closing: () => ring.close(),
  });

  const kinds: [string, Partial<RingOptions>, KernelOptions?][] = [
    ['plain', {}],
    ['an SQ thread', { flags: ['SQPOLL'], sqThreadIdle: 1000 }],
    ['IOPOLL', { flags: ['IOPOLL'] }],
    ['IOPOLL with an SQ thread', { flags: ['IOPOLL', 'SQPOLL'] }],
    ['DEFER_TASKRUN', { flags: ['SINGLE_ISSUER', 'DEFER_TASKRUN', 'TASKRUN_FLAG'] }],
    ['without a descriptor', { flags: ['REGISTERED_FD_ONLY'], memory: 'shared' }],
    ['without time limits', {}, { features: Feature.NODROP }],
  ];
  test.each(kinds)('make the recorded calls: %s', (title, options, kernelOptions = {}) => {
    const { kernel, strace, open } = traced(kernelOptions);
    const ring = open(options);
    strace.take();
    steps(`enter: ${title}`, strace, everything(ring, kernel));
  });

  test('wake an SQ thread that sleeps', () => {
    const { kernel, strace, open } = traced();
    const ring = open({ flags: ['SQPOLL'], sqThreadIdle: 10 });
    kernel.advance(50);
    strace.take();
    steps('enter: an SQ thread that sleeps', strace, {
      'submit one': () => {
        nops(ring, 1);
        return ring.submit();
      },
      'and wait': () => {
        kernel.advance(50);
        nops(ring, 2);
        return ring.submitAndWait(1, 100);
      },
      'room that is there': () => ring.waitForSqSpace(),
      'room that is not': () => {
        nops(ring, 3, 4, 5, 6);
        ring.submit();
        ring.waitForSqSpace();
        return ring.sq.spaceLeft;
      },
      'room, interrupted': () => {
        kernel.runSqThreads();
        nops(ring, 7, 8, 9, 10);
        ring.submit();
        kernel.fail('enter', Errno.EINTR);
        ring.waitForSqSpace();
        return ring.sq.spaceLeft;
      },
      'room, refused': () => {
        kernel.runSqThreads();
        nops(ring, 7, 8, 9, 10);
        ring.submit();
        kernel.fail('enter', Errno.EOWNERDEAD);
        ring.waitForSqSpace();
      },
    });
  });
});

/** Returns the memory of the wait arguments. */
const waitRegion = (ring: Ring) => (ring.settings as unknown as { waitRegion: { bytes: Uint8Array } }).waitRegion.bytes;

describe('registering', () => {
  test.each([
    ['with its own index', {}],
    ['with an index for enter only', { features: Feature.EXT_ARG | Feature.SINGLE_MMAP | Feature.NODROP }],
  ] as const)('the ring itself makes the recorded calls, %s', (title, options) => {
    const { strace, open } = traced(options);
    const ring = open();
    strace.take();
    steps(`ring fd ${title}`, strace, {
      registering: () => ring.settings.registerRingFd(),
      again: () => ring.settings.registerRingFd(),
      entering: () => {
        nops(ring, 1);
        return ring.submitAndWait(1, 5);
      },
      'registering something else': () => ring.files.registerSparse(2),
      probing: () => ring.probe().lastOpcode,
      forgetting: () => ring.settings.unregisterRingFd(),
      'forgetting again': () => ring.settings.unregisterRingFd(),
      'entering then': () => ring.getEvents(),
      'something else then': () => ring.files.unregister(),
      'for closing': () => ring.settings.registerRingFd(),
      closing: () => ring.close(),
      'forgetting then': () => ring.settings.unregisterRingFd(),
    });
  });

  test('makes the recorded call for each operation', () => {
    const answers = {
      PERSONALITY: 3,
      UNREGISTER_PERSONALITY: 0,
      NAPI: 0,
      UNREGISTER_NAPI: 0,
      CLOCK: 0,
      CLONE_BUFFERS: 0,
      MEM_REGION: 0,
      IOWQ_AFF: 0,
      UNREGISTER_IOWQ_AFF: 0,
      IOWQ_MAX_WORKERS: 0,
      EVENTFD_ASYNC: 0,
      SEND_MSG_RING: 0,
    };
    const { kernel, strace, open } = traced({}, answers);
    const ring = open();
    const source = open();
    const buffers = [new Uint8Array(64), new Uint8Array(4096)];
    const files = [kernel.createFile(), kernel.createFile()];
    const eventfd = kernel.eventfd(0);
    let group: ReturnType<typeof ring.bufferRings.create> | undefined;
    strace.take();
    steps('register', strace, {
      buffers: () => ring.buffers.register(buffers),
      'no buffers': () => ring.buffers.unregister(),
      'tagged buffers': () => ring.buffers.registerTagged(buffers, [7, 2n ** 63n]),
      'other buffers': () => ring.buffers.update(1, [buffers[0] as Uint8Array]),
      'a buffer with a tag': () => ring.buffers.update(0, [buffers[1] as Uint8Array], [9]),
      'an empty slot': () => ring.buffers.update(0, [null]),
      'no buffers again': () => ring.buffers.unregister(),
      'room for buffers': () => ring.buffers.registerSparse(4),
      'buffers of another ring': () => ring.buffers.cloneFrom(source),
      'those of an fd': () => ring.buffers.cloneFrom({ fd: 77 }),
      'some of them': () => ring.buffers.cloneFrom(source, { sourceOffset: 1, offset: 2, count: 3, replace: true }),
      files: () => ring.files.register(files),
      'other files': () => ring.files.update(1, [-1]),
      'a file with a tag': () => ring.files.updateTagged(0, files, [5, 6]),
      'a range for the kernel': () => ring.files.setAllocRange(1, 1),
      'no files': () => ring.files.unregister(),
      'tagged files': () => ring.files.registerTagged(files, [5, 2 ** 40]),
      'no tagged files': () => ring.files.unregister(),
      'room for files': () => ring.files.registerSparse(9),
      'an eventfd': () => ring.settings.registerEventfd(eventfd),
      'no eventfd': () => ring.settings.unregisterEventfd(),
      'an eventfd for what is late': () => ring.settings.registerEventfdAsync(eventfd),
      credentials: () => ring.settings.registerPersonality(),
      'no credentials': () => ring.settings.unregisterPersonality(3),
      'busy polling': () => ring.settings.registerNapi({ busyPollMicroseconds: 50, preferBusyPoll: true }),
      'no busy polling': () => ring.settings.unregisterNapi(),
      'a clock': () => ring.settings.setClock(7),
      'a wait region': () => ring.settings.registerWaitRegion(2),
      'a second wait region': () => ring.settings.registerWaitRegion(2),
      'a registered wait': () => ring.settings.setRegisteredWait(1, 1234.5, 77),
      'a registered wait without an end': () => ring.settings.setRegisteredWait(0, undefined),
      'what they are then': () => ({ words: [...new Uint32Array(waitRegion(ring).slice(0, 128).buffer)] }),
      'one beyond them': () => ring.settings.setRegisteredWait(2, 1),
      'waiting so': () => {
        nops(ring, 1);
        return ring.submitAndWaitRegistered(0, 1);
      },
      'CPUs for the workers': () => ring.workers.setAffinity([0, 3, 9]),
      'any CPU': () => ring.workers.clearAffinity(),
      'limits of workers': () => ring.workers.setLimits({ bounded: 2 }),
      'the other limit': () => ring.workers.setLimits({ unbounded: 3 }),
      'limits as they are': () => ring.workers.setLimits(),
      'a buffer ring': () => {
        group = ring.bufferRings.create({ group: 7, entries: 2, bufferSize: 64 });
      },
      'its head': () => group?.head,
      'no buffer ring': () => group?.release(),
      'an incremental one': () => void ring.bufferRings.create({ group: 8, entries: 2, incremental: true }),
      'cancelling by user data': () => ring.cancelSync({ userData: 2n ** 40n }),
      'cancelling by fd': () => ring.cancelSync({ fd: 5, timeoutMs: 1500 }),
      'cancelling by both': () => ring.cancelSync({ fd: 5, userData: 6 }),
      'cancelling by opcode': () => ring.cancelSync({ opcode: 22, flags: CancelFlag.ALL }),
      'cancelling all': () => ring.cancelSync({ flags: CancelFlag.ALL | CancelFlag.ANY }),
      'a message': () => ring.sendMessage(9, 2n ** 40n, 5, 2),
      'other sizes': () => ring.settings.resize(8, 32),
      'another size': () => ring.settings.resize(8),
      'what the kernel says of itself': () => ring.query() ?? null,
      restrictions: () =>
        ring.settings.restrict({
          operations: ['READ', 'NOP'],
          registrations: ['BUFFERS'],
          allowedSqeFlags: 3,
          requiredSqeFlags: 1,
        }),
      enabling: () => ring.settings.enable(),
    });
    // The wait arguments are in the arena.
    expect(kernel.ring(ring.fd)).toBeDefined();
  });

  test('returns what the kernel reports', () => {
    const { kernel, strace, open } = traced(
      {},
      {
        NAPI: (data) => {
          data.setUint32(0, 12, true);
          data.setUint8(4, 1);
          return 0;
        },
        UNREGISTER_NAPI: () => 0,
        IOWQ_MAX_WORKERS: (data) => {
          data.setUint32(0, 3, true);
          data.setUint32(4, 4, true);
          return 0;
        },
        ZCRX_IFQ: (data) => {
          const address = (offset: number) => Number(data.getBigUint64(offset, true));
          const at = (offset: number, length: number) => kernel.memory.bytes(address(offset), length) as Uint8Array;
          strace.note(`area ${[...at(16, 48)]}`);
          strace.note(`region ${[...at(24, 64)]}`);
          at(16, 48).fill(7);
          for (let offset = 32; offset < 96; offset += 4) data.setUint32(offset, offset, true);
          return 0;
        },
        ZCRX_CTRL: () => 0,
        UNREGISTER_RING_FDS: -Errno.EINVAL,
      },
    );
    const ring = open();
    strace.take();
    steps('told', strace, {
      'the busy polling before': () => ring.settings.registerNapi({ busyPollMicroseconds: 5, preferBusyPoll: false }),
      'that of its end': () => ring.settings.unregisterNapi(),
      'limits of workers': () => ring.workers.setLimits({ bounded: 9, unbounded: 8 }),
      'a queue for zero copy': () => {
        const area = new Uint8Array(new SharedArrayBuffer(8192));
        const queue = ring.zeroCopy.registerQueue({ interfaceIndex: 2, receiveQueue: 3, entries: 8, area });
        strace.note(
          Object.entries(queue)
            .map(([key, value]) => `${key} ${typeof value === 'object' ? 'memory' : value}`)
            .join(', '),
        );
      },
      'giving back what it received': () => ring.zeroCopy.flush(5),
      'the ring fd': () => ring.settings.registerRingFd(),
      'which is kept': () => ring.settings.unregisterRingFd(),
    });
  });

  test('throws what the kernel refuses', () => {
    const refusals = Object.fromEntries(
      ['BUFFERS', 'UNREGISTER_BUFFERS', 'FILES', 'PBUF_RING', 'MEM_REGION', 'CLONE_BUFFERS', 'SYNC_CANCEL', 'SEND_MSG_RING'].map(
        (name) => [name, -Errno.EPERM],
      ),
    );
    const { kernel, strace, open } = traced(
      {},
      { ...refusals, PROBE: -Errno.EINVAL, RING_FDS: -Errno.EINVAL, BUFFERS2: -Errno.EPERM },
    );
    const ring = open();
    strace.take();
    steps('refused', strace, {
      buffers: () => ring.buffers.register([new Uint8Array(8)]),
      'tagged buffers': () => ring.buffers.registerTagged([new Uint8Array(8)], [1]),
      'no buffers': () => ring.buffers.unregister(),
      files: () => ring.files.register([kernel.createFile()]),
      'a buffer ring': () => ring.bufferRings.create({ group: 1, entries: 2, bufferSize: 64 }),
      'a wait region': () => ring.settings.registerWaitRegion(1),
      'a wait region again': () => ring.settings.registerWaitRegion(1),
      'another’s buffers': () => ring.buffers.cloneFrom(ring),
      cancelling: () => ring.cancelSync({}),
      'a message': () => ring.sendMessage(1, 1),
      probing: () => ring.probe(),
      'the ring’s fd': () => ring.settings.registerRingFd(),
    });
  });
});
