/**
 * The submission queue.
 *
 * ```text
 *            head (kernel)        tail (published)       reserved
 *              |                    |                      |
 *   --------+--v-----+--------+-----v--+--------+--------+-v------+----
 *    free   | queued | queued | filled | filled | filled | free   |
 *   --------+--------+--------+--------+--------+--------+--------+----
 *              the kernel has       the program has
 *              yet to take these    filled these since
 * ```
 *
 * All three are free-running u32 counters that wrap; the entry of a counter is `counter & mask`.
 * The program owns `tail` and `reserved`, the kernel owns `head`. The queue is full when the
 * difference `reserved - head` equals the number of entries, in wrapping arithmetic. The number of
 * SQEs to submit is `tail - head`, never a separate counter, which would drift as soon as the
 * kernel takes fewer SQEs than submitted.
 *
 * On a ring that threads share, `reserved` is in the arena, where all of them see it. `tail`
 * follows it only on publication, so that an SQPOLL thread never takes half a chain.
 *
 * @module
 */

import { SqRingFlag } from './abi/enter.js';
import { SetupFlag } from './abi/setup.js';
import { SqeFlag } from './abi/sqe.js';
import type { RingLayout } from './layout.js';
import type { RingMemory } from './memory.js';
import { Sqe } from './sqe.js';

