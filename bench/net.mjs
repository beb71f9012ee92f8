/**
 * Servers under the load of a C program: ours in both forms, Node's, and a C program on liburing. The load has a core of its own, the servers another; rounds
 * alternate, and medians count.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

const GIBIBYTE = 1 << 30;
const MESSAGE = 64;

// The young generation grows with a burst of anything, which is not what a connection costs.
const script = (work, side) => [
  process.execPath,
  '--expose-gc',
  ...(work === 'idle' ? ['--max-semi-space-size=1'] : []),
  'bench/net-server.mjs',
  work,
  side,
];
const sides = (work, ...names) => Object.fromEntries(names.map((name) => [name, script(work, name)]));

/** What is promised: a side, against which, and at least (or at most) how many times as much. */
const ECHO = {
  sides: { ...sides('echo', 'uring/sockets', 'uring/net', 'node:net'), liburing: ['build/echo'] },
  targets: [
    { side: 'uring/sockets', against: 'node:net', least: 1.8 },
    { side: 'uring/sockets', against: 'liburing', least: 0.75 },
    { side: 'uring/net', against: 'node:net', least: 1.1 },
  ],
};

const WORKS = [
  { id: 'echo32', title: 'echo of 64 bytes, 32 connections', load: ['echo', 32, MESSAGE], ...ECHO },
  { id: 'echo256', title: 'echo of 64 bytes, 256 connections', load: ['echo', 256, MESSAGE], ...ECHO },
  {
    id: 'http',
    title: 'HTTP hello world, 64 connections',
    load: ['http', 64, 0],
    sides: sides('http', 'uring/http', 'node:http'),
    targets: [
      { side: 'uring/http', against: 'node:http', least: 1.1 },
      { side: 'uring/http', against: 'node:http', of: 'p99', most: 1 },
    ],
  },
  {
    id: 'stream',
    title: '1 GiB, one way (bytes)',
    load: ['send', 1, GIBIBYTE],
    sides: sides(`sink:${GIBIBYTE}`, 'uring/sockets', 'uring/net', 'node:net'),
    targets: [
      { side: 'uring/sockets', against: 'node:net', least: 1.3 },
      { side: 'uring/net', against: 'node:net', least: 1.3 },
    ],
  },
  {
    id: 'connect',
    title: 'connect, one message, close; 32 at once',
    load: ['connect', 32, MESSAGE],
    ...ECHO,
    targets: [
      { side: 'uring/sockets', against: 'node:net', least: 1.3 },
      { side: 'uring/net', against: 'node:net', least: 1.3 },
    ],
  },
  {
    id: 'memory',
    title: 'bytes of an idle connection',
    load: ['idle', 5000, MESSAGE],
    sides: sides('idle', 'uring/sockets', 'uring/net', 'node:net'),
    targets: [{ side: 'uring/sockets', against: 'node:net', most: 0.5 }],
  },
];

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Each on its own core, where there are two and taskset(1). */
const pinned = (core, command) =>
  spawnSync('taskset', ['-c', `${core}`, 'true']).status === 0 ? ['taskset', '-c', `${core}`, ...command] : command;

function build() {
  mkdirSync('build', { recursive: true });
  execFileSync('gcc', ['-O2', '-o', 'build/net-load', 'bench/net-load.c']);
  execFileSync('gcc', ['-O2', '-o', 'build/echo', 'bench/echo.c', '-luring']);
}

/** A load, as it is started. */
const loadOf = (port, [mode, connections, bytes], seconds) =>
  pinned(1, ['build/net-load', mode, port, connections, bytes, seconds].map(String));

/** What the load says: round trips (or bytes) per second, and percentiles of their times in microseconds. */
function speed(port, load, seconds) {
  const [program, ...args] = loadOf(port, load, seconds);
  const [perSecond, p50, p99] = execFileSync(program, args, { encoding: 'utf8' }).split(' ').map(Number);
  return { perSecond, p50, p99 };
}

/** What each idle connection costs the server, in bytes: the growth from a few of them to many. */
async function memory({ stdin, lines, port }, [mode, connections, bytes]) {
  const grownBy = async (count) => {
    const [program, ...args] = loadOf(port, [mode, count, bytes], 0);
    const load = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(load.stdout, 'data');
    stdin.write('memory\n');
    const { value } = await lines.next();
    load.stdin.end();
    await once(load, 'exit');
    return Number(value);
  };
  const few = await grownBy(50);
  const many = await grownBy(connections);
  return { perSecond: (many - few) / (connections - 50), p50: 0, p99: 0 };
}

/** A server of one side. */
async function start(command) {
  const [program, ...args] = pinned(0, command);
  const server = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  const { value: port } = await lines.next();
  const stop = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { port, stdin: server.stdin, lines, stop };
}

/** Rounds in turns, against servers that have warmed up: what counts is how they run, not how they start. */
async function speeds(sides, load, rounds, seconds) {
  const servers = {};
  const samples = {};
  try {
    for (const [name, command] of Object.entries(sides)) {
      servers[name] = await start(command);
      samples[name] = [];
      speed(servers[name].port, load, seconds);
    }
    for (let index = 0; index < rounds; index++) {
      const order = Object.keys(sides);
      for (const name of index % 2 ? order : order.reverse()) samples[name].push(speed(servers[name].port, load, seconds));
    }
  } finally {
    for (const { stop } of Object.values(servers)) await stop();
  }
  return samples;
}

/** Rounds of the memory, each with a server that has served nobody yet. */
async function memories(sides, load, rounds) {
  const samples = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let index = 0; index < rounds; index++) {
    for (const [name, command] of Object.entries(sides)) {
      const server = await start(command);
      try {
        samples[name].push(await memory(server, load));
      } finally {
        await server.stop();
      }
    }
  }
  return samples;
}

/** Measures. @param only the work whose id starts so. */
export async function net({ short, only = '' }) {
  const works = WORKS.filter(({ id }) => id.startsWith(only));
  if (works.length === 0) throw new Error(`no work begins with '${only}': there are ${WORKS.map(({ id }) => id).join(', ')}`);
  build();
  const [rounds, seconds] = short ? [2, 0.5] : [7, 2];
  const outcomes = [];
  for (const { id, title, load, sides, targets } of works) {
    const samples = load[0] === 'idle' ? await memories(sides, load, rounds) : await speeds(sides, load, rounds, seconds);
    const figures = Object.entries(samples).map(([name, all]) => ({
      name,
      perSecond: median(all.map(({ perSecond }) => perSecond)),
      p50: median(all.map(({ p50 }) => p50)),
      p99: median(all.map(({ p99 }) => p99)),
    }));
    const ratios = targets.map(({ side, against, of = 'perSecond', ...bound }) => {
      const ratio = median(samples[side].map((sample, index) => sample[of] / samples[against][index][of]));
      return { side, against, of, ...bound, ratio };
    });
    outcomes.push({ id, title, figures, ratios });
  }
  return { outcomes, rounds, seconds };
}
