/**
 * A program that uses the packed package: sockets, and the replacements of `node:net` and
 * `node:http`. Compiled, never run.
 */

import http from 'uring/http';
import net, { type Server, type Socket } from 'uring/net';
import { Ring } from 'uring/ring';
import { bind, type Connection, connect, listen } from 'uring/sockets';

export async function sockets(): Promise<void> {
  await using listener = await listen({ port: 0 });
  for await (const connection of listener) await echo(connection);
  await using client = await connect({ port: 1, host: 'localhost' });
  await client.write('text');
  await using datagrams = await bind({ port: 0 });
  void datagrams;
}

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
  await connection.close();
}

export function servers(): void {
  const server: Server = net.createServer((socket: Socket) => {
    socket.setNoDelay(true).on('data', (data) => socket.write(data));
    socket.destroySoon();
  });
  server.listen(0);
  const plain: Socket = net.connect(1, 'localhost');
  plain.end();
  http.createServer((_request, response) => response.end('hello')).listen(0);
  Ring.open({ entries: 8 }).close();
}
