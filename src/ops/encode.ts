/**
 * What the encoders share. An encoder checks all its arguments, then writes all fields of the SQE: nothing is left from the
 * entry's last use, and bad input leaves the entry as it was (the ring does not see it before the next submission).
 *
 * Addresses are numbers: `ring.pin(view)` or `block.address`. What they point to must stay alive until the last CQE of
 * the operation.
 *
 * @module
 */

import { FILE_INDEX_ALLOC, Opcode, type Sqe, SqeFlag, SqeWord } from '../ring/index.js';
import { checkInteger, checkUint32 } from '../validate.js';

export {
  checkAddress,
  checkDirectoryFd,
  checkFd,
  checkInteger,
  checkOffset,
  checkRwLength,
  checkUint32,
  checkUint64,
  invalidArgValue,
} from '../validate.js';

/** Offset of reads and writes: the file's current position, which moves on. Since 5.6 (`Feature.RW_CUR_POS`). */
export const CURRENT_POSITION = -1;

/** Prepares an operation whose offset field may take all 64 bits. */
export function prepareWithOffset(
  sqe: Sqe,
  opcode: number,
  fd: number,
  address: number,
  length: number,
  offset: number | bigint,
  opFlags: number,
): void {
  if (typeof offset === 'number') {
    sqe.prepare(opcode, fd, address, length, offset, opFlags);
  } else {
    sqe.prepare(opcode, fd, address, length, 0, opFlags);
    sqe.set64(SqeWord.OFF, offset);
  }
}

/**
 * A slot of the registered files, to be opened into: `'auto'` lets the kernel choose (the CQE's `res` is the slot). In the SQE it is one higher,
 * as 0 means none.
 */
export type DirectSlot = number | 'auto';

/** Checks a direct slot; `undefined` is none. */
export function checkSlot(slot: DirectSlot | undefined): void {
  if (slot !== undefined && slot !== 'auto') checkInteger('slot', slot, 0, 0xffff_fffd);
}

/** Writes a direct slot. */
export function writeSlot(sqe: Sqe, slot: DirectSlot | undefined): void {
  if (slot === undefined) return;
  sqe.set32(SqeWord.FILE_INDEX, slot === 'auto' ? FILE_INDEX_ALLOC : slot + 1);
}

/** A u16 such as a buffer group. */
export function checkUint16(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, 0, 0xffff);
}

/** An s32 such as a signal mask or a how of shutdown. */
export function checkInt32(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, -0x8000_0000, 0x7fff_ffff);
}

/** Adds to the flags that all operations have. */
export function addSqeFlags(sqe: Sqe, flags: number): void {
  sqe.words[sqe.base + SqeWord.OPCODE_FLAGS_IOPRIO] |= flags << 8;
}

/** Marks the SQE as taking its buffer from a group. */
export function selectBuffer(sqe: Sqe, group: number): void {
  addSqeFlags(sqe, SqeFlag.BUFFER_SELECT);
  sqe.setBufferIndex(group);
}

export { checkUint32 as checkFlags, Opcode, SqeFlag, SqeWord };
