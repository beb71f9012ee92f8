/**
 * One slot of the completion queue, as an object bound to it for ever. What its words mean is drawn in `abi/cqe.ts`.
 *
 * @module
 */

import { CQE_BUFFER_SHIFT, CqeFlag, CqeWord } from './abi/cqe.js';

const TWO_32 = 0x1_0000_0000;

/**
 * A completion, read straight from the ring. Valid until it is given back (`ring.advance()`, or the end of the callback of
 * `ring.forEachCqe()`): then the kernel may put another there. Take out what is needed before that.
 */
export class Cqe {
  /**
   * @param words the array of CQEs.
   * @param base index of this CQE's first word.
   * @param always32 the ring was set up with CQE32.
   * @internal
   */
  constructor(
    private readonly words: Int32Array,
    private readonly base: number,
    private readonly always32: boolean,
  ) {}

  /** What the SQE was given by `setUserData`, exact up to 2^53 - 1. */
  get userData(): number {
    const high = this.words[this.base + 1];
    const low = this.words[this.base] >>> 0;
    return high === 0 ? low : (high >>> 0) * TWO_32 + low;
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

function unsigned64(words: Int32Array, index: number): bigint {
  return (BigInt(words[index + 1] >>> 0) << 32n) | BigInt(words[index] >>> 0);
}
