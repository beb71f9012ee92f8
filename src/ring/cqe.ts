/**
 * An entry of the completion queue, to be read. What its words mean is drawn in `abi/cqe.ts`.
 *
 * As with the SQE, the object moves from entry to entry, so that nothing is allocated per completion.
 *
 * @module
 */

import { CQE_BUFFER_SHIFT, CqeFlag, CqeWord } from './abi/cqe.js';

const TWO_32 = 0x1_0000_0000;

const TOP_BIT = 0x8000_0000 | 0;

/**
 * A completion, read straight from the ring. Valid until it is given back (`ring.advance()`, or the end of the callback of
 * `ring.forEachCqe()`): then the kernel may put another there, and the object itself goes on to the next. Take out what is
 * needed before that.
 */
export class Cqe {
  /**
   * @param words the array of CQEs.
   * @param base index of the CQE's first word.
   * @param always32 the ring was set up with CQE32.
   * @internal
   */
  constructor(
    private readonly words: Int32Array,
    public base: number,
    private readonly always32: boolean,
  ) {}

  /** Whether it reads from this memory. @internal */
  isOf(words: Int32Array): boolean {
    return this.words === words;
  }

  /** What the SQE was given by `setUserData`, exact up to 2^53 - 1. */
  get userData(): number {
    const { words, base } = this;
    const low = words[base];
    // Small values stay small integers to the compiler.
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

  /** All 64 bits of what the SQE was given by `setUserData`. */
  get userData64(): bigint {
    return unsigned64(this.words, this.base);
  }

  /** The operation's result; negative: `-errno`. */
  get res(): number {
    return this.words[this.base + CqeWord.RES];
  }

  /** `CqeFlag`s, and a buffer's id in the upper half. */
  get flags(): number {
    return this.words[this.base + CqeWord.FLAGS] >>> 0;
  }

  /** More CQEs of this operation will come. */
  get more(): boolean {
    return (this.words[this.base + CqeWord.FLAGS] & CqeFlag.MORE) !== 0;
  }

  /** The id of the provided buffer that was used, or -1. */
  get bufferId(): number {
    const flags = this.words[this.base + CqeWord.FLAGS];
    return flags & CqeFlag.BUFFER ? flags >>> CQE_BUFFER_SHIFT : -1;
  }

  /** Whether the completion has 32 bytes, with `extra1` and `extra2`. */
  get isBig(): boolean {
    return this.always32 || (this.words[this.base + CqeWord.FLAGS] & CqeFlag.BIG) !== 0;
  }

  /** First extra value of a 32-byte completion, else 0. */
  get extra1(): bigint {
    return this.isBig ? unsigned64(this.words, this.base + CqeWord.EXTRA1) : 0n;
  }

  /** Second extra value of a 32-byte completion, else 0. */
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
