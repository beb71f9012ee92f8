/**
 * The callback functions of `uring/fs` in a separate process: `node callbacks.mjs
 * throw|worker|streams|reused|replaced|full FILE [uring|node]`. Prints JSON.
 */

import { once } from 'node:events';
import nodes from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import ours from 'uring/fs';

const [, , scenario = workerData?.scenario, file = workerData?.file, name] = process.argv;

/** Returns the number of descriptors of this process that refer to the file. */
function countOpen() {
  const links = nodes.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return nodes.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return undefined;
    }
  });
  return links.filter((link) => link === file).length;
}

function isOpen(fd) {
  try {
    nodes.fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

const scenarios = {
  /** Terminates a thread while streams are open. */
  async streams() {
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { scenario, file }, argv: [] });
      await new Promise((resolve) => worker.once('message', resolve));
      const open = countOpen();
      await worker.terminate();
      return { open, left: countOpen() };
    }
    for (let index = 0; index < 10; index++) {
      const stream = ours.createReadStream(file, { highWaterMark: 1, autoClose: false });
      await new Promise((resolve) => stream.once('readable', resolve));
    }
    parentPort.postMessage('open');
    return new Promise((resolve) => setTimeout(resolve, 60_000));
  },

  /**
   * A thread closes a stream's descriptor itself; the number has been reused when the thread is
   * terminated.
   */
  async reused() {
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { scenario, file }, argv: [] });
      const [given] = await once(worker, 'message');
      const others = [];
      do others.push(nodes.openSync(file));
      while (others.at(-1) < given);
      await worker.terminate();
      return { isReused: others.includes(given), open: others.filter((fd) => isOpen(fd)).length === others.length };
    }
    const stream = ours.createReadStream(file, { autoClose: false });
    const [fd] = await once(stream, 'open');
    await once(stream.resume(), 'end');
    nodes.closeSync(fd);
    parentPort.postMessage(fd);
    return new Promise((resolve) => setTimeout(resolve, 60_000));
  },

  async throw() {
    const [called, caught] = [[], []];
    process.on('uncaughtException', ({ message }) => caught.push(message));
    const fail = (what) => () => {
      called.push(what);
      throw new Error(what);
    };
    const fd = nodes.openSync(file);
    // One after another, so that each completes at once.
    for (const call of [
      () => ours.stat(file, fail('stat')),
      () => ours.open(file, fail('open')),
      () => ours.readFile(file, fail('readFile')),
      () => ours.read(fd, Buffer.alloc(1), 0, 1, 0, fail('read')),
      () => ours.access(file, () => called.push('access')),
    ]) {
      const before = called.length;
      call();
      while (called.length === before) await new Promise(setImmediate);
    }
    return { caught, called };
  },

  async worker() {
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { scenario, file }, argv: [] });
      return new Promise((resolve) => worker.once('message', resolve));
    }
    const fds = [];
    for (let index = 0; index < 10; index++)
      fds.push(await new Promise((resolve) => ours.open(file, (_error, fd) => resolve(fd))));
    const opened = countOpen();
    for (const [index, fd] of fds.entries()) {
      // With either module.
      if (index % 2) nodes.closeSync(fd);
      else await new Promise((resolve) => ours.close(fd, resolve));
    }
    return { opened, left: countOpen() };
  },

  async replaced() {
    const told = {};
    for (const [side, fs] of Object.entries({ uring: { ...ours }, node: { ...nodes } })) {
      told[side] = [];
      const names = ['open', 'read', 'write', 'close'];
      const originals = names.map((key) => nodes[key]);
      for (const [index, key] of names.entries())
        nodes[key] = (...args) => {
          told[side].push(key);
          return originals[index](...args);
        };
      for await (const chunk of fs.createReadStream(file)) void chunk;
      const writing = fs.createWriteStream(`${file}-replaced`);
      await new Promise((resolve) => writing.on('close', resolve).end('text'));
      for (const [index, key] of names.entries()) nodes[key] = originals[index];
    }
    return told;
  },

  async full() {
    const fs = name === 'node' ? nodes : ours;
    const outcome = (call) =>
      new Promise((resolve) => call((error, result) => resolve(error?.message ?? result?.size ?? `${result}`)));
    const calls = {
      stat: (done) => fs.stat(file, done),
      access: (done) => fs.access(file, done),
      open: (done) => fs.open(file, done),
      realpath: (done) => fs.realpath(file, done),
    };
    // Everything that is opened only once is open by now.
    for (const call of Object.values(calls).filter((call) => call !== calls.open)) await outcome(call);
    const taken = [];
    try {
      for (;;) taken.push(nodes.openSync('/dev/null'));
    } catch {
      // No descriptor is left.
    }
    const told = {};
    for (const [key, call] of Object.entries(calls)) told[key] = await outcome(call);
    for (const fd of taken) nodes.closeSync(fd);
    return told;
  },
};

const told = await scenarios[scenario]();
if (isMainThread) console.log(JSON.stringify(told));
else parentPort.postMessage(told);
