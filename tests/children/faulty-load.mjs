/**
 * Uploads, downloads, pipelining, half-closes, slow readers, resets, and vanishing peers, drawn
 * from a seed, against an HTTP server in a separate process: `node faulty-load.mjs node|uring
 * CONNECTIONS [SEED [AT_ONCE]]`, both ends over the same module. The last line is JSON: how many
 * responses were good and how many were wanted, errors by code, the memory of the server in MiB
 * after a third, two thirds, and all, and how many descriptors it has kept.
 */

import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from 'uring/testing';

const HOST = '127.0.0.1';
const MAX_BODY = 1_000_000;
/** A connection that takes longer has hung. */
const LIMIT_MS = 120_000;

const [, , over, connections, seed = '1', atOnce = '300'] = process.argv;
const http = over === 'uring' ? await import('uring/http') : await import('node:http');
const net = over === 'uring' ? await import('uring/net') : await import('node:net');
const digest = (bytes) => createHash('sha1').update(bytes).digest('hex');
const everything = Buffer.from(Uint32Array.from({ length: MAX_BODY / 4 }, (_, index) => index * 2654435761).buffer);
const ignore = () => undefined;

/** The number of errors by code. */
const errors = {};
const count = ({ code, message }) => {
  errors[code ?? message] = (errors[code ?? message] ?? 0) + 1;
};

function serve() {
  process.on('uncaughtException', (error) => count({ message: `uncaught ${error.message}` }));
  const server = http.createServer((request, response) => {
    request.on('error', count);
    response.on('error', count);
    if (request.method === 'GET') {
      request.resume();
      response.end(everything.subarray(0, Number(request.url.slice(1))));
      return;
    }
    const hash = createHash('sha1');
    request.on('data', (data) => hash.update(data));
    request.on('end', () => response.end(hash.digest('hex')));
  });
  server.on('clientError', (error, socket) => {
    count(error);
    socket.destroy();
  });
  server.listen(0, HOST, () => process.send({ port: server.address().port }));
  process.on('message', (question) => {
    if (question === 'close') return void server.close(() => process.send({ errors }));
    global.gc();
    process.send({ rss: process.memoryUsage.rss() / 2 ** 20, descriptors: readdirSync('/proc/self/fd').length });
  });
}

/** Reads responses, each with its length, until there are as many as wanted, or no more. */
async function answersFrom(socket, wanted, pause) {
  const bodies = [];
  let chunks = [];
  let length = 0;
  /** The bounds of the first body in the chunks, once its head has arrived. */
  let [bodyStart, end] = [0, Infinity];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    if (pause > 0) await sleep(pause);
    chunks.push(chunk);
    length += chunk.length;
    if (length < end && end < Infinity) continue;
    let bytes = Buffer.concat(chunks);
    for (;;) {
      bodyStart = bytes.indexOf('\r\n\r\n') + 4;
      if (bodyStart < 4) break;
      end = bodyStart + Number(/content-length: (\d+)/i.exec(bytes.subarray(0, bodyStart).toString('latin1'))[1]);
      if (bytes.length < end) break;
      bodies.push(bytes.subarray(bodyStart, end));
      bytes = bytes.subarray(end);
      end = Infinity;
    }
    [chunks, length] = [[bytes], bytes.length];
    if (bodies.length >= wanted) break;
  }
  return bodies;
}

const get = (size, more = '') => `GET /${size} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const post = (size) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`;

/** Runs one connection. @returns how many responses were good, and how many should have been. */
async function live(port, random) {
  const kind = random.below(7);
  const size = random.below(random.below(3) === 0 ? MAX_BODY : 20_000);
  const cut = random.below(size + 1);
  const delay = random.below(8);
  const socket = net.connect({ port, host: HOST, allowHalfOpen: true });
  socket.on('error', (error) => {
    if (kind < 5) count(error);
  });
  const closed = new Promise((resolve) => {
    socket.once('close', resolve);
  });
  const expected = digest(everything.subarray(0, size));
  const read = async (wanted, pause = 0) => answersFrom(socket, wanted, pause).catch(() => []);
  const isGood = ([body]) => (body !== undefined && digest(body) === expected ? 1 : 0);
  let result = [0, 0];
  switch (kind) {
    case 0: {
      socket.write(post(size));
      socket.write(everything.subarray(0, cut));
      await sleep(delay);
      socket.write(everything.subarray(cut, size));
      const [body] = await read(1);
      result = [body?.toString() === expected ? 1 : 0, 1];
      break;
    }
    case 1:
      socket.write(get(size));
      result = [isGood(await read(1)), 1];
      break;
    case 2: {
      socket.write(get(delay * 1000).repeat(10));
      const bodies = await read(10);
      result = [bodies.filter(({ length }) => length === delay * 1000).length, 10];
      break;
    }
    case 3:
      socket.end(get(size));
      result = [isGood(await read(1)), 1];
      break;
    case 4:
      socket.write(get(size));
      result = [isGood(await read(1, delay)), 1];
      break;
    case 5:
      socket.on('data', ignore);
      socket.write(post(size + 1));
      socket.write(everything.subarray(0, cut));
      await sleep(delay);
      socket.resetAndDestroy();
      break;
    default:
      socket.on('data', ignore);
      socket.write(get(size));
      await sleep(delay);
      socket.destroy();
  }
  socket.destroy();
  await closed;
  return result;
}

async function load() {
  const server = fork(process.argv[1], [over], { execArgv: ['--expose-gc'] });
  const [{ port }] = await once(server, 'message');
  const ask = async (question) => {
    const answered = once(server, 'message');
    server.send(question);
    return (await answered)[0];
  };
  const before = await ask('state');
  const rss = [];
  const total = Number(connections);
  let [next, good, wanted] = [0, 0, 0];
  const peer = async () => {
    while (next < total) {
      const index = next++;
      // The actions of each depend only on its number, not on whose turn it is.
      const [one, all] = await live(port, new Random(Number(seed) * 1_000_003 + index));
      good += one;
      wanted += all;
    }
  };
  const hung = setTimeout(
    () => {
      console.log(JSON.stringify({ hung: total - next, good, wanted, errors }));
      process.exit(1);
    },
    LIMIT_MS + total * 20,
  );
  const peers = Promise.all(Array.from({ length: Number(atOnce) }, peer));
  for (const part of [total / 3, (total * 2) / 3]) {
    while (next < part) await sleep(20);
    rss.push(Math.round((await ask('state')).rss));
  }
  await peers;
  clearTimeout(hung);
  await sleep(100);
  const after = await ask('state');
  rss.push(Math.round(after.rss));
  const { errors: serverErrors } = await ask('close');
  server.kill();
  console.log(JSON.stringify({ good, wanted, errors, serverErrors, rss, descriptors: after.descriptors - before.descriptors }));
  process.exit();
}

if (process.send === undefined) await load();
else serve();
