/**
 * More connections than there are shared buffers, each with more data than a buffer holds: running
 * out of buffers causes back-pressure, never an error.
 */

import { once } from 'node:events';
import nodeHttp from 'node:http';
import net from 'node:net';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import * as uringHttp from '../../src/http/index.js';
import { Uring } from '../../src/index.js';
import * as uringNet from '../../src/net/index.js';
import { type Connection, listen } from '../../src/sockets/index.js';
import { whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const SIZE = 1024 * 1024;
const CONNECTIONS = rounds(200);
const body = Buffer.alloc(SIZE, 'body');

const all = <T>(one: (index: number) => Promise<T>) => Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => one(index)));

/** Sends the body, and counts the bytes that come back. */
async function there(socket: net.Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (data: Buffer) => {
    bytes += data.length;
  });
  socket.end(body);
  await once(socket, 'end');
  return bytes;
}

onLinux(`under load${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(120_000));
  afterAll(() => Uring.default().close());

  test('uring/sockets echoes the data of many connections at once', async () => {
    const listener = await listen({ port: 0, host: '127.0.0.1' });
    const failures: unknown[] = [];
    const echo = async (connection: Connection) => {
      for await (const chunk of connection) await connection.write(chunk);
      await connection.shutdown();
      await connection.close();
    };
    const serving = (async () => {
      for await (const connection of listener) echo(connection).catch((error) => failures.push(error));
    })();
    const { port } = listener.address as { port: number };
    const bytes = await all(() => there(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })));
    expect([new Set(bytes), failures]).toEqual([new Set([SIZE]), []]);
    await listener.close();
    await serving;
  });

  test('uring/net takes one connection in each turn of the event loop while the turns are long', async () => {
    let turn = 0;
    let isOver = false;
    const countTurns = () => {
      turn++;
      if (!isOver) setImmediate(countTurns);
    };
    const turns: number[] = [];
    const server = uringNet.createServer((socket) => {
      turns.push(turn);
      for (const start = performance.now(); performance.now() - start < 2; );
      socket.end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    countTurns();
    await Promise.all(Array.from({ length: 20 }, () => once(net.connect(port, '127.0.0.1').resume(), 'close')));
    isOver = true;
    expect(turns.length).toBe(20);
    expect(new Set(turns).size).toBe(20);
    await once(server.close(), 'close');
  });

  test('uring/net echoes the data of many connections at once that are paused at first', async () => {
    const server = uringNet.createServer({ allowHalfOpen: true }, (socket) => {
      socket.pause();
      setTimeout(() => socket.pipe(socket as never), Math.random() * 100);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const bytes = await all(() => there(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })));
    expect(new Set(bytes)).toEqual(new Set([SIZE]));
    server.close();
    await once(server, 'close');
  });

  test('uring/http receives many uploads at once', async () => {
    const server = uringHttp.createServer((request, response) => {
      let bytes = 0;
      request.on('data', (data: Buffer) => {
        bytes += data.length;
      });
      request.on('end', () => response.end(String(bytes)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const agent = new nodeHttp.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const answers = await all(
      () =>
        new Promise<string>((resolve, reject) => {
          const request = nodeHttp.request({ port, host: '127.0.0.1', method: 'POST', agent }, (response) => {
            let text = '';
            response.on('data', (data: Buffer) => {
              text += data.toString();
            });
            response.on('end', () => resolve(text));
          });
          request.on('error', reject);
          request.end(body);
        }),
    );
    expect(new Set(answers)).toEqual(new Set([String(SIZE)]));
    agent.destroy();
    server.close();
    await once(server, 'close');
  });

  test('the agent of uring/http receives many downloads at once', async () => {
    const server = nodeHttp.createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const agent = new uringHttp.Agent({ maxSockets: CONNECTIONS });
    const sizes = await all(
      () =>
        new Promise<number>((resolve, reject) => {
          const request = nodeHttp.get({ port, host: '127.0.0.1', agent }, (response) => {
            let bytes = 0;
            response.on('data', (data: Buffer) => {
              bytes += data.length;
            });
            response.on('end', () => resolve(bytes));
          });
          request.on('error', reject);
        }),
    );
    expect(new Set(sizes)).toEqual(new Set([SIZE]));
    agent.destroy();
    server.close();
    await once(server, 'close');
  });
});
