/**
 * The kernel's side of a ring: takes SQEs, runs requests in the order that links and drains allow, posts CQEs, and keeps those
 * that find the queue full.
 *
 * @module
 */

import { CqeFlag, MAX_ENTRIES, Opcode, SetupFlag, SqeFlag, SqRingFlag } from '../ring/abi/index.js';
import { type RingLayout, sqRingSize } from '../ring/layout.js';
import { Errno } from '../syscalls/index.js';
import { timers } from '../timers.js';
import type { BufferGroup } from './buffer-groups.js';
import type { EventFile } from './files/event-file.js';
import type { SimulatedFile } from './files/file.js';
import type { SimulatedKernel } from './kernel.js';
import { execute } from './operations/index.js';
import { armLinkTimeout } from './operations/timeout.js';
import { PENDING, Request } from './request.js';

/** Kernel-side memory of the queues. */
export interface QueueMemory {
  readonly rings: Uint8Array;
  readonly sqes: Uint8Array;
}

interface Completion {
  readonly userData: bigint;
  readonly res: number;
  readonly flags: number;
  readonly extra: readonly [bigint, bigint] | undefined;
}

const ALL_SQE_FLAGS = Object.values(SqeFlag).reduce((all, flag) => all | flag, 0);

/** What restrictions allow. */
export interface RestrictionSet {
  readonly registerOps: Set<number>;
  readonly sqeOps: Set<number>;
  allowedFlags: number;
  requiredFlags: number;
}

/** The kernel's side of one ring. */
export class SimulatedRing {
  disabled: boolean;
  /** The thread that may submit, with SINGLE_ISSUER. */
  owner: number | undefined;
  restrictions: RestrictionSet | undefined;
  files: (SimulatedFile | undefined)[] | undefined;
  fileTags: bigint[] = [];
  /** Where automatic slots come from. */
  slotRange: { readonly first: number; readonly end: number } | undefined;
  buffers: ({ address: number; length: number } | undefined)[] | undefined;
  bufferTags: bigint[] = [];
  readonly personalities = new Set<number>();
  readonly bufferGroups = new Map<number, BufferGroup>();
  nextPersonality = 1;
  eventfd: { readonly file: EventFile; readonly asyncOnly: boolean } | undefined;
  waitRegion: number | undefined;
  workerLimits: [number, number] = [8, 1024];
  /** Requests taken and not yet completed, in order; those that wait for a drain are not among them. */
  readonly live = new Set<Request>();
  private readonly overflow: Completion[] = [];
  private readonly deferred: Request[] = [];
  /** Zero-copy sends that are over, and whose memory is not free yet. */
  private readonly unreleased = new Set<Request>();
  private readonly taskWork: (() => void)[] = [];
  private skipUsed = false;
  private inSubmission = false;
  /** How often the eventfd was to be told of one, with DEFER_TASKRUN. */
  private wakeups = 0;
  private closed = false;
  private readonly rings: DataView;
  private chain: { head: Request; last: Request; failed: boolean } | undefined;
  /** With SQPOLL: when the thread last found something. */
  private lastActive = 0;

  constructor(
    readonly kernel: SimulatedKernel,
    readonly layout: RingLayout,
    private readonly memory: QueueMemory,
    readonly sqThreadIdleMs: number,
  ) {
    const { rings } = memory;
    this.rings = new DataView(rings.buffer, rings.byteOffset, rings.byteLength);
    this.disabled = this.hasFlag(SetupFlag.R_DISABLED);
    this.write(layout.sqMask, layout.sqEntries - 1);
    this.write(layout.cqMask, layout.cqEntries - 1);
    const start = kernel.options.counterStart ?? 0;
    for (const counter of [layout.sqHead, layout.sqTail, layout.cqHead, layout.cqTail]) this.write(counter, start);
    if (sqRingSize(layout) > rings.length) throw new Error('the simulated kernel was given too little ring memory');
  }

