/**
 * The kernel's side of a ring: takes SQEs, runs requests in the order that links and drains allow,
 * posts CQEs, and keeps those that find the queue full.
 *
 * @module
 */

import { CqeFlag, CqRingFlag, MAX_ENTRIES, Opcode, PollEvent, SetupFlag, SqeFlag, SqRingFlag } from '../ring/abi/index.js';
import type { RingLayout } from '../ring/layout.js';
import { Errno } from '../syscalls/index.js';
import type { BufferGroup } from './buffer-groups.js';
import { Completions } from './completions.js';
import { Fifo } from './fifo.js';
import type { EventFile } from './files/event-file.js';
import { notify } from './files/file.js';
import type { KernelInternals, RegisteredBuffer, RestrictionSet, RingInternals } from './internals.js';
import { execute } from './operations/index.js';
import { armLinkTimeout } from './operations/timeout.js';
import type { QueueMemory } from './queue-memory.js';
import { RegisteredFiles } from './registered-files.js';
import { KernelRequest, PENDING } from './request.js';
import { RequestTable } from './request-table.js';
import { TaskWork } from './task-work.js';

const ALL_SQE_FLAGS = Object.values(SqeFlag).reduce((all, flag) => all | flag, 0);

/** The kernel's side of one ring. */
export class SimulatedRing implements RingInternals {
  disabled: boolean;
  /** With SINGLE_ISSUER: the thread that may submit. */
  owner: number | undefined;
  restrictions: RestrictionSet | undefined;
  readonly files: RegisteredFiles;
  buffers: (RegisteredBuffer | undefined)[] | undefined;
  bufferTags: bigint[] = [];
  readonly bufferGroups = new Map<number, BufferGroup>();
  readonly watchers = new Set<() => void>();
  readonly personalities = new Set<number>();
  nextPersonality = 1;
  eventfd: { readonly file: EventFile; readonly asyncOnly: boolean } | undefined;
  waitRegion: number | undefined;
  readonly workerLimits: [number, number] = [8, 1024];
  /** Requests that wait for a drain are not included. */
  readonly live = new RequestTable();
  readonly layout: RingLayout;
  readonly completions: Completions;
  readonly taskWork: TaskWork;
  /** The heads of chains that wait for a drain. */
  private readonly deferred = new Fifo<KernelRequest>();
  /** Zero-copy sends that have completed, but whose memory may not be reused yet. */
  private readonly unreleased = new Set<KernelRequest>();
  /** Invalid requests, until their chain is complete. */
  private readonly failures = new Map<KernelRequest, number>();
  private skipUsed = false;
  private inSubmission = false;
  private closed = false;
  private chain: { head: KernelRequest; last: KernelRequest; failed: boolean } | undefined;
  /** With SQPOLL: when the thread last found a submission. */
  private lastActive = 0;

  constructor(
    readonly kernel: KernelInternals,
    private readonly memory: QueueMemory,
    readonly sqThreadIdleMs: number,
  ) {
    this.layout = memory.layout;
    this.files = new RegisteredFiles(kernel);
    this.completions = new Completions(memory, kernel.options.dropOnOverflow);
    this.taskWork = new TaskWork(memory, kernel.options.losesWakeups, () => this.signal(true));
    this.disabled = this.hasFlag(SetupFlag.R_DISABLED);
  }

  hasFlag(flag: number): boolean {
    return (this.layout.setupFlags & flag) !== 0;
  }

  // Submission

  private get sqPending(): number {
    const { memory, layout } = this;
    return (memory.read(layout.sqTail) - memory.read(layout.sqHead)) >>> 0;
  }

  /** Takes up to `count` SQEs. @returns how many were taken. */
  submit(count: number): number {
    const available = Math.min(count, this.sqPending, this.kernel.submitLimit(count));
    let taken = 0;
    const { memory, layout } = this;
    this.inSubmission = true;
    while (taken < available) {
      const bytes = this.sqeAt(memory.read(layout.sqHead));
      memory.increment(layout.sqHead);
      if (bytes === undefined) {
        memory.increment(layout.sqDropped);
        break;
      }
      taken++;
      const accepted = this.take(new KernelRequest(bytes));
      if (!accepted && !this.hasFlag(SetupFlag.SUBMIT_ALL)) break;
    }
    // A chain ends with the submission, regardless of its last flag.
    this.closeChain();
    this.inSubmission = false;
    return taken;
  }

  private sqeAt(head: number): Uint8Array | undefined {
    const { memory, layout } = this;
    let index = head & (layout.sqEntries - 1);
    if (!this.hasFlag(SetupFlag.NO_SQARRAY)) index = memory.read(layout.sqArray + 4 * index);
    return index < layout.sqEntries ? memory.sqe(index) : undefined;
  }

