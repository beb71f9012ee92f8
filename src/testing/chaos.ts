/**
 * What a kernel may do and rarely does: finish late and in another order, move less than it was asked to, come too late to cancel, be
 * short of memory, wake up for nothing. All of it drawn from one seed, so that the same seed does the same again.
 *
 * @module
 */

import { Opcode } from '../ring/abi/index.js';
import { Errno } from '../syscalls/index.js';
import { Random } from './random.js';
import type { KernelRequest } from './request.js';

/** How often, as probabilities from 0 to 1. */
export interface ChaosOptions {
  /** Everything is drawn from it: an integer. */
  readonly seed: number;
  /** An operation is done by a worker, later, in any order, and cannot be cancelled while the worker is at it. Default: 0.3. */
  readonly defer: number;
  /** A transfer moves less than it could, where Linux may do so: pipes, sockets, RWF_NOWAIT, writes. Default: 0.1. */
  readonly short: number;
  /** An operation fails with one of `errnos`. Default: 0, as most programs do not expect it. */
  readonly fail: number;
  /** What operations fail with. Default: EIO, ENOMEM, EINTR, EAGAIN. */
  readonly errnos: readonly number[];
  /** `enter` fails with EAGAIN, EBUSY or EINTR. Default: 0.02. */
  readonly enterFails: number;
  /** `enter` takes a part of the submissions. Default: 0.02. */
  readonly partialSubmission: number;
  /** Who waits is woken for nothing. Default: 0.02. */
  readonly spurious: number;
  /** A cancellation does not find an operation that is there, as while it moves between two of the kernel's lists. Default: 0.02. */
  readonly lostCancel: number;
  /** In a moment of the kernel's, memory that it was given to write to is overwritten. Default: 0.2. */
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

/** Operations that the kernel never gives to a worker by itself: they wait by their nature, or are its own business. */
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

/** Something that is done behind the program's back. */
export interface BackgroundWork {
  /** Does the next piece. @returns whether there is more. */
  step(): boolean;
}

/** The dice of a simulated kernel, and what is under way in its background. */
export class Chaos {
  readonly options: ChaosOptions;
  readonly random: Random;
  private readonly work: BackgroundWork[] = [];

  constructor(options: Partial<ChaosOptions> & { readonly seed: number }) {
    this.options = { ...DEFAULTS, ...options };
    this.random = new Random(options.seed);
  }

  /** What an operation fails with out of the blue; `undefined` for not at all. */
  failureOf(request: KernelRequest): number | undefined {
    // Closing has no such failures, and what cannot be cancelled for lack of memory could never end.
    if (request.opcode === Opcode.CLOSE || request.opcode === Opcode.ASYNC_CANCEL) return undefined;
    return this.random.chance(this.options.fail) ? -this.random.pick(this.options.errnos) : undefined;
  }

  /** Whether a worker does it. */
  defers(request: KernelRequest): boolean {
    return !NEVER_DEFERRED.has(request.opcode) && this.random.chance(this.options.defer);
  }

  /** How much of a transfer is done: at least one byte. */
  shorten(length: number): number {
    return length > 1 && this.random.chance(this.options.short) ? this.random.between(1, length) : length;
  }

  /** Adds to the background. */
  add(work: BackgroundWork): void {
    this.work.push(work);
  }

  remove(work: BackgroundWork): void {
    const index = this.work.indexOf(work);
    if (index >= 0) this.work.splice(index, 1);
  }

  /** Whether anything is under way. */
  get hasWork(): boolean {
    return this.work.length > 0;
  }

  /** One piece of the background, whichever it is. */
  step(): void {
    if (this.work.length === 0) return;
    const work = this.random.pick(this.work);
    if (!work.step()) this.remove(work);
  }
}
