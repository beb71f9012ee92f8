/**
 * Brings a ring to rest: cancels everything in flight and waits until the kernel has let go of it.
 *
 * That nothing is in flight is proved, not assumed: by the caller's own accounts, or by a NOP with IO_DRAIN, which completes
 * after everything before it. The kernel hands a drained operation to a worker thread, and only when its turn has come: so it is proof,
 * too, when the marker is cancelled there, because we cancel or because no thread can be started. Cancelling goes on until the proof is there,
 * because the end of one operation may start another (links, drains).
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

/** How a close is told what is in flight, by those who know it exactly. */
export interface Accounting {
  /** Called with each completion that is still delivered. */
  completed(cqe: Cqe): void;
  /** Whether nothing is in flight any more. */
  idle(): boolean;
  /** How long closing waits for that, blocking the thread; default 5 s. At least once round. */
  readonly patienceMs?: number | undefined;
}

/** What of a ring can be brought to rest. */
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

/** How long one round waits: what is cancelled usually ends at once. */
const ROUND_MS = 10;

/** Rounds without a completion after which a ring that refuses drains counts as probably at rest. */
const QUIET_ROUNDS = 10;

/**
 * Answers of `enter` that no later one will change: this thread may not use the ring (SINGLE_ISSUER, and collected elsewhere), it is no ring
 * any more, or a filter of system calls has been installed since.
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

/** The drain marker's user data; no index, counter or address looks like it. */
const MARKER = 0xffff_ffff_dead_0fffn;

/**
 * How sure it is that the kernel is done with a ring: `'rest'` is proved; `'quiet'` means that nothing has happened for a while
 * on a ring where no proof is possible; `'busy'`, that something will still happen.
 */
export type DrainResult = 'rest' | 'quiet' | 'busy';

/** Cancels and waits. Blocks for 5 s at most, or as long as the accounts' owner has patience. */
export function drain(state: DrainTarget, accounting?: Accounting): DrainResult {
  const marker = accounting ? undefined : new DrainMarker(state);
  const proof = accounting ?? (marker as DrainMarker);
  const deadline = timers.now() + (accounting?.patienceMs ?? DRAIN_LIMIT_MS);
  const timed = (state.layout.features & Feature.EXT_ARG) !== 0;
  for (let quietRounds = 1; ; ) {
    if (proof.idle()) return 'rest';
    // Not while things move: the marker itself can be caught on its way.
    if (quietRounds > 0) cancelAll(state);
    const flags = EnterFlag.GETEVENTS | state.pendingFlags();
    // The marker has to be submitted. Who keeps accounts counts what the kernel has taken, and it is to take no more.
    const toSubmit = marker === undefined ? 0 : state.sq.publish();
    const result = state.enter(toSubmit, timed ? 1 : 0, flags, timed ? ROUND_MS : undefined);
    const completions = state.cq.forEach((cqe) => {
      proof.completed(cqe);
    });
    if (HOPELESS.has(-result)) return 'busy';
    // Not enabled yet: it has never taken anything.
    if (result === -Errno.EBADFD) return state.layout.setupFlags & SetupFlag.R_DISABLED ? 'rest' : 'busy';
    quietRounds = completions > 0 ? 0 : quietRounds + 1;
    if (marker?.refused && quietRounds >= QUIET_ROUNDS) return 'quiet';
    if (timers.now() > deadline) return 'busy';
  }
}

/** Proof of rest for those who keep no accounts of their own. */
class DrainMarker implements Accounting {
  /** The kernel takes no drain: it never does on a ring that has seen CQE_SKIP_SUCCESS, and restrictions can forbid a NOP. */
  refused = false;
  private placed = false;
  /** Nothing before it in its submission: it is no part of a chain, whose failure would end it before its turn. */
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
    // No room for it only while an SQPOLL thread has yet to take what was published: then in the next round.
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
 * IORING_REGISTER_SYNC_CANCEL of everything (6.0). Its answer says little: 0 can mean that an operation is running and cannot
 * be interrupted. Older kernels are left to complete by themselves.
 */
function cancelAll(state: DrainTarget): void {
  const { arena, syscalls, cancelArgument: at } = state;
  arena.bytes.fill(0, at, at + SyncCancel.SIZE);
  arena.data.setInt32(at + SyncCancel.FD, -1, true);
  arena.data.setUint32(at + SyncCancel.FLAGS, CancelFlag.ANY | CancelFlag.ALL, true);
  arena.data.setBigInt64(at + SyncCancel.TIMEOUT + 8, BigInt(ROUND_MS * 1e6), true);
  syscalls.register(state.registerFd, (RegisterOp.SYNC_CANCEL | state.registerFlag) >>> 0, arena.address(at), 1);
}
