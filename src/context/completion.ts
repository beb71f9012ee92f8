/**
 * A completion of a context's operation.
 *
 * @module
 */

import { operationOf } from '../ops/index.js';
import { UringError } from '../syscalls/index.js';

/** The outcome of an operation. */
export class Completion {
  constructor(
    /** The user data of the operation, as a u64. */
    readonly userData: bigint,
    /** The kernel's result: bytes, events, or 0; negative: `-errno`. */
    readonly result: number,
    /** `CqeFlag`s. */
    readonly flags: number,
    private readonly opcode: number,
  ) {}

  /**
   * Returns the result, unless it is an error.
   *
   * @throws UringError for a negative result; its `syscall` is the operation's name.
   */
  value(): number {
    if (this.result >= 0) return this.result;
    throw new UringError(this.result, operationOf(this.opcode)?.name.toLowerCase() ?? 'io_uring');
  }
}
