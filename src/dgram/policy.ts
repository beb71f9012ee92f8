/**
 * The policy that decides when the ring sends and receives datagrams instead of libuv.
 *
 * @module
 */

/**
 * The number of datagrams between two decisions. Not a multiple of 32: libuv receives 32 at a time,
 * and programs often send as many.
 */
const LOOKS = 61;

/**
 * The thresholds. Tests change them: with 0 `looks`, the ring does everything from the start.
 *
 * @internal
 */
export const policy = {
  /**
   * `many`: how many more datagrams in one turn make the ring worthwhile. `few`: the average per
   * turn below which it no longer is. `apart`: the proportion of datagrams that may have nothing in
   * common with others.
   */
  sending: { looks: LOOKS, many: 2, few: 3, apart: 0.5 },
  receiving: { looks: LOOKS, many: 4, few: 2 },
};