  hasFlag(flag: number): boolean {
    return (this.layout.setupFlags & flag) !== 0;
  }

  // Submission

  get sqPending(): number {
    return (this.read(this.layout.sqTail) - this.read(this.layout.sqHead)) >>> 0;
  }

  get cqReady(): number {
    return (this.read(this.layout.cqTail) - this.read(this.layout.cqHead)) >>> 0;
  }

  get hasOverflow(): boolean {
    return this.overflow.length > 0;
  }

  /** Takes up to `count` SQEs. @returns how many were taken. */
  submit(count: number): number {
    const available = Math.min(count, this.sqPending, this.kernel.submitLimit(count));
    let taken = 0;
    this.inSubmission = true;
    while (taken < available) {
      const head = this.read(this.layout.sqHead);
      const bytes = this.sqeAt(head);
      this.write(this.layout.sqHead, head + 1);
      if (bytes === undefined) {
        this.write(this.layout.sqDropped, this.read(this.layout.sqDropped) + 1);
        break;
      }
      taken++;
      const accepted = this.take(new Request(bytes));
      if (!accepted && !this.hasFlag(SetupFlag.SUBMIT_ALL)) break;
    }
    // A chain ends with the submission, whatever its last flag says.
    this.closeChain();
    this.inSubmission = false;
    return taken;
  }

  private sqeAt(head: number): Uint8Array | undefined {
    const { layout } = this;
    let index = head & (layout.sqEntries - 1);
    if (!this.hasFlag(SetupFlag.NO_SQARRAY)) index = this.read(layout.sqArray + 4 * index);
    if (index >= layout.sqEntries) return undefined;
    return this.memory.sqes.subarray(index * layout.sqeSize, (index + 1) * layout.sqeSize);
  }

  /** @returns whether the submission goes on. */
  private take(request: Request): boolean {
    this.kernel.trace?.('sqe', request);
    this.live.add(request);
    const error = this.check(request);
    if (request.has(SqeFlag.CQE_SKIP_SUCCESS)) this.skipUsed = true;
    if (this.chain) {
      this.chain.last.next = request;
      this.chain.last = request;
    } else {
      this.chain = { head: request, last: request, failed: false };
    }
    if (error !== 0) {
      // Its chain does not even start: the bad one has its error, the others are cancelled.
      this.chain.failed = true;
      request.started = true;
      this.failures.set(request, error);
    }
    if (!request.linked) this.closeChain();
    // A bad one in the middle of a chain does not stop the submission: the chain is gathered to its end, to fail as a whole.
    return error === 0 || request.linked;
  }

  private readonly failures = new Map<Request, number>();

  private check(request: Request): number {
    const restrictions = this.restrictions;
    if (request.opcode > this.kernel.lastOpcode) return -Errno.EINVAL;
    if (request.flags & ~ALL_SQE_FLAGS) return -Errno.EINVAL;
    if (restrictions && !this.disabled) {
      if (!restrictions.sqeOps.has(request.opcode)) return -Errno.EACCES;
      if ((request.flags & restrictions.requiredFlags) !== restrictions.requiredFlags) return -Errno.EACCES;
      if (request.flags & ~(restrictions.allowedFlags | restrictions.requiredFlags)) return -Errno.EACCES;
    }
    if (request.has(SqeFlag.BUFFER_SELECT) && !SELECTS_BUFFER.has(request.opcode)) return -Errno.EOPNOTSUPP;
    if (request.personality !== 0 && !this.personalities.has(request.personality)) return -Errno.EINVAL;
    if (request.has(SqeFlag.IO_DRAIN) && this.skipUsed) return -Errno.EOPNOTSUPP;
    return 0;
  }

