/**
 * The operations in flight, in shared memory: one record each, found through the user data of its
 * CQE.
 *
 * The SQE's user data is not the caller's, but the id and generation of a record that holds the
 * caller's. So a caller may use the same value twice, a cancellation hits the intended operation,
 * and memory is released with the operation that it belongs to. Freeing a record increments its
 * generation; a thread that holds an older one knows that the operation has completed.
 *
 * ```text
 *   header: | free | used | in use | sequence | stats ... | segment 0 | segment 1 | ...      (offsets of segments in the arena)
 *   segment:  256 records of 8 words
 *   record: | generation | next free | user data lo, hi | iovecs' offset, size | opcode | sequence |
 * ```
 *
 * All access is under the ring's queue lock, except reading a generation and the statistics.
 *
 * @module
 */

import type { Arena } from '../ring/arena.js';
import { NoSpaceError } from './errors.js';

const Header = { FREE: 0, USED: 1, IN_USE: 2, SEQUENCE: 3, STATS: 4, SEGMENTS: 16 } as const;

const Record = {
  GENERATION: 0,
  NEXT_FREE: 1,
  USER_DATA: 2,
  IOVECS: 4,
  IOVECS_SIZE: 5,
  OPCODE: 6,
  SEQUENCE: 7,
  WORDS: 8,
} as const;

const SEGMENT_ROWS = 256;
const MAX_SEGMENTS = 1024;
const HEADER_SIZE = (Header.SEGMENTS + MAX_SEGMENTS) * 4;
const SEGMENT_SIZE = SEGMENT_ROWS * Record.WORDS * 4;

/** Marks a record that no operation uses, in place of its opcode. */
const UNUSED = -1;

const TWO_32 = 0x1_0000_0000;

/** The indexes of the statistics. */
export const Stat = { ENTER_CALLS: 0, OPS: 1, COMPLETE: 2 } as const;

/** Returns the user data of the SQE of a record's operation. */
export function tokenOf(id: number, generation: number): bigint {
  return (BigInt(generation >>> 0) << 32n) | BigInt(id);
}

/** The table, in an arena that threads share. */
export class OperationTable {
  private readonly words: Int32Array;
  private readonly base: number;

  /**
   * @param header offset of the table's header in the arena, for a table that another thread has
   *   created.
   */
  constructor(
    private readonly arena: Arena,
    readonly header: number = arena.allocate(HEADER_SIZE),
  ) {
    this.words = arena.words;
    this.base = header >> 2;
  }

  /**
   * Takes a record.
   *
   * @throws NoSpaceError when more operations are in flight than the table can hold (262,144).
   */
  take(userDataLow: number, userDataHigh: number, opcode: number): number {
    const { words, base } = this;
    let id = words[base + Header.FREE] - 1;
    if (id >= 0) {
      words[base + Header.FREE] = words[this.record(id) + Record.NEXT_FREE];
    } else {
      id = words[base + Header.USED];
      if (id >= SEGMENT_ROWS * MAX_SEGMENTS) throw new NoSpaceError();
      if (id % SEGMENT_ROWS === 0) words[base + Header.SEGMENTS + id / SEGMENT_ROWS] = this.arena.allocate(SEGMENT_SIZE);
      words[base + Header.USED] = id + 1;
      // Not 0: small numbers, which other rings may post to this ring (MSG_RING), must not match a
      // token.
      words[this.record(id) + Record.GENERATION] = 1;
    }
    const record = this.record(id);
    words[record + Record.USER_DATA] = userDataLow;
    words[record + Record.USER_DATA + 1] = userDataHigh;
    words[record + Record.IOVECS] = 0;
    words[record + Record.OPCODE] = opcode;
    words[record + Record.SEQUENCE] = words[base + Header.SEQUENCE]++;
    return id;
  }

  /**
   * Marks a taken record's operation as queued. A record that is taken and never committed is
   * leaked, with no other effect.
   */
  commit(): void {
    this.words[this.base + Header.IN_USE]++;
  }

