/**
 * A program that knows nothing of this library, for `uring/register`:
 * `node [--import uring/register] register.mjs SCRIPT`. Prints JSON; what is said of the ring is
 * asked of `uring/register/api`.
 */

import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import dgram from 'node:dgram';
import { once } from 'node:events';
import * as namespace from 'node:fs';
import defaultFs, { readFile as named, promises } from 'node:fs';
import { stat as namedPromise } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { register, status, unregister } from 'uring/register/api';
import { isLoaded, loadedParts } from './loaded.mjs';

const require = createRequire(import.meta.url);
const self = new URL(import.meta.url);
const isNodes = (value) => /\[native code\]|callback \|\|=|maybeCallback/.test(String(value));

const scripts = {
  /** Whether all ways to a function lead to the same one. */
  async references() {
    const all = [
      named,
      namespace.readFile,
      namespace.default.readFile,
      defaultFs.readFile,
      // biome-ignore lint/style/useNodejsImportProtocol: both names are tested.
      require('fs').readFile,
      require('node:fs').readFile,
    ];
    const stats = [namedPromise, promises.stat, require('node:fs/promises').stat, (await import('node:fs/promises')).stat];
    return { same: new Set(all).size === 1 && new Set(stats).size === 1, isNodes: isNodes(named), modules: status().modules };
  },
  /** Threads, started in every way. */
  async threads() {
    const code = `const { parentPort } = require('node:worker_threads');
      import('uring/register/api').then(({ status }) => parentPort.postMessage(status().modules));`;
    const answers = [];
    for (const [what, options] of [
      [code, { eval: true }],
      [code, { eval: true, execArgv: [] }],
      [new URL('register-thread.mjs', self), {}],
      [new URL('register-thread.mjs', self), { execArgv: [] }],
    ]) {
      const worker = new Worker(what, options);
      const [answer] = await once(worker, 'message');
      answers.push(Object.keys(answer));
      await worker.terminate();
    }
    return answers;
  },
  /** A process that is forked. */
  async forked() {
    const child = fork(self, ['child'], { silent: true });
    const [answer] = await once(child, 'message');
    return answer;
  },
  /** A cluster, whose primary accepts and hands connections out. */
  async cluster() {
    const count = 2;
    const requests = 8;
    const exits = [];
    for (let index = 0; index < count; index++) cluster.fork();
    cluster.on('exit', (_worker, code, signal) => exits.push(code ?? signal));
    let address;
    for (let index = 0; index < count; index++) [, address] = await once(cluster, 'listening');
    const answers = [];
    for (let index = 0; index < requests; index++) {
      answers.push(await fetch(`http://127.0.0.1:${address.port}/`).then((response) => response.text()));
    }
    for (const worker of Object.values(cluster.workers)) worker.kill();
    while (exits.length < count) await once(cluster, 'exit');
    return { workers: new Set(answers).size, answers: answers.length, exits };
  },
  async child() {
    process.send(Object.keys(status().modules));
    process.disconnect();
  },
  /** Taking it back. */
  async unregistered() {
    const before = named;
    const replaced = status().modules;
    unregister();
    const after = defaultFs.readFile;
    register({ modules: ['fs', 'dgram'] });
    const again = Object.keys(status().modules);
    // Somebody else's function is left alone.
    const theirs = () => undefined;
    defaultFs.readFile = theirs;
    unregister();
    unregister();
    return {
      replaced,
      differs: before !== after,
      nodes: isNodes(after),
      again,
      theirs: defaultFs.readFile === theirs,
      left: status().modules,
    };
  },
  /** Files, sockets and datagrams: the same with and without. */
  async work() {
    const file = `${process.argv[3]}/file`;
    await promises.writeFile(file, 'content');
    const texts = [
      await promises.readFile(file, 'utf8'),
      await new Promise((done) => named(file, 'utf8', (error, text) => done(error ?? text))),
    ];
    const missing = await namedPromise(`${file}.none`).catch(({ code, message }) => [code, message.replace(file, 'FILE')]);
    const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const echoes = await Promise.all(
      Array.from({ length: 32 }, async (_, index) => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        let text = '';
        socket.setEncoding('utf8').on('data', (piece) => {
          text += piece;
          if (text.length < 400) socket.write(`${index % 10}`);
          else socket.end();
        });
        socket.write(`${index % 10}`);
        await once(socket, 'close');
        return text.length;
      }),
    );
    server.close();
    const web = http.createServer((request, response) => response.end(request.url)).listen(0);
    await once(web, 'listening');
    const answer = await fetch(`http://127.0.0.1:${web.address().port}/path`).then((response) => response.text());
    web.closeAllConnections();
    web.close();
    const [one, other] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')];
    one.bind(0, '127.0.0.1');
    await once(one, 'listening');
    for (let index = 0; index < 8; index++) other.send(`${index}`, one.address().port, '127.0.0.1');
    const datagrams = [];
    for await (const [message] of on(one, 'message', 8)) datagrams.push(String(message));
    for (const socket of [one, other]) socket.close();
    return { texts, missing, echoes, answer, datagrams, socket: [one instanceof dgram.Socket, server instanceof net.Server] };
  },
  /** Counts of calls, one way and another. */
  async calls() {
    const file = `${process.argv[3]}/calls`;
    await promises.writeFile(file, 'content');
    await promises.appendFile(file, Symbol('refused by Node')).catch(() => undefined);
    for (let index = 0; index < 3; index++) await promises.readFile(file);
    await promises.readFile(file, { signal: new AbortController().signal });
    await promises.stat(file);
    await promises.stat(`${file}.none`).catch(() => undefined);
    const stat = (path) => new Promise((done) => defaultFs.stat(path, done));
    await stat(file);
    // Node is left many at once.
    await Promise.all(Array.from({ length: 4 }, () => stat(file)));
    await once(defaultFs.createReadStream(file).resume(), 'close');
    await once(defaultFs.createReadStream(file, { fs: defaultFs }).resume(), 'close');
    const handles = [await promises.open(file), await promises.open(file)];
    await handles[1].read(Buffer.alloc(4), 0, 4, 0);
    for (const handle of handles) await handle.close();
    const { calls, counters } = status();
    const server = net.createServer((socket) => socket.end()).listen(0);
    await once(server, 'listening');
    await once(net.connect(server.address().port).resume(), 'close');
    server.close();
    const { 'net.Server.listen': listen, 'net.Server.accept': accept } = status().calls;
    return { calls, operations: Object.keys(counters.operations), listen, accept };
  },
  /** Few calls first, then more. */
  async deferred() {
    const file = `${process.argv[3]}/deferred`;
    defaultFs.writeFileSync(file, 'content');
    const { readFile, stat } = defaultFs;
    const called = (fn, ...args) => new Promise((done) => fn(...args, done));
    const loaded = [isLoaded()];
    await called(stat, file);
    await called(defaultFs.realpath.native, file);
    // Node 20 loads modules with it, so there were some calls before.
    for (let index = 0; index < 8; index++) await promises.readFile(file);
    loaded.push(isLoaded());
    for (let index = 0; index < 2; index++) await called(stat, file);
    await once(defaultFs.createReadStream(file).resume(), 'close');
    return { loaded, isSame: stat === defaultFs.stat && readFile === named, calls: status().calls };
  },
  async 'deferred in a thread'() {
    const code = `const { parentPort } = require('node:worker_threads');
      require('node:fs').promises.readFile('/dev/null').then(() => parentPort.postMessage(Object.keys(require.cache)));`;
    const [files] = await once(new Worker(code, { eval: true }), 'message');
    return isLoaded(files);
  },
  /** Concurrent calls with callbacks, then one at a time: while the event loop is busy, then while it waits. */
  async crowd() {
    const call = (name, ...args) => new Promise((resolve) => defaultFs[name](...args, resolve));
    const loaded = [];
    for (const name of ['readFile', 'stat', 'access']) {
      await Promise.all(Array.from({ length: 100 }, () => call(name, '/dev/null')));
      loaded.push(isLoaded());
    }
    let isBusy = true;
    const spin = () => isBusy && setImmediate(spin);
    spin();
    // The first of them still count as concurrent ones.
    for (let index = 0; index < 1_100; index++) await call('readFile', '/dev/null');
    loaded.push(isLoaded());
    isBusy = false;
    for (let index = 0; index < 20; index++) {
      await call('readFile', '/dev/null');
      await pause(10);
    }
    return [...loaded, isLoaded()];
  },
  /** A client of the echo server at a port: one connection, then many at once. */
  async 'late client'() {
    const talk = async (socket, times) => {
      socket.setNoDelay(true);
      for (let index = 0; index < times; index++) {
        socket.write('x');
        await once(socket, 'data');
      }
      socket.destroy();
    };
    const port = Number(process.argv[3]);
    const loaded = [isLoaded()];
    await talk(net.connect(port, '127.0.0.1'), 200);
    loaded.push(isLoaded());
    for (const times of [200, 600]) {
      const sockets = Array.from({ length: 32 }, () => net.connect(port, '127.0.0.1'));
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      await Promise.all(sockets.map((socket) => talk(socket, times)));
      loaded.push(isLoaded());
    }
    const { ring, node } = status().calls['net.Socket.read'];
    return { loaded, byRing: ring > 0, byNode: node > 0 };
  },
  /** Datagram sockets of every way to make one. */
  async 'late datagrams'() {
    const { Socket } = dgram;
    class Heir extends Socket {}
    function Old(type) {
      Socket.call(this, type);
    }
    Object.setPrototypeOf(Old.prototype, Socket.prototype);
    const before = isLoaded();
    const sockets = [dgram.createSocket('udp4'), new Socket('udp4'), new Heir('udp4'), new Old('udp4')];
    const receiver = sockets[0].bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address();
    let count = 0;
    // From the second time on, all are bound, so that their datagrams are sent in one turn.
    for (let round = 0; round < 6; round++) {
      const messages = on(receiver, 'message', 96);
      for (const socket of sockets) for (let index = 0; index < 24; index++) socket.send('x', port, '127.0.0.1');
      for await (const _message of messages) count++;
      receiver.removeAllListeners('message');
    }
    for (const socket of sockets) socket.close();
    return {
      loaded: [before, isLoaded()],
      are: sockets.map((socket) => socket instanceof Socket),
      constructors: [sockets[0].constructor === Socket, sockets[2].constructor === Heir],
      count,
      byRing: status().calls['dgram.Socket.send'].ring > 0,
    };
  },
  /** Functions that a test framework replaces, before the library is loaded. */
  async 'mocked early'() {
    const file = `${process.argv[3]}/mocked`;
    defaultFs.writeFileSync(file, 'content');
    const refuse = () => {
      throw new Error('This is not Node’s.');
    };
    const { setTimeout, setImmediate } = globalThis;
    for (const name of ['setTimeout', 'setImmediate', 'setInterval']) {
      globalThis[name] = refuse;
      require('node:timers')[name] = refuse;
    }
    for (const name of ['fstatSync', 'readFileSync', 'fstat', 'close']) defaultFs[name] = refuse;
    for (let index = 0; index < 4; index++) await promises.readFile(file);
    const text = await promises.readFile(file, 'utf8');
    const loaded = isLoaded();
    // Loads what is not loaded yet.
    const { modules } = status();
    Object.assign(globalThis, { setTimeout, setImmediate });
    return { loaded, text, modules };
  },
  /** Which parts of the library are loaded for files. */
  async parts() {
    const before = loadedParts();
    // Node 20 loads modules with such functions, so there were some calls before.
    for (let call = 0; call < 64; call++) await promises.access('/');
    return [before, loadedParts()];
  },
  /** What the ring has done for it. */
  async counters() {
    await scripts.work();
    const { modules, counters } = status();
    return { modules, submitted: (counters?.submitted ?? 0) > 0 };
  },
};

async function* on(emitter, event, count) {
  const queue = [];
  let wake = () => undefined;
  emitter.on(event, (...args) => {
    queue.push(args);
    wake();
  });
  for (let left = count; left > 0; left--) {
    while (queue.length === 0) await new Promise((resolve) => (wake = resolve));
    yield queue.shift();
  }
}

if (cluster.isWorker) {
  const answer = (_request, response) => response.setHeader('connection', 'close').end(String(cluster.worker.id));
  http.createServer(answer).listen(0);
} else {
  console.log(JSON.stringify((await scripts[process.argv[2]]()) ?? null));
}
