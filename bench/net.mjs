/**
 * Servers under the load of a C program: on `uring/sockets`, on the drop-ins, on Node, and in C on
 * liburing. The load runs on one core, the servers on another. Rounds alternate; the results are
 * medians.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { median, pinned } from './measure.mjs';

const GIBIBYTE = 1 << 30;
const MESSAGE = 64;

// The young generation grows with any burst of allocations. That must not count as the cost of a
// connection.
const script = (work, side) => [
  process.execPath,
  '--expose-gc',
  ...(work === 'idle' ? ['--max-semi-space-size=1'] : []),
  'bench/net-server.mjs',
  work,
  side,
];
const sides = (work, ...names) => Object.fromEntries(names.map((name) => [name, script(work, name)]));

/**
 * The works and targets for echo. A target is a side, the side that it is compared with, and the
 * minimum (or maximum) ratio.
 */
const ECHO = {
  sides: { ...sides('echo', 'uring/sockets', 'uring/net', 'node:net'), liburing: ['build/echo'] },
  targets: [
    { side: 'uring/sockets', against: 'node:net', least: 1.5 },
    { side: 'uring/sockets', against: 'liburing', least: 0.75 },
    { side: 'uring/net', against: 'node:net', least: 1.35 },
  ],
};

/** A second server of Node's own: how much two equal processes differ in this run. */
const CONTROL = 'node:http, once more';

/**
 * Returns a work with requests to an `http` server, and the minimum ratio of `uring/http` to Node.
 */
const http = (id, title, load, least, work = 'http') => ({
  id,
  title,
  load,
  sides: { ...sides(work, 'uring/http', 'node:http'), [CONTROL]: script(work, 'node:http') },
  targets: [
    { side: 'uring/http', against: 'node:http', least },
    { side: 'uring/http', against: 'node:http', of: 'p50', most: 1 },
    { side: 'uring/http', against: 'node:http', of: 'p99', most: 1 },
    { side: CONTROL, against: 'node:http' },
    { side: CONTROL, against: 'node:http', of: 'p99' },
  ],
});

const KIBIBYTE = 1 << 10;
const MEBIBYTE = 1 << 20;

const WORKS = [
  { id: 'echo1', title: 'echo of 64 bytes, 1 connection', load: ['echo', 1, MESSAGE], ...ECHO },
  { id: 'echo32', title: 'echo of 64 bytes, 32 connections', load: ['echo', 32, MESSAGE], ...ECHO },
  { id: 'echo256', title: 'echo of 64 bytes, 256 connections', load: ['echo', 256, MESSAGE], ...ECHO },
  http('http1', 'HTTP hello world, 1 connection', ['http', 1, 0], 1),
  http('http64', 'HTTP hello world, 64 connections', ['http', 64, 0], 1),
  http('httppipelined', 'HTTP hello world, 16 connections of 16 requests at once', ['http', 16, 0, 16], 1),
  http('httpbody', 'HTTP, answers of 1 MiB, 16 connections', ['http', 16, MEBIBYTE], 1),
  http('httppost', 'HTTP, 64 KiB posted, 16 connections', ['post', 16, 64 * KIBIBYTE], 1),
  ...[
    ['1 KiB', KIBIBYTE],
    ['64 KiB', 64 * KIBIBYTE],
    ['1 MiB', MEBIBYTE],
  ].map(([size, bytes], index) =>
    http(`static${index + 1}`, `files of ${size} by the package send, 16 connections`, ['http', 16, bytes], 1, 'static'),
  ),
  {
    id: 'stream',
    title: '1 GiB, one way (bytes)',
    load: ['send', 1, GIBIBYTE],
    sides: sides(`sink:${GIBIBYTE}`, 'uring/sockets', 'uring/net', 'node:net'),
    targets: [
      { side: 'uring/sockets', against: 'node:net', least: 1.2 },
      { side: 'uring/net', against: 'node:net', least: 1 },
    ],
  },
  {
    id: 'connect',
    title: 'connect, one message, close; 32 at once',
    load: ['connect', 32, MESSAGE],
    ...ECHO,
    targets: [
      { side: 'uring/sockets', against: 'node:net', least: 1.6 },
      { side: 'uring/net', against: 'node:net', least: 1.3 },
    ],
  },
  {
    id: 'memory',
    title: 'bytes of an idle connection',
    load: ['idle', 5000, MESSAGE],
    sides: sides('idle', 'uring/sockets', 'uring/net', 'node:net'),
    targets: [{ side: 'uring/net', against: 'node:net', most: 1 }],
  },
  ...[1, 32, 256].flatMap((connections) =>
    [10, 50, 90].map((percent) => ({
      id: `open${connections}at${percent}`,
      title: `HTTP hello world, ${connections} connection${connections > 1 ? 's' : ''}, ${percent} % of what node:http can do, in an open loop`,
      load: ['http', connections, 0, 1],
      percent,
      sides: { ...sides('timed', 'uring/http', 'node:http'), [CONTROL]: script('timed', 'node:http') },
      targets: ['p50', 'p99', 'cpu', 'cpuP99'].flatMap((of) => [
        { side: 'uring/http', against: 'node:http', of, most: 1 },
        { side: CONTROL, against: 'node:http', of },
      ]),
    })),
  ),
];

