/**
 * Misbehaving peers: half-closes, resets, silence, and slow readers, drawn from a seed, against
 * servers whose connections the ring reads.
 */

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import uringNet from '../../src/net/index.js';
import { readerOfHandle } from '../../src/net/reader-of-handle.js';
import { type Internal, policy } from '../../src/net/who-reads.js';
import { Random } from '../../src/testing/index.js';
import { runChild } from '../helpers/child.js';
import { whyNoRing } from '../helpers/linux.js';
import { rounds, within } from '../helpers/slow.js';

const HOST = '127.0.0.1';
const AT_ONCE = 50;
const SEED = Number(process.env.URING_SEED ?? 1);
const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;
const usual = { ...policy };

/** Returns a function that draws numbers from 0 up to a bound, exclusive. */
function chooserOf(seed: number): (below: number) => number {
  const random = new Random(seed);
  return (below) => random.below(below);
}

const descriptors = () => readdirSync('/proc/self/fd').length;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Resets a connection, unless its end is on its way: Node then never closes the handle, and waits
 * for it indefinitely when the process exits.
 */
function reset(socket: net.Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Handles each piece of data in one of several ways, as a server. */
function serve(socket: net.Socket, choose: (below: number) => number): void {
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    switch (choose(40)) {
      case 0:
        socket.destroy();
        break;
      case 1:
        reset(socket);
        break;
      case 2:
        socket.end(data);
        break;
      case 3:
        socket.pause();
        setTimeout(() => socket.resume(), choose(5));
        socket.write(data);
        break;
      case 4:
        socket.unref().ref();
        socket.write(data);
        break;
      default:
        if (!socket.write(data)) {
          socket.pause();
          socket.once('drain', () => socket.resume());
        }
    }
  });
}

/** Runs one peer. @returns whether the data that came back is a prefix of what it has sent. */
async function live(port: number, module: typeof net, choose: (below: number) => number): Promise<boolean> {
  const socket = module.connect({ port, host: HOST, allowHalfOpen: choose(2) === 0 });
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (data) => received.push(data));
  const closed = once(socket, 'close').catch(() => undefined);
  for (let left = choose(12); left > 0 && !socket.destroyed && socket.writable; left--) {
    const data = Buffer.alloc(choose(8) === 0 ? choose(300_000) : 1 + choose(100), sent.length);
    const { length: before } = received;
    sent.push(data);
    socket.write(data);
    if (choose(3) === 0) socket.pause();
    if (choose(2) === 0) await pause(choose(4));
    socket.resume();
    // Some wait for an answer, so that the server reads several pieces however slow it is.
    if (choose(3) === 0) while (received.length === before && !socket.readableEnded && !socket.destroyed) await pause(1);
  }
  if (choose(3) === 0) reset(socket);
  else if (choose(2) === 0) socket.destroy();
  else socket.end();
  // A peer that is never notified of an end would wait indefinitely.
  const late = setTimeout(() => socket.destroy(), 200);
  await closed;
  clearTimeout(late);
  const all = Buffer.concat(received);
  return Buffer.concat(sent).subarray(0, all.length).equals(all);
}

onLinux(`hostile peers${reason ? ` (skipped: ${reason})` : ''}`, () => {
  jest.setTimeout(within(120_000));
  afterAll(() => Uring.default().close());

  test.each([
    ['libuv and the ring in turns', ['libuv', 'ring'], { reads: 2, large: 64 * 1024 }],
    ['the ring from the start', ['ring'], { reads: 0, large: Number.POSITIVE_INFINITY }],
  ] as const)(`no data is mixed up, and nothing is left behind (seed ${SEED}): %s`, async (_name, readers, settings) => {
    await Uring.default().nop();
    const choose = chooserOf(SEED);
    // Drawn, because the load, which decides otherwise, depends on the machine.
    const drawReader = () => {
      const busy = readers[choose(readers.length)] === 'ring' ? 0 : Number.POSITIVE_INFINITY;
      Object.assign(policy, settings, { many: busy, few: busy });
    };
    drawReader();
    const pieces = { libuv: 0, ring: 0 };
    const server = uringNet.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('end', () => socket.end());
      socket.on('data', () => {
        const { _handle: handle } = socket as Internal;
        if (handle !== null) pieces[readerOfHandle(handle)?.by ?? 'libuv']++;
        drawReader();
      });
      serve(socket, choose);
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const before = descriptors();
    const wrong: number[] = [];
    let next = 0;
    const total = rounds(1500);
    const peer = async () => {
      while (next < total) {
        const index = next++;
        const module = index % 2 ? (uringNet as unknown as typeof net) : net;
        if (!(await live(port, module, choose))) wrong.push(index);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, peer));
    expect(wrong).toEqual([]);
    for (const reader of readers) expect(pieces[reader]).toBeGreaterThan(0);
    server.close();
    await once(server, 'close');
    await pause(50);
    Object.assign(policy, usual);
    expect(descriptors()).toBeLessThanOrEqual(before);
  });

  test(`uploads, downloads, pipelining, half-closes, and slow readers are served as over node:http, while others reset and vanish (seed ${SEED})`, async () => {
    interface Outcome {
      good: number;
      wanted: number;
      errors: Record<string, number>;
      serverErrors: Record<string, number>;
      descriptors: number;
    }
    const outcome = (module: string) => runChild<Outcome>('faulty-load.mjs', [module, String(rounds(3000)), String(SEED)]);
    const [nodes, ours] = [await outcome('node'), await outcome('uring')];
    expect(ours).toMatchObject({ good: nodes.good, wanted: nodes.good, errors: {} });
    expect(ours.descriptors).toBeLessThanOrEqual(nodes.descriptors);
    // The outcome of a reset depends on timing; Node has the same kinds of errors in all runs of
    // this length.
    for (const code of Object.keys(ours.serverErrors)) expect(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']).toContain(code);
  });

  test('damaged requests and frames crash no server of HTTP, HTTPS, or HTTP/2', async () => {
    expect(await runChild('frames.mjs', [String(rounds(1000)), String(SEED)])).toEqual({ status: 200, uncaught: [] });
  });
});
