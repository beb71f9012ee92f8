/**
 * A submission queue entry to be filled. `abi/sqe.ts` shows the layout.
 *
 * There is one object for the whole queue, which moves from entry to entry: nothing is allocated
 * per operation, and the compiler knows its arrays as constants. This makes filling an SQE nearly
 * twice as fast as one object per entry would (measured).
 *
 * @module
 */

import { checkInteger, checkUint64 } from '../validate.js';
import { SqeFlag, SqeWord } from './abi/sqe.js';

const TWO_32 = 0x1_0000_0000;

const U16_MAX = 0xffff;

const ALL_SQE_FLAGS = Object.values(SqeFlag).reduce((all, flag) => all | flag, 0);

/**
 * Returns the upper 32 bits of a safe integer; all ones for -1. Avoids a division in the common
 * case.
 */
function highWord(value: number): number {
  if (value >>> 0 === value) return 0;
  return value < 0 ? -1 : (value / TWO_32) | 0;
}

/**
 * A submission queue entry to be filled.
 *
 * An encoder of `src/ops` (`prepRead(sqe, ...)`) must be called first: it writes every field. Then
 * set the fields common to all operations: {@link Sqe.setUserData}, {@link Sqe.setFlags},
 * {@link Sqe.setPersonality}. The object is valid until the next `ring.getSqe()`, which returns the
 * same object for the next entry: fill one SQE before getting another.
 */
export class Sqe {
  /**
   * @param words the array of SQEs.
   * @param doubles the same memory in units of eight bytes.
   * @param base the index of the SQE's first word.
   * @param size the number of words of an SQE: 16, or 32 with SETUP_SQE128.
   * @internal
   */
  constructor(
    readonly words: Int32Array,
    private readonly doubles: Float64Array,
    public base: number,
    readonly size: number,
  ) {}

  /**
   * Writes every field: the given ones, and zero to all others (flags, user data, buffer index,
   * personality, file index, addr3, padding). The entry may hold anything from its last use, and a
   * stale field is a bug that shows up much later.
   *
   * The first step of every encoder; corresponds to `io_uring_prep_rw` of liburing. The values are
   * not checked here.
   *
   * @param address a non-negative safe integer.
   * @param length a u32.
   * @param offset a non-negative safe integer, or -1 for all ones.
   * @param opFlags the flag word of the operation.
   */
  prepare(opcode: number, fd: number, address: number, length: number, offset: number, opFlags: number): void {
    const { words, doubles, base } = this;
    // Clears eight bytes at a time: the zero of a double is eight zero bytes. Then writes only
    // non-zero values, which are known at compile time in an inlined encoder. (Sixteen word stores
    // take twice as long, and this is most of the cost of a NOP here.)
    const first = base >> 1;
    doubles[first] = 0;
    doubles[first + 1] = 0;
    doubles[first + 2] = 0;
    doubles[first + 3] = 0;
    doubles[first + 4] = 0;
    doubles[first + 5] = 0;
    doubles[first + 6] = 0;
    doubles[first + 7] = 0;
    words[base] = opcode;
    words[base + SqeWord.FD] = fd;
    if (offset !== 0) {
      words[base + SqeWord.OFF] = offset;
      words[base + SqeWord.OFF + 1] = highWord(offset);
    }
    if (address !== 0) {
      words[base + SqeWord.ADDR] = address;
      words[base + SqeWord.ADDR + 1] = highWord(address);
    }
    if (length !== 0) words[base + SqeWord.LEN] = length;
    if (opFlags !== 0) words[base + SqeWord.OP_FLAGS] = opFlags;
    if (this.size > 16) words.fill(0, base + 16, base + 32);
  }

  /** Writes a 64-bit field, which may exceed 2^53. `word` is one of `SqeWord`. @internal */
  set64(word: number, value: number | bigint): void {
    const index = this.base + word;
    if (typeof value === 'number') {
      this.words[index] = value;
      this.words[index + 1] = highWord(value);
    } else {
      this.words[index] = Number(BigInt.asIntN(32, value));
      this.words[index + 1] = Number(BigInt.asIntN(32, value >> 32n));
    }
  }