  private closeChain(): void {
    const chain = this.chain;
    if (!chain) return;
    this.chain = undefined;
    if (chain.failed) {
      for (let request: Request | undefined = chain.head; request; request = request.next) {
        this.finishOnly(request, this.failures.get(request) ?? -Errno.ECANCELED);
        this.failures.delete(request);
      }
      this.startDeferred();
      return;
    }
    const drains = this.chainHas(chain.head, SqeFlag.IO_DRAIN);
    if (drains || this.deferred.length > 0) {
      for (let request: Request | undefined = chain.head; request; request = request.next) this.live.delete(request);
      this.deferred.push(chain.head);
      this.startDeferred();
    } else {
      this.start(chain.head);
    }
  }

  private chainHas(head: Request, flag: number): boolean {
    for (let request: Request | undefined = head; request; request = request.next) if (request.has(flag)) return true;
    return false;
  }

  private startDeferred(): void {
    for (let head = this.deferred[0]; head !== undefined; head = this.deferred[0]) {
      if (this.chainHas(head, SqeFlag.IO_DRAIN) && this.live.size > 0) return;
      this.deferred.shift();
      for (let request: Request | undefined = head; request; request = request.next) this.live.add(request);
      this.start(head);
    }
  }

  private start(request: Request): void {
    request.started = true;
    const timeout = request.next;
    if (timeout?.opcode === Opcode.LINK_TIMEOUT && request.linked) {
      request.linkTimeout = timeout;
      timeout.started = true;
    }
    const { chaos } = this.kernel;
    const injected = this.kernel.injectResult(request) ?? chaos?.failureOf(request);
    if (injected !== undefined) {
      this.complete(request, injected);
      return;
    }
    if (!this.mustBeInline(request) && (request.has(SqeFlag.ASYNC) ? chaos : chaos?.defers(request))) this.defer(request);
    else this.run(request);
    if (request.linkTimeout && !request.done && !request.linkTimeout.done) armLinkTimeout(this, request, request.linkTimeout);
  }

  private run(request: Request): void {
    const result = execute(this, request);
    if (result !== PENDING) this.complete(request, result);
  }

  /** A transfer that must not wait is done within `enter`, or not at all. */
  private mustBeInline(request: Request): boolean {
    return TRANSFERS.has(request.opcode) && (request.opFlags & RWF_NOWAIT) !== 0;
  }

  /** Leaves a request to a worker: first it can be cancelled, then it cannot. */
  private defer(request: Request): void {
    const { chaos } = this.kernel;
    const work = {
      step: (): boolean => {
        if (request.done) return false;
        if (!request.running) {
          request.running = true;
          request.cancel = undefined;
          return true;
        }
        request.running = false;
        this.run(request);
        return false;
      },
    };
    request.cancel = () => chaos?.remove(work);
    chaos?.add(work);
    this.kernel.pump();
  }

  // Completion

  /** A request's last CQE. Called by the operations, at once or later. */
  complete(request: Request, res: number, cqeFlags = 0, extra?: readonly [bigint, bigint]): void {
    if (request.answered) return;
    request.answered = true;
    let flags = cqeFlags;
    if (ZERO_COPY.has(request.opcode)) {
      // Even one that failed: a second CQE tells when its memory is free again.
      request.notification ??= 0;
      flags |= CqeFlag.MORE;
    }
    request.cancel = undefined;
    const inline = this.isInline(request);
    this.later(inline, () => this.finish(request, res, flags, !inline, extra));
  }

  /** A CQE of a request that goes on. */
  progress(request: Request, res: number, flags = 0): void {
    if (request.answered) return;
    const inline = this.isInline(request);
    this.later(inline, () => this.post(request.userData, res, flags | CqeFlag.MORE, !inline));
  }

  /** Within a submission completions are posted at once, unless others of the same request still wait to be. */
  private isInline(request: Request): boolean {
    return this.inSubmission && !(request.multishot && this.hasTaskWork);
  }

