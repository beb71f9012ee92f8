/**
 * Who may access which memory: from the start of an operation until its last completion, the kernel
 * owns the memory that the operation was given.
 *
 * Until then, the kernel may write or read that memory at any time. So memory that the kernel
 * writes must not be given to another operation meanwhile, and memory that it reads must not
 * change.
 *
 * @module
 */

import type { AddressSpace } from './address-space.js';
import type { KernelRequest } from './request.js';

/** The byte that fills memory that the kernel owns. */
export const POISON = 0xa5;

interface Loan {
  readonly request: KernelRequest;
  readonly start: number;
  readonly end: number;
  /** The contents at the start of the loan, for memory that the kernel reads. */
  readonly before: Uint8Array | undefined;
}

/** How many loans are tried to find one that can be poisoned. */
const TRIES = 8;

/** Loans indexed by address: thousands can be outstanding at once. */
class Intervals {
  /** The granularity of the index, in bytes. */
  private static readonly STRETCH = 4096;
  private readonly byStretch = new Map<number, Set<Loan>>();

  add(loan: Loan): void {
    for (const stretch of this.stretchesOf(loan.start, loan.end)) {
      const here = this.byStretch.get(stretch);
      if (here === undefined) this.byStretch.set(stretch, new Set([loan]));
      else here.add(loan);
    }
  }

  delete(loan: Loan): void {
    for (const stretch of this.stretchesOf(loan.start, loan.end)) {
      const here = this.byStretch.get(stretch);
      here?.delete(loan);
      if (here?.size === 0) this.byStretch.delete(stretch);
    }
  }

  /** Returns the loans that contain any of these bytes. */
  overlapping(start: number, end: number): Set<Loan> {
    const found = new Set<Loan>();
    for (const stretch of this.stretchesOf(start, end)) {
      for (const loan of this.byStretch.get(stretch) ?? []) if (loan.start < end && start < loan.end) found.add(loan);
    }
    return found;
  }

  private *stretchesOf(start: number, end: number): Generator<number> {
    const size = Intervals.STRETCH;
    for (let stretch = Math.floor(start / size); stretch * size < end; stretch++) yield stretch;
  }
}

/** The memory lent to operations in flight. */
export class Ownership {
  /** The program's violations, as sentences. */
  readonly violations: string[] = [];
  private readonly loans = new Map<KernelRequest, Loan[]>();
  /** Kept apart, because any number of operations may read the same memory. */
  private readonly read = new Intervals();
  private readonly written = new Intervals();
  /** The loans that the kernel writes, in any order, and the index of each. */
  private readonly writable: Loan[] = [];
  private readonly places = new Map<Loan, number>();

  constructor(private readonly memory: AddressSpace) {}

  /** Lends memory to an operation until it has completed. */
  lend(request: KernelRequest, address: number, length: number, way: 'kernel reads' | 'kernel writes'): void {
    if (length === 0) return;
    const start = address;
    const end = address + length;
    const others = way === 'kernel reads' ? [this.written] : [this.written, this.read];
    for (const other of others.flatMap((intervals) => [...intervals.overlapping(start, end)])) {
      if (other.request === request) continue;
      this.violations.push(`${request} was given memory at 0x${start.toString(16)} that ${other.request} still has`);
    }
    const before = way === 'kernel reads' ? this.memory.bytes(address, length)?.slice() : undefined;
    // If no memory backs the range, the operation fails, which is checked elsewhere.
    if (way === 'kernel reads' && before === undefined) return;
    const loans = this.loans.get(request) ?? [];
    const loan = { request, start, end, before };
    loans.push(loan);
    this.loans.set(request, loans);
    if (before === undefined) {
      this.written.add(loan);
      this.places.set(loan, this.writable.push(loan) - 1);
    } else {
      this.read.add(loan);
    }
  }

  /**
   * Ends the loans of an operation, and checks that the program left the memory alone. Called when
   * the operation has completed, or when its memory was accessed for the last time.
   */
  giveBack(request: KernelRequest): void {
    const loans = this.loans.get(request);
    if (loans === undefined) return;
    this.loans.delete(request);
    for (const loan of loans) {
      const { start, end, before } = loan;
      if (before === undefined) this.deleteWritten(loan);
      else this.read.delete(loan);
      const now = this.memory.bytes(start, end - start);
      const where = `at 0x${start.toString(16)}, ${end - start} bytes, of ${request}`;
      if (now === undefined) this.violations.push(`memory ${where} was released while the kernel had it`);
      else if (before !== undefined && !Buffer.from(now.buffer, now.byteOffset, now.length).equals(before))
        this.violations.push(`memory ${where} was changed while the kernel read it`);
    }
  }

  /** Returns whether the kernel owns any of these bytes. */
  holds(address: number, length: number): boolean {
    const end = address + length;
    return [this.written, this.read].some((intervals) => intervals.overlapping(address, end).size > 0);
  }

  /**
   * Overwrites memory that the kernel may write and the program must not read yet.
   *
   * @param pick picks an index below a count.
   */
  poison(pick: (count: number) => number): void {
    const { writable } = this;
    for (let tries = 0; tries < TRIES && writable.length > 0; tries++) {
      const { request, start, end } = writable[pick(writable.length)] as Loan;
      // A decided result has been written, and the program may read it at any time.
      if (request.answered) continue;
      this.memory.bytes(start, end - start)?.fill(POISON);
      return;
    }
  }

  private deleteWritten(loan: Loan): void {
    this.written.delete(loan);
    const place = this.places.get(loan) as number;
    const last = this.writable.pop() as Loan;
    this.places.delete(loan);
    if (last === loan) return;
    this.writable[place] = last;
    this.places.set(last, place);
  }

  /** The number of operations with loans. */
  get size(): number {
    return this.loans.size;
  }
}
