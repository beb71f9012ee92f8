/**
 * A completion queue entry to be read. `abi/cqe.ts` shows the layout.
 *
 * As with the SQE, the object moves from entry to entry, so that nothing is allocated per
 * completion.
 *
 * @module
 */

import { CQE_BUFFER_SHIFT, CqeFlag, CqeWord } from './abi/cqe.js';

const TWO_32 = 0x1_0000_0000;

const TOP_BIT = 0x8000_0000 | 0;

/**
 * A completion, read directly from the ring. It is valid until it is returned to the kernel
 * (`ring.advance()`, or the end of the callback of `ring.forEachCqe()`). After that, the kernel may
 * overwrite the entry, and the object moves on to the next one. Copy the needed values before that.
 */
export class Cqe {
  /**
   * @param words the array of CQEs.
   * @param base the index of the CQE's first word.
   * @param always32 whether the ring was set up with CQE32.
   * @internal
   */
  constructor(
    private readonly words: Int32Array,
    public base: number,
    private readonly always32: boolean,
  ) {}

  /** Returns whether this object reads from the given memory. @internal */
  isOf(words: Int32Array): boolean {
    return this.words === words;
  }

  /** The user data of the SQE, set by `setUserData`. Exact up to 2^53 - 1. */
  get userData(): number {
    const { words, base } = this;
    const low = words[base];
    // Small values stay small integers for the compiler.
    return (words[base + 1] | (low & TOP_BIT)) === 0 ? low : wide(words[base + 1], low);
  }

  /** The lower half of the user data. @internal */
  get tokenLow(): number {
    return this.words[this.base];
  }

  /** The upper half of the user data. @internal */
  get tokenHigh(): number {
    return this.words[this.base + 1];
  }

  /** All 64 bits of the user data of the SQE, set by `setUserData`. */
  get userData64(): bigint {
    return unsigned64(this.words, this.base);
  }

  /** The operation's result. Negative values are `-errno`. */
  get res(): number {
    return this.words[this.base + CqeWord.RES];
  }

  /** `CqeFlag` bits, and a buffer id in the upper half. */
  get flags(): number {
    return this.words[this.base + CqeWord.FLAGS] >>> 0;
  }

  /** Whether the operation will post more CQEs. */
  get more(): boolean {
    return (this.words[this.base + CqeWord.FLAGS] & CqeFlag.MORE) !== 0;
  }

  /** The id of the provided buffer that was used, or -1. */
  get bufferId(): number {
    const flags = this.words[this.base + CqeWord.FLAGS];
    return flags & CqeFlag.BUFFER ? flags >>> CQE_BUFFER_SHIFT : -1;
  }

  /** Whether the completion is 32 bytes long, with `extra1` and `extra2`. */
  get isBig(): boolean {
    return this.always32 || (this.words[this.base + CqeWord.FLAGS] & CqeFlag.BIG) !== 0;
  }

  /** The first extra value of a 32-byte completion, or 0. */
  get extra1(): bigint {
    return this.isBig ? unsigned64(this.words, this.base + CqeWord.EXTRA1) : 0n;
  }

  /** The second extra value of a 32-byte completion, or 0. */
  get extra2(): bigint {
    return this.isBig ? unsigned64(this.words, this.base + CqeWord.EXTRA2) : 0n;
  }
}

function wide(high: number, low: number): number {
  return (high >>> 0) * TWO_32 + (low >>> 0);
}

function unsigned64(words: Int32Array, index: number): bigint {
  return (BigInt(words[index + 1] >>> 0) << 32n) | BigInt(words[index] >>> 0);
}