  private notifyOfRelease(request: Request, usage: number): void {
    const { chaos, ownership } = this.kernel;
    this.unreleased.add(request);
    const release = () => {
      this.unreleased.delete(request);
      ownership.giveBack(request);
      this.post(request.userData, usage | 0, CqeFlag.NOTIF, true);
    };
    if (chaos === undefined) {
      this.later(false, release);
      return;
    }
    chaos.add({
      step: () => {
        if (this.unreleased.has(request)) this.later(false, release);
        return false;
      },
    });
    this.kernel.pump();
  }

  /** A CQE that is nobody's of this ring: a message, a tag. */
  notify(userData: bigint, res: number, flags = 0): void {
    this.later(false, () => this.post(userData, res, flags, true));
  }

  private later(inline: boolean, work: () => void): void {
    const deferred = this.hasFlag(SetupFlag.DEFER_TASKRUN) || this.hasFlag(SetupFlag.COOP_TASKRUN);
    if (inline || !deferred) {
      work();
      return;
    }
    this.taskWork.push(work);
    if (this.hasFlag(SetupFlag.TASKRUN_FLAG)) this.setSqFlag(SqRingFlag.TASKRUN, true);
    if (this.hasFlag(SetupFlag.DEFER_TASKRUN)) {
      const { losesWakeups } = this.kernel.options;
      if (!losesWakeups || (losesWakeups === 'after the first' && this.wakeups++ === 0)) this.signal(true);
    } else {
      // It runs when the thread next enters the kernel, be it to wait for its event loop.
      timers.setImmediate(() => this.runTaskWork());
    }
  }

  /** Runs deferred completions: with DEFER_TASKRUN a part of them, so that one call does not take for ever. */
  runTaskWork(wanted = 0): void {
    const limit = this.hasFlag(SetupFlag.DEFER_TASKRUN) ? Math.max(MOST_TASK_WORK, wanted) : Number.POSITIVE_INFINITY;
    for (let count = 0; this.taskWork.length > 0 && count < limit; count++) this.taskWork.shift()?.();
    this.setSqFlag(SqRingFlag.TASKRUN, this.taskWork.length > 0 && this.hasFlag(SetupFlag.TASKRUN_FLAG));
  }

  /** Whether completions wait to be run. */
  get hasTaskWork(): boolean {
    return this.taskWork.length > 0;
  }

  private finish(request: Request, res: number, flags: number, asynchronous: boolean, extra?: readonly [bigint, bigint]): void {
    if (request.done) return;
    this.settle(request);
    const negative = res < 0 && res !== request.success;
    const failed = negative || (request.expected !== undefined && res >= 0 && res < request.expected);
    if (failed || !request.has(SqeFlag.CQE_SKIP_SUCCESS)) this.post(request.userData, res, flags, asynchronous, extra);
    if (request.notification !== undefined) this.notifyOfRelease(request, request.notification);
    this.continueChain(request, failed && request.opcode !== Opcode.LINK_TIMEOUT);
    this.startDeferred();
  }

  private continueChain(request: Request, failed: boolean): void {
    let next = request.next;
    if (!next || !request.linked) return;
    if (request.linkTimeout) {
      // The timeout goes with its operation: it has fired, or it ends now.
      const timeout = request.linkTimeout;
      const following = timeout.linked ? timeout.next : undefined;
      if (!timeout.done) {
        timeout.cancel?.();
        this.finishOnly(timeout, -Errno.ECANCELED, timeout.has(SqeFlag.CQE_SKIP_SUCCESS));
      }
      next = following;
      if (!next) return;
    }
    if (failed && !request.has(SqeFlag.IO_HARDLINK)) this.cancelChain(next, request.has(SqeFlag.CQE_SKIP_SUCCESS));
    else this.start(next);
  }

  /** What follows a failure: silent when the one that failed was to be silent. */
  private cancelChain(first: Request, silent: boolean): void {
    for (let request: Request | undefined = first; request; request = request.linked ? request.next : undefined) {
      this.finishOnly(request, -Errno.ECANCELED, silent);
    }
  }

