/**
 * Counts of the calls of each replaced function, by what did the work: an answer to "does my
 * program really use the ring?".
 *
 * @module
 */

/** How often a function's work was done in each way. */
export interface CallCounts {
  /** Calls that the ring ran. */
  readonly ring: number;
  /** Calls that were answered at once from what the kernel holds in memory, without the ring. */
  readonly cached: number;
  /** Calls that were passed to Node's own function. */
  readonly node: number;
}

/** The counts of one function. Counting is one addition. */
export class Calls implements CallCounts {
  ring = 0;
  cached = 0;
  node = 0;
}

const byName = new Map<string, Calls>();

/** Returns the counts of a function of this thread, which start at 0. */
export function callsOf(name: string): Calls {
  let calls = byName.get(name);
  if (calls === undefined) {
    calls = new Calls();
    byName.set(name, calls);
  }
  return calls;
}

/** Returns a copy of the counts of every function that was called in this thread, by name. */
export function callCounts(): Record<string, CallCounts> {
  const called = [...byName].filter(([, { ring, cached, node }]) => ring + cached + node > 0);
  return Object.fromEntries(called.sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, calls]) => [name, { ...calls }]));
}
