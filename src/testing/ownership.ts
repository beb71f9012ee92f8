/**
 * Who may touch which memory: from the moment an operation starts until its last completion, what it was given is the kernel's.
 *
 * The kernel writes where it was told to at any time until then, and reads as late. So memory that it is to write must not be given to
 * another operation meanwhile, and memory that it is to read must stay as it is.
 *
 * @module
 */

import type { AddressSpace } from './address-space.js';
import type { KernelRequest } from './request.js';

/** What the kernel fills memory with that it owns. */
export const POISON = 0xa5;

interface Loan {
  readonly request: KernelRequest;
  readonly start: number;
  readonly end: number;
  /** What was there, where the kernel reads. */
  readonly before: Uint8Array | undefined;
}

/** How many loans are looked at for one that can be poisoned. */
const TRIES = 8;

/** Loans by where they lie: thousands can be out at once. */
class Intervals {
  /** Memory is looked up in stretches of this size. */
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

  /** Those that have any of these bytes. */
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

/** The memory that operations in flight have been given. */
export class Ownership {
  /** What the program did wrong, as sentences. */
  readonly violations: string[] = [];
  private readonly loans = new Map<KernelRequest, Loan[]>();
  /** Apart: any number of operations may read the same memory. */
  private readonly read = new Intervals();
  private readonly written = new Intervals();
  /** Those that the kernel writes, in any order, and where each is. */
  private readonly writable: Loan[] = [];
  private readonly places = new Map<Loan, number>();

  constructor(private readonly memory: AddressSpace) {}

  /** An operation has been given memory, and is not over. */
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
    // Without memory behind it the operation fails, which is no concern of this.
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

  /** An operation is over, or its memory was looked at for the last time: was it left alone? */
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

  /** Whether the kernel has any of these bytes. */
  holds(address: number, length: number): boolean {
    const end = address + length;
    return [this.written, this.read].some((intervals) => intervals.overlapping(address, end).size > 0);
  }

  /** Writes what is not to be read, where the kernel may write. @param pick which of so many. */
  poison(pick: (count: number) => number): void {
    const { writable } = this;
    for (let tries = 0; tries < TRIES && writable.length > 0; tries++) {
      const { request, start, end } = writable[pick(writable.length)] as Loan;
      // What was answered is written, and the program may look at it any moment.
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

  /** How many operations have memory. */
  get size(): number {
    return this.loans.size;
  }
}
