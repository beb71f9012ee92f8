/**
 * Formats SQEs and CQEs as one readable line, for debugging and for the messages of failed tests.
 *
 * @module
 */

import { AT_FDCWD } from '../linux.js';
import { CQE_BUFFER_SHIFT, CqeFlag, SQE_SIZE, SqeFlag } from '../ring/index.js';
import { errnoName } from '../syscalls/index.js';
import { invalidArgType } from '../validate.js';
import { operationOf } from './catalogue.js';

/** The fields that {@link describeCqe} reads: a `Cqe`, or a copy of one. */
export interface CqeLike {
  readonly userData64: bigint;
  readonly res: number;
  readonly flags: number;
  readonly isBig?: boolean;
  readonly extra1?: bigint;
  readonly extra2?: bigint;
}

/**
 * Describes an SQE: `READ fd=5 addr=0x7f2c10000000 len=4096 off=0 IO_LINK user_data=7`. Fields that
 * are zero are omitted, except `fd`.
 *
 * @param sqe an `Sqe`, or its 64 or 128 bytes.
 */
export function describeSqe(sqe: { bytes(): Uint8Array } | Uint8Array): string {
  const bytes = typeof (sqe as { bytes?: unknown } | null)?.bytes === 'function' ? (sqe as { bytes(): Uint8Array }).bytes() : sqe;
  if (!(bytes instanceof Uint8Array) || bytes.length < SQE_SIZE) throw invalidArgType('sqe', 'an SQE or its bytes', sqe);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number) => data.getUint32(offset, true);
  const u64 = (offset: number) => data.getBigUint64(offset, true);
  const operation = operationOf(data.getUint8(0));
  const parts: string[] = [operation?.name ?? `opcode ${data.getUint8(0)}`];
  const add = (name: string, value: number | bigint, text: string = String(value)) => {
    if (value !== 0 && value !== 0n) parts.push(`${name}=${text}`);
  };
  if (operation?.fd !== 'none') parts.push(`fd=${data.getInt32(4, true) === AT_FDCWD ? 'AT_FDCWD' : data.getInt32(4, true)}`);
  add('addr', u64(16), `0x${u64(16).toString(16)}`);
  add('len', u32(24));
  add('off', u64(8), String(BigInt.asIntN(64, u64(8))));
  add('op_flags', u32(28), `0x${u32(28).toString(16)}`);
  add('ioprio', data.getUint16(2, true));
  add('buf', data.getUint16(40, true));
  add('personality', data.getUint16(42, true));
  add('file_index', u32(44), u32(44) === 0xffff_ffff ? 'auto' : String(u32(44)));
  add('addr3', u64(48), `0x${u64(48).toString(16)}`);
  parts.push(...flagNames(SqeFlag, data.getUint8(1)));
  parts.push(`user_data=${u64(32)}`);
  return parts.join(' ');
}

/** Describes a CQE: `user_data=7 res=-2 (ENOENT) MORE`. */
export function describeCqe(cqe: CqeLike): string {
  if (typeof cqe?.userData64 !== 'bigint') throw invalidArgType('cqe', 'a CQE', cqe);
  const parts: string[] = [`user_data=${cqe.userData64}`, `res=${cqe.res}`];
  if (cqe.res < 0) parts.push(`(${errnoName(cqe.res)})`);
  if (cqe.flags & CqeFlag.BUFFER) parts.push(`buffer=${cqe.flags >>> CQE_BUFFER_SHIFT}`);
  parts.push(...flagNames(CqeFlag, cqe.flags & 0xffff & ~CqeFlag.BUFFER));
  if (cqe.isBig) parts.push(`extra1=${cqe.extra1}`, `extra2=${cqe.extra2}`);
  return parts.join(' ');
}

function flagNames(names: Readonly<Record<string, number>>, flags: number): string[] {
  return Object.entries(names)
    .filter(([, bit]) => flags & bit)
    .map(([name]) => name);
}
