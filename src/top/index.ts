/**
 * `uring/top`: lets `uring top` show what the rings of a running program do.
 *
 * ```sh
 * node --import uring/top app.js
 * uring top                      # from another terminal
 * ```
 *
 * Each thread listens on a Unix socket that only its user can connect to. Until somebody does,
 * nothing is recorded, and the program runs as fast as without. It does not keep the program alive.
 *
 * @module uring/top
 */

import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { threadId } from 'node:worker_threads';
import { timers } from '../timers.js';
import { socketOf } from './address.js';
import { type OperationSample, type Sample, Statistics } from './statistics.js';

export type { OperationSample, Sample };

/** How often a sample is sent. */
const INTERVAL_MS = 1000;

const statistics = new Statistics();
const watchers = new Set<Socket>();
let timer: NodeJS.Timeout | undefined;

function watch(socket: Socket): void {
  socket.unref();
  socket.on('error', () => undefined);
  socket.on('close', () => {
    watchers.delete(socket);
    if (watchers.size > 0) return;
    timers.clearTimeout(timer);
    statistics.stop();
  });
  watchers.add(socket);
  if (watchers.size > 1) return;
  statistics.start();
  tick();
}

function tick(): void {
  timer = timers.setTimeout(() => {
    const sample: Sample = { pid: process.pid, thread: threadId, ...statistics.take() };
    for (const socket of watchers) socket.write(`${JSON.stringify(sample)}\n`);
    tick();
  }, INTERVAL_MS);
  timer.unref();
}

try {
  const path = socketOf(process.pid, threadId);
  // A process that was killed, and had this number.
  rmSync(path, { force: true });
  const server = createServer(watch);
  server.on('error', warn);
  server.listen(path).unref();
  process.once('exit', () => rmSync(path, { force: true }));
} catch (error) {
  warn(error as Error);
}

function warn({ message }: Error): void {
  process.emitWarning(`uring top cannot watch this process: ${message}`);
}
