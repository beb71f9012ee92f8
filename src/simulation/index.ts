/**
 * A simulated disk, for tests of programs that use `node:fs/promises` or `uring/fs/promises`.
 *
 * @module
 */

import path from 'node:path';
import { Uring } from '../engine/index.js';
import { SimulatedKernel } from '../testing/kernel.js';
import type { SimulatedKernelOptions } from '../testing/options.js';
import { invalidArgType, invalidArgValue } from '../validate.js';
import { Calls } from './calls.js';
import { mount } from './mount.js';
import { type SimulatedPromises, simulatedPromises } from './promises.js';

export { SimulatedFileHandle } from './handle.js';
export type { SimulatedPromises };

/** Options of {@link simulate}: those of `SimulatedKernel`, and the place. */
export interface SimulateOptions extends Partial<SimulatedKernelOptions> {
  /**
   * An absolute path. Until {@link Simulation.end}, the functions of `node:fs/promises` and
   * `uring/fs/promises` work on the simulated disk for this path and everything below it. Default:
   * nowhere; use {@link Simulation.promises}.
   */
  readonly at?: string | undefined;
}

/** A simulated disk, as {@link simulate} returns it. */
export class Simulation {
  /** @internal */
  constructor(
    /** The kernel, with its limits, faults and chaos. */
    readonly kernel: SimulatedKernel,
    /**
     * The functions of `node:fs/promises` on this disk. Those that are not simulated (`watch`,
     * `chmod`, `utimes` and others) reject with ERR_METHOD_NOT_IMPLEMENTED.
     */
    readonly promises: SimulatedPromises,
    private readonly uring: Uring,
    private readonly unmount: (() => void) | undefined,
  ) {}

  /** Puts Node's functions back, and closes the engine. Idempotent. */
  async end(): Promise<void> {
    this.unmount?.();
    if (!this.uring.closed) await this.uring.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/**
 * Creates a simulated disk, so that a program's own tests can have what rarely happens: a full disk,
 * a read-only one, an error in the middle, short writes.
 *
 * The files are in memory. Open, read, write, sync, rename and others run on the ring of a
 * {@link SimulatedKernel}. Everything can be simulated on any machine, with io_uring or without.
 *
 * @throws TypeError for a place that is not an absolute path.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { simulate } from 'uring/testing';
 *
 * const disk = simulate({ at: '/data' });
 * disk.kernel.limitDisk(1000);
 * await writeFile('/data/small', 'x'.repeat(600));
 * await writeFile('/data/large', 'x'.repeat(600)).catch(({ code }) => console.log(code)); // ENOSPC
 * await disk.end();
 * ```
 */
export function simulate(options: SimulateOptions = {}): Simulation {
  const { at, ...kernelOptions } = options;
  if (at !== undefined) {
    if (typeof at !== 'string') throw invalidArgType('options.at', 'of type string', at);
    if (!path.isAbsolute(at)) throw invalidArgValue('options.at', at, 'must be an absolute path');
  }
  const kernel = new SimulatedKernel(kernelOptions);
  const uring = Uring.open({ syscalls: kernel });
  const promises = simulatedPromises(new Calls(kernel, uring));
  if (at === undefined) return new Simulation(kernel, promises, uring, undefined);
  kernel.files.makeDirectories(at);
  return new Simulation(kernel, promises, uring, mount(promises, at));
}
