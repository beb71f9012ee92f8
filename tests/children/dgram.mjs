/**
 * `uring/dgram` in a separate process, with the ring in use from the start: `node dgram.mjs
 * exit|throw|listener|unref|worker|limits [PORT]`. Prints JSON.
 */

import nodes from 'node:dgram';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import dgram, { backend } from 'uring/dgram';
import { dgramPolicy as policy } from '../../dist/internals.js';

for (const part of [policy.sending, policy.receiving]) Object.assign(part, { looks: 0, many: 0, few: 0, apart: 1 });

const [, , scenario = workerData?.scenario, port = workerData?.port] = process.argv;

async function bound(module) {
  const socket = module.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function connected(to) {
  const socket = await bound(dgram);
  socket.connect(Number(to), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

const scenarios = {
  /** Sends, and exits in the same turn. */
  async exit() {
    const socket = await connected(port);
    for (let index = 0; index < 30; index++) socket.send(`${index}`);
    console.log(JSON.stringify({ backend: backend() }));
    process.on('exit', () => socket.send('at exit'));
    process.exit();
  },

  /** Sends, and dies from an exception in the same turn. */
  async throw() {
    const socket = await connected(port);
    process.on('exit', () => console.log('{}'));
    process.on('uncaughtExceptionMonitor', () => undefined);
    setImmediate(() => {
      for (let index = 0; index < 30; index++) socket.send(`${index}`);
      throw new Error('on purpose');
    });
  },

  /** Listeners and callbacks that throw: the others are still called. */
  async listener() {
    const caught = [];
    process.on('uncaughtException', ({ message }) => caught.push(message));
    const [a, b] = [await bound(dgram), await bound(dgram)];
    let left = 20;
    await new Promise((resolve) => {
      const fail = (what) => {
        if (--left === 0) resolve();
        throw new Error(what);
      };
      b.on('message', () => fail('message'));
      for (let index = 0; index < 10; index++) a.send('x', b.address().port, '127.0.0.1', () => fail('sent'));
    });
    await new Promise(setImmediate);
    a.close();
    b.close();
    return caught.toSorted();
  },

  /** Unreferenced sockets do not keep the process alive, before and after they are bound. */
  async unref() {
    (await bound(dgram)).unref();
    dgram.createSocket('udp4').unref().bind(0);
    (await bound(dgram)).unref().ref().unref();
    return 'waits for nobody';
  },

  /** Threads that are terminated while they send. */
  async worker() {
    if (!isMainThread) {
      const [a, b] = [await bound(dgram), await bound(dgram)];
      const { port } = b.address();
      b.on('message', (message, sender) => b.send(message, sender.port, sender.address));
      a.on('message', (message) => a.send(message, port, '127.0.0.1'));
      for (let index = 0; index < 100; index++) a.send(Buffer.alloc(index), port, '127.0.0.1');
      parentPort.postMessage('at work');
      return new Promise(() => undefined);
    }
    for (let round = 0; round < 8; round++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { scenario }, argv: [] });
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, 5 * round));
      await worker.terminate();
    }
    return 'ended';
  },

  /** Descriptors run out: an error, as with Node, and then everything works again. */
  async limits() {
    const errors = async (module) => {
      const all = [];
      try {
        for (;;) all.push(await bound(module));
      } catch ({ code, syscall }) {
        for (const socket of all) socket.close();
        return { code, syscall };
      }
    };
    await (await bound(dgram)).close();
    return [await errors(nodes), await errors(dgram)];
  },
};

const result = await scenarios[scenario]();
if (isMainThread) console.log(JSON.stringify(result));
