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

/** Memory is looked up in stretches of this size. */
const STRETCH = 4096;

function* stretchesOf(start: number, end: number): Generator<number> {
  for (let stretch = Math.floor(start / STRETCH); stretch * STRETCH < end; stretch++) yield stretch;
}

/** The memory that operations in flight have been given. */
export class Ownership {
  /** What the program did wrong, as sentences. */
  readonly violations: string[] = [];
  private readonly loans = new Map<KernelRequest, Loan[]>();
  /** The same by where they lie: thousands can be out at once. */
  private readonly byStretch = new Map<number, Set<Loan>>();

  constructor(private readonly memory: AddressSpace) {}

  /** An operation has been given memory, and is not over. */
  lend(request: KernelRequest, address: number, length: number, way: 'kernel reads' | 'kernel writes'): void {
    if (length === 0) return;
    const start = address;
    const end = address + length;
    for (const other of this.overlapping(start, end)) {
      if (other.request === request || (way === 'kernel reads' && other.before !== undefined)) continue;
      this.violations.push(`${request} was given memory at 0x${start.toString(16)} that ${other.request} still has`);
    }
    const before = way === 'kernel reads' ? this.memory.bytes(address, length)?.slice() : undefined;
    // Without memory behind it the operation fails, which is no concern of this.
    if (way === 'kernel reads' && before === undefined) return;
    const loans = this.loans.get(request) ?? [];
    const loan = { request, start, end, before };
    loans.push(loan);
    this.loans.set(request, loans);
    for (const stretch of stretchesOf(start, end)) {
      const here = this.byStretch.get(stretch);
      if (here === undefined) this.byStretch.set(stretch, new Set([loan]));
      else here.add(loan);
    }
  }

  /** The loans that have any of these bytes. */
  private overlapping(start: number, end: number): Set<Loan> {
    const found = new Set<Loan>();
    for (const stretch of stretchesOf(start, end)) {
      for (const loan of this.byStretch.get(stretch) ?? []) if (loan.start < end && start < loan.end) found.add(loan);
    }
    return found;
  }

  /** An operation is over, or its memory was looked at for the last time: was it left alone? */
  giveBack(request: KernelRequest): void {
    const loans = this.loans.get(request);
    if (loans === undefined) return;
    this.loans.delete(request);
    for (const loan of loans) {
      const { start, end, before } = loan;
      for (const stretch of stretchesOf(start, end)) {
        const here = this.byStretch.get(stretch);
        here?.delete(loan);
        if (here?.size === 0) this.byStretch.delete(stretch);
      }
      const now = this.memory.bytes(start, end - start);
      const where = `at 0x${start.toString(16)}, ${end - start} bytes, of ${request}`;
      if (now === undefined) this.violations.push(`memory ${where} was released while the kernel had it`);
      else if (before !== undefined && !Buffer.from(now.buffer, now.byteOffset, now.length).equals(before))
        this.violations.push(`memory ${where} was changed while the kernel read it`);
    }
  }

  /** Whether the kernel has any of these bytes. */
  holds(address: number, length: number): boolean {
    return this.overlapping(address, address + length).size > 0;
  }

  /** Writes what is not to be read, where the kernel may write. @param pick which of so many. */
  poison(pick: (count: number) => number): void {
    const writable: Loan[] = [];
    for (const [request, loans] of this.loans) {
      // What was answered is written, and the program may look at it any moment.
      if (request.answered) continue;
      for (const loan of loans) if (loan.before === undefined) writable.push(loan);
    }
    if (writable.length === 0) return;
    const { start, end } = writable[pick(writable.length)] as Loan;
    this.memory.bytes(start, end - start)?.fill(POISON);
  }

  /** How many operations have memory. */
  get size(): number {
    return this.loans.size;
  }
}
