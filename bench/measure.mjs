/** The code shared by the benchmarks. */

import { spawnSync } from 'node:child_process';

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Returns a command pinned to its own core, where there are two cores and taskset(1). */
export const pinned = (core, command) =>
  spawnSync('taskset', ['-c', `${core}`, 'true']).status === 0 ? ['taskset', '-c', `${core}`, ...command] : command;
