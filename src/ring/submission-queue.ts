/**
 * The submission queue.
 *
 * ```text
 *            head (kernel)        tail (published)       reserved
 *              |                    |                      |
 *   --------+--v-----+--------+-----v--+--------+--------+-v------+----
 *    free   | queued | queued | filled | filled | filled | free   |
 *   --------+--------+--------+--------+--------+--------+--------+----
 *              what the kernel      what the program has
 *              has yet to take      filled since
 * ```
 *
 * All three are free-running u32 counters that wrap; the slot of a counter is `counter & mask`. The program owns `tail` and
 * `reserved`, the kernel owns `head`. The queue is full when `reserved - head` equals the entries, in wrapping arithmetic, and
 * what is to submit is `tail - head`: never a counter of our own, which would drift as soon as the kernel takes fewer than told.
 *
 * `reserved` lies in the arena, so that every thread sharing the ring sees the same one; `tail` follows it only at publication, so
 * that an SQPOLL thread never takes half a chain.
 *
 * @module
 */

import { SetupFlag } from './abi/setup.js';
import type { RingLayout } from './layout.js';
import type { RingMemory } from './memory.js';
import { Sqe } from './sqe.js';

export class SubmissionQueue {
  /** Slots. */
  readonly entries: number;
  private readonly mask: number;
  private readonly ring: Int32Array;
  private readonly headIndex: number;
  private readonly tailIndex: number;
  private readonly flagsIndex: number;
  private readonly droppedIndex: number;
  private readonly slots: Sqe[];
  /**
   * Somebody else may look at the tail at any time: an SQPOLL thread, or another thread's enter.
   *
   * @internal
   */
  concurrent: boolean;

  /**
   * @param control the array that holds `reserved`, at `reservedIndex`.
   * @internal
   */
  constructor(
    memory: RingMemory,
    layout: RingLayout,
    private readonly control: Int32Array,
    private readonly reservedIndex: number,
  ) {
    const word = (offset: number) => memory.sqBase + (offset >> 2);
    this.ring = memory.sq;
    this.headIndex = word(layout.sqHead);
    this.tailIndex = word(layout.sqTail);
    this.flagsIndex = word(layout.sqFlags);
    this.droppedIndex = word(layout.sqDropped);
    this.entries = layout.sqEntries;
    this.mask = this.ring[word(layout.sqMask)];
    this.concurrent = (layout.setupFlags & SetupFlag.SQPOLL) !== 0;
    const size = layout.sqeSize >> 2;
    this.slots = Array.from({ length: layout.sqEntries }, (_, i) => new Sqe(memory.sqes, memory.sqesBase + i * size, size));
  }

  /** Fills the indirection array, once for a new ring: slot i is SQE i, for ever. @internal */
  initialize(memory: RingMemory, layout: RingLayout): void {
    this.control[this.reservedIndex] = this.ring[this.tailIndex];
    if (layout.setupFlags & SetupFlag.NO_SQARRAY) return;
    const array = memory.sqBase + (layout.sqArray >> 2);
    for (let index = 0; index < this.entries; index++) this.ring[array + index] = index;
  }

  /** The next free SQE, or `null` when the queue is full. */
  reserve(): Sqe | null {
    const reserved = this.control[this.reservedIndex];
    // Acquire: the kernel (an SQPOLL thread, or another thread's enter) stores head when it has read the SQEs before it.
    const head = Atomics.load(this.ring, this.headIndex);
    if ((reserved - head) >>> 0 >= this.entries) return null;
    this.control[this.reservedIndex] = (reserved + 1) | 0;
    return this.slots[reserved & this.mask];
  }

  /**
   * Takes the last `count` reservations back, as long as they are not published.
   *
   * @internal
   */
  unreserve(count: number): void {
    this.control[this.reservedIndex] = (this.control[this.reservedIndex] - count) | 0;
  }

  /**
   * Makes the filled SQEs visible to the kernel.
   *
   * @returns how many the kernel has yet to take: tail - head.
   */
  publish(): number {
    const { ring } = this;
    const reserved = this.control[this.reservedIndex];
    if (this.concurrent) {
      // Release: whoever sees the tail must see the SQEs' contents. Sequentially consistent, too: with SQPOLL, this store has
      // to come before the load of the flags word in `flags`, which decides about the wake-up.
      Atomics.store(ring, this.tailIndex, reserved);
    } else {
      // A plain store is enough: the kernel reads the tail in a system call of this thread.
      ring[this.tailIndex] = reserved;
    }
    return (reserved - Atomics.load(ring, this.headIndex)) >>> 0;
  }

  /** How many SQEs are filled or published and not yet taken by the kernel. `io_uring_sq_ready`. */
  get ready(): number {
    return (this.control[this.reservedIndex] - Atomics.load(this.ring, this.headIndex)) >>> 0;
  }

  /** How many are filled and not yet published. @internal */
  get unpublished(): number {
    return (this.control[this.reservedIndex] - this.ring[this.tailIndex]) >>> 0;
  }

  /** Free slots. `io_uring_sq_space_left`. */
  get spaceLeft(): number {
    return this.entries - this.ready;
  }

  /** The flag word that the kernel keeps: `SqRingFlag`. */
  get flags(): number {
    return Atomics.load(this.ring, this.flagsIndex);
  }

  /** How many SQEs the kernel dropped because the indirection array was invalid; 0, as the array never changes. */
  get dropped(): number {
    return Atomics.load(this.ring, this.droppedIndex) >>> 0;
  }

  /** Forgets what was filled and not published. @internal */
  discard(): void {
    this.control[this.reservedIndex] = this.ring[this.tailIndex];
  }
}
