/**
 * Checks the options of `Ring.open` and converts them to the kernel's form.
 *
 * @module
 */

import type { Syscalls } from '../syscalls/index.js';
import { checkInteger, checkName, checkOptions, checkUint32, invalidArgType, invalidArgValue, outOfRange } from '../validate.js';
import { MAX_CQ_ENTRIES, MAX_ENTRIES, SetupFlag, type SetupFlagName } from './abi/setup.js';
import { DEFAULT_ARENA_SIZE } from './arena.js';
import { powerOfTwo } from './layout.js';

/** The options for opening a ring. */
export interface RingOptions {
  /**
   * The number of entries of the submission queue, 1 to 32,768. The kernel rounds it up to a power
   * of two.
   */
  readonly entries: number;
  /**
   * The number of entries of the completion queue, `entries` to 65,536, rounded up in the same way.
   * Default: twice `entries`. (CQSIZE, since 5.5.)
   */
  readonly cqEntries?: number;
  /** Setup flags that the ring must have. If the kernel refuses one, the error names it. */
  readonly flags?: readonly SetupFlagName[];
  /**
   * Setup flags that the ring gets if the kernel supports them; the others are in
   * `ring.droppedFlags`.
   */
  readonly optionalFlags?: readonly SetupFlagName[];
  /** The CPU of the SQPOLL thread (implies SQ_AFF). */
  readonly sqThreadCpu?: number;
  /**
   * How long the SQPOLL thread spins before it sleeps, in milliseconds. Default: 1,000 (the
   * kernel's).
   */
  readonly sqThreadIdle?: number;
  /** The ring whose workers are shared, or its descriptor (implies ATTACH_WQ). */
  readonly attachTo?: { readonly fd: number } | number;
  /**
   * The location of the queues: `'shared'`, on a SharedArrayBuffer (NO_MMAP, since 6.5);
   * `'mapped'`, mapped from the ring; `'auto'`, the first that works. Default: `'auto'`.
   */
  readonly memory?: 'auto' | 'shared' | 'mapped';
  /**
   * The size of the ring's arena in bytes, 33 MiB to 2 GiB. Only touched pages consume memory.
   * Default: 40 MiB.
   */
  readonly arenaSize?: number;
  /** The system calls. Default: Linux, through koffi. `uring/testing` provides others. */
  readonly syscalls?: Syscalls;
}

const OPTION_NAMES = [
  'entries',
  'cqEntries',
  'flags',
  'optionalFlags',
  'sqThreadCpu',
  'sqThreadIdle',
  'attachTo',
  'memory',
  'arenaSize',
  'syscalls',
] as const satisfies readonly (keyof RingOptions)[];

const SETUP_FLAG_NAMES = Object.keys(SetupFlag) as SetupFlagName[];

/** The options in the kernel's form. */
export interface SetupRequest {
  readonly entries: number;
  readonly cqEntries: number;
  readonly required: number;
  readonly optional: number;
  readonly sqThreadCpu: number;
  readonly sqThreadIdle: number;
  readonly wqFd: number;
  readonly memory: 'auto' | 'shared' | 'mapped';
  readonly arenaSize: number;
}

/**
 * Checks the options.
 *
 * @throws TypeError or RangeError with Node's error codes.
 */
export function checkRingOptions(options: RingOptions): SetupRequest {
  checkOptions(options, OPTION_NAMES);
  const { cqEntries, sqThreadCpu, sqThreadIdle = 0, attachTo, memory = 'auto', arenaSize = DEFAULT_ARENA_SIZE } = options;
  let required = flagsOf('options.flags', options.flags ?? []);
  const clamp = (required & SetupFlag.CLAMP) !== 0;
  checkInteger('options.entries', options.entries, 1, clamp ? 0xffff_ffff : MAX_ENTRIES);
  const entries = powerOfTwo(Math.min(options.entries, MAX_ENTRIES));
  let cq = 2 * entries;
  if (cqEntries !== undefined) {
    checkInteger('options.cqEntries', cqEntries, 1, clamp ? 0xffff_ffff : MAX_CQ_ENTRIES);
    cq = powerOfTwo(Math.min(cqEntries, MAX_CQ_ENTRIES));
    if (cq < entries) throw outOfRange('options.cqEntries', `at least as many as entries (${entries})`, cqEntries);
    required |= SetupFlag.CQSIZE;
  } else if (required & SetupFlag.CQSIZE) {
    throw invalidArgType('options.cqEntries', 'of type number with the flag CQSIZE', cqEntries);
  }
  checkUint32('options.sqThreadIdle', sqThreadIdle);
  if (sqThreadCpu !== undefined) {
    checkUint32('options.sqThreadCpu', sqThreadCpu);
    required |= SetupFlag.SQ_AFF;
  }
  let wqFd = 0;
  if (attachTo !== undefined) {
    wqFd = typeof attachTo === 'object' && attachTo !== null ? attachTo.fd : attachTo;
    checkInteger('options.attachTo', wqFd, 0, 0x7fff_ffff);
    required |= SetupFlag.ATTACH_WQ;
  } else if (required & SetupFlag.ATTACH_WQ) {
    throw invalidArgType('options.attachTo', 'a ring with the flag ATTACH_WQ', attachTo);
  }
  checkName('options.memory', memory, ['auto', 'shared', 'mapped'], 'a kind of memory');
  const optional = flagsOf('options.optionalFlags', options.optionalFlags ?? []) & ~required;
  if (memory === 'mapped' && required & SetupFlag.NO_MMAP) {
    throw invalidArgValue('options.memory', memory, 'contradicts the flag NO_MMAP');
  }
  return {
    entries,
    cqEntries: cq,
    required: required & ~SetupFlag.NO_MMAP,
    optional: optional & ~SetupFlag.NO_MMAP,
    sqThreadCpu: sqThreadCpu ?? 0,
    sqThreadIdle,
    wqFd,
    memory: required & SetupFlag.NO_MMAP ? 'shared' : memory,
    arenaSize,
  };
}

/** Returns the names of the flags in a mask. */
export function setupFlagNames(mask: number): SetupFlagName[] {
  return SETUP_FLAG_NAMES.filter((name) => mask & SetupFlag[name]);
}

function flagsOf(argument: string, names: readonly SetupFlagName[]): number {
  if (!Array.isArray(names)) throw invalidArgType(argument, 'an array of setup flag names', names);
  let mask = 0;
  for (const name of names) {
    checkName(argument, name, SETUP_FLAG_NAMES, 'a setup flag');
    mask |= SetupFlag[name];
  }
  return mask;
}
