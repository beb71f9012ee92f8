/**
 * A server for the socket benchmark: `node --expose-gc bench/net-server.mjs WORK SIDE`. Prints its
 * port, and for each line of input the bytes of memory that it uses, or as `timed` what it measured.
 *
 * WORK: `echo`; `idle`, the same; `http` (sends hello world, or as many bytes as the path says;
 * accepts what is posted); `timed`, the same, which measures the CPU time from request to request;
 * `static` (serves the files of its own folder, with the package `send`); `sink:BYTES` (responds with
 * a byte when it has received them all).
 */

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { listen } from 'uring/sockets';

const HOST = '127.0.0.1';
const [, , work, side] = process.argv;
const [given, bytes] = work.split(':');
const kind = given === 'idle' ? 'echo' : given;

const NATIVE = {
  async echo(connection) {
    for await (const chunk of connection) await connection.write(chunk);
  },
  async sink(connection) {
    for await (const _chunk of connection) if (connection.bytesRead >= Number(bytes)) await connection.write('!');
  },
};

const NODE = {
  echo: (socket) => socket.on('data', (data) => socket.write(data)),
  sink: (socket) =>
    socket.on('data', () => {
      if (socket.bytesRead >= Number(bytes)) socket.write('!');
    }),
};

const bodies = new Map();

/** Returns a body of a given length. */
function bodyOf(length) {
  if (!bodies.has(length)) bodies.set(length, Buffer.alloc(length, 'uring'));
  return bodies.get(length);
}

function answer(request, response) {
  if (request.method === 'GET') {
    const length = Number(request.url.slice(1));
    response.end(length === 0 ? 'Hello World' : bodyOf(length));
  } else {
    request.on('data', () => undefined).on('end', () => response.end('taken'));
  }
}

/**
 * The CPU time that passed from one request to the next, in microseconds. Unlike the time on a clock,
 * it does not contain what other guests of the host took from this machine.
 */
const cpuTimes = [];
let cpuBefore;

function timed(request, response) {
  const { user, system } = process.cpuUsage();
  if (cpuBefore !== undefined) cpuTimes.push(user + system - cpuBefore);
  cpuBefore = user + system;
  answer(request, response);
}

/** Returns the 99th percentile of the CPU times, and begins anew. */
function takeCpuP99() {
  cpuTimes.sort((a, b) => a - b);
  const p99 = cpuTimes[Math.floor(cpuTimes.length * 0.99)] ?? 0;
  cpuTimes.length = 0;
  cpuBefore = undefined;
  return p99;
}

const LISTENERS = { http: () => answer, timed: () => timed, static: staticFiles };

/** Creates a folder with files that are named by their lengths, and serves them. */
async function staticFiles() {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-bench-'));
  for (const length of [1 << 10, 1 << 16, 1 << 20])
    fs.writeFileSync(path.join(root, String(length)), Buffer.alloc(length, 'uring'));
  process.on('SIGTERM', () => {
    fs.rmSync(root, { recursive: true });
    process.exit();
  });
  // The package imports only Node's modules.
  if (side === 'uring/http') await import('uring/register');
  const send = createRequire(path.resolve('tests/programs/package.json'))('send');
  return (request, response) => send(request, request.url, { root }).pipe(response);
}

async function serve(connection) {
  try {
    await NATIVE[kind](connection);
  } catch {
    // The load resets its connections.
  }
  await connection.close();
}

async function acceptAll(listener) {
  for await (const connection of listener) void serve(connection);
}

if (side === 'uring/sockets') {
  const listener = await listen({ host: HOST, noDelay: true, backlog: 4096 });
  console.log(listener.address.port);
  void acceptAll(listener);
} else {
  const module = await import(side);
  const server =
    kind in LISTENERS
      ? module.createServer(await LISTENERS[kind]())
      : module.createServer({ noDelay: true }, (socket) => NODE[kind](socket).on('error', () => undefined));
  server.listen({ port: 0, host: HOST, backlog: 4096 }, () => console.log(server.address().port));
}

for await (const _line of createInterface(process.stdin)) {
  if (kind === 'timed') {
    console.log(takeCpuP99());
    continue;
  }
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(process.memoryUsage.rss());
}
