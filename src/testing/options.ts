/**
 * The options of the simulated kernel.
 *
 * @module
 */

import { Feature, Opcode, RegisterOp, SetupFlag } from '../ring/abi/index.js';
import type { HostFacts, SocketCalls } from '../syscalls/index.js';
import type { ChaosOptions } from './chaos.js';

/** The calls that can be made to fail. */
export type FallibleCall = 'setup' | 'enter' | 'register' | 'mmap' | 'duplicate' | 'eventfd' | 'close' | keyof SocketCalls;

/** The kind of kernel to simulate. */
export interface SimulatedKernelOptions {
  /** The `SetupFlag`s that it supports. Default: all of 6.18. */
  readonly setupFlags: number;
  /** The `Feature`s that it reports. Default: all of 6.18. */
  readonly features: number;
  /** The last opcode that it supports. Default: 62. */
  readonly lastOpcode: number;
  /** The last register operation that it supports. Default: 35 (QUERY). */
  readonly lastRegisterOp: number;
  /** The value that all ring counters start from; near 2^32 to see them wrap. Default: 0. */
  readonly counterStart: number;
  /** Kernels before 5.5 drop completions that find the queue full. Default: false. */
  readonly dropOnOverflow: boolean;
  /**
   * Kernels from 5.5 to 5.18 refuse submissions (EBUSY) while completions wait for room. Default:
   * false.
   */
  readonly busyOnOverflow: boolean;
  /**
   * Rings with DEFER_TASKRUN do not signal their eventfd for task work, or only for the first of
   * it, as on 6.12.114 and some other kernels, depending on timing. Default: false.
   */
  readonly losesWakeups: boolean | 'after the first';
  /** Makes rare behavior frequent: see {@link ChaosOptions}. Default: none of it. */
  readonly chaos: (Partial<ChaosOptions> & { readonly seed: number }) | undefined;
  /** Facts about the machine, for explaining refusals. */
  readonly host: Partial<HostFacts>;
}

/** An operation at submission, for `SimulatedKernel.interceptOperations`. */
export interface SubmittedOperation {
  readonly opcode: number;
  readonly fd: number;
  readonly userData: bigint;
  /** The SQE's length field. */
  readonly len: number;
  /** The flag word of the operation itself. */
  readonly opFlags: number;
}

/** Combines all flags of a set. */
export const all = (flags: Readonly<Record<string, number>>) => Object.values(flags).reduce((mask, flag) => mask | flag, 0);

/** The default options. */
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

/** The options for Linux 6.1: no NO_MMAP, no QUERY, opcodes up to SENDMSG_ZC. */
export const LINUX_6_1: Partial<SimulatedKernelOptions> = {
  setupFlags: SetupFlag.NO_MMAP - 1,
  features: (Feature.LINKED_FILE << 1) - 1,
  lastOpcode: Opcode.SENDMSG_ZC,
  lastRegisterOp: RegisterOp.FILE_ALLOC_RANGE,
};

/** The facts about the simulated machine. */
export const HOST: HostFacts = {
  platform: 'linux',
  kernelRelease: '6.18.0-simulated',
  ioUringDisabled: 0,
  ioUringGroup: -1,
  seccompMode: 0,
  memlock: { soft: 8 * 1024 * 1024, hard: 8 * 1024 * 1024 },
};
