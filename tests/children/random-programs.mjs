/**
 * The random programs of `tests/helpers/fs-programs.ts` on `uring/fs` and on `node:fs/promises`,
 * under a limit: `node random-programs.mjs PROGRAMS LIMIT RUNS ROOT [ROOT]`, with the programs as a
 * module. With two roots, each side has its own. Prints the difference as JSON.
 *
 * LIMIT: `none`; `user`, as an unprivileged user; `threads`, the same without another thread
 * (RLIMIT_NPROC); `descriptors`, 64 of them (RLIMIT_NOFILE, once everything is loaded: Node opens
 * the files of modules in parallel); `cgroup:DIRECTORY`, in a cgroup; `pids:DIRECTORY`, in a cgroup
 * without room for another thread.
 */

import { deepStrictEqual } from 'node:assert';
import fs, { readdirSync, writeFileSync } from 'node:fs';
import nodePromises from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import koffi from 'koffi';
import { createReadStream, createWriteStream } from 'uring/fs';
import * as promises from 'uring/fs/promises';

/** The functions with promises, and the streams. */
const uringFs = { ...promises, createReadStream, createWriteStream };

const NOBODY = 65_534;
const RLIMIT_NPROC = 6;
const RLIMIT_NOFILE = 7;
const [, , programs, limit, runs, ...roots] = process.argv;
const { commands, finishProgram, outcomeOf, startProgram } = await import(pathToFileURL(programs));

const [kind, place] = limit.split(':');
// Node's own threads are started before the limit is set.
await Promise.all(Array.from({ length: 16 }, () => nodePromises.stat('/')));
const setrlimit = koffi.load(null).func('setrlimit', 'int', ['int', 'void *']);
if (place !== undefined) writeFileSync(`${place}/cgroup.procs`, `${process.pid}`);
if (kind === 'pids') writeFileSync(`${place}/pids.max`, `${readdirSync('/proc/self/task').length}`);
if (kind === 'user' || kind === 'threads') {
  process.setgroups([]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}
const limitTo = (resource, value) => {
  if (setrlimit(resource, new BigUint64Array([value, value])) !== 0) throw new Error('setrlimit failed');
};
if (kind === 'threads') limitTo(RLIMIT_NPROC, 1n);
if (kind === 'descriptors') limitTo(RLIMIT_NOFILE, 64n);

const nodes = { ...nodePromises, createReadStream: fs.createReadStream, createWriteStream: fs.createWriteStream };
const [ours, theirs = ours] = roots;

let difference = 'none';
try {
  await fc.assert(
    fc.asyncProperty(fc.array(commands, { minLength: 1, maxLength: 40 }), async (program) => {
      const states = [startProgram(uringFs, ours), startProgram(nodes, theirs)];
      let ends;
      try {
        for (const { text, run } of program) {
          const [one, other] = [await outcomeOf(run, states[0]), await outcomeOf(run, states[1])];
          deepStrictEqual({ text, outcome: one }, { text, outcome: other });
        }
      } finally {
        ends = [await finishProgram(states[0]), await finishProgram(states[1])];
      }
      deepStrictEqual(ends[0], ends[1]);
    }),
    { numRuns: Number(runs), ...(process.env.URING_SEED ? { seed: Number(process.env.URING_SEED) } : {}) },
  );
} catch (error) {
  difference = `${error.message}\n${error.cause?.message}`;
}
console.log(JSON.stringify(difference));
process.exit();