  /** @returns whether the submission continues. */
  private take(request: KernelRequest): boolean {
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
      // The chain does not even start: the invalid request gets its error, the others are
      // cancelled.
      this.chain.failed = true;
      request.started = true;
      this.failures.set(request, error);
    }
    if (!request.linked) this.closeChain();
    // An invalid request in the middle of a chain does not stop the submission: the chain is
    // collected to its end, so that it fails as a whole.
    return error === 0 || request.linked;
  }

  private check(request: KernelRequest): number {
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
      for (let request: KernelRequest | undefined = chain.head; request; request = request.next) {
        this.finishOnly(request, this.failures.get(request) ?? -Errno.ECANCELED);
        this.failures.delete(request);
      }
      this.startDeferred();
      return;
    }
    const drains = this.chainHas(chain.head, SqeFlag.IO_DRAIN);
    if (drains || this.deferred.length > 0) {
      for (let request: KernelRequest | undefined = chain.head; request; request = request.next) this.live.delete(request);
      this.deferred.push(chain.head);
      this.startDeferred();
    } else {
      this.start(chain.head);
    }
  }

  private chainHas(head: KernelRequest, flag: number): boolean {
    for (let request: KernelRequest | undefined = head; request; request = request.next) if (request.has(flag)) return true;
    return false;
  }

  private startDeferred(): void {
    for (let head = this.deferred.first; head !== undefined; head = this.deferred.first) {
      if (this.chainHas(head, SqeFlag.IO_DRAIN) && this.live.size > 0) return;
      this.deferred.shift();
      for (let request: KernelRequest | undefined = head; request; request = request.next) this.live.add(request);
      this.start(head);
    }
  }

  private start(request: KernelRequest): void {
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

  private run(request: KernelRequest): void {
    const result = execute(this, request);
    if (result !== PENDING) this.complete(request, result);
  }

  /** Returns whether a transfer must not wait: it is done within `enter`, or not at all. */
  private mustBeInline(request: KernelRequest): boolean {
    return TRANSFERS.has(request.opcode) && (request.opFlags & RWF_NOWAIT) !== 0;
  }

  /** Hands a request to a worker: at first it can be cancelled, later it cannot. */
  private defer(request: KernelRequest): void {
    const { chaos } = this.kernel;
    const work = {
      step: (): boolean => {
        if (request.done) return false;
        if (!request.running) {
          request.running = true;
          this.live.running.add(request);
          request.cancel = undefined;
          return true;
        }
        request.running = false;
        this.live.running.delete(request);
        this.run(request);
        return false;
      },
    };
    request.cancel = () => chaos?.remove(work);
    chaos?.add(work);
    this.kernel.pump();
  }

  // Completion

  /** Posts a request's last CQE. Called by the operations, immediately or later. */
  complete(request: KernelRequest, res: number, cqeFlags = 0, extra?: readonly [bigint, bigint]): void {
    if (request.answered) return;
    request.answered = true;
    let flags = cqeFlags;
    if (ZERO_COPY.has(request.opcode)) {
      // Even a failed send posts a second CQE, when its memory may be reused.
      request.notification ??= 0;
      flags |= CqeFlag.MORE;
    }
    request.cancel = undefined;
    const inline = this.isInline(request);
    this.taskWork.add(() => this.finish(request, res, flags, !inline, extra), inline);
  }

  /** Posts a CQE of a request that continues. */
  progress(request: KernelRequest, res: number, flags = 0): void {
    if (request.answered) return;
    const inline = this.isInline(request);
    this.taskWork.add(() => this.post(request.userData, res, flags | CqeFlag.MORE, !inline), inline);
  }

  /**
   * Returns whether to post immediately: within a submission, unless earlier CQEs of a multishot
   * request may still wait.
   */
  private isInline(request: KernelRequest): boolean {
    return this.inSubmission && !(request.multishot && this.taskWork.isPending);
  }

  private notifyOfRelease(request: KernelRequest, usage: number): void {
    const { chaos, ownership } = this.kernel;
    this.unreleased.add(request);
    const release = () => {
      this.unreleased.delete(request);
      ownership.giveBack(request);
      this.post(request.userData, usage | 0, CqeFlag.NOTIF, true);
    };
    if (chaos === undefined) {
      this.taskWork.add(release, false);
      return;
    }
    chaos.add({
      step: () => {
        if (this.unreleased.has(request)) this.taskWork.add(release, false);
        return false;
      },
    });
    this.kernel.pump();
  }

  /** Posts a CQE that belongs to no request of this ring: a message or a tag. */
  notify(userData: bigint, res: number, flags = 0): void {
    this.taskWork.add(() => this.post(userData, res, flags, true), false);
  }

  private finish(
    request: KernelRequest,
    res: number,
    flags: number,
    asynchronous: boolean,
    extra?: readonly [bigint, bigint],
  ): void {
    if (request.done) return;
    this.settle(request);
    const negative = res < 0 && res !== request.success;
    const failed = negative || (request.expected !== undefined && res >= 0 && res < request.expected);
    if (failed || !request.has(SqeFlag.CQE_SKIP_SUCCESS)) this.post(request.userData, res, flags, asynchronous, extra);
    if (request.notification !== undefined) this.notifyOfRelease(request, request.notification);
    this.continueChain(request, failed && request.opcode !== Opcode.LINK_TIMEOUT);
    this.startDeferred();
  }

  private continueChain(request: KernelRequest, failed: boolean): void {
    let next = request.next;
    if (!next || !request.linked) return;
    if (request.linkTimeout) {
      // The timeout ends with its operation: it has fired, or it is cancelled now.
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

  /** Cancels the requests after a failure: silently if the failed request was to be silent. */
  private cancelChain(first: KernelRequest, silent: boolean): void {
    for (let request: KernelRequest | undefined = first; request; request = request.linked ? request.next : undefined) {
      this.finishOnly(request, -Errno.ECANCELED, silent);
    }
  }

  /** Completes a request without continuing its chain. */
  finishOnly(request: KernelRequest, res: number, silent = false): void {
    if (request.done) return;
    this.settle(request);
    if (!silent) this.post(request.userData, res, 0, !this.inSubmission);
  }

  private settle(request: KernelRequest): void {
    request.done = request.answered = true;
    request.cancel = undefined;
    this.live.delete(request);
    if (request.notification === undefined) this.kernel.ownership.giveBack(request);
    // The request has held its file open until now, even if the descriptor was closed.
    if (request.file) this.kernel.releaseFile(request.file);
  }

  countCompletions(count: number, done: () => void): () => void {
    return this.completions.waitFor(count, done);
  }

  private post(userData: bigint, res: number, flags: number, asynchronous: boolean, extra?: readonly [bigint, bigint]): void {
    if (this.closed) return;
    const completion = { userData, res, flags, extra };
    this.kernel.trace?.('cqe', completion);
    this.completions.post(completion);
    this.signal(asynchronous);
    this.completions.tellWaiters();
    notify(this.watchers);
  }

  /** As poll(2) of the ring's descriptor. */
  poll(): number {
    return PollEvent.OUT | (this.completions.ready > 0 || this.completions.hasOverflow ? PollEvent.IN : 0);
  }

  private signal(asynchronous: boolean): void {
    if (!this.eventfd || (this.eventfd.asyncOnly && !asynchronous)) return;
    if (this.memory.read(this.layout.cqFlags) & CqRingFlag.EVENTFD_DISABLED) return;
    this.eventfd.file.signal();
  }

  // SQPOLL

  /** Lets the SQPOLL thread check its queue once. */
  runSqThread(): void {
    if (!this.hasFlag(SetupFlag.SQPOLL) || this.disabled || this.asleep) return;
    const { now } = this.kernel.clock;
    if (this.sqPending > 0) {
      this.lastActive = now;
      this.submit(MAX_ENTRIES);
    } else if (now - this.lastActive >= this.sqThreadIdleMs * 1e6) {
      this.memory.setSqFlag(SqRingFlag.NEED_WAKEUP, true);
    }
  }

  get asleep(): boolean {
    return this.memory.hasSqFlag(SqRingFlag.NEED_WAKEUP);
  }

  wakeSqThread(): void {
    this.memory.setSqFlag(SqRingFlag.NEED_WAKEUP, false);
    this.lastActive = this.kernel.clock.now;
  }

  // The rest

  /** Cancels a waiting request. */
  cancelNow(request: KernelRequest): void {
    request.cancel?.();
    this.complete(request, -Errno.ECANCELED);
  }

  /** Returns the memory of a part of the ring that the kernel itself has allocated. */
  mapping(part: 'rings' | 'sqes'): ArrayBuffer | undefined {
    return this.hasFlag(SetupFlag.NO_MMAP) ? undefined : this.memory.bufferOf(part);
  }

  /** Closes the ring: nothing is posted from now on. */
  close(): void {
    this.closed = true;
    for (const request of [...this.live]) {
      request.cancel?.();
      this.settle(request);
    }
    for (const head of this.deferred.takeAll()) {
      for (let request: KernelRequest | undefined = head; request; request = request.next) this.settle(request);
    }
    for (const request of this.unreleased) this.kernel.ownership.giveBack(request);
    this.unreleased.clear();
    this.files.clear();
  }
}

/** The flag of a transfer that must not wait. */
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
