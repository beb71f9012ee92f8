/**
 * TLS and HTTP/2 over servers that accept on the ring: as correct as over Node's own, whatever the
 * client does.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import { overRing } from '../../src/net/index.js';
import { whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const certificate = (name: string) => readFileSync(fileURLToPath(new URL(`../children/certificate/${name}`, import.meta.url)));
const secret = { key: certificate('key.pem'), cert: certificate('cert.pem') };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/** Makes a server listen over the ring. @returns its port. */
async function start(server: net.Server): Promise<number> {
  overRing(server).listen(0, '127.0.0.1');
  cleanUp.push(() => server.close());
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** Returns the response of the servers below: the addresses of the peer, as programs query them. */
const peerOf = (socket: net.Socket) =>
  JSON.stringify([socket.remoteAddress, typeof socket.remotePort, socket.localAddress, Object.keys(socket.address()).length]);

const RIGHT = JSON.stringify(['127.0.0.1', 'number', '127.0.0.1', 3]);

onLinux(`TLS and HTTP/2 over the ring${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(60_000));
  afterAll(() => Uring.default().close());

  test('https, tls, and both kinds of http2 know the address of their client', async () => {
    const secure = await start(https.createServer(secret, (request, response) => response.end(peerOf(request.socket))));
    const got = await new Promise<string>((resolve, reject) => {
      https
        .get({ port: secure, host: '127.0.0.1', rejectUnauthorized: false, agent: false }, (response) => {
          response.on('data', (data: Buffer) => resolve(data.toString()));
        })
        .on('error', reject);
    });
    expect(got).toBe(RIGHT);
    const plain = await start(tls.createServer(secret, (socket) => socket.end(peerOf(socket))));
    const client = tls.connect({ port: plain, host: '127.0.0.1', rejectUnauthorized: false });
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toBe(RIGHT);
    client.destroy();
    for (const [scheme, server] of [
      ['http', http2.createServer()],
      ['https', http2.createSecureServer(secret)],
    ] as const) {
      // Not `peerOf`: HTTP/2 puts a proxy around the socket, which hides methods.
      server.on('session', (session) =>
        session.on('stream', (stream) => stream.end(JSON.stringify([session.socket.remoteAddress]))),
      );
      const port = await start(server);
      const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
      const stream = session.request({ ':path': '/' });
      const [data] = (await once(stream, 'data')) as [Buffer];
      expect([scheme, data.toString()]).toEqual([scheme, '["127.0.0.1"]']);
      session.close();
    }
  });

  test('a response after the client’s half-close arrives', async () => {
    const errors: Error[] = [];
    const server = tls.createServer({ ...secret, allowHalfOpen: true } as tls.TlsOptions, (socket) => {
      socket.on('error', (error) => errors.push(error));
      socket.resume().on('end', () => socket.end('the answer'));
    });
    server.on('tlsClientError', (error) => errors.push(error));
    const port = await start(server);
    for (let count = 0; count < rounds(20); count++) {
      const client = tls.connect({
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        allowHalfOpen: true,
      } as tls.ConnectionOptions);
      client.end('the question');
      let text = '';
      for await (const data of client) text += String(data);
      expect(text).toBe('the answer');
    }
    expect(errors).toEqual([]);
  });

  test('a client that requests much, reads nothing, and resets in the middle affects only itself', async () => {
    const big = Buffer.alloc(1024 * 1024, 'x');
    const server = http2.createServer((_request, response) => {
      response.on('error', () => undefined);
      response.end(big);
    });
    const sessionErrors: string[] = [];
    server.on('sessionError', (error: NodeJS.ErrnoException) => sessionErrors.push(error.code ?? error.message));
    const port = await start(server);
    for (let count = 0; count < rounds(100); count++) {
      const client = net.connect(port, '127.0.0.1');
      client.on('error', () => undefined);
      client.pause();
      const frame = (length: number, type: number, flags: number, stream: number, payload: number[] = []) =>
        Buffer.from([0, 0, length, type, flags, 0, 0, 0, stream, ...payload]);
      const SETTINGS = frame(0, 4, 0, 0);
      // :method GET, :scheme http, :path /, from the static table.
      const HEADERS = frame(3, 1, 5, 1, [0x82, 0x86, 0x84]);
      const RST_STREAM = frame(4, 3, 0, 1, [0, 0, 0, 8]);
      const GOAWAY = frame(8, 7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]);
      client.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), SETTINGS, HEADERS]));
      await new Promise((resolve) => setTimeout(resolve, 2));
      client.write(Buffer.concat([RST_STREAM, GOAWAY]));
      if (count % 2 === 0) client.resetAndDestroy();
      else client.destroy();
    }
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':path': '/' });
    let bytes = 0;
    for await (const data of stream) bytes += (data as Buffer).length;
    expect(bytes).toBe(big.length);
    session.close();
  });

  test('options of a connection take effect: an HTTP/2 request does not wait for a delayed acknowledgment', async () => {
    const port = await start(http2.createSecureServer(secret, (_request, response) => response.end('hello')));
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    const times: number[] = [];
    for (let count = 0; count < 30; count++) {
      const start = performance.now();
      const stream = session.request({ ':path': '/' });
      stream.resume();
      await once(stream, 'end');
      times.push(performance.now() - start);
    }
    // It was 44 ms, each time.
    expect(times.sort((a, b) => a - b)[15]).toBeLessThan(within(30));
    session.close();
  });
});
