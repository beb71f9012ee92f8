/**
 * `uring/net` and `uring/http` in a separate process: `node net.mjs CASE`. Prints what was seen as
 * JSON.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import nodeNet from 'node:net';
import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import express from 'express';
import fastify from 'fastify';
import { Client } from 'undici';
import { Agent, createServer } from 'uring/http';
import net, { overRing } from 'uring/net';
import { connect, listen, socketpair } from 'uring/sockets';
import { WebSocket, WebSocketServer } from 'ws';

const HOST = '127.0.0.1';

const listening = async (server) => {
  server.listen(0, HOST);
  await once(server, 'listening');
  return server.address().port;
};

const certificate = (name) => readFileSync(new URL(`certificate/${name}.pem`, import.meta.url));
const [key, cert] = [certificate('key'), certificate('cert')];

const textOf = async (stream) => {
  let text = '';
  for await (const piece of stream.setEncoding('utf8')) text += piece;
  return text;
};

const CASES = {
  /** Moves a server to a worker (Node 26), and sends it a few requests there. */
  async moves(which) {
    const module = which === 'node' ? nodeNet : net;
    const server = module.createServer((socket) => socket.end('here'));
    const port = await listening(server);
    const worker = new Worker(
      `require('node:worker_threads').parentPort.on('message', (server) => {
        server.on('connection', (socket) => socket.end('moved'));
        require('node:worker_threads').parentPort.postMessage('takes over');
      });`,
      { eval: true },
    );
    try {
      worker.postMessage(server, [server]);
    } catch (error) {
      return error.name;
    }
    await once(worker, 'message');
    const answers = [];
    for (let index = 0; index < 6; index++) answers.push(await textOf(nodeNet.connect(port, HOST)));
    return answers;
  },
  /** Writes right before the process exits. */
  async exits(port) {
    const socket = net.connect(Number(port), HOST);
    await once(socket, 'connect');
    socket.write('written right before ');
    socket.write('the exit');
    process.exit();
  },
  async throws() {
    const caught = [];
    process.on('uncaughtException', (error) => caught.push(error.message));
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        if (`${data}` === 'throw') throw new Error('in a listener');
        socket.end(data);
      });
    });
    const port = await listening(server);
    server.once('connection', () => {
      throw new Error('in the first connection');
    });
    const bad = net.connect(port, HOST);
    bad.write('throw');
    while (caught.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    bad.destroy();
    const good = net.connect(port, HOST);
    // During 'connect', the exception would end the connection attempt, with Node as well.
    await once(good, 'connect');
    good.write('answer', () => {
      throw new Error('in a callback');
    });
    const answer = await textOf(good);
    server.close();
    await once(server, 'close');
    return { caught, answer };
  },
  async unref() {
    const server = net.createServer((socket) => socket.unref()).unref();
    const port = await listening(server);
    const socket = net.connect(port, HOST);
    await once(socket, 'connect');
    socket.on('data', () => undefined).unref();
    // Nothing keeps the process alive: it exits with both open.
    return { ends: true };
  },
  async 'unref of connections'() {
    const listener = (await listen({ host: HOST })).unref();
    const [client, server] = await Promise.all([connect({ host: HOST, port: listener.address.port }), listener.accept()]);
    for (const one of [client, server]) void one.unref().read();
    void listener.accept();
    return { ends: true };
  },
  async 'ref again'() {
    const [one, other] = socketpair();
    const read = one.unref().ref().read();
    setTimeout(() => other.write('late'), 20).unref();
    // Without a reference, the process would exit before.
    process.exitCode = 1;
    const text = `${await read}`;
    process.exitCode = 0;
    await Promise.all([one.close(), other.close()]);
    return { text };
  },
  async http() {
    const server = createServer(async (request, response) => {
      response.end(`${request.method} ${request.url} ${await textOf(request)}`);
    });
    const port = await listening(server);
    const agent = new Agent({ keepAlive: true });
    const answers = [];
    for (const body of ['one', 'x'.repeat(200_000)]) {
      const request = http.request({ port, host: HOST, agent, method: 'POST', path: '/p' });
      request.end(body);
      const [response] = await once(request, 'response');
      answers.push([(await textOf(response)).length, request.reusedSocket]);
    }
    answers.push(await (await fetch(`http://${HOST}:${port}/fetch`)).text());
    agent.destroy();
    server.close();
    await once(server, 'close');
    return { answers };
  },
  async https() {
    const server = overRing(https.createServer({ key, cert }, (request, response) => response.end(`secure ${request.url}`)));
    const port = await listening(server);
    const [response] = await once(https.get({ port, host: HOST, ca: cert, path: '/a', agent: false }), 'response');
    const answer = await textOf(response);
    const socket = tls.connect({ socket: net.connect(port, HOST), ca: cert, host: 'localhost' });
    await once(socket, 'secureConnect');
    socket.end('GET /b HTTP/1.0\r\n\r\n');
    const other = (await textOf(socket)).split('\r\n').at(-1);
    server.close();
    await once(server, 'close');
    return { answer, other, authorized: socket.authorized };
  },
  async http2() {
    const server = overRing(http2.createSecureServer({ key, cert }, (request, response) => response.end(`h2 ${request.url}`)));
    const port = await listening(server);
    const session = http2.connect(`https://localhost:${port}`, { ca: cert, createConnection: undefined });
    const answers = await Promise.all(['/1', '/2', '/3'].map((path) => textOf(session.request({ ':path': path }))));
    session.close();
    server.close();
    await once(server, 'close');
    return { answers };
  },
  async express() {
    const app = express();
    app.use(express.json());
    app.post('/:name', (request, response) => response.json({ name: request.params.name, body: request.body, ip: request.ip }));
    const server = createServer(app);
    const port = await listening(server);
    const headers = { 'content-type': 'application/json', connection: 'close' };
    const answer = await (await fetch(`http://${HOST}:${port}/x`, { method: 'POST', body: '{"a":1}', headers })).json();
    server.close();
    await once(server, 'close');
    return answer;
  },
  async fastify() {
    const app = fastify({ serverFactory: (handler) => createServer(handler), forceCloseConnections: true });
    app.get('/:name', (request) => ({ name: request.params.name, ip: request.ip }));
    await app.listen({ port: 0, host: HOST });
    const answer = await (await fetch(`http://${HOST}:${app.server.address().port}/y`)).json();
    await app.close();
    return answer;
  },
  async undici() {
    const server = createServer((request, response) => response.end(`undici ${request.url}`));
    const port = await listening(server);
    const client = new Client(`http://${HOST}:${port}`, {
      connect: ({ hostname, port: to }, callback) => {
        const socket = net.connect(to, hostname, () => callback(null, socket)).once('error', (error) => callback(error, null));
      },
    });
    const answers = [];
    for (const path of ['/1', '/2']) answers.push(await (await client.request({ path, method: 'GET' })).body.text());
    await client.close();
    server.close();
    await once(server, 'close');
    return { answers };
  },
  /** Works without io_uring. */
  async unavailable() {
    const errors = [];
    const attempt = (body) => {
      try {
        body();
      } catch (error) {
        errors.push(error.code);
      }
    };
    attempt(() => net.createServer().listen(0));
    attempt(() => net.backend());
    attempt(() => net.configure({ fallback: 'yes' }));
    attempt(() => net.configure({ fallbck: true }));
    const [error] = await once(net.connect(1, HOST), 'error');
    errors.push(error.code);
    return errors;
  },
  async fallback(how) {
    const warnings = [];
    process.on('warning', ({ code }) => warnings.push(code));
    if (how === 'configure') net.configure({ fallback: true });
    const server = createServer((request, response) => response.end(`${request.url} answered`));
    const port = await listening(server);
    const agent = new Agent();
    const [response] = await once(http.get({ port, host: HOST, path: '/a', agent }), 'response');
    const answer = await textOf(response);
    const echo = net.createServer((socket) => socket.pipe(socket));
    const client = new net.Socket().connect(await listening(echo), HOST);
    client.end('text');
    const text = await textOf(client);
    for (const one of [server, echo]) {
      one.close();
      await once(one, 'close');
    }
    return { backend: net.backend(), answer, text, warnings };
  },
  async ws() {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
    const port = await listening(server);
    const socket = new WebSocket(`ws://${HOST}:${port}`, {
      createConnection: (options) => {
        const connection = net.connect({ port: options.port, host: options.host });
        return connection;
      },
    });
    await once(socket, 'open');
    socket.send('text');
    const [text] = await once(socket, 'message');
    socket.send(Buffer.alloc(300_000, 1));
    const [binary] = await once(socket, 'message');
    socket.close();
    await once(socket, 'close');
    sockets.close();
    server.close();
    await once(server, 'close');
    return { text: `${text}`, binary: binary.length };
  },
};

const result = await CASES[process.argv[2]](...process.argv.slice(3));
console.log(JSON.stringify(result));
if (process.argv[2] === 'moves') process.exit();
