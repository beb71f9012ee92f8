/**
 * A program with a server, that knows nothing of this library, for `uring/register`:
 * `node [--import uring/register] register-servers.mjs SCRIPT`. Prints JSON; what is said of the ring
 * is asked of `uring/register/api`.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { status, unregister } from 'uring/register/api';
import { isLoaded, loadedParts } from './loaded.mjs';

/** How many connections the ring has accepted. */
const accepted = () => (isLoaded() ? (status().calls['net.Server.accept']?.ring ?? 0) : 0);

/** More connections than pass before the event loop is looked at twice. */
const MANY = 1200;

const AT_ONCE = 40;

const servers = {
  net: () => net.createServer((socket) => socket.on('data', (data) => socket.end(`got ${data}`))),
  http: () => http.createServer((request, response) => response.setHeader('connection', 'close').end(`got ${request.url}`)),
};

const requests = { net: 'this', http: 'GET /this HTTP/1.1\r\nHost: localhost\r\n\r\n' };

/** Sends a request over a connection of its own. Returns the last line of the answer. */
async function ask(where, request) {
  const socket = net.connect(where);
  let answer = '';
  socket.setEncoding('utf8').on('data', (data) => {
    answer += data;
  });
  socket.write(request);
  await once(socket, 'close');
  return answer.split('\n').at(-1);
}

/** Sends many requests, and returns all answers that there were. */
async function askOften(where, request) {
  const answers = new Set();
  let left = MANY;
  const client = async () => {
    while (left-- > 0) answers.add(await ask(where, request));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return [...answers];
}

/** Runs something in an event loop that never waits. */
async function busily(work) {
  let isBusy = true;
  const spin = () => {
    if (isBusy) setImmediate(spin);
  };
  spin();
  try {
    return await work();
  } finally {
    isBusy = false;
  }
}

/** How to connect to a server. */
function at(server) {
  const where = server.address();
  return typeof where === 'string' ? where : { host: where.address, port: where.port };
}

const listening = async (server, ...where) => {
  await once(server.listen(...where), 'listening');
  return server;
};

const scripts = {
  /** Servers that nobody connects to. */
  async listening() {
    for (const create of Object.values(servers)) (await listening(create(), 0, '127.0.0.1')).close();
    return { isLoaded: isLoaded(), calls: status().calls['net.Server.listen'] };
  },
  /** Many connections, in an event loop that mostly waits. */
  async idle() {
    const server = await listening(servers.net(), 0, '127.0.0.1');
    for (let index = 0; index < MANY; index += 20) {
      await Promise.all(Array.from({ length: 20 }, () => ask(at(server), requests.net)));
      await pause(40);
    }
    server.close();
    return isLoaded();
  },
  /** Many connections, in an event loop that never waits, to servers of a kind. */
  async busy(kind) {
    const storage = new AsyncLocalStorage();
    const contexts = new Set();
    const [server, other] = await storage.run('listen', () =>
      Promise.all([listening(servers[kind](), 0, '127.0.0.1'), listening(servers[kind](), 0, '::1')]),
    );
    for (const each of [server, other]) {
      each.on('connection', (socket) => contexts.add(`${storage.getStore()} ${socket.remoteAddress}`));
    }
    const [where, before] = [at(server), server.address()];
    const answers = await busily(() => askOften(where, requests[kind]));
    const loaded = loadedParts();
    // One that did not move meanwhile moves now.
    answers.push(await ask(at(other), requests[kind]), await ask(at(other), requests[kind]));
    const byRing = accepted();
    const isSame = JSON.stringify(before) === JSON.stringify(server.address()) && server.listening;
    const [count] = await new Promise((resolve) => server.getConnections((...results) => resolve(results.reverse())));
    const closed = [server, other].map((each) => once(each.close(), 'close'));
    await Promise.all(closed);
    const refused = await new Promise((resolve) => net.connect(where).on('error', ({ code }) => resolve(code)));
    // The address is free again.
    const again = await listening(servers[kind](), where.port, where.host);
    const last = await ask(where, requests[kind]);
    again.close();
    return { result: { answers, contexts: [...contexts], isSame, count, refused, last }, byRing: byRing > MANY / 10, loaded };
  },
  /** Many connections, each answered with what the program reads from a file. */
  async files() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-'));
    try {
      const file = path.join(folder, 'file');
      fs.writeFileSync(file, 'content');
      const answer = (socket) =>
        socket.once('data', async (data) => socket.end(`got ${data}, ${await fs.promises.readFile(file, 'utf8')}`));
      const server = await listening(net.createServer(answer), 0, '127.0.0.1');
      const answers = await busily(() => askOften(at(server), requests.net));
      server.close();
      const loaded = loadedParts();
      const byRing = { accepted: accepted() > 0, read: isLoaded() && status().calls['fs.promises.readFile'].ring > 0 };
      return { answers, loaded, byRing };
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },
  /** A server that does not keep the process alive. */
  async unreferenced() {
    const server = (await listening(servers.net(), 0, '127.0.0.1')).unref();
    await busily(() => askOften(at(server), requests.net));
    return { byRing: accepted() > 0 };
  },
  /** A server that is all that keeps the process alive, until it no longer does. */
  async referenced() {
    const server = await listening(servers.net(), 0, '127.0.0.1');
    await busily(() => askOften(at(server), requests.net));
    const isAlive = await new Promise((resolve) => setTimeout(resolve, 200, true).unref());
    server.unref();
    return { isAlive, byRing: accepted() > 0 };
  },
  /** Servers that are closed by listeners, at every connection around the one that moves them. */
  async closing() {
    const answers = new Set();
    await busily(async () => {
      for (let index = 0; index < MANY; index++) {
        const server = await listening(servers.net(), 0, '127.0.0.1');
        server.on('connection', () => server.close());
        answers.add(await ask(at(server), requests.net));
        if (server.listening) await once(server, 'close');
      }
    });
    return { answers: [...answers], isLoaded: isLoaded() };
  },
  /** A server of a Unix socket. */
  async unix() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-'));
    try {
      const server = await listening(servers.net(), path.join(folder, 'socket'));
      const answers = await busily(() => askOften(at(server), requests.net));
      const isThere = fs.existsSync(server.address());
      server.close();
      return { answers, isThere, byRing: accepted() > 0 };
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },
  /** A server that outlives the registration. */
  async unregistered() {
    const server = await listening(servers.net(), 0, '127.0.0.1');
    unregister();
    const answers = await busily(() => askOften(at(server), requests.net));
    server.close();
    return { answers, isLoaded: isLoaded() };
  },
};

const [name, ...args] = process.argv.slice(2);
console.log(JSON.stringify((await scripts[name](...args)) ?? null));
