/** What the benchmarks share. */

import { spawnSync } from 'node:child_process';

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** A command with a core of its own, where there are two and taskset(1). */
export const pinned = (core, command) =>
  spawnSync('taskset', ['-c', `${core}`, 'true']).status === 0 ? ['taskset', '-c', `${core}`, ...command] : command;
