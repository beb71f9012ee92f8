/**
 * Echo servers under the load of a C program: ours in both forms, `node:net`, and a C program on liburing. The load has a core of its own, the server another;
 * rounds alternate, and medians count.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

const SIDES = {
  'uring/sockets': [process.execPath, 'bench/net-server.mjs', 'sockets'],
  'uring/net': [process.execPath, 'bench/net-server.mjs', 'uring/net'],
  'node:net': [process.execPath, 'bench/net-server.mjs', 'node:net'],
  liburing: ['build/echo'],
};

/** What is promised: a side, against which, and at least how many times as much. */
const ECHO = [
  ['uring/sockets', 'node:net', 1.8],
  ['uring/sockets', 'liburing', 0.75],
  ['uring/net', 'node:net', 1.1],
];

const WORKS = [
  { id: 'echo32', title: 'echo of 64 bytes, 32 connections', load: ['echo', 32], targets: ECHO },
  { id: 'echo256', title: 'echo of 64 bytes, 256 connections', load: ['echo', 256], targets: ECHO },
  {
    id: 'connect',
    title: 'connect, one message, close; 32 at once',
    load: ['connect', 32],
    targets: [['uring/sockets', 'node:net', 1.3]],
  },
];

const MESSAGE = 64;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Each on its own core, where there are two and taskset(1). */
const pinned = (core, command) =>
  spawnSync('taskset', ['-c', `${core}`, 'true']).status === 0 ? ['taskset', '-c', `${core}`, ...command] : command;

function build() {
  mkdirSync('build', { recursive: true });
  execFileSync('gcc', ['-O2', '-o', 'build/net-load', 'bench/net-load.c']);
  execFileSync('gcc', ['-O2', '-o', 'build/echo', 'bench/echo.c', '-luring']);
}

/** One round of one side. @returns what the load says: round trips per second, and percentiles of their times in microseconds. */
async function round(command, [mode, connections], seconds) {
  const [program, ...args] = pinned(0, command);
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [port] = await once(createInterface(server.stdout), 'line');
    const [load, ...rest] = pinned(1, ['build/net-load', mode, port, connections, MESSAGE, seconds].map(String));
    const [perSecond, p50, p99] = execFileSync(load, rest, { encoding: 'utf8' }).split(' ').map(Number);
    return { perSecond, p50, p99 };
  } finally {
    server.kill();
    await once(server, 'exit');
  }
}

/** Measures. */
export async function net({ short }) {
  build();
  const [rounds, seconds] = short ? [2, 0.5] : [7, 2];
  const outcomes = [];
  for (const { id, title, load, targets } of WORKS) {
    const samples = Object.fromEntries(Object.keys(SIDES).map((name) => [name, []]));
    for (let index = 0; index < rounds; index++) {
      for (const [name, command] of Object.entries(SIDES)) samples[name].push(await round(command, load, seconds));
    }
    const figures = Object.entries(samples).map(([name, all]) => ({
      name,
      perSecond: median(all.map(({ perSecond }) => perSecond)),
      p50: median(all.map(({ p50 }) => p50)),
      p99: median(all.map(({ p99 }) => p99)),
    }));
    const ratios = targets.map(([side, against, least]) => {
      const ratio = median(samples[side].map(({ perSecond }, index) => perSecond / samples[against][index].perSecond));
      return { side, against, least, ratio };
    });
    outcomes.push({ id, title, figures, ratios });
  }
  return { outcomes, rounds, seconds };
}
