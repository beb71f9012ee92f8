/**
 * A server for the benchmark of sockets: `node --expose-gc bench/net-server.mjs WORK SIDE`. Prints its port; and for each line of input, how many bytes of
 * memory it has.
 *
 * WORK: `echo`; `idle`, the same; `http` (hello world); `sink:BYTES` (answers with a byte when it has them all).
 */

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
    kind === 'http'
      ? module.createServer((_request, response) => response.end('Hello World'))
      : module.createServer({ noDelay: true }, (socket) => NODE[kind](socket).on('error', () => undefined));
  server.listen({ port: 0, host: HOST, backlog: 4096 }, () => console.log(server.address().port));
}

for await (const _line of createInterface(process.stdin)) {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(process.memoryUsage.rss());
}
