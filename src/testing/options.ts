/**
 * What kind of kernel to simulate.
 *
 * @module
 */

import { Feature, Opcode, RegisterOp, SetupFlag } from '../ring/abi/index.js';
import type { HostFacts, SocketCalls } from '../syscalls/index.js';
import type { ChaosOptions } from './chaos.js';

/** The calls that can be made to fail. */
export type FallibleCall = 'setup' | 'enter' | 'register' | 'mmap' | 'duplicate' | 'eventfd' | 'close' | keyof SocketCalls;

/** What kind of kernel to simulate. */
export interface SimulatedKernelOptions {
  /** `SetupFlag`s that it knows. Default: all of 6.18. */
  readonly setupFlags: number;
  /** `Feature`s that it reports. Default: all of 6.18. */
  readonly features: number;
  /** The last opcode that it knows. Default: 62. */
  readonly lastOpcode: number;
  /** The last register operation that it knows. Default: 35 (QUERY). */
  readonly lastRegisterOp: number;
  /** Value that all ring counters start from; near 2^32 to see them wrap. Default: 0. */
  readonly counterStart: number;
  /** Kernels before 5.5 drop completions that find the queue full. Default: false. */
  readonly dropOnOverflow: boolean;
  /** Kernels from 5.5 to 5.18 refuse submissions (EBUSY) while completions wait for room. Default: false. */
  readonly busyOnOverflow: boolean;
  /**
   * Rings with DEFER_TASKRUN do not tell their eventfd of what was woken up, or of the first only, as 6.12.114 and some others when they are
   * fast or slow. Default: false.
   */
  readonly losesWakeups: boolean | 'after the first';
  /** What rarely happens, happening often: see {@link ChaosOptions}. Default: none of it. */
  readonly chaos: (Partial<ChaosOptions> & { readonly seed: number }) | undefined;
  /** Facts about the machine, for the explanation of refusals. */
  readonly host: Partial<HostFacts>;
}

/** An operation as it is submitted, for `SimulatedKernel.interceptOperations`. */
export interface SubmittedOperation {
  readonly opcode: number;
  readonly fd: number;
  readonly userData: bigint;
  /** The SQE's length field. */
  readonly len: number;
  /** The operation's own flag word. */
  readonly opFlags: number;
}

/** All flags of a set. */
export const all = (flags: Readonly<Record<string, number>>) => Object.values(flags).reduce((mask, flag) => mask | flag, 0);

/** What is simulated unless something else is asked for. */
export const DEFAULTS: SimulatedKernelOptions = {
  setupFlags: all(SetupFlag),
  features: all(Feature),
  lastOpcode: Opcode.PIPE,
  lastRegisterOp: RegisterOp.QUERY,
  counterStart: 0,
  dropOnOverflow: false,
  busyOnOverflow: false,
  losesWakeups: false,
  chaos: undefined,
  host: {},
};

/** What Linux 6.1 has: no NO_MMAP, no QUERY, opcodes up to SENDMSG_ZC. */
export const LINUX_6_1: Partial<SimulatedKernelOptions> = {
  setupFlags: SetupFlag.NO_MMAP - 1,
  features: (Feature.LINKED_FILE << 1) - 1,
  lastOpcode: Opcode.SENDMSG_ZC,
  lastRegisterOp: RegisterOp.FILE_ALLOC_RANGE,
};

/** The machine. */
export const HOST: HostFacts = {
  platform: 'linux',
  kernelRelease: '6.18.0-simulated',
  ioUringDisabled: 0,
  ioUringGroup: -1,
  seccompMode: 0,
  memlock: { soft: 8 * 1024 * 1024, hard: 8 * 1024 * 1024 },
};
