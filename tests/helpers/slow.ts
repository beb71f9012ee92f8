/** Scaling for a slow (emulated) machine: fewer repetitions, and longer time limits. */

/** Whether the machine is slow. */
export const slow = process.env.URING_TEST_SLOW === '1';

/** Scales a number of repetitions. */
export const rounds = (count: number): number => (slow ? Math.ceil(count / 10) : count);

/** Scales a time limit in milliseconds. */
export const within = (milliseconds: number): number => (slow ? 10 * milliseconds : milliseconds);
