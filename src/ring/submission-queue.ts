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
 * All three are free-running u32 counters that wrap; the entry of a counter is `counter & mask`. The program owns `tail` and
 * `reserved`, the kernel owns `head`. The queue is full when `reserved - head` equals the entries, in wrapping arithmetic, and
 * what is to submit is `tail - head`: never a counter of our own, which would drift as soon as the kernel takes fewer than told.
 *
 * On a ring that threads share, `reserved` lies in the arena, where all of them see it. `tail` follows it only at publication, so
 * that an SQPOLL thread never takes half a chain.
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
  /** Entries. */
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
  /** As long as this thread is alone: the reserved counter, and where the queue, for all that is known, is full. */
  private reserved = 0;
  private limit = 0;
  private isShut = false;
  /** Somebody else may look at the tail at any time: an SQPOLL thread, or another thread's enter. */
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

  /** Fills the indirection array, once for a new ring: entry i is SQE i, for ever. @internal */
  initialize(memory: RingMemory, layout: RingLayout): void {
    this.reserved = this.ring[this.tailIndex];
    this.limit = this.reserved;
    this.control[this.reservedIndex] = this.reserved;
    if (layout.setupFlags & SetupFlag.NO_SQARRAY) return;
    const array = memory.sqBase + (layout.sqArray >> 2);
    for (let index = 0; index < this.entries; index++) this.ring[array + index] = index;
  }

  /** From now on, other threads reserve, too. @internal */
  becomeConcurrent(): void {
    if (this.concurrent) return;
    this.concurrent = true;
    this.control[this.reservedIndex] = this.reserved;
  }

  /** Other threads reserve already. @internal */
  joinConcurrent(): void {
    this.concurrent = true;
  }

  /** Takes no more: the ring is closed. @internal */
  shut(): void {
    this.concurrent = false;
    this.limit = this.reserved;
    this.isShut = true;
  }

  /** The next free SQE, or `null` when the queue is full. */
  reserve(): Sqe | null {
    if (this.concurrent) return this.reserveConcurrent();
    const { reserved } = this;
    if (reserved === this.limit && !this.extend()) return null;
    this.reserved = (reserved + 1) | 0;
    return this.entry(reserved);
  }

  /**
   * What is left of a chain of which the kernel has taken the beginning only. Each SQE is valid until the next one is asked for.
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
   * The next free SQE, which stays free until {@link commit}: a thread that ends in between has changed nothing.
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
   * The SQE with this user data among those that the kernel has not taken, or `null`. Not for SQPOLL, where that cannot be known.
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

  /** Reserves what {@link next} gave. @internal */
  commit(): void {
    if (this.concurrent) this.control[this.reservedIndex] = (this.control[this.reservedIndex] + 1) | 0;
    else this.reserved = (this.reserved + 1) | 0;
  }

  /** Looks how far the kernel has come. Only this thread's own `enter` moves it, so there is no need to look for every SQE. */
  private extend(): boolean {
    if (this.isShut) return false;
    this.limit = (this.head() + this.entries) | 0;
    return this.reserved !== this.limit;
  }

  /**
   * Makes the filled SQEs visible to the kernel.
   *
   * @returns how many the kernel has yet to take: tail - head.
   */
  publish(): number {
    if (this.isShut) return 0;
    if (this.concurrent) {
      const reserved = this.control[this.reservedIndex];
      // Release: whoever sees the tail must see the SQEs' contents. Sequentially consistent, too: with SQPOLL, this store has
      // to come before the load of the flags word in `flags`, which decides about the wake-up.
      Atomics.store(this.ring, this.tailIndex, reserved);
      return (reserved - this.head()) >>> 0;
    }
    // A plain store is enough: the kernel reads the tail in a system call of this thread.
    this.ring[this.tailIndex] = this.reserved;
    return (this.reserved - this.ring[this.headIndex]) >>> 0;
  }

  /** The kernel's head. */
  private head(): number {
    // Acquire, where somebody else moves it: an SQPOLL thread, or another thread's enter, stores head when it has read the SQEs
    // before it. Else only this thread's own system calls do.
    return this.concurrent ? Atomics.load(this.ring, this.headIndex) : this.ring[this.headIndex];
  }

  private get reservedNow(): number {
    return this.concurrent ? this.control[this.reservedIndex] : this.reserved;
  }

  private setReserved(value: number): void {
    if (this.concurrent) this.control[this.reservedIndex] = value;
    else this.reserved = value;
  }

  /** How many SQEs are filled or published and not yet taken by the kernel. `io_uring_sq_ready`. */
  get ready(): number {
    return (this.reservedNow - this.head()) >>> 0;
  }

  /** How many are filled and not yet published. @internal */
  get unpublished(): number {
    return (this.reservedNow - this.ring[this.tailIndex]) >>> 0;
  }

  /** Free entries. `io_uring_sq_space_left`. */
  get spaceLeft(): number {
    return this.entries - this.ready;
  }

  /** The flag word that the kernel keeps: `SqRingFlag`. */
  get flags(): number {
    return Atomics.load(this.ring, this.flagsIndex);
  }

  /**
   * Takes the flag back by which the kernel has asked for an `enter` that runs its work; who does that must enter. The kernel sets it after it has
   * queued the work, which may have been run by then, and would leave it set for nothing until the next work comes. @internal
   */
  takeTaskrun(): boolean {
    if (!(this.flags & SqRingFlag.TASKRUN)) return false;
    Atomics.and(this.ring, this.flagsIndex, ~SqRingFlag.TASKRUN);
    return true;
  }

  /** How many SQEs the kernel dropped because the indirection array was invalid; 0, as the array never changes. */
  get dropped(): number {
    return Atomics.load(this.ring, this.droppedIndex) >>> 0;
  }

  /** Forgets what was filled and not published. @internal */
  discard(): void {
    this.setReserved(this.ring[this.tailIndex]);
  }
}
