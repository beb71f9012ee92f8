/**
 * Operations that wait for room in the submission queue, as finished SQEs, in the order in which
 * they were started.
 *
 * An encoder need not know whether it writes into the ring or into the backlog. Chains of linked
 * SQEs move into the ring as a whole, since the kernel takes the end of a submission for the end of
 * a chain.
 *
 * @module
 */

import { SQE_WORDS, Sqe, SqeFlag, type SubmissionQueue } from '../../ring/index.js';

const FIRST_CAPACITY = 64;

/** A queue of SQEs outside the ring. */
export class Backlog {
  private capacity = FIRST_CAPACITY;
  /** The index of the oldest SQE, and the number of SQEs. */
  private first = 0;
  private count = 0;
  /** How many SQEs have left, which is the place of the oldest. */
  private left = 0;
  private cursor = cursorOver(FIRST_CAPACITY);

  get length(): number {
    return this.count;
  }

  /** Returns the next free SQE, which {@link commit} adds to the queue. */
  next(): Sqe {
    if (this.first + this.count === this.capacity) this.makeRoom();
    return this.at(this.count);
  }

  /** Adds the SQE of {@link next}. @returns its place, for {@link find}. */
  commit(): number {
    return this.left + this.count++;
  }

  /** Moves as many SQEs into the ring as there is room for. */
  moveTo(sq: SubmissionQueue): void {
    while (this.count > 0) {
      const length = this.chainLength();
      if (sq.spaceLeft < length) return;
      for (let index = 0; index < length; index++) {
        (sq.next() as Sqe).copyFrom(this.at(0));
        sq.commit();
        this.first++;
        this.left++;
        this.count--;
      }
    }
    this.first = 0;
  }

  /** Returns the SQE in a place, or `null` when it has moved into the ring. */
  find(place: number): Sqe | null {
    const index = place - this.left;
    return index >= 0 && index < this.count ? this.at(index) : null;
  }

  /** Drops all SQEs. */
  clear(): void {
    this.left += this.count;
    this.first = 0;
    this.count = 0;
  }

  private chainLength(): number {
    let length = 1;
    while (length < this.count && this.at(length - 1).flags & (SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK)) length++;
    return length;
  }

  private at(index: number): Sqe {
    this.cursor.base = (this.first + index) * SQE_WORDS;
    return this.cursor;
  }

  /**
   * Moves everything to the front, of an array twice as large if more than half of it is in use.
   */
  private makeRoom(): void {
    const { words } = this.cursor;
    const from = this.first * SQE_WORDS;
    const live = words.subarray(from, from + this.count * SQE_WORDS);
    if (this.count > this.capacity / 2) this.capacity *= 2;
    this.cursor = cursorOver(this.capacity);
    this.cursor.words.set(live);
    this.first = 0;
  }
}

function cursorOver(capacity: number): Sqe {
  const memory = new ArrayBuffer(capacity * SQE_WORDS * 4);
  return new Sqe(new Int32Array(memory), new Float64Array(memory), 0, SQE_WORDS);
}
