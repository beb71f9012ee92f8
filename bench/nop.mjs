/**
 * NOPs through the ring, compared with C and liburing: the same setup flags, the same work (user
 * data for each submission, a check of each completion), in slices that alternate between the two,
 * so that noise on the machine affects both.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SetupFlag } from 'uring/ring';

const BATCHES = [1, 8, 32, 128];
const FLAGS = ['SINGLE_ISSUER', 'DEFER_TASKRUN'];

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url));

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};

const best = (samples, side) => Math.max(...samples.map((sample) => sample[side]));

/** @param {{ short: boolean }} options */
export async function nop({ short }) {
  // Short slices and many pairs: another load on the machine then disturbs both sides of a pair, or
  // neither.
  const pairs = short ? 7 : 101;
  const milliseconds = 25;
  const mask = FLAGS.reduce((flags, name) => flags | SetupFlag[name], 0);
  const baseline = startSide(compileBaseline(), [String(mask)]);
  const figures = {};
  const growths = [];
  for (const batch of BATCHES) {
    const ring = startSide(process.execPath, [pathOf('nop-ring.mjs'), JSON.stringify(FLAGS)]);
    // Both warm up: one for its compiler, the other for its caches.
    for (let i = 0; i < 3; i++) await ring.run(batch, 100);
    await baseline.run(batch, 100);
    const samples = [];
    for (let pair = 0; pair < pairs; pair++) {
      // Each goes first in every other pair.
      const early = pair % 2 ? undefined : await baseline.run(batch, milliseconds);
      const [uring, growth] = await ring.run(batch, milliseconds);
      const [liburing] = early ?? (await baseline.run(batch, milliseconds));
      samples.push({ uring, liburing });
      growths.push(growth);
    }
    ring.stop();
    figures[batch] = {
      uring: Math.round(median(samples.map((sample) => sample.uring))),
      liburing: Math.round(median(samples.map((sample) => sample.liburing))),
      ratio: Number(median(samples.map((sample) => sample.uring / sample.liburing)).toFixed(3)),
      // Each side's fastest slice, which other loads on the machine have disturbed least.
      ratioOfBest: Number((best(samples, 'uring') / best(samples, 'liburing')).toFixed(3)),
    };
  }
  baseline.stop();
  return { nop: figures, heapBytesPerOperation: Number(median(growths).toFixed(4)), pairs, flags: FLAGS };
}

function compileBaseline() {
  const directory = pathOf('../build/');
  mkdirSync(directory, { recursive: true });
  try {
    execFileSync('gcc', ['-O2', '-o', `${directory}nop`, pathOf('nop.c'), '-luring'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  } catch (error) {
    throw new Error('The baseline needs gcc and liburing-dev (apt-get install gcc liburing-dev).', { cause: error });
  }
  return `${directory}nop`;
}

/** Starts a process that runs a slice on request, and responds with numbers. */
function startSide(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(batch, milliseconds) {
      child.stdin.write(`${batch} ${milliseconds}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} has ended`);
      return value.split(' ').map(Number);
    },
    stop: () => child.stdin.end(),
  };
}
