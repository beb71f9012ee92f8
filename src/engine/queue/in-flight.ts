/**
 * The operations in flight: a table with a row for each operation that was started and has not
 * completed.
 *
 * ```text
 *   user data of an SQE and its CQEs:   | id: the row's number | generation |
 *   row:   request | generation | opcode | fd | start time | marks
 * ```
 *
 * The table is stored in columns, so that a row costs no object. The generation of a row is
 * incremented when its operation has completed: a late completion or cancellation never reaches the
 * next operation in the same row.
 *
 * @module
 */

import { assert } from '../../assert.js';
import type { Sqe } from '../../ring/index.js';
import { timers } from '../../timers.js';
import type { Request } from './request.js';

const FIRST_ROWS = 256;

/** Flags of an operation in flight. */
export const Mark = {
  /** It was withdrawn before the kernel took it. */
  WITHDRAWN: 1,
  /** It uses memory that the owner can take away before the SQE is submitted. */
  USER_MEMORY: 2,
  /** It does not keep the process alive. */
  UNREFERENCED: 4,
  /** It has waited in the backlog, and may still do so. */
  BACKLOG: 8,
} as const;

/** Called with each row of the table. */
export type Visitor = (id: number, request: Request, opcode: number, fd: number, startTime: number) => void;

/** The table of operations in flight. */
export class InFlight {
  /** The number of operations. */
  count = 0;
  private requests: (Request | undefined)[] = new Array(FIRST_ROWS).fill(undefined);
  /**
   * Start at 1: completions of other origin, with small numbers as user data, match no operation.
   */
  private generations = new Int32Array(FIRST_ROWS).fill(1);
  private opcodes = new Uint8Array(FIRST_ROWS);
  private fds = new Int32Array(FIRST_ROWS);
  private startTimes = new Float64Array(FIRST_ROWS);
  private marks = new Uint8Array(FIRST_ROWS);
  private places = new Float64Array(FIRST_ROWS);
  private unreferenced = 0;
  /** A stack of free rows. */
  private free = new Int32Array(FIRST_ROWS);
  private freeCount = 0;
  /** Rows taken since the last {@link stamp}. */
  private readonly unstamped: number[] = [];

  constructor() {
    this.freeRows(0, FIRST_ROWS);
  }

  /** How many of them keep the process alive. */
  get referencedCount(): number {
    return this.count - this.unreferenced;
  }

  /**
   * Adds an operation whose SQE is filled, and sets the SQE's user data.
   *
   * @param mark a {@link Mark}, or 0.
   * @param startTime in milliseconds; 0 for the time of the next {@link stamp}.
   * @returns its id.
   */
  add(request: Request, sqe: Sqe, mark: number, startTime: number): number {
    if (this.freeCount === 0) this.grow();
    const id = this.free[--this.freeCount];
    assert(this.requests[id] === undefined, 'a row has one operation at a time');
    request.id = id;
    this.requests[id] = request;
    sqe.setToken(id, this.generations[id]);
    this.opcodes[id] = sqe.opcode;
    this.fds[id] = sqe.fd;
    this.startTimes[id] = startTime;
    this.marks[id] = mark;
    this.unstamped.push(id);
    this.count++;
    if (!request.keepsAlive) this.unreference(id);
    return id;
  }

  /** Removes an operation that has completed, and frees its row. */
  remove(id: number): void {
    const request = this.requests[id];
    assert(request !== undefined && this.count > 0, 'an operation is over once');
    this.requests[id] = undefined;
    this.generations[id]++;
    this.free[this.freeCount++] = id;
    this.count--;
    if (this.marks[id] & Mark.UNREFERENCED) this.unreferenced--;
    // It may have started its next operation already.
    if (request.id === id) request.id = -1;
  }

  /**
   * Returns the operation that a completion belongs to; `undefined` if that has completed, and for
   * a message from another ring.
   */
  find(id: number, generation: number): Request | undefined {
    return this.generations[id] === generation ? this.requests[id] : undefined;
  }

  /** Returns the operation in a row. */
  at(id: number): Request | undefined {
    return this.requests[id];
  }

  /** Returns whether an operation is in flight. */
  has(request: Request): boolean {
    return request.id >= 0 && this.requests[request.id] === request;
  }

  generation(id: number): number {
    return this.generations[id];
  }

  opcode(id: number): number {
    return this.opcodes[id];
  }

  fd(id: number): number {
    return this.fds[id];
  }

  /** Records that an operation waits in the backlog. */
  putInBacklog(id: number, place: number): void {
    this.marks[id] |= Mark.BACKLOG;
    this.places[id] = place;
  }

  /** Returns the place in the backlog where it waits or has waited; -1 if it never did. */
  backlogPlace(id: number): number {
    return this.marks[id] & Mark.BACKLOG ? this.places[id] : -1;
  }

  startTime(id: number): number {
    return this.startTimes[id];
  }

  isMarked(id: number, mark: number): boolean {
    return (this.marks[id] & mark) !== 0;
  }

  /** Marks an operation as withdrawn. Whether it keeps the process alive is unchanged. */
  withdraw(id: number): void {
    this.marks[id] = (this.marks[id] & ~Mark.USER_MEMORY) | Mark.WITHDRAWN;
  }

  /** Sets whether the operation in a row keeps the process alive. */
  reference(id: number, wanted: boolean): void {
    if (wanted) {
      this.marks[id] &= ~Mark.UNREFERENCED;
      this.unreferenced--;
    } else {
      this.unreference(id);
    }
  }

  /**
   * Sets the start time of operations that were added since the last call and are still in flight.
   * Operations that complete at once do not need one.
   */
  stamp(): void {
    const { unstamped } = this;
    if (unstamped.length === 0) return;
    if (this.count > 0) {
      const now = timers.now();
      for (let index = 0; index < unstamped.length; index++) {
        const id = unstamped[index];
        if (this.requests[id] !== undefined && this.startTimes[id] === 0) this.startTimes[id] = now;
      }
    }
    unstamped.length = 0;
  }

  /** Visits all operations, in the order of their ids. */
  visit(visitor: Visitor): void {
    for (let id = 0; id < this.requests.length; id++) {
      const request = this.requests[id];
      if (request !== undefined) visitor(id, request, this.opcodes[id], this.fds[id], this.startTimes[id]);
    }
  }

  private unreference(id: number): void {
    this.marks[id] |= Mark.UNREFERENCED;
    this.unreferenced++;
  }

  private grow(): void {
    const size = this.requests.length;
    const grown = <A extends Int32Array | Uint8Array | Float64Array>(old: A): A => {
      const copy = new (old.constructor as new (length: number) => A)(2 * size);
      copy.set(old);
      return copy;
    };
    this.generations = grown(this.generations);
    this.opcodes = grown(this.opcodes);
    this.fds = grown(this.fds);
    this.startTimes = grown(this.startTimes);
    this.marks = grown(this.marks);
    this.places = grown(this.places);
    this.free = grown(this.free);
    this.generations.fill(1, size);
    for (let id = size; id < 2 * size; id++) this.requests.push(undefined);
    this.freeRows(size, 2 * size);
  }

  /** Pushed in reverse, so that the first row is taken first. */
  private freeRows(first: number, end: number): void {
    for (let id = end - 1; id >= first; id--) this.free[this.freeCount++] = id;
  }
}