function build() {
  mkdirSync('build', { recursive: true });
  execFileSync('gcc', ['-O2', '-o', 'build/net-load', 'bench/net-load.c']);
  execFileSync('gcc', ['-O2', '-o', 'build/echo', 'bench/echo.c', '-luring']);
}

/** Returns the command line of a load. */
const loadOf = (port, [mode, connections, bytes, ...more], seconds) =>
  pinned(1, ['build/net-load', mode, port, connections, bytes, seconds, ...more].map(String));

/** Returns the CPU time used by a process, in seconds with a resolution of a hundredth. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * Runs the load. Returns the requests (or bytes) per second, and, in microseconds, the percentiles
 * of their times and the server's CPU time for each.
 */
function speed({ port, pid }, load, seconds) {
  const [program, ...args] = loadOf(port, load, seconds);
  const before = cpuOf(pid);
  const start = performance.now();
  const [perSecond, p50, p99] = execFileSync(program, args, { encoding: 'utf8' }).split(' ').map(Number);
  const passed = (performance.now() - start) / 1000;
  return { perSecond, p50, p99, cpu: ((cpuOf(pid) - before) / (perSecond * passed)) * 1e6 };
}

/** Asks a server for what it measures. */
async function ask({ stdin, lines }) {
  stdin.write('\n');
  return Number((await lines.next()).value);
}

/**
 * Returns the memory that each idle connection costs the server, in bytes: the growth from a few
 * connections to many.
 */
async function memory(server, [mode, connections, bytes]) {
  const grownBy = async (count) => {
    const [program, ...args] = loadOf(server.port, [mode, count, bytes], 0);
    const load = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(load.stdout, 'data');
    const bytesUsed = await ask(server);
    load.stdin.end();
    await once(load, 'exit');
    return bytesUsed;
  };
  const few = await grownBy(50);
  const many = await grownBy(connections);
  return { perSecond: (many - few) / (connections - 50), p50: 0, p99: 0, cpu: 0 };
}

/** Starts the server of one side. */
async function start(command) {
  const [program, ...args] = pinned(0, command);
  const server = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  const { value: port } = await lines.next();
  const stop = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { port, pid: server.pid, stdin: server.stdin, lines, stop };
}

/**
 * Runs rounds in turn, against servers that have warmed up: the benchmark measures how they run,
 * not how they start.
 */
async function speeds({ sides, load, percent }, rounds, seconds) {
  const servers = {};
  const samples = {};
  try {
    for (const [name, command] of Object.entries(sides)) {
      servers[name] = await start(command);
      samples[name] = [];
      speed(servers[name], load, seconds);
      if (percent !== undefined) await ask(servers[name]);
    }
    // The rate of an open loop is relative to what Node can do.
    const most = percent === undefined ? 0 : speed(servers['node:http'], load, seconds).perSecond;
    const asked = percent === undefined ? load : [...load, Math.round((most * percent) / 100)];
    for (let index = 0; index < rounds; index++) {
      const order = Object.keys(sides);
      for (const name of index % 2 ? order : order.reverse()) {
        const sample = speed(servers[name], asked, seconds);
        samples[name].push(percent === undefined ? sample : { ...sample, cpuP99: await ask(servers[name]) });
      }
    }
  } finally {
    for (const { stop } of Object.values(servers)) await stop();
  }
  return samples;
}

/**
 * Runs rounds of the memory benchmark, each with a server that has not served any connections yet.
 */
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

/**
 * One of the third-party programs that are tested with the library: `npm run test:programs`
 * installs it.
 */
const SEND = 'tests/programs/node_modules/send';

/** Runs the benchmark. @param only the works whose id starts with this. */
export async function net({ short, only = '' }) {
  const works = WORKS.filter(({ id }) => id.startsWith(only) && (!id.startsWith('static') || existsSync(SEND)));
  if (works.length === 0) throw new Error(`no work begins with '${only}': there are ${WORKS.map(({ id }) => id).join(', ')}`);
  build();
  const [rounds, seconds] = short ? [2, 0.5] : [7, 2];
  const outcomes = [];
  for (const work of works) {
    const { id, title, load, sides, targets } = work;
    const samples = load[0] === 'idle' ? await memories(sides, load, rounds) : await speeds(work, rounds, seconds);
    const figures = Object.entries(samples).map(([name, all]) => ({
      name,
      perSecond: median(all.map(({ perSecond }) => perSecond)),
      p50: median(all.map(({ p50 }) => p50)),
      p99: median(all.map(({ p99 }) => p99)),
      cpu: median(all.map(({ cpu }) => cpu)),
    }));
    const ratios = targets.map(({ side, against, of = 'perSecond', ...bound }) => {
      const ratio = median(samples[side].map((sample, index) => sample[of] / samples[against][index][of]));
      return { side, against, of, ...bound, ratio };
    });
    outcomes.push({ id, title, figures, ratios });
  }
  return { outcomes, rounds, seconds };
}
