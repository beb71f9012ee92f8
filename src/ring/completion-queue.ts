/**
 * The completion queue.
 *
 * ```text
 *            head (program)                      tail (kernel)
 *              |                                   |
 *   --------+--v-----+--------+--------+--------+--v-----+----
 *    free   | cqe    | cqe    | cqe    | cqe    | free   |
 *   --------+--------+--------+--------+--------+--------+----
 * ```
 *
 * Free-running u32 counters, as in the submission queue. The kernel owns `tail`, the program owns `head`. An entry is the
 * program's from the moment it has seen the tail behind it until it has stored the head behind it.
 *
 * In a ring of mixed sizes (CQE_MIXED) a CQE of 32 bytes takes two entries, and where only the last entry of the ring is left for
 * one, the kernel puts a filler there (`CqeFlag.SKIP`), which nobody but this file sees.
 *
 * @module
 */

import { checkUint32, invalidState, outOfRange } from '../validate.js';
import { CqeFlag, CqeWord } from './abi/cqe.js';
import { SetupFlag } from './abi/setup.js';
import { Cqe } from './cqe.js';
import type { RingLayout } from './layout.js';
import type { RingMemory } from './memory.js';

/** The completion queue of a ring: `ring.cq`. `Ring` has the same functions with a look at the kernel where one is needed. */
export class CompletionQueue {
  /** Entries. */
  readonly entries: number;
  private readonly mask: number;
  private readonly ring: Int32Array;
  private readonly headIndex: number;
  private readonly tailIndex: number;
  private readonly flagsIndex: number;
  private readonly overflowIndex: number;
  private readonly cqesIndex: number;
  private readonly entryShift: number;
  private readonly mixed: boolean;
  /** Only this thread's own system calls touch the queue (DEFER_TASKRUN): then nothing has to be ordered. */
  private readonly local: boolean;
  private readonly always32: boolean;
  /** What `peek` shows, and what `forEach` does: two, so that looking within a callback does not move it. */
  private readonly peeked: Cqe;
  private readonly visited: Cqe;
  private iterating = false;
  private isShut = false;

  /** @internal */
  constructor(memory: RingMemory, layout: RingLayout) {
    const word = (offset: number) => memory.cqBase + (offset >> 2);
    this.ring = memory.cq;
    this.headIndex = word(layout.cqHead);
    this.tailIndex = word(layout.cqTail);
    this.flagsIndex = word(layout.cqFlags);
    this.overflowIndex = word(layout.cqOverflow);
    this.cqesIndex = word(layout.cqCqes);
    this.entries = layout.cqEntries;
    this.mask = this.ring[word(layout.cqMask)];
    this.entryShift = Math.log2(layout.cqeSize >> 2);
    this.local = (layout.setupFlags & SetupFlag.DEFER_TASKRUN) !== 0;
    this.mixed = (layout.setupFlags & SetupFlag.CQE_MIXED) !== 0;
    this.always32 = (layout.setupFlags & SetupFlag.CQE32) !== 0;
    this.peeked = new Cqe(this.ring, this.cqesIndex, this.always32);
    this.visited = new Cqe(this.ring, this.cqesIndex, this.always32);
  }

  /** Gives nothing any more: the ring is closed. @internal */
  shut(): void {
    this.isShut = true;
  }

  /** A callback of {@link forEach} is running. @internal */
  get busy(): boolean {
    return this.iterating;
  }

  /** Entries that hold completions not yet given back. (In a mixed ring, a completion can take two.) `io_uring_cq_ready`. */
  get ready(): number {
    return this.isShut ? 0 : (this.tail() - this.ring[this.headIndex]) >>> 0;
  }

  /** The oldest completion, or `null`. It stays in the queue until {@link advance}. `io_uring_peek_cqe`. */
  peek(): Cqe | null {
    const tail = this.tail();
    let head = this.ring[this.headIndex];
    if (this.mixed && head !== tail && this.isFiller(head)) {
      head = (head + 1) | 0;
      this.storeHead(head);
    }
    if (head === tail) return null;
    this.peeked.base = this.wordOf(head);
    return this.peeked;
  }

  /**
   * The oldest completions, up to `max`, put into `target`. They stay in the queue until {@link advance}.
   * `io_uring_peek_batch_cqe`.
   *
   * @param target what is in it from a batch before is used again, and nothing is allocated.
   * @returns how many.
   */
  peekBatch(target: Cqe[], max: number = target.length): number {
    const tail = this.tail();
    let head = this.ring[this.headIndex];
    let count = 0;
    while (count < max && head !== tail) {
      if (this.mixed && this.isFiller(head)) {
        head = (head + 1) | 0;
        continue;
      }
      const base = this.wordOf(head);
      const cqe = target[count];
      if (cqe?.isOf(this.ring)) cqe.base = base;
      else target[count] = new Cqe(this.ring, base, this.always32);
      count++;
      head = (head + this.entriesOf(head)) | 0;
    }
    return count;
  }

