/**
 * io_uring_register(2), as called by every group of registrations.
 *
 * @module
 */

import { UringError } from '../../syscalls/index.js';
import { invalidState } from '../../validate.js';
import { RegisterOp, type RegisterOpName } from '../abi/register.js';
import type { RingState } from '../state.js';

/** Creates the error for any use of a closed ring. */
export function closedError(): Error {
  return invalidState('the ring is closed');
}

/**
 * Calls io_uring_register(2) for a ring.
 *
 * @param arg the address of the argument, or 0.
 * @returns the operation's result.
 * @throws UringError with the operation's name; Error ERR_INVALID_STATE when the ring is closed.
 */
export function register(state: RingState, operation: RegisterOpName, arg: number, count: number): number {
  if (state.closed) throw closedError();
  const opcode = (RegisterOp[operation] | state.registerFlag) >>> 0;
  const result = state.syscalls.register(state.registerFd, opcode, arg, count);
  if (result < 0) throw new UringError(result, 'io_uring_register', operation);
  return result;
}

/**
 * Calls io_uring_register(2) with a struct of `size` bytes. `fill` writes the struct; `read` reads
 * the results from it.
 */
export function registerStruct(
  state: RingState,
  operation: RegisterOpName,
  size: number,
  count: number,
  fill: (data: DataView, offset: number) => void,
  read?: (data: DataView, offset: number, result: number) => void,
): number {
  if (state.closed) throw closedError();
  return state.arena.scratch(size, (offset, address) => {
    fill(state.arena.data, offset);
    const result = register(state, operation, address, count);
    read?.(state.arena.data, offset, result);
    return result;
  });
}

/** Writes an array of s32 (file descriptors). */
export function writeInts(data: DataView, offset: number, values: readonly number[]): void {
  values.forEach((value, index) => {
    data.setInt32(offset + 4 * index, value, true);
  });
}

/** Writes an array of u64 (tags). */
export function writeTags(data: DataView, offset: number, tags: readonly (number | bigint)[]): void {
  tags.forEach((tag, index) => {
    data.setBigUint64(offset + 8 * index, BigInt(tag), true);
  });
}

/** Writes a u64 that is an address or a size. */
export function writeAddress(data: DataView, offset: number, value: number): void {
  data.setBigUint64(offset, BigInt(value), true);
}
