/**
 * When the ring sends and receives datagrams instead of libuv.
 *
 * @module
 */

/** After how many datagrams it is decided anew. Not a multiple of 32: so many libuv receives at once, and programs like to send as many. */
const LOOKS = 61;

/** Tests set it: with no looks at all the ring does everything from the start. @internal */
export const policy = {
  /**
   * How many more have to come in one turn for the ring to be worth it (`many`); with how few, on average, it is no more (`few`), and which part of them may
   * have nothing in common with others (`apart`).
   */
  sending: { looks: LOOKS, many: 2, few: 3, apart: 0.5 },
  receiving: { looks: LOOKS, many: 4, few: 2 },
};