/** The submission queue of a ring: `ring.sq`. */
export class SubmissionQueue {
  /** The number of entries. */
  readonly entries: number;
  private readonly mask: number;
  private readonly ring: Int32Array;
  private readonly headIndex: number;
  private readonly tailIndex: number;
  private readonly flagsIndex: number;
  private readonly droppedIndex: number;
  private readonly cursor: Sqe;
  private readonly sqesBase: number;
  private readonly entryShift: number;
  /**
   * Used while only this thread uses the queue: the reserved counter, and the counter at which the
   * queue is full, as far as known.
   */
  private reserved = 0;
  private limit = 0;
  private isShut = false;
  /**
   * Whether the tail may be read at any time by an SQPOLL thread or by another thread's `enter`.
   */
  private concurrent: boolean;

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
    this.sqesBase = memory.sqesBase;
    this.entryShift = Math.log2(layout.sqeSize >> 2);
    const doubles = new Float64Array(memory.sqes.buffer, memory.sqes.byteOffset, memory.sqes.length >> 1);
    this.cursor = new Sqe(memory.sqes, doubles, memory.sqesBase, layout.sqeSize >> 2);
  }

  /**
   * Fills the indirection array, once for a new ring: entry i refers to SQE i, permanently.
   * @internal
   */
  initialize(memory: RingMemory, layout: RingLayout): void {
    this.reserved = this.ring[this.tailIndex];
    this.limit = this.reserved;
    this.control[this.reservedIndex] = this.reserved;
    if (layout.setupFlags & SetupFlag.NO_SQARRAY) return;
    const array = memory.sqBase + (layout.sqArray >> 2);
    for (let index = 0; index < this.entries; index++) this.ring[array + index] = index;
  }

  /** Prepares for other threads that reserve SQEs, too. @internal */
  becomeConcurrent(): void {
    if (this.concurrent) return;
    this.concurrent = true;
    this.control[this.reservedIndex] = this.reserved;
  }

  /** Joins other threads that already reserve SQEs. @internal */
  joinConcurrent(): void {
    this.concurrent = true;
  }

  /** Stops reserving SQEs: the ring is closed. @internal */
  shut(): void {
    this.concurrent = false;
    this.limit = this.reserved;
    this.isShut = true;
  }

  /** Reserves the next free SQE; returns `null` when the queue is full. */
  reserve(): Sqe | null {
    if (this.concurrent) return this.reserveConcurrent();
    const { reserved } = this;
    if (reserved === this.limit && !this.extend()) return null;
    this.reserved = (reserved + 1) | 0;
    return this.entry(reserved);
  }

  /**
   * Yields the remainder of a chain of which the kernel has taken only the beginning. Each SQE is
   * valid until the next one is requested.
   *
   * @internal
   */
  *restOfCutChain(): Generator<Sqe> {
    const links = SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK;
    const head = this.ring[this.headIndex];
    for (let counter = head; counter !== this.reserved; counter = (counter + 1) | 0) {
      if ((this.entry((counter - 1) | 0).flags & links) === 0) return;
      yield this.entry(counter);
    }
  }

  private entry(counter: number): Sqe {
    const { cursor } = this;
    cursor.base = this.sqesBase + ((counter & this.mask) << this.entryShift);
    return cursor;
  }

  private reserveConcurrent(): Sqe | null {
    const sqe = this.next();
    if (sqe !== null) this.commit();
    return sqe;
  }

  /**
   * Returns the next free SQE, which stays free until {@link commit}: a thread that ends in between
   * has changed nothing.
   *
   * @internal
   */
  next(): Sqe | null {
    if (!this.concurrent) return this.reserved === this.limit && !this.extend() ? null : this.entry(this.reserved);
    const reserved = this.reservedNow;
    if (this.isShut || (reserved - this.head()) >>> 0 >= this.entries) return null;
    return this.entry(reserved);
  }

  /**
   * Returns the SQE with this user data among those that the kernel has not taken, or `null`. Not
   * for SQPOLL, where the kernel's progress cannot be known.
   *
   * @internal
   */
  findUnsubmitted(userDataLow: number, userDataHigh: number): Sqe | null {
    for (let counter = this.ring[this.headIndex]; counter !== this.reserved; counter = (counter + 1) | 0) {
      const sqe = this.entry(counter);
      if (sqe.isFor(userDataLow, userDataHigh)) return sqe;
    }
    return null;
  }

  /** Reserves the SQE that {@link next} returned. @internal */
  commit(): void {
    if (this.concurrent) this.control[this.reservedIndex] = (this.control[this.reservedIndex] + 1) | 0;
    else this.reserved = (this.reserved + 1) | 0;
  }

  /**
   * Updates the limit from the kernel's head. Only this thread's own `enter` moves the head, so it
   * need not be read for every SQE.
   */
  private extend(): boolean {
    if (this.isShut) return false;
    this.limit = (this.head() + this.entries) | 0;
    return this.reserved !== this.limit;
  }

  /**
   * Makes the filled SQEs visible to the kernel.
   *
   * @returns the number of SQEs that the kernel has yet to take: tail - head.
   */
  publish(): number {
    if (this.isShut) return 0;
    if (this.concurrent) {
      const reserved = this.control[this.reservedIndex];
      // Release: any thread that sees the tail must see the contents of the SQEs. Also sequentially
      // consistent: with SQPOLL, this store must precede the load of the flag word in `flags`,
      // which decides whether to wake the thread.
      Atomics.store(this.ring, this.tailIndex, reserved);
      return (reserved - this.head()) >>> 0;
    }
    // A plain store is enough: the kernel reads the tail in a system call of this thread.
    this.ring[this.tailIndex] = this.reserved;
    return (this.reserved - this.ring[this.headIndex]) >>> 0;
  }

  /** The kernel's head. */
  private head(): number {
    // Acquire, where the head is moved by an SQPOLL thread or another thread's `enter`, which
    // stores it after it has read the SQEs before it. Otherwise only system calls of this thread
    // move it.
    return this.concurrent ? Atomics.load(this.ring, this.headIndex) : this.ring[this.headIndex];
  }

  private get reservedNow(): number {
    return this.concurrent ? this.control[this.reservedIndex] : this.reserved;
  }

  private setReserved(value: number): void {
    if (this.concurrent) this.control[this.reservedIndex] = value;
    else this.reserved = value;
  }

  /**
   * The number of SQEs that are filled or published and that the kernel has not taken yet.
   * `io_uring_sq_ready`.
   */
  get ready(): number {
    return (this.reservedNow - this.head()) >>> 0;
  }

  /** The number of SQEs that are filled and not yet published. @internal */
  get unpublished(): number {
    return (this.reservedNow - this.ring[this.tailIndex]) >>> 0;
  }

  /** The number of free entries. `io_uring_sq_space_left`. */
  get spaceLeft(): number {
    return this.entries - this.ready;
  }

  /** The flag word that the kernel maintains: `SqRingFlag`. */
  get flags(): number {
    return Atomics.load(this.ring, this.flagsIndex);
  }

  /**
   * Clears the flag with which the kernel requests an `enter` that runs its work; the caller must
   * then enter. The kernel sets it after it has queued the work, which may already have run by
   * then. The flag would then stay set for nothing until the next work is queued. @internal
   */
  takeTaskrun(): boolean {
    if (!(this.flags & SqRingFlag.TASKRUN)) return false;
    Atomics.and(this.ring, this.flagsIndex, ~SqRingFlag.TASKRUN);
    return true;
  }

  /**
   * The number of SQEs that the kernel has dropped because the indirection array was invalid.
   * Always 0, because the array never changes.
   */
  get dropped(): number {
    return Atomics.load(this.ring, this.droppedIndex) >>> 0;
  }

  /** Discards the SQEs that are filled and not published. @internal */
  discard(): void {
    this.setReserved(this.ring[this.tailIndex]);
  }
}
