/** On a slow machine (an emulated one), what is done many times is done fewer times, and clocks are given more room. */

/** Whether it is one. */
export const slow = process.env.URING_TEST_SLOW === '1';

/** How often to do something. */
export const rounds = (count: number): number => (slow ? Math.ceil(count / 10) : count);

/** How long something may take, in milliseconds. */
export const within = (milliseconds: number): number => (slow ? 10 * milliseconds : milliseconds);
