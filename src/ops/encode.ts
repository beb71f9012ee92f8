/**
 * Helpers shared by the encoders. An encoder checks all its arguments, then writes all fields of
 * the SQE. So nothing remains from the entry's last use, and invalid arguments leave the entry
 * unchanged (the ring does not see it before the next submission).
 *
 * Addresses are numbers: `ring.pin(view)` or `block.address`. The memory that they point to must
 * stay alive until the last CQE of the operation.
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

/**
 * The offset for reads and writes at the file's current position, which advances. Since 5.6
 * (`Feature.RW_CUR_POS`).
 */
export const CURRENT_POSITION = -1;

/** Prepares an operation whose offset field may use all 64 bits. */
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
 * A slot of the registered files to open into: `'auto'` lets the kernel choose (the CQE's `res` is
 * the slot). The SQE holds the slot plus 1, because 0 means none.
 */
export type DirectSlot = number | 'auto';

/** The largest slot that an SQE can name. */
export const LAST_SLOT = 0xffff_fffd;

/** Checks a direct slot; `undefined` means none. */
export function checkSlot(slot: DirectSlot | undefined): void {
  if (slot !== undefined && slot !== 'auto') checkInteger('slot', slot, 0, LAST_SLOT);
}

/** Writes a direct slot. */
export function writeSlot(sqe: Sqe, slot: DirectSlot | undefined): void {
  if (slot === undefined) return;
  sqe.set32(SqeWord.FILE_INDEX, slot === 'auto' ? FILE_INDEX_ALLOC : slot + 1);
}

/** Checks a u16, such as a buffer group. */
export function checkUint16(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, 0, 0xffff);
}

/** Checks an s32, such as a signal mask or the `how` of shutdown. */
export function checkInt32(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, -0x8000_0000, 0x7fff_ffff);
}

/** Adds to the flags that all operations share. */
export function addSqeFlags(sqe: Sqe, flags: number): void {
  sqe.words[sqe.base + SqeWord.OPCODE_FLAGS_IOPRIO] |= flags << 8;
}

/** Makes the SQE take its buffer from a group. */
export function selectBuffer(sqe: Sqe, group: number): void {
  addSqeFlags(sqe, SqeFlag.BUFFER_SELECT);
  sqe.setBufferIndex(group);
}

export { checkUint32 as checkFlags, Opcode, SqeFlag, SqeWord };
