/**
 * Datagrams of 64 bytes over loopback: `uring/dgram` and `node:dgram`, each in a process on its own
 * core. The other side is in C, on the other core. Rounds alternate; the results are medians.
 */

import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { median, pinned } from './measure.mjs';

const BYTES = 64;
const SIDES = ['uring/dgram', 'node:dgram'];

/** The measurements: datagrams per second, and microseconds of CPU for each. */
const WORKS = [
  ...[1, 32, 128].map((count) => ({
    id: `echo${count}`,
    title: `echo, ${count} on their way`,
    least: count > 1 ? 1.5 : 1,
    run: echo(count),
  })),
  { id: 'receive', title: 'receive, as many as there can be', least: 1.5, run: receive },
  ...[1, 4, 64].map((perTurn) => ({
    id: `send${perTurn}`,
    title: `send, ${perTurn} in a turn of the event loop`,
    least: perTurn > 1 ? 1.5 : 1,
    run: send(perTurn, 1),
  })),
  ...[16, 64].map((peers) => ({
    id: `peers${peers}`,
    title: `send 64 in a turn, to ${peers} receivers`,
    least: 1,
    run: send(64, peers),
  })),
];

async function load(...args) {
  const [program, ...rest] = pinned(1, ['build/datagram-load', ...args.map(String)]);
  return (await promisify(execFile)(program, rest)).stdout;
}

function echo(count) {
  return async ({ port, ask }, seconds) => {
    await ask('echo on');
    const before = await ask('state');
    const perSecond = Number(await load('echo', port, BYTES, seconds, count));
    const after = await ask('state');
    return { perSecond, cpu: (after.cpu - before.cpu) / (after.received - before.received) };
  };
}

async function receive({ port, ask }, seconds) {
  await ask('echo off');
  const before = await ask('state');
  const start = performance.now();
  await load('flood', port, BYTES, seconds);
  const after = await ask('state');
  const received = after.received - before.received;
  return { perSecond: (received / (performance.now() - start)) * 1000, cpu: (after.cpu - before.cpu) / received };
}

function send(perTurn, receivers) {
  return async ({ ask, sinks }, seconds) => {
    const { sent, cpu } = await ask(`send ${1000 * seconds} ${perTurn} ${sinks.slice(0, receivers).join(' ')}`);
    return { perSecond: sent / seconds, cpu: cpu / sent };
  };
}

/** Starts a program that prints a line of output for each line of input. */
async function start(command) {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { value: first } = await lines.next();
  const ask = async (line) => {
    child.stdin.write(`${line}\n`);
    return JSON.parse((await lines.next()).value);
  };
  const stop = async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
  return { first, ask, stop };
}

/** Runs the benchmark. @param only the works whose id starts with this. */
export async function dgram({ short, only = '' }) {
  mkdirSync('build', { recursive: true });
  execFileSync('gcc', ['-O2', '-o', 'build/datagram-load', 'bench/datagram-load.c']);
  const [rounds, seconds] = short ? [2, 0.3] : [9, 1];
  const sinks = await start(['build/datagram-load', 'sinks', '64']);
  const workers = {};
  for (const side of SIDES) {
    const { first, ...worker } = await start(pinned(0, [process.execPath, 'bench/datagram-worker.mjs', side]));
    workers[side] = { ...worker, port: first, sinks: sinks.first.split(' ') };
  }
  const outcomes = [];
  for (const { id, title, least, run } of WORKS) {
    if (!id.startsWith(only)) continue;
    const samples = Object.fromEntries(SIDES.map((side) => [side, []]));
    for (let round = -1; round < rounds; round++) {
      for (const side of round % 2 ? SIDES : [...SIDES].reverse()) {
        const sample = await run(workers[side], seconds);
        // The first round is for warming up.
        if (round >= 0) samples[side].push(sample);
      }
    }
    const [ours, nodes] = SIDES.map((side) => samples[side]);
    const ratioOf = (what) => median(ours.map((sample, index) => sample[what] / nodes[index][what]));
    const figures = SIDES.map((name) => ({
      name,
      perSecond: median(samples[name].map(({ perSecond }) => perSecond)),
      cpu: median(samples[name].map(({ cpu }) => cpu)),
    }));
    outcomes.push({ id, title, least, figures, ratio: ratioOf('perSecond'), cpuRatio: ratioOf('cpu') });
  }
  for (const { stop } of [sinks, ...Object.values(workers)]) await stop();
  return { outcomes, rounds, seconds };
}
