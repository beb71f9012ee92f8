/**
 * Provided buffers in the legacy way, through operations. New programs use buffer rings
 * (`ring.bufferRings`), which need no operation to return a buffer.
 *
 * @module
 */

import type { Sqe } from '../ring/index.js';
import { checkAddress, checkInteger, checkRwLength, checkUint16, Opcode } from './encode.js';

/**
 * Adds contiguous buffers to a group. `io_uring_prep_provide_buffers`. Since 5.7.
 *
 * @param address of the first.
 * @param length bytes of each.
 * @param count how many, 1 to 65,536.
 * @param group the group's id.
 * @param firstId the first buffer's id.
 */
export function prepProvideBuffers(
  sqe: Sqe,
  address: number,
  length: number,
  count: number,
  group: number,
  firstId: number,
): void {
  checkAddress('address', address);
  checkRwLength('length', length);
  checkInteger('count', count, 1, 65536);
  checkUint16('group', group);
  checkUint16('firstId', firstId);
  sqe.prepare(Opcode.PROVIDE_BUFFERS, count, address, length, firstId, 0);
  sqe.setBufferIndex(group);
}

/**
 * Removes buffers from a group. `io_uring_prep_remove_buffers`. Since 5.7. @returns by CQE: how
 * many were removed.
 */
export function prepRemoveBuffers(sqe: Sqe, count: number, group: number): void {
  checkInteger('count', count, 1, 65536);
  checkUint16('group', group);
  sqe.prepare(Opcode.REMOVE_BUFFERS, count, 0, 0, 0, 0);
  sqe.setBufferIndex(group);
}
