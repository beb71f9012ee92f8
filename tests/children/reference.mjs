/**
 * Runs the examples of the operations reference. Prints, for each that failed, its error, as JSON;
 * with the argument `names`, only which there are. What the kernel does not support is not run.
 */

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { Uring } from 'uring';
import { Ring } from 'uring/ring';
import { listen } from 'uring/sockets';
import { chain, operations } from '../../examples/operations.mjs';
import { registrations } from '../../examples/registrations.mjs';

const O_CLOEXEC = 0o2000000;
const libc = createRequire(import.meta.url)('koffi').load(null);
const epollCreate = libc.func('epoll_create1', 'int', ['int']);
const createEventfd = libc.func('eventfd', 'int', ['uint', 'int']);

/** All that the examples refer to; `tearDown` takes it away. */
async function setUp() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'uring-reference-'));
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, 'hello, ring');
  const uring = Uring.open();
  const rings = [];
  const open = (flags = []) => {
    const ring = Ring.open({ entries: 32, flags });
    rings.push(ring);
    return ring;
  };
  const ring = open();
  const run = async (fill) => {
    fill(ring.getSqe());
    ring.submitAndWait(1);
    let result;
    ring.forEachCqe(({ res }) => {
      result = res;
    });
    return result;
  };
  const listener = await listen({ host: '127.0.0.1', uring });
  const client = await uring.socket('IPv4');
  const [{ fd: server }] = await Promise.all([uring.accept(listener.fd), uring.connect(client, listener.address)]);
  const pipe = await uring.pipe();
  const [fd, directoryFd] = [fs.openSync(file, 'r+'), fs.openSync(directory)];
  const [epoll, eventfd] = [epollCreate(O_CLOEXEC), createEventfd(0, O_CLOEXEC)];
  const tearDown = async () => {
    await listener.close();
    await uring.close();
    for (const each of rings) each.close();
    for (const each of [fd, directoryFd, epoll, eventfd, client, server, pipe.reader, pipe.writer]) fs.closeSync(each);
    fs.rmSync(directory, { recursive: true });
  };
  const shown = { uring, ring, run, open, path: file, fd, directory: { path: directory, fd: directoryFd }, pipe };
  return { ...shown, epoll, eventfd, client, server, listening: listener.fd, address: listener.address, tearDown };
}

const isSupported = ({ uring, ring }, name) =>
  name in operations ? uring.supports(name) : name !== 'QUERY' || ring.query() !== undefined;

if (process.argv[2] === 'names') {
  const names = { operations: Object.keys(operations), registrations: Object.keys(registrations) };
  console.log(JSON.stringify({ names }));
  process.exit();
}

const failures = {};
const skipped = [];
for (const [name, example] of Object.entries({ ...operations, chain, ...registrations })) {
  const environment = await setUp();
  try {
    if (name === 'chain' || isSupported(environment, name)) await example(environment);
    else skipped.push(name);
  } catch (error) {
    failures[name] = error.stack;
  }
  await environment.tearDown();
}
console.log(JSON.stringify({ failures, skipped }));
