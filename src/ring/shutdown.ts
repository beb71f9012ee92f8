/**
 * Brings a ring to rest: cancels everything in flight and waits until the kernel is done with it.
 *
 * That nothing is in flight is proved, not assumed: by the caller's accounting, or by a marker, a
 * NOP with IO_DRAIN, which completes after everything before it. The kernel hands a drained
 * operation to a worker thread, and only when its turn has come. So it is also proof when the
 * marker is canceled there, because it matched a cancellation or because no thread can be started.
 * Cancellation continues until the proof arrives, because the end of one operation may start
 * another (links, drains).
 *
 * @module
 */

import { Errno, type Syscalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { EnterFlag } from './abi/enter.js';
import { CancelFlag } from './abi/op-flags.js';
import { Opcode } from './abi/opcodes.js';
import { RegisterOp, SyncCancel } from './abi/register.js';
import { Feature, SetupFlag } from './abi/setup.js';
import { SqeFlag } from './abi/sqe.js';
import type { Arena } from './arena.js';
import type { CompletionQueue } from './completion-queue.js';
import type { Cqe } from './cqe.js';
import type { RingLayout } from './layout.js';
import type { SubmissionQueue } from './submission-queue.js';

/** The accounting of an owner that knows exactly what is in flight, for closing a ring. */
export interface Accounting {
  /** Called with each completion that is still delivered. */
  completed(cqe: Cqe): void;
  /** Returns whether nothing is in flight anymore. */
  idle(): boolean;
  /**
   * How long closing blocks the thread until `idle()` returns `true`. Default: 5 s. There is at
   * least one round.
   */
  readonly patienceMs?: number | undefined;
}

/** The part of a ring that is needed to bring it to rest. */
export interface DrainTarget {
  readonly syscalls: Syscalls;
  readonly arena: Arena;
  readonly layout: RingLayout;
  readonly sq: SubmissionQueue;
  readonly cq: CompletionQueue;
  readonly registerFd: number;
  readonly registerFlag: number;
  /** The offset of a block for SYNC_CANCEL's argument. */
  readonly cancelArgument: number;
  enter(toSubmit: number, minComplete: number, flags: number, timeoutMs?: number): number;
  pendingFlags(): number;
}

/** How long a close waits for operations that do not end (a disk or a network mount that hangs). */
const DRAIN_LIMIT_MS = 5000;

/** How long one round waits: canceled operations usually end immediately. */
const ROUND_MS = 10;

/**
 * The number of rounds without a completion after which a ring that refuses drains is considered
 * probably at rest.
 */
const QUIET_ROUNDS = 10;

/**
 * Errors of `enter` that later calls will return as well: this thread may not use the ring
 * (SINGLE_ISSUER, and collected on another thread), the descriptor is no longer a ring, or a system
 * call filter has been installed since.
 */
const HOPELESS = new Set<number>([
  Errno.EEXIST,
  Errno.EBADF,
  Errno.EOWNERDEAD,
  Errno.EPERM,
  Errno.EACCES,
  Errno.ENOSYS,
  Errno.EOPNOTSUPP,
]);

/** The drain marker's user data; no index, counter, or address looks like it. */
const MARKER = 0xffff_ffff_dead_0fffn;

/**
 * How certain it is that the kernel is done with a ring. `'rest'`: it is proved. `'quiet'`: nothing
 * has happened for a while on a ring where no proof is possible. `'busy'`: something will still
 * happen.
 */
export type DrainResult = 'rest' | 'quiet' | 'busy';

/** Cancels and waits. Blocks for at most 5 s, or for the patience given by the accounting. */
export function drain(state: DrainTarget, accounting?: Accounting): DrainResult {
  const marker = accounting ? undefined : new DrainMarker(state);
  const proof = accounting ?? (marker as DrainMarker);
  const deadline = timers.now() + (accounting?.patienceMs ?? DRAIN_LIMIT_MS);
  const timed = (state.layout.features & Feature.EXT_ARG) !== 0;
  for (let quietRounds = 1; ; ) {
    if (proof.idle()) return 'rest';
    // Not while completions arrive: the marker itself could be canceled on its way.
    if (quietRounds > 0) cancelAll(state);
    const flags = EnterFlag.GETEVENTS | state.pendingFlags();
    // The marker has to be submitted. An owner with accounting counts the operations that the
    // kernel has taken, and the kernel must not take more.
    const toSubmit = marker === undefined ? 0 : state.sq.publish();
    const result = state.enter(toSubmit, timed ? 1 : 0, flags, timed ? ROUND_MS : undefined);
    const completions = state.cq.forEach((cqe) => {
      proof.completed(cqe);
    });
    if (HOPELESS.has(-result)) return 'busy';
    // Not enabled yet: the ring has never taken anything.
    if (result === -Errno.EBADFD) return state.layout.setupFlags & SetupFlag.R_DISABLED ? 'rest' : 'busy';
    quietRounds = completions > 0 ? 0 : quietRounds + 1;
    if (marker?.refused && quietRounds >= QUIET_ROUNDS) return 'quiet';
    if (timers.now() > deadline) return 'busy';
  }
}

/** The proof of rest for callers without accounting. */
class DrainMarker implements Accounting {
  /**
   * The kernel refuses a drain: always on a ring that has seen CQE_SKIP_SUCCESS; and restrictions
   * can forbid a NOP.
   */
  refused = false;
  private placed = false;
  /**
   * Nothing precedes the marker in its submission, so it is not part of a chain, whose failure
   * would end it before its turn.
   */
  private alone = false;
  private seen = false;

  constructor(private readonly state: DrainTarget) {}

  completed(cqe: Cqe): void {
    if (cqe.userData64 !== MARKER) return;
    if (cqe.res === 0 || (cqe.res === -Errno.ECANCELED && this.alone)) this.seen = true;
    else if (cqe.res === -Errno.ECANCELED) this.placed = false;
    else this.refused = true;
  }

  idle(): boolean {
    // The queue is full only while an SQPOLL thread has yet to take the published SQEs; retry in
    // the next round.
    if (!this.placed) this.placed = this.place();
    return this.seen;
  }

  private place(): boolean {
    const { sq } = this.state;
    const alone = sq.ready === 0;
    const sqe = sq.reserve();
    if (sqe === null) return false;
    this.alone = alone;
    sqe.prepare(Opcode.NOP, -1, 0, 0, 0, 0);
    sqe.setFlags(SqeFlag.IO_DRAIN);
    sqe.setUserData(MARKER);
    return true;
  }
}

/**
 * Cancels everything with IORING_REGISTER_SYNC_CANCEL (6.0). The result says little: 0 can mean
 * that an operation is running and cannot be interrupted. On older kernels, operations are left to
 * complete on their own.
 */
function cancelAll(state: DrainTarget): void {
  const { arena, syscalls, cancelArgument: at } = state;
  arena.bytes.fill(0, at, at + SyncCancel.SIZE);
  arena.data.setInt32(at + SyncCancel.FD, -1, true);
  arena.data.setUint32(at + SyncCancel.FLAGS, CancelFlag.ANY | CancelFlag.ALL, true);
  arena.data.setBigInt64(at + SyncCancel.TIMEOUT + 8, BigInt(ROUND_MS * 1e6), true);
  syscalls.register(state.registerFd, (RegisterOp.SYNC_CANCEL | state.registerFlag) >>> 0, arena.address(at), 1);
}