  /** Completes a request without going on with its chain. */
  finishOnly(request: Request, res: number, silent = false): void {
    if (request.done) return;
    this.settle(request);
    if (!silent) this.post(request.userData, res, 0, !this.inSubmission);
  }

  private settle(request: Request): void {
    request.done = request.answered = true;
    request.cancel = undefined;
    this.live.delete(request);
    if (request.notification === undefined) this.kernel.ownership.giveBack(request);
    // Until now it has kept its file open, whoever has closed the descriptor.
    if (request.file) this.kernel.releaseFile(request.file);
  }

  /** The first slot without a file that may be picked, or -1. */
  freeSlot(): number {
    const { first, end } = this.slotRange ?? { first: 0, end: Number.POSITIVE_INFINITY };
    const slot = this.files?.indexOf(undefined, first) ?? -1;
    return slot < end ? slot : -1;
  }

  /** A slot of the registered files; each keeps its file open. */
  setFile(slot: number, file: SimulatedFile | undefined): void {
    if (!this.files) return;
    const before = this.files[slot];
    if (file) this.kernel.retainFile(file);
    if (before) this.kernel.releaseFile(before);
    this.files[slot] = file;
  }

  /** Takes all registered files away. */
  clearFiles(): void {
    for (let slot = 0; slot < (this.files?.length ?? 0); slot++) this.setFile(slot, undefined);
    this.files = undefined;
    this.slotRange = undefined;
  }

  private post(userData: bigint, res: number, flags: number, asynchronous: boolean, extra?: readonly [bigint, bigint]): void {
    if (this.closed) return;
    const completion = { userData, res, flags, extra };
    this.kernel.trace?.('cqe', completion);
    if (this.overflow.length > 0 || !this.place(completion)) {
      if (this.kernel.options.dropOnOverflow) {
        this.write(this.layout.cqOverflow, this.read(this.layout.cqOverflow) + 1);
      } else {
        this.overflow.push(completion);
        this.setSqFlag(SqRingFlag.CQ_OVERFLOW, true);
      }
    }
    this.signal(asynchronous);
    this.kernel.completed(this);
  }

  /** @returns whether there was room. */
  private place(completion: Completion): boolean {
    const { layout } = this;
    const mixedBig = this.hasFlag(SetupFlag.CQE_MIXED) && completion.extra !== undefined;
    const room = layout.cqEntries - this.cqReady;
    let tail = this.read(layout.cqTail);
    if (mixedBig) {
      const last = (tail & (layout.cqEntries - 1)) === layout.cqEntries - 1;
      if (room < (last ? 3 : 2)) return false;
      if (last) {
        this.writeCqe(tail, { userData: 0n, res: 0, flags: CqeFlag.SKIP, extra: undefined }, false);
        tail++;
      }
    } else if (room < 1) {
      return false;
    }
    this.writeCqe(tail, completion, mixedBig);
    this.write(layout.cqTail, tail + (mixedBig ? 2 : 1));
    return true;
  }

  private writeCqe(tail: number, completion: Completion, mixedBig: boolean): void {
    const { layout, rings } = this;
    const at = layout.cqCqes + (tail & (layout.cqEntries - 1)) * layout.cqeSize;
    rings.setBigUint64(at, completion.userData, true);
    rings.setInt32(at + 8, completion.res, true);
    rings.setUint32(at + 12, completion.flags | (mixedBig ? CqeFlag.BIG : 0), true);
    if (mixedBig || this.hasFlag(SetupFlag.CQE32)) {
      rings.setBigUint64(at + 16, completion.extra?.[0] ?? 0n, true);
      rings.setBigUint64(at + 24, completion.extra?.[1] ?? 0n, true);
    }
  }

  /** Moves completions that found the queue full into it, in order. */
  flushOverflow(): void {
    let placed = 0;
    while (placed < this.overflow.length && this.place(this.overflow[placed] as Completion)) placed++;
    this.overflow.splice(0, placed);
    if (this.overflow.length === 0) this.setSqFlag(SqRingFlag.CQ_OVERFLOW, false);
  }

