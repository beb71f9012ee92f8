/**
 * Damaged requests and frames, and resets at any moment, against servers of http, https, and both
 * kinds of http2 over the ring: `node frames.mjs ROUNDS [SEED [ring|node]]`; with `node`, over
 * Node's own sockets. The last line is JSON.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { overRing } from 'uring/net';
import { Random } from 'uring/testing';

const HOST = '127.0.0.1';
const AT_ONCE = 40;
const [, , rounds, seed = '1', over = 'ring'] = process.argv;
const serverOf = (server) => (over === 'ring' ? overRing(server) : server);

const numbers = new Random(Number(seed));
const random = (below) => numbers.below(below);

const pem = (name) => readFileSync(new URL(`certificate/${name}.pem`, import.meta.url));
const secret = { key: pem('key'), cert: pem('cert') };
const ignore = () => undefined;

const answer = (request, response) => {
  request.on('error', ignore).resume();
  response.on('error', ignore);
  request.on('end', () => response.end(Buffer.alloc(random(50_000))));
};

const servers = {
  http: serverOf(http.createServer(answer)),
  https: serverOf(https.createServer(secret, answer)),
  h2c: serverOf(http2.createServer(answer)),
  h2: serverOf(http2.createSecureServer({ ...secret, allowHTTP1: true }, answer)),
};
// HTTP/2 of Node 20 writes to freed memory once in some hundred thousand of these connections, over
// Node's own sockets as well.
const isSound = Number.parseInt(process.versions.node, 10) >= 22;
const names = Object.keys(servers).filter((name) => isSound || !name.startsWith('h2'));

const HEADERS = Buffer.from([0x82, 0x84, 0x86, 0x41, 0x01, 0x78]);

function frame(type, flags, stream, body) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** Requests of an HTTP/1 client. */
const request = () =>
  Buffer.from(
    [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    ][random(5)],
  );

/**
 * The start of HTTP/2, and frames: HEADERS, RST_STREAM, GOAWAY, PING, WINDOW_UPDATE, and some of
 * unknown types.
 */
const frames = () => {
  const makers = [
    (index) => frame(1, 5, 2 * index + 1, HEADERS),
    () => frame(3, 0, 2 * random(5) + 1, Buffer.from([0, 0, 0, random(12)])),
    () => frame(7, 0, 0, Buffer.alloc(8)),
    () => frame(6, 0, 0, Buffer.alloc(8)),
    () => frame(8, 0, 0, Buffer.from([0, 0, 0, 1])),
    () => frame(10 + random(200), random(256), random(9), Buffer.alloc(random(40), random(256))),
  ];
  const some = Array.from({ length: random(6) }, (_, index) => makers[random(makers.length)](index));
  return Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0)), ...some]);
};

/**
 * HTTP/2 frames are cut off, but not changed: nghttp2 aborts the process for some changed frames,
 * over Node's own sockets as well.
 */
function damaged(bytes, isHttp2) {
  const copy = Buffer.from(bytes);
  if (random(2) && !isHttp2) for (let left = random(4); left > 0; left--) copy[random(copy.length)] = random(256);
  return random(3) === 0 ? copy.subarray(0, random(copy.length + 1)) : copy;
}

async function live() {
  const name = names[random(names.length)];
  const { port } = servers[name].address();
  const isSecure = (name === 'https' || name === 'h2') && random(3) > 0;
  const ALPNProtocols = name === 'h2' && random(2) ? ['h2'] : ['http/1.1'];
  const socket = isSecure ? tls.connect({ port, host: HOST, rejectUnauthorized: false, ALPNProtocols }) : net.connect(port, HOST);
  socket.on('error', ignore);
  if (random(3)) socket.on('data', ignore);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (isSecure && random(4)) await Promise.race([once(socket, 'secureConnect').catch(ignore), closed]);
  for (let left = random(4); left > 0 && !socket.destroyed; left--) {
    const isHttp2 = name.startsWith('h2') && random(5) > 0;
    socket.write(damaged(isHttp2 ? frames() : request(), isHttp2));
    if (random(2)) await new Promise(setImmediate);
  }
  const late = setTimeout(() => socket.destroy(), 30);
  const how = random(4);
  if (how === 0) socket.destroy();
  // Not while an end is on its way: Node would wait for the handle indefinitely when the process
  // exits.
  else if (how === 1 && !isSecure && !socket.writableEnded) socket.resetAndDestroy();
  else socket.end();
  await closed;
  clearTimeout(late);
}

const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(error.stack));
for (const server of Object.values(servers)) {
  server.on('clientError', (_error, socket) => socket.destroy());
  for (const event of ['error', 'sessionError', 'tlsClientError']) server.on(event, ignore);
  server.listen(0, HOST);
  await once(server, 'listening');
}
let started = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (started < Number(rounds)) {
      started++;
      await live();
    }
  }),
);
const { status } = await fetch(`http://${HOST}:${servers.http.address().port}`, { headers: { connection: 'close' } });
console.log(JSON.stringify({ status, uncaught }));
process.exit();
