/**
 * The kernel's side of a completion queue: CQEs are posted in order, and those that find no room
 * are kept or dropped.
 *
 * @module
 */

import { CqeFlag, SetupFlag, SqRingFlag } from '../ring/abi/index.js';
import { Fifo } from './fifo.js';
import { Heap } from './heap.js';
import type { QueueMemory } from './queue-memory.js';

/** The contents of a CQE. */
export interface Completion {
  readonly userData: bigint;
  readonly res: number;
  readonly flags: number;
  /** The second half of a 32-byte CQE. */
  readonly extra: readonly [bigint, bigint] | undefined;
}

/** Posts the completions of one ring. */
export class Completions {
  private readonly overflow = new Fifo<Completion>();
  /** The number of completions posted so far; waiters wait for it to reach a count. */
  private posted = 0;
  private readonly waiters = new Heap<() => void>();

  constructor(
    private readonly memory: QueueMemory,
    /** Kernels before 5.5 drop completions that find no room. */
    private readonly dropsOnOverflow: boolean,
  ) {}

  /** The number of CQEs in the queue. */
  get ready(): number {
    const { layout } = this.memory;
    return (this.memory.read(layout.cqTail) - this.memory.read(layout.cqHead)) >>> 0;
  }

  /** Whether completions are kept outside of the queue. */
  get hasOverflow(): boolean {
    return this.overflow.length > 0;
  }

  /** Posts a completion. The caller must call {@link tellWaiters} afterwards. */
  post(completion: Completion): void {
    const { memory } = this;
    this.posted++;
    if (!this.hasOverflow && this.place(completion)) return;
    if (this.dropsOnOverflow) {
      memory.increment(memory.layout.cqOverflow);
    } else {
      this.overflow.push(completion);
      memory.setSqFlag(SqRingFlag.CQ_OVERFLOW, true);
    }
  }

  /**
   * Calls back when `count` more completions have been posted.
   *
   * @returns a function that cancels the callback.
   */
  waitFor(count: number, done: () => void): () => void {
    const entry = this.waiters.add(this.posted + count, done);
    return () => this.waiters.remove(entry);
  }

  tellWaiters(): void {
    for (let { first } = this.waiters; first !== undefined && first.key <= this.posted; first = this.waiters.first) {
      this.waiters.take()?.();
    }
  }

  /** Moves the completions that found no room into the queue, in order. */
  flushOverflow(): void {
    const { overflow } = this;
    while (overflow.first !== undefined && this.place(overflow.first)) overflow.shift();
    if (!this.hasOverflow) this.memory.setSqFlag(SqRingFlag.CQ_OVERFLOW, false);
  }

  /** @returns whether there was room. */
  private place(completion: Completion): boolean {
    const { memory } = this;
    const { layout } = memory;
    const isBig = (layout.setupFlags & SetupFlag.CQE_MIXED) !== 0 && completion.extra !== undefined;
    const room = layout.cqEntries - this.ready;
    let tail = memory.read(layout.cqTail);
    if (isBig) {
      // A big CQE needs two consecutive entries.
      const isLast = (tail & (layout.cqEntries - 1)) === layout.cqEntries - 1;
      if (room < (isLast ? 3 : 2)) return false;
      if (isLast) this.write(tail++, { userData: 0n, res: 0, flags: CqeFlag.SKIP, extra: undefined }, false);
    } else if (room < 1) {
      return false;
    }
    this.write(tail, completion, isBig);
    memory.write(layout.cqTail, tail + (isBig ? 2 : 1));
    return true;
  }

  private write(tail: number, { userData, res, flags, extra }: Completion, isBig: boolean): void {
    const { memory } = this;
    const { layout } = memory;
    const at = layout.cqCqes + (tail & (layout.cqEntries - 1)) * layout.cqeSize;
    memory.writeUint64(at, userData);
    memory.write(at + 8, res);
    memory.write(at + 12, flags | (isBig ? CqeFlag.BIG : 0));
    if (isBig || layout.setupFlags & SetupFlag.CQE32) {
      memory.writeUint64(at + 16, extra?.[0] ?? 0n);
      memory.writeUint64(at + 24, extra?.[1] ?? 0n);
    }
  }
}
