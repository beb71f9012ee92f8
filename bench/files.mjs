/**
 * `uring bench files`, with two additions that are not part of the command: fio for the O_DIRECT
 * reads, and memory.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url));

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** @param {{ short: boolean }} options */
export function files({ short }) {
  const cli = pathOf('../dist/cli/main.js');
  const bench = (...args) => {
    const options = { encoding: 'utf8', maxBuffer: 1 << 24 };
    return JSON.parse(
      execFileSync(process.execPath, [cli, 'bench', 'files', '--json', ...(short ? ['--short'] : []), ...args], options),
    );
  };
  const { outcomes, rounds, node } = bench();
  const memory = JSON.parse(
    execFileSync(process.execPath, ['--expose-gc', pathOf('memory.mjs'), String(short ? 500_000 : 10_000_000)], {
      encoding: 'utf8',
    }),
  );
  return { node, rounds, outcomes, direct: directBesideFio(bench, short ? 2 : 5), memory };
}

/** Runs the ring and fio in turn, at the same depth, with the same I/O engine. */
function directBesideFio(bench, pairs) {
  const samples = [];
  for (let pair = 0; pair < pairs; pair++) {
    const fio = fioReads();
    const [{ figures }] = bench('--only', 'direct', '--rounds', '3').outcomes;
    samples.push({ fio, uring: figures[0].perSecond });
  }
  return {
    fio: Math.round(median(samples.map((sample) => sample.fio))),
    uring: Math.round(median(samples.map((sample) => sample.uring))),
    ratio: Number(median(samples.map((sample) => sample.uring / sample.fio)).toFixed(3)),
  };
}

function fioReads() {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'uring-fio-'));
  try {
    const job = ['--name=job', `--directory=${directory}`, '--size=64m', '--rw=randread', '--bs=4k', '--direct=1'];
    const how = ['--ioengine=io_uring', '--iodepth=32', '--runtime=2', '--time_based', '--output-format=json', '--randrepeat=1'];
    return JSON.parse(execFileSync('fio', [...job, ...how], { encoding: 'utf8' })).jobs[0].read.iops;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
