/**
 * `npm run soak -- --minutes 30`: runs all kinds of work at once, for a long time. Prints a line
 * every ten seconds and draws a chart at the end. Fails when memory or descriptors grow, when a
 * result is wrong, or when an operation does not settle.
 */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { Uring } from 'uring';
import { drawChart } from './chart.mjs';
import { kinds, SHARES } from './work.mjs';

const SAMPLE_MS = 10_000;

/** The longest time that a piece of work may take: all of them together keep the machine busy. */
const LONGEST_MS = 60_000;

/** The permitted growth of memory in the second half of the run. */
const GROWTH_MIB = 48;

/**
 * The permitted number of descriptors that are open after all work has ended, in addition to those
 * open before it began: those that Node opens once.
 */
const MORE_DESCRIPTORS = 6;

const { minutes, chart } = new Command('soak')
  .option('--minutes <n>', 'how long', Number, 1)
  .option('--chart <file>', 'where the chart goes', path.join(os.tmpdir(), 'uring-soak.svg'))
  .parse()
  .opts();

const descriptors = () => readdirSync('/proc/self/fd').length;
const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-soak-'));
const uring = Uring.default();
const pipe = await uring.pipe();
const counts = new Map();
const errors = [];
let running = 0;
let stopping = false;

async function repeat(name, work) {
  while (!stopping) {
    running++;
    const late = setTimeout(() => errors.push(`${name} did not settle within ${LONGEST_MS / 1000} s`), LONGEST_MS);
    try {
      await work();
      counts.set(name, (counts.get(name) ?? 0) + 1);
    } catch (error) {
      errors.push(`${name}: ${error.stack}`);
      await sleep(100);
    } finally {
      clearTimeout(late);
      running--;
    }
    // Gives the others a turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const descriptorsBefore = descriptors();
const start = performance.now();
const samples = [];
let before = 0;

function sample() {
  const { rss, heapUsed } = process.memoryUsage();
  const seconds = (performance.now() - start) / 1000;
  const done = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const perSecond = Math.round((done - before) / (SAMPLE_MS / 1000));
  before = done;
  const mib = (bytes) => Math.round(bytes / 2 ** 20);
  samples.push({ seconds, rss: mib(rss), heap: mib(heapUsed), fds: descriptors(), perSecond });
  const { submitted, inFlight } = uring.counters;
  console.log(
    `${seconds.toFixed(0).padStart(5)} s  RSS ${mib(rss)} MiB, heap ${mib(heapUsed)} MiB, ${descriptors()} descriptors, ` +
      `${done} pieces of work (${perSecond}/s), ${submitted} operations, ${inFlight} in flight, ${errors.length} errors`,
  );
}

const loops = Object.entries(kinds(directory, pipe)).flatMap(([name, work]) =>
  Array.from({ length: SHARES[name] ?? 2 }, () => repeat(name, work)),
);
const sampling = setInterval(sample, SAMPLE_MS);
await sleep(minutes * 60_000);
clearInterval(sampling);
stopping = true;
await Promise.race([Promise.all(loops), sleep(LONGEST_MS)]);
if (running > 0) errors.push(`${running} pieces of work did not settle`);
sample();

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const growth = (field) => {
  const half = samples.slice(0, -1).slice(samples.length >> 1);
  const cut = half.length >> 1;
  return median(half.slice(cut).map((each) => each[field])) - median(half.slice(0, cut).map((each) => each[field]));
};
for (const field of ['rss', 'heap']) {
  if (growth(field) > GROWTH_MIB) errors.push(`${field} has grown by ${growth(field)} MiB in the second half`);
}
// Node is still cleaning up children and workers that have recently ended.
let more = Number.POSITIVE_INFINITY;
for (let i = 0; i < 50 && more > MORE_DESCRIPTORS; i++) {
  await sleep(100);
  more = descriptors() - descriptorsBefore;
}
if (more > MORE_DESCRIPTORS) errors.push(`${more} descriptors more than at the beginning`);
await uring.closeFile(pipe.reader);
await uring.closeFile(pipe.writer);
if (uring.counters.inFlight > 0) errors.push(`${uring.counters.inFlight} operations are in flight`);
await uring.close();
if (readdirSync(directory).some((name) => !name.startsWith('worker-'))) errors.push('files are left');
rmSync(directory, { recursive: true });
drawChart(chart, `uring, ${minutes} min, Node ${process.versions.node}, Linux ${os.release().match(/^\d+\.\d+/)[0]}`, samples);
console.log(`${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}\nchart: ${chart}`);
for (const error of new Set(errors)) console.log(error);
process.exitCode = errors.length > 0 ? 1 : 0;
