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
 * The counters are free-running u32 values, as in the submission queue. The kernel owns `tail`, the
 * program owns `head`. An entry belongs to the program from the moment it has seen the tail beyond
 * the entry until it has stored the head beyond it.
 *
 * In a ring of mixed sizes (CQE_MIXED), a 32-byte CQE occupies two entries. Where only the last
 * entry of the ring is left for one, the kernel puts a filler there (`CqeFlag.SKIP`), which is
 * hidden by this file.
 *
 * @module
 */

import { checkUint32, invalidState, outOfRange } from '../validate.js';
import { CqeFlag, CqeWord } from './abi/cqe.js';
import { SetupFlag } from './abi/setup.js';
import { Cqe } from './cqe.js';
import type { RingLayout } from './layout.js';
import type { RingMemory } from './memory.js';

/**
 * The completion queue of a ring: `ring.cq`. `Ring` has the same methods, but enters the kernel
 * when necessary.
 */
export class CompletionQueue {
  /** The number of entries. */
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
  /**
   * Only system calls of this thread touch the queue (DEFER_TASKRUN), so no memory ordering is
   * needed.
   */
  private readonly local: boolean;
  private readonly always32: boolean;
  /**
   * The CQE objects of `peek` and of `forEach`. They are separate, so that peeking within a
   * callback does not move the object of the callback.
   */
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

  /** Makes the queue appear empty: the ring is closed. @internal */
  shut(): void {
    this.isShut = true;
  }

  /** Whether a callback of {@link forEach} is running. @internal */
  get busy(): boolean {
    return this.iterating;
  }

  /**
   * The number of entries that hold unconsumed completions. (In a mixed ring, a completion can
   * occupy two.) `io_uring_cq_ready`.
   */
  get ready(): number {
    return this.isShut ? 0 : (this.tail() - this.ring[this.headIndex]) >>> 0;
  }

  /**
   * Returns the oldest completion, or `null`. It stays in the queue until {@link advance}.
   * `io_uring_peek_cqe`.
   */
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
   * Puts the oldest completions, up to `max`, into `target`. They stay in the queue until
   * {@link advance}. `io_uring_peek_batch_cqe`.
   *
   * @param target objects in it from an earlier batch are reused, so that nothing is allocated.
   * @returns the number of completions.
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
   * Returns the oldest `count` completions to the kernel. `io_uring_cq_advance`.
   *
   * @throws RangeError ERR_OUT_OF_RANGE when there are fewer: a head beyond the tail would lose
   *   later completions.
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
   * Calls `callback` with each completion, and returns them to the kernel together at the end. When
   * `callback` throws, the completions passed to it so far are returned, including the last one.
   * Allocates nothing. `io_uring_for_each_cqe` with `io_uring_cq_advance`.
   *
   * @param callback must not consume completions itself; otherwise an error is thrown.
   * @param max stops after this many.
   * @returns the number of completions.
   */
  forEach(callback: (cqe: Cqe) => void, max?: number): number {
    if (this.iterating) throw invalidState('completions are being iterated; the callback must not consume them itself');
    if (max !== undefined) checkUint32('max', max);
    return this.mixed ? this.forEachMixed(callback, max ?? this.entries) : this.forEachPlain(callback, max);
  }

  /** For entries of one size: the end is known in advance, so the loop counts nothing. */
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

  /**
   * The number of completions that the kernel has dropped. With `Feature.NODROP`, it drops them
   * only for lack of memory.
   */
  get overflow(): number {
    return Atomics.load(this.ring, this.overflowIndex) >>> 0;
  }

  /** The flag word that the program maintains: `CqRingFlag`. */
  get flags(): number {
    return Atomics.load(this.ring, this.flagsIndex);
  }

  set flags(value: number) {
    Atomics.store(this.ring, this.flagsIndex, value);
  }

  private tail(): number {
    if (this.isShut) return this.ring[this.headIndex];
    // Acquire: the kernel stores the tail after it has written the CQEs before it.
    return this.local ? this.ring[this.tailIndex] : Atomics.load(this.ring, this.tailIndex);
  }

  private storeHead(head: number): void {
    // Release: the kernel reuses the entries once it sees the head, so all reads of them must have
    // completed.
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
