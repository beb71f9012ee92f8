/**
 * Behavior that a kernel may show and rarely does: completing late and out of order, transferring
 * less than requested, being too late to cancel, running short of memory, waking up spuriously. All
 * of it is drawn from one seed, so that the same seed repeats the same behavior.
 *
 * @module
 */

import { Opcode } from '../ring/abi/index.js';
import { Errno } from '../syscalls/index.js';
import { Random } from './random.js';
import type { KernelRequest } from './request.js';

/** The seed, and the probabilities of events, from 0 to 1. */
export interface ChaosOptions {
  /** The seed of all random draws: an integer. */
  readonly seed: number;
  /**
   * A worker runs an operation, later, in any order; it cannot be cancelled while the worker runs
   * it. Default: 0.3.
   */
  readonly defer: number;
  /**
   * A transfer moves less than it could, where Linux may do so: pipes, sockets, RWF_NOWAIT, writes.
   * Default: 0.1.
   */
  readonly short: number;
  /**
   * An operation fails with one of `errnos`. Default: 0, because most programs do not expect it.
   */
  readonly fail: number;
  /** The errors that operations fail with. Default: EIO, ENOMEM, EINTR, EAGAIN. */
  readonly errnos: readonly number[];
  /** `enter` fails with EAGAIN, EBUSY or EINTR. Default: 0.02. */
  readonly enterFails: number;
  /** `enter` takes only part of the submissions. Default: 0.02. */
  readonly partialSubmission: number;
  /** A waiter is woken spuriously. Default: 0.02. */
  readonly spurious: number;
  /**
   * A cancellation does not find an existing operation, as happens while it moves between two lists
   * of the kernel. Default: 0.02.
   */
  readonly lostCancel: number;
  /**
   * At a progress step, memory that the kernel was given to write to is overwritten. Default: 0.2.
   */
  readonly poison: number;
}

const DEFAULTS: Omit<ChaosOptions, 'seed'> = {
  defer: 0.3,
  short: 0.1,
  fail: 0,
  errnos: [Errno.EIO, Errno.ENOMEM, Errno.EINTR, Errno.EAGAIN],
  enterFails: 0.02,
  partialSubmission: 0.02,
  spurious: 0.02,
  lostCancel: 0.02,
  poison: 0.2,
};

/**
 * Operations that the kernel never hands to a worker on its own: they wait by nature, or are
 * internal to the kernel.
 */
const NEVER_DEFERRED = new Set<number>([
  Opcode.NOP,
  Opcode.POLL_ADD,
  Opcode.POLL_REMOVE,
  Opcode.TIMEOUT,
  Opcode.TIMEOUT_REMOVE,
  Opcode.LINK_TIMEOUT,
  Opcode.ASYNC_CANCEL,
  Opcode.MSG_RING,
  Opcode.FILES_UPDATE,
  Opcode.PROVIDE_BUFFERS,
  Opcode.REMOVE_BUFFERS,
  Opcode.FUTEX_WAIT,
  Opcode.FUTEX_WAITV,
]);

/** Work that runs in the background of the program. */
export interface BackgroundWork {
  /** Runs the next step. @returns whether there is more. */
  step(): boolean;
}

/** The random decisions of a simulated kernel, and its background work. */
export class Chaos {
  readonly options: ChaosOptions;
  readonly random: Random;
  private readonly work: BackgroundWork[] = [];

  constructor(options: Partial<ChaosOptions> & { readonly seed: number }) {
    this.options = { ...DEFAULTS, ...options };
    this.random = new Random(options.seed);
  }

  /** Returns a random failure of an operation; `undefined` for none. */
  failureOf(request: KernelRequest): number | undefined {
    // Closing has no such failures, and an operation that cannot be cancelled for lack of memory
    // might never end.
    if (request.opcode === Opcode.CLOSE || request.opcode === Opcode.ASYNC_CANCEL) return undefined;
    return this.random.chance(this.options.fail) ? -this.random.pick(this.options.errnos) : undefined;
  }

  /** Decides whether a worker runs the operation. */
  defers(request: KernelRequest): boolean {
    return !NEVER_DEFERRED.has(request.opcode) && this.random.chance(this.options.defer);
  }

  /** Decides how much of a transfer is done: at least one byte. */
  shorten(length: number): number {
    return length > 1 && this.random.chance(this.options.short) ? this.random.between(1, length) : length;
  }

  /** Adds background work. */
  add(work: BackgroundWork): void {
    this.work.push(work);
  }

  remove(work: BackgroundWork): void {
    const index = this.work.indexOf(work);
    if (index >= 0) this.work.splice(index, 1);
  }

  /** Whether there is background work. */
  get hasWork(): boolean {
    return this.work.length > 0;
  }

  /** Runs one step of random background work. */
  step(): void {
    if (this.work.length === 0) return;
    const work = this.random.pick(this.work);
    if (!work.step()) this.remove(work);
  }
}