  /** Writes a 32-bit field. `word` is one of `SqeWord`. @internal */
  set32(word: number, value: number): void {
    this.words[this.base + word] = value;
  }

  /**
   * Sets the value that the operation's CQE will carry. `io_uring_sqe_set_data64`.
   *
   * @param value a safe integer, or a bigint for all 64 bits. (Numbers are faster.)
   */
  setUserData(value: number | bigint): void {
    if (typeof value === 'number' && value >>> 0 === value) {
      this.words[this.base + SqeWord.USER_DATA] = value;
      this.words[this.base + SqeWord.USER_DATA + 1] = 0;
      return;
    }
    checkUint64('userData', value);
    this.set64(SqeWord.USER_DATA, value);
  }

  /**
   * Sets the flags common to all operations, ORed together from `SqeFlag`.
   * `io_uring_sqe_set_flags`.
   */
  setFlags(flags: number): void {
    if ((flags & ALL_SQE_FLAGS) !== flags) checkInteger('flags', flags, 0, ALL_SQE_FLAGS);
    const index = this.base + SqeWord.OPCODE_FLAGS_IOPRIO;
    this.words[index] = (this.words[index] & ~0xff00) | (flags << 8);
  }

  /**
   * Sets the I/O priority (ioprio_set(2)). The socket operations keep their `RecvSendFlag` bits in
   * the same field.
   *
   * @param value a u16.
   */
  setIoprio(value: number): void {
    checkInteger('value', value, 0, U16_MAX);
    const index = this.base + SqeWord.OPCODE_FLAGS_IOPRIO;
    this.words[index] = (this.words[index] & 0xffff) | (value << 16);
  }

  /**
   * Sets the index of the registered buffer, or the group from which a buffer is selected (with
   * `SqeFlag.BUFFER_SELECT`).
   *
   * @param index a u16.
   */
  setBufferIndex(index: number): void {
    checkInteger('index', index, 0, U16_MAX);
    const word = this.base + SqeWord.BUFFER_PERSONALITY;
    this.words[word] = (this.words[word] & ~0xffff) | index;
  }

  /**
   * Sets the credentials to run with, from `ring.settings.registerPersonality()`.
   *
   * @param id a u16; 0 for the credentials of the submitting task.
   */
  setPersonality(id: number): void {
    checkInteger('id', id, 0, U16_MAX);
    const word = this.base + SqeWord.BUFFER_PERSONALITY;
    this.words[word] = (this.words[word] & 0xffff) | (id << 16);
  }

  /** Sets the user data like {@link setUserData}, as two words. @internal */
  setToken(low: number, high: number): void {
    this.words[this.base + SqeWord.USER_DATA] = low;
    this.words[this.base + SqeWord.USER_DATA + 1] = high;
  }

  /** The lower half of the user data. @internal */
  get tokenLow(): number {
    return this.words[this.base + SqeWord.USER_DATA];
  }

  /** Returns whether the SQE carries this user data. @internal */
  isFor(low: number, high: number): boolean {
    return this.words[this.base + SqeWord.USER_DATA] === low && this.words[this.base + SqeWord.USER_DATA + 1] === high;
  }

  /** The current value of the flags common to all operations. @internal */
  get flags(): number {
    return (this.words[this.base] >> 8) & 0xff;
  }

  /** The file descriptor, or the value that the operation stores in its place. @internal */
  get fd(): number {
    return this.words[this.base + SqeWord.FD];
  }

  /** Copies the content of another SQE. @internal */
  copyFrom(other: Sqe): void {
    for (let word = 0; word < this.size; word++) this.words[this.base + word] = other.words[other.base + word];
  }

  /** The opcode. */
  get opcode(): number {
    return this.words[this.base] & 0xff;
  }

  /** Returns a copy of the entry's 64 or 128 bytes, for tests and for the decoder. */
  bytes(): Uint8Array {
    return new Uint8Array(this.words.slice(this.base, this.base + this.size).buffer);
  }
}
