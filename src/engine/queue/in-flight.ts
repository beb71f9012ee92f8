/**
 * What is in flight: a table with a row for each operation that was started and is not over.
 *
 * ```text
 *   user data of an SQE and its CQEs:   | id: the row's number | generation |
 *   row:   request | generation | opcode | fd | start time | marks
 * ```
 *
 * The table is kept in columns, so that a row costs no object. A row's generation goes up when its operation is over: a completion or a
 * cancellation that comes late never meets the next operation in the same row.
 *
 * @module
 */

import { assert } from '../../assert.js';
import type { Sqe } from '../../ring/index.js';
import { timers } from '../../timers.js';
import type { Request } from './request.js';

const FIRST_ROWS = 256;

/** What is remembered of an operation. */
export const Mark = {
  /** It was taken back before the kernel saw it. */
  WITHDRAWN: 1,
  /** The kernel is given memory that its owner can take away before it is shown the SQE. */
  USER_MEMORY: 2,
  /** The process may end without it. */
  UNREFERENCED: 4,
  /** It has waited in the backlog, and perhaps still does. */
  BACKLOG: 8,
} as const;

/** Called with each row of the table. */
export type Visitor = (id: number, request: Request, opcode: number, fd: number, startTime: number) => void;

/** The table of operations in flight. */
export class InFlight {
  /** How many there are. */
  count = 0;
  private requests: (Request | undefined)[] = new Array(FIRST_ROWS).fill(undefined);
  /** From 1 on: whatever else posts completions here, with small numbers as user data, meets no operation. */
  private generations = new Int32Array(FIRST_ROWS).fill(1);
  private opcodes = new Uint8Array(FIRST_ROWS);
  private fds = new Int32Array(FIRST_ROWS);
  private startTimes = new Float64Array(FIRST_ROWS);
  private marks = new Uint8Array(FIRST_ROWS);
  private places = new Float64Array(FIRST_ROWS);
  private unreferenced = 0;
  /** Rows that no operation has, used as a stack. */
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
   * @param startTime in milliseconds; 0 for that of the next {@link stamp}.
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

  /** An operation is over: its row is free. */
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

  /** The operation that a completion belongs to; `undefined` for one that is over, and for another ring's message. */
  find(id: number, generation: number): Request | undefined {
    return this.generations[id] === generation ? this.requests[id] : undefined;
  }

  /** The operation of a row. */
  at(id: number): Request | undefined {
    return this.requests[id];
  }

  /** Whether an operation is in flight. */
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

  /** It waits in the backlog. */
  putInBacklog(id: number, place: number): void {
    this.marks[id] |= Mark.BACKLOG;
    this.places[id] = place;
  }

  /** Where in the backlog it waits, or has waited; -1 for nowhere. */
  backlogPlace(id: number): number {
    return this.marks[id] & Mark.BACKLOG ? this.places[id] : -1;
  }

  startTime(id: number): number {
    return this.startTimes[id];
  }

  isMarked(id: number, mark: number): boolean {
    return (this.marks[id] & mark) !== 0;
  }

  /** It was taken back; whether the process stays alive for it stays as it is. */
  withdraw(id: number): void {
    this.marks[id] = (this.marks[id] & ~Mark.USER_MEMORY) | Mark.WITHDRAWN;
  }

  /** Has the process stay alive for a row's operation, or not. */
  reference(id: number, wanted: boolean): void {
    if (wanted) {
      this.marks[id] &= ~Mark.UNREFERENCED;
      this.unreferenced--;
    } else {
      this.unreference(id);
    }
  }

  /** What was added since the last time, and is still there, has started now: what completes at once never needs the time. */
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

  /** The first is taken first. */
  private freeRows(first: number, end: number): void {
    for (let id = end - 1; id >= first; id--) this.free[this.freeCount++] = id;
  }
}