  /** Returns the record of an operation that was never queued. */
  abandon(id: number): void {
    this.commit();
    this.free(id);
  }

  /** Frees a record, and the iovecs that belong to it. */
  free(id: number): void {
    const { words, base } = this;
    const record = this.record(id);
    const iovecs = words[record + Record.IOVECS];
    const iovecsSize = words[record + Record.IOVECS_SIZE];
    // In this order, a thread that ends halfway leaks at worst: nothing is freed twice, and no
    // completion is delivered twice.
    words[record + Record.IOVECS] = 0;
    words[record + Record.OPCODE] = UNUSED;
    words[base + Header.IN_USE]--;
    // Atomic: threads read it without the lock, to learn whether they still need to hold buffers.
    Atomics.add(words, record + Record.GENERATION, 1);
    words[record + Record.NEXT_FREE] = words[base + Header.FREE];
    words[base + Header.FREE] = id + 1;
    if (iovecs !== 0) this.arena.free(iovecs, iovecsSize);
  }

  /** Attaches iovecs that live as long as the record. */
  attachIovecs(id: number, offset: number, size: number): void {
    const record = this.record(id);
    this.words[record + Record.IOVECS_SIZE] = size;
    this.words[record + Record.IOVECS] = offset;
  }

  /** Returns a record's current generation, signed like the words of a queue. */
  generation(id: number): number {
    return Atomics.load(this.words, this.record(id) + Record.GENERATION);
  }

  /** Returns whether the operation of a CQE is in flight. */
  has(id: number, generation: number): boolean {
    const inRange = id >= 0 && id < this.words[this.base + Header.USED];
    return inRange && this.generation(id) === generation && this.opcode(id) !== UNUSED;
  }

  userData(id: number): bigint {
    const record = this.record(id);
    const low = BigInt(this.words[record + Record.USER_DATA] >>> 0);
    return (BigInt(this.words[record + Record.USER_DATA + 1] >>> 0) << 32n) | low;
  }

  opcode(id: number): number {
    return this.words[this.record(id) + Record.OPCODE];
  }

  /** Returns the oldest operation with this user data (and opcode), or -1. */
  find(userDataLow: number, userDataHigh: number, opcode: number | undefined): number {
    const { words } = this;
    let oldest = -1;
    let age = 0;
    const used = words[this.base + Header.USED];
    for (let id = 0; id < used; id++) {
      const record = this.record(id);
      if (words[record + Record.OPCODE] === UNUSED) continue;
      if (words[record + Record.USER_DATA] !== userDataLow || words[record + Record.USER_DATA + 1] !== userDataHigh) continue;
      if (opcode !== undefined && words[record + Record.OPCODE] !== opcode) continue;
      // The sequence wraps; the age does not, within the number of operations that can be in
      // flight.
      const itsAge = (words[this.base + Header.SEQUENCE] - words[record + Record.SEQUENCE]) >>> 0;
      if (itsAge > age) {
        oldest = id;
        age = itsAge;
      }
    }
    return oldest;
  }

  /** Operations that were added and have not completed. */
  get inUse(): number {
    return Atomics.load(this.words, this.base + Header.IN_USE);
  }

  /** Adds to a statistic; from any thread, without the lock. */
  count(stat: number, amount: number): void {
    const index = this.base + Header.STATS + 2 * stat;
    const before = Atomics.add(this.words, index, amount) >>> 0;
    if (before + amount >= TWO_32) Atomics.add(this.words, index + 1, 1);
  }

  /** A statistic, exact up to 2^53 - 1. */
  stat(stat: number): number {
    const index = this.base + Header.STATS + 2 * stat;
    for (;;) {
      const high = Atomics.load(this.words, index + 1);
      const low = Atomics.load(this.words, index) >>> 0;
      if (high === Atomics.load(this.words, index + 1)) return high * TWO_32 + low;
    }
  }

  private record(id: number): number {
    const segment = this.words[this.base + Header.SEGMENTS + Math.floor(id / SEGMENT_ROWS)];
    return (segment >> 2) + (id % SEGMENT_ROWS) * Record.WORDS;
  }
}