  private signal(asynchronous: boolean): void {
    if (!this.eventfd || (this.eventfd.asyncOnly && !asynchronous)) return;
    if (this.read(this.layout.cqFlags) & 1) return;
    this.eventfd.file.signal();
  }

  // SQPOLL

  /** One look of the SQPOLL thread. */
  runSqThread(): void {
    if (!this.hasFlag(SetupFlag.SQPOLL) || this.disabled || this.asleep) return;
    const { now } = this.kernel.clock;
    if (this.sqPending > 0) {
      this.lastActive = now;
      this.submit(MAX_ENTRIES);
    } else if (now - this.lastActive >= this.sqThreadIdleMs * 1e6) {
      this.setSqFlag(SqRingFlag.NEED_WAKEUP, true);
    }
  }

  get asleep(): boolean {
    return (this.read(this.layout.sqFlags) & SqRingFlag.NEED_WAKEUP) !== 0;
  }

  wakeSqThread(): void {
    this.setSqFlag(SqRingFlag.NEED_WAKEUP, false);
    this.lastActive = this.kernel.clock.now;
  }

  // The rest

  /** Every request that waits for something. */
  waiting(): Request[] {
    return [...this.live].filter((request) => request.started && !request.answered && request.cancel);
  }

  /** Those that a cancellation finds, although it may come too late. */
  *cancellable(): Generator<Request> {
    for (const request of this.live) {
      if (request.started && !request.answered && (request.cancel || request.running)) yield request;
    }
  }

  /** Whether workers are at something. */
  get hasRunning(): boolean {
    for (const request of this.live) if (request.running) return true;
    return false;
  }

  /** Ends a request that waits. */
  cancelNow(request: Request): void {
    request.cancel?.();
    this.complete(request, -Errno.ECANCELED);
  }

  /** The memory behind a part of a ring that the kernel itself has allocated. */
  mapping(part: 'rings' | 'sqes'): ArrayBuffer | undefined {
    const { buffer } = this.memory[part];
    return buffer instanceof ArrayBuffer && !this.hasFlag(SetupFlag.NO_MMAP) ? buffer : undefined;
  }

  /** The kernel lets go: nothing is posted any more. */
  close(): void {
    this.closed = true;
    for (const request of [...this.live]) {
      request.cancel?.();
      this.settle(request);
    }
    for (const head of this.deferred.splice(0)) {
      for (let request: Request | undefined = head; request; request = request.next) this.settle(request);
    }
    for (const request of this.unreleased) this.kernel.ownership.giveBack(request);
    this.unreleased.clear();
    this.clearFiles();
  }

  setSqFlag(flag: number, on: boolean): void {
    const flags = this.read(this.layout.sqFlags);
    this.write(this.layout.sqFlags, on ? flags | flag : flags & ~flag);
  }

  private read(offset: number): number {
    return this.rings.getUint32(offset, true);
  }

  private write(offset: number, value: number): void {
    this.rings.setUint32(offset, value >>> 0, true);
  }
}

/** How many completions a ring with DEFER_TASKRUN runs at once (`IO_LOCAL_TW_DEFAULT_MAX`). */
const MOST_TASK_WORK = 20;

/** A transfer that must not wait. */
const RWF_NOWAIT = 8;

const TRANSFERS = new Set<number>([
  Opcode.READ,
  Opcode.WRITE,
  Opcode.READV,
  Opcode.WRITEV,
  Opcode.READ_FIXED,
  Opcode.WRITE_FIXED,
]);

const ZERO_COPY = new Set<number>([Opcode.SEND_ZC, Opcode.SENDMSG_ZC]);

const SELECTS_BUFFER = new Set<number>([Opcode.READ, Opcode.READV, Opcode.RECV, Opcode.RECVMSG, Opcode.READ_MULTISHOT]);