  /**
   * Gives the oldest `count` completions back to the kernel. `io_uring_cq_advance`.
   *
   * @throws RangeError ERR_OUT_OF_RANGE when there are fewer: a head beyond the tail would lose what comes next.
   */
  advance(count: number): void {
    checkUint32('count', count);
    const tail = this.tail();
    let head = this.ring[this.headIndex];
    if (!this.mixed && count <= (tail - head) >>> 0) {
      head = (head + count) | 0;
    } else {
      for (let left = count; left > 0; ) {
        if (head === tail) throw outOfRange('count', `at most the completions in the queue`, count);
        if (this.mixed && this.isFiller(head)) {
          head = (head + 1) | 0;
          continue;
        }
        head = (head + this.entriesOf(head)) | 0;
        left--;
      }
    }
    this.storeHead(head);
  }

  /**
   * Calls `callback` with each completion, and gives them back together at the end; also when `callback` throws, the one
   * it threw at included. Allocates nothing. `io_uring_for_each_cqe` with `io_uring_cq_advance`.
   *
   * @param callback must not consume completions itself (an error says so).
   * @param max stops after this many.
   * @returns how many.
   */
  forEach(callback: (cqe: Cqe) => void, max?: number): number {
    if (this.iterating) throw invalidState('completions are being iterated; the callback must not consume them itself');
    if (max !== undefined) checkUint32('max', max);
    return this.mixed ? this.forEachMixed(callback, max ?? this.entries) : this.forEachPlain(callback, max);
  }

  /** Entries of one size: the end is known beforehand, so the loop counts nothing. */
  private forEachPlain(callback: (cqe: Cqe) => void, max: number | undefined): number {
    const { ring, visited, cqesIndex, mask, entryShift } = this;
    const first = ring[this.headIndex];
    let end = this.tail();
    if (first === end) return 0;
    if (max !== undefined && max < (end - first) >>> 0) end = (first + max) | 0;
    let head = first;
    this.iterating = true;
    try {
      while (head !== end) {
        visited.base = cqesIndex + ((head & mask) << entryShift);
        head = (head + 1) | 0;
        callback(visited);
      }
    } finally {
      this.iterating = false;
      this.storeHead(head);
    }
    return (head - first) >>> 0;
  }

  private forEachMixed(callback: (cqe: Cqe) => void, max: number): number {
    const tail = this.tail();
    let head = this.ring[this.headIndex];
    let count = 0;
    this.iterating = true;
    try {
      while (head !== tail && count < max) {
        const filler = this.isFiller(head);
        this.visited.base = this.wordOf(head);
        head = (head + this.entriesOf(head)) | 0;
        if (filler) continue;
        count++;
        callback(this.visited);
      }
    } finally {
      this.iterating = false;
      this.storeHead(head);
    }
    return count;
  }

  /** How many completions the kernel has dropped (never, with `Feature.NODROP`, but for lack of memory). */
  get overflow(): number {
    return Atomics.load(this.ring, this.overflowIndex) >>> 0;
  }

  /** The flag word that the program keeps: `CqRingFlag`. */
  get flags(): number {
    return Atomics.load(this.ring, this.flagsIndex);
  }

  set flags(value: number) {
    Atomics.store(this.ring, this.flagsIndex, value);
  }

  private tail(): number {
    if (this.isShut) return this.ring[this.headIndex];
    // Acquire: the kernel stores tail when the CQEs before it are written.
    return this.local ? this.ring[this.tailIndex] : Atomics.load(this.ring, this.tailIndex);
  }

  private storeHead(head: number): void {
    // Release: the kernel reuses the entries when it sees the head, so all reading of them must be over.
    if (this.local) this.ring[this.headIndex] = head;
    else Atomics.store(this.ring, this.headIndex, head);
  }

  private flagsOf(head: number): number {
    return this.ring[this.wordOf(head) + CqeWord.FLAGS];
  }

  private wordOf(head: number): number {
    return this.cqesIndex + ((head & this.mask) << this.entryShift);
  }

  private isFiller(head: number): boolean {
    return (this.flagsOf(head) & CqeFlag.SKIP) !== 0;
  }

  private entriesOf(head: number): number {
    return this.mixed && this.flagsOf(head) & CqeFlag.BIG ? 2 : 1;
  }
}
