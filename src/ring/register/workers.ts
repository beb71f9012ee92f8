/**
 * The kernel's worker threads (io-wq), which run operations that cannot complete inline.
 *
 * @module
 */

import { checkInteger, checkOptions, invalidArgType, outOfRange } from '../../validate.js';
import type { RingState } from '../state.js';
import { register, registerStruct } from './call.js';

/** The limits of the two kinds of workers. */
export interface WorkerLimits {
  /** For files and block devices, whose operations complete in bounded time. */
  readonly bounded: number;
  /** For sockets, pipes, and the like. */
  readonly unbounded: number;
}

const MAX_CPU = 8191;

/** The kernel's worker threads: `ring.workers`. */
export class Workers {
  /** @internal */
  constructor(private readonly state: RingState) {}

  /**
   * Restricts the workers to these CPUs. `io_uring_register_iowq_aff`. Since 5.14.
   *
   * @param cpus the CPU numbers, at least one.
   */
  setAffinity(cpus: readonly number[]): void {
    if (!Array.isArray(cpus)) throw invalidArgType('cpus', 'an array of CPU numbers', cpus);
    if (cpus.length === 0) throw outOfRange('cpus.length', '>= 1', 0);
    cpus.forEach((cpu, index) => {
      checkInteger(`cpus[${index}]`, cpu, 0, MAX_CPU);
    });
    const bytes = (Math.floor(Math.max(...cpus) / 64) + 1) * 8;
    registerStruct(this.state, 'IOWQ_AFF', bytes, bytes, (data, offset) => {
      for (const cpu of cpus) data.setUint8(offset + (cpu >> 3), data.getUint8(offset + (cpu >> 3)) | (1 << (cpu & 7)));
    });
  }

  /** Lets the workers run on all CPUs again. `io_uring_unregister_iowq_aff`. Since 5.14. */
  clearAffinity(): void {
    register(this.state, 'UNREGISTER_IOWQ_AFF', 0, 0);
  }

  /**
   * Limits the number of workers for the rings of the calling thread; 0 leaves a limit unchanged.
   * `io_uring_register_iowq_max_workers`. Since 5.15.
   *
   * @returns the previous limits.
   */
  setLimits(limits: Partial<WorkerLimits> = {}): WorkerLimits {
    checkOptions(limits, ['bounded', 'unbounded'], 'limits');
    const { bounded = 0, unbounded = 0 } = limits;
    checkInteger('limits.bounded', bounded, 0, 0x7fff_ffff);
    checkInteger('limits.unbounded', unbounded, 0, 0x7fff_ffff);
    let before: WorkerLimits = { bounded: 0, unbounded: 0 };
    registerStruct(
      this.state,
      'IOWQ_MAX_WORKERS',
      8,
      2,
      (data, offset) => {
        data.setUint32(offset, bounded, true);
        data.setUint32(offset + 4, unbounded, true);
      },
      (data, offset) => {
        before = { bounded: data.getUint32(offset, true), unbounded: data.getUint32(offset + 4, true) };
      },
    );
    return before;
  }
}
