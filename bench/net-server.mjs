/** An echo server for the benchmark of sockets: `node bench/net-server.mjs sockets | uring/net | node:net`. Prints its port. */

import { listen } from 'uring/sockets';

const HOST = '127.0.0.1';
const [, , side] = process.argv;

async function echo(connection) {
  try {
    for await (const chunk of connection) await connection.write(chunk);
  } catch {
    // The load resets its connections.
  }
  await connection.close();
}

if (side === 'sockets') {
  const listener = await listen({ host: HOST, noDelay: true });
  console.log(listener.address.port);
  for await (const connection of listener) void echo(connection);
} else {
  const { default: net } = await import(side);
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', (data) => socket.write(data)).on('error', () => undefined);
  });
  server.listen(0, HOST, () => console.log(server.address().port));
}
