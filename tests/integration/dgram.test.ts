/**
 * `uring/dgram` compared with `node:dgram`: the same scripts must see the same, whether libuv or
 * the ring does the work.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import { types } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import uringDgram from '../../src/dgram/index.js';
import { policy } from '../../src/dgram/policy.js';
import { Uring } from '../../src/index.js';
import { endOfChild, runChild } from '../helpers/child.js';
import { descriptorTargets } from '../helpers/descriptors.js';

type Dgram = typeof nodeDgram;
type Log = (...what: unknown[]) => void;
type Script = (dgram: Dgram, log: Log) => Promise<void>;

const HOST = '127.0.0.1';

const usual = { sending: { ...policy.sending }, receiving: { ...policy.receiving } };

/** Makes the ring do everything from the start. */
function byRing(): void {
  for (const part of [policy.sending, policy.receiving]) Object.assign(part, { looks: 0, many: 0, few: 0, apart: 1 });
}

afterEach(() => {
  Object.assign(policy.sending, usual.sending);
  Object.assign(policy.receiving, usual.receiving);
});

async function bound(
  dgram: Dgram,
  options: nodeDgram.SocketOptions | 'udp4' | 'udp6' = 'udp4',
  host = HOST,
): Promise<nodeDgram.Socket> {
  const socket = typeof options === 'string' ? dgram.createSocket(options) : dgram.createSocket(options);
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket;
}

const portOf = (socket: nodeDgram.Socket): number => socket.address().port;

const closed = (socket: nodeDgram.Socket): Promise<unknown> => new Promise((resolve) => socket.close(() => resolve(undefined)));

/** Returns the next `count` datagrams, as text. */
function take(socket: nodeDgram.Socket, count: number): Promise<string[]> {
  const texts: string[] = [];
  return new Promise((resolve) => {
    const listener = (message: Buffer) => {
      texts.push(message.toString());
      if (texts.length < count) return;
      socket.off('message', listener);
      resolve(texts);
    };
    socket.on('message', listener);
  });
}

/**
 * Returns an error without what differs between runs. (Node's errors are of another realm here.)
 */
function plain(value: unknown): unknown {
  if (!types.isNativeError(value)) return value;
  const { name, message, code, syscall, errno } = value as NodeJS.ErrnoException;
  return { name, message: message.replaceAll(/\d{4,5}/g, 'PORT'), code, syscall, errno };
}

const SCRIPTS: Record<string, Script> = {
  async 'one datagram, with its sender'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    const listening = once(b, 'message');
    a.send('hällo', portOf(b), HOST, (error, bytes) => log('sent', error, bytes));
    const [message, sender] = (await listening) as [Buffer, nodeDgram.RemoteInfo];
    log(message.toString(), Object.keys(sender), sender.address, sender.family, sender.port === portOf(a), sender.size);
    log(message.byteOffset, message.buffer.byteLength, Buffer.isBuffer(message));
    await Promise.all([closed(a), closed(b)]);
  },

  async 'every form of send'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    const port = portOf(b);
    const taken = take(b, 9);
    a.send(Buffer.from('buffer'), port);
    a.send(new Uint8Array([0x61, 0x62]), port, HOST);
    a.send(new DataView(new Uint8Array([0x63]).buffer), port, HOST);
    a.send(Buffer.from('0123456789'), 2, 3, port, HOST);
    a.send(['a list', Buffer.from(' of '), new Uint8Array([0x78])], port, HOST);
    a.send([], port, HOST);
    a.send('', port, HOST, (error, bytes) => log('empty', error, bytes));
    a.send(new Uint16Array([0x6161, 0x6262]).subarray(1), port, HOST);
    a.send('the last', port, 'localhost', (error, bytes) => log('last', error, bytes));
    log((await taken).sort());
    await Promise.all([closed(a), closed(b)]);
  },

  async 'many of one size, and of others, in order'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    b.setRecvBufferSize(1 << 20);
    const sizes = Array.from({ length: 150 }, (_, index) => (index < 70 ? 32 : index < 80 ? 2000 - index : (index * 37) % 300));
    const order: number[] = [];
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      b.on('message', (message) => {
        received.push(`${message.length}:${message[0] ?? '-'}`);
        if (received.length === sizes.length) resolve();
      });
    });
    sizes.forEach((size, index) => {
      a.send(Buffer.alloc(size, index), (error, bytes) => {
        if (error !== null || bytes !== size) log('not sent', index, error, bytes);
        order.push(index);
      });
    });
    await all;
    while (order.length < sizes.length) await new Promise(setImmediate);
    log(received, order);
    await Promise.all([closed(a), closed(b)]);
  },

  async 'to many receivers in turns'(dgram, log) {
    const a = await bound(dgram);
    const receivers = await Promise.all(Array.from({ length: 20 }, () => bound(dgram)));
    const all = receivers.map((receiver) => take(receiver, 5));
    for (let index = 0; index < 100; index++) a.send(`number ${index}`, portOf(receivers[index % 20] as nodeDgram.Socket), HOST);
    for (const texts of await Promise.all(all)) log(texts);
    await Promise.all([a, ...receivers].map(closed));
  },

  async 'long datagrams: the longest, and one too long'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    b.setRecvBufferSize(1 << 22);
    const sizes = [16_384, 16_385, 9000, 9000, 65_507];
    const received = new Promise<number[]>((resolve) => {
      const lengths: number[] = [];
      b.on('message', (message) => {
        lengths.push(message.length, message.at(-1) ?? -1);
        if (lengths.length === 2 * sizes.length) resolve(lengths);
      });
    });
    for (const [index, size] of sizes.entries()) a.send(Buffer.alloc(size, index), portOf(b), HOST);
    log(await received);
    await new Promise<void>((resolve) => {
      a.send(Buffer.alloc(65_508), portOf(b), HOST, (error) => {
        log(plain(error));
        resolve();
      });
    });
    await Promise.all([closed(a), closed(b)]);
  },

  async 'nobody is there: a connected socket is told'(dgram, log) {
    const [a, gone] = [await bound(dgram), await bound(dgram)];
    const port = portOf(gone);
    await closed(gone);
    a.connect(port, HOST);
    await once(a, 'connect');
    const told = new Promise<unknown>((resolve) => {
      a.on('error', resolve);
      a.send('one', () => undefined);
    });
    log(plain(await told));
    await closed(a);
  },

  async 'memory may be changed when send has returned'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    const taken = take(b, 12);
    const memory = Buffer.alloc(1);
    for (let index = 0; index < 12; index++) {
      memory.write(String.fromCharCode(0x61 + index));
      a.send(memory);
    }
    memory.fill(0);
    log(await taken);
    await Promise.all([closed(a), closed(b)]);
  },

  async 'closed right after sending'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    const taken = take(b, 20);
    for (let index = 0; index < 20; index++) a.send(`number ${index}`);
    a.close(() => log('closed'));
    log(await taken);
    await closed(b);
  },

  async 'closed right after sending: all callbacks, then the event'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    const over = once(a, 'close');
    for (let index = 0; index < 10; index++) a.send(`number ${index}`, (error, bytes) => log(index, error, bytes));
    a.close(() => log('closed'));
    await over;
    await closed(b);
  },

  async 'callbacks come in the order of sends, long ones and the first from within a callback included'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    const lengths = [10, 10, 20_000, 10, 5, 30_000, 0, 10];
    await new Promise<void>((resolve) => {
      let left = 2 * lengths.length;
      const send = () => {
        for (const length of lengths) {
          a.send(Buffer.alloc(length), (error, bytes) => {
            log(error, bytes);
            if (left-- === 2 * lengths.length) send();
            if (left === 0) resolve();
          });
        }
      };
      send();
    });
    await Promise.all([closed(a), closed(b)]);
  },

  async 'memory that was taken away is an empty datagram; too many pieces are an error'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    const taken = take(b, 3);
    const gone = new Uint8Array(100);
    structuredClone(gone, { transfer: [gone.buffer] });
    const sent = (data: Uint8Array | Uint8Array[] | string) =>
      new Promise((resolve) => a.send(data, (error, bytes) => resolve([plain(error), bytes])));
    log(await Promise.all([sent('first'), sent(gone), sent(Array(1025).fill(new Uint8Array(1))), sent('last')]));
    log(await taken);
    await Promise.all([closed(a), closed(b)]);
  },

  async 'connected to one and then to another in the same turn'(dgram, log) {
    const [a, b, c] = [await bound(dgram), await bound(dgram), await bound(dgram)];
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    const taken = [take(b, 10), take(c, 10)];
    for (let index = 0; index < 10; index++) a.send(`b ${index}`);
    a.disconnect();
    await new Promise<void>((resolve) => a.connect(portOf(c), HOST, resolve));
    log(a.remoteAddress().port === portOf(c), a.remoteAddress().family);
    for (let index = 0; index < 10; index++) a.send(`c ${index}`);
    log(await Promise.all(taken));
    await Promise.all([a, b, c].map(closed));
  },

  async 'IPv6, from a socket for both'(dgram, log) {
    const [a, b] = [await bound(dgram, 'udp6', '::'), await bound(dgram, 'udp6', '::1')];
    const four = await bound(dgram);
    const taken = [take(b, 10), take(four, 5)];
    b.once('message', (_message, { address, family }) => log(address, family));
    four.once('message', (_message, { address, family }) => log(address, family));
    for (let index = 0; index < 10; index++) a.send(`six ${index}`, portOf(b), '::1');
    for (let index = 0; index < 5; index++) a.send(`four ${index}`, portOf(four), `::ffff:${HOST}`);
    log(await Promise.all(taken));
    const back = take(a, 1);
    a.once('message', (_message, { address, family }) => log(address, family));
    four.send('back', portOf(a), HOST);
    log(await back);
    await Promise.all([a, b, four].map(closed));
  },

  async 'a group, and whether its sender hears itself'(dgram, log) {
    const group = '239.255.7.9';
    const receiver = dgram.createSocket({ type: 'udp4', reuseAddr: true });
    receiver.bind(0, '0.0.0.0');
    await once(receiver, 'listening');
    receiver.addMembership(group, HOST);
    const sender = await bound(dgram);
    sender.setMulticastInterface(HOST);
    sender.setMulticastTTL(1);
    log(sender.setMulticastLoopback(true));
    const taken = take(receiver, 8);
    for (let index = 0; index < 8; index++) sender.send(`group ${index}`, portOf(receiver), group);
    log(await taken);
    receiver.dropMembership(group, HOST);
    await Promise.all([closed(receiver), closed(sender)]);
  },

  async 'a broadcast needs leave, which goes for what comes after'(dgram, log) {
    const a = await bound(dgram, 'udp4', '0.0.0.0');
    const results: unknown[] = [];
    const send = () =>
      new Promise<void>((resolve) =>
        a.send('all', 9, '255.255.255.255', (error) => resolve(void results.push(error?.message.split(' ', 2)))),
      );
    const before = Promise.all([send(), send(), send()]);
    await before;
    a.setBroadcast(true);
    log(results);
    await closed(a);
  },

  async 'answers from within the listener, hundreds under way'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    b.on('message', (message, { port, address }) => b.send(message, port, address));
    let received = 0;
    let sum = 0;
    await new Promise<void>((resolve) => {
      const next = () => a.send(String(received), portOf(b), HOST);
      a.on('message', (message) => {
        sum += Number(message);
        if (++received === 3000) resolve();
        else if (received <= 3000 - 50) next();
      });
      for (let index = 0; index < 50; index++) next();
    });
    log(received, sum > 0);
    await Promise.all([closed(a), closed(b)]);
  },

  async 'contexts of listeners and of callbacks'(dgram, log) {
    const storage = new AsyncLocalStorage<string>();
    const a = await bound(dgram);
    const b = await storage.run('at creation', () => bound(dgram));
    const both = new Promise<void>((resolve) => {
      let left = 12;
      const one = () => --left === 0 && resolve();
      b.on('message', () => {
        log('message', storage.getStore());
        one();
      });
      for (let index = 0; index < 6; index++) {
        storage.run(`send ${index}`, () =>
          a.send('x', portOf(b), HOST, () => {
            log('sent', storage.getStore());
            one();
          }),
        );
      }
    });
    await both;
    await Promise.all([closed(a), closed(b)]);
  },

  async 'ticks and promises run between two datagrams'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    let left = 8;
    const all = new Promise<void>((resolve) => {
      b.on('message', (message) => {
        log('message', message.toString());
        process.nextTick(() => log('tick'));
        Promise.resolve().then(() => {
          log('promise');
          if (--left === 0) resolve();
        });
      });
    });
    for (let index = 0; index < 8; index++) a.send(`${index}`, portOf(b), HOST);
    await all;
    await Promise.all([closed(a), closed(b)]);
  },

  async 'closed in its own listener: nothing more comes'(dgram, log) {
    const [a, b] = [await bound(dgram), await bound(dgram)];
    const over = once(b, 'close');
    b.on('message', (message) => {
      log(message.toString());
      b.close();
    });
    for (let index = 0; index < 8; index++) a.send(`${index}`, portOf(b), HOST);
    await over;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await closed(a);
  },

  async 'sent before it is bound'(dgram, log) {
    const b = await bound(dgram);
    const a = dgram.createSocket('udp4');
    const taken = take(b, 10);
    for (let index = 0; index < 10; index++) a.send(`${index}`, portOf(b), HOST, (error) => error && log(plain(error)));
    log(await taken, a.getSendQueueCount(), a.getSendQueueSize());
    await Promise.all([closed(a), closed(b)]);
  },

  async 'refused arguments and states'(dgram, log) {
    const attempt = (what: () => unknown) => {
      try {
        log('done', typeof what());
      } catch (error) {
        log(plain(error));
      }
    };
    attempt(() => dgram.createSocket('udp5' as 'udp4'));
    attempt(() => dgram.createSocket({ type: 'udp4', lookup: 7 as never }));
    attempt(() => dgram.createSocket({ type: 'udp4', signal: {} as never }));
    attempt(() => (dgram as unknown as { Socket(type: string): unknown }).Socket('udp4'));
    const a = await bound(dgram);
    attempt(() => a.send(7 as never, 1));
    attempt(() => a.send('x', 70_000));
    attempt(() => a.send([7] as never, 1));
    attempt(() => a.send(Buffer.alloc(3), 2, 5, 9, HOST));
    attempt(() => a.bind(0));
    attempt(() => a.setTTL(1000));
    attempt(() => a.setTTL('1' as never));
    attempt(() => a.addMembership('1.2.3.4'));
    attempt(() => a.remoteAddress());
    attempt(() => a.setRecvBufferSize(-1));
    await closed(a);
    attempt(() => a.send('x', 1, HOST));
    attempt(() => a.address());
    attempt(() => a.close());
    log(a.ref() === a, a.unref() === a);
  },

  async 'an aborted signal closes it'(dgram, log) {
    const early = dgram.createSocket({ type: 'udp4', signal: AbortSignal.abort() });
    await once(early, 'close');
    const controller = new AbortController();
    const socket = await bound(dgram, { type: 'udp4', signal: controller.signal });
    const over = once(socket, 'close');
    controller.abort();
    await over;
    log('closed');
  },

  async 'its own lookup, buffer sizes'(dgram, log) {
    const b = await bound(dgram);
    const a = await bound(dgram, {
      type: 'udp4',
      recvBufferSize: 50_000,
      sendBufferSize: 60_000,
      lookup: (name, options, callback) => {
        log('lookup', name, options);
        process.nextTick(callback as (error: null, address: string, family: number) => void, null, HOST, 4);
      },
    });
    log(a.getRecvBufferSize(), a.getSendBufferSize());
    const taken = take(b, 1);
    a.send('found', portOf(b), 'a.name');
    log(await taken);
    await Promise.all([closed(a), closed(b)]);
  },
};

async function play(script: Script, dgram: Dgram): Promise<unknown[]> {
  const seen: unknown[] = [];
  await script(dgram, (...what) => seen.push(what));
  return seen;
}

describe.each([
  ['libuv at first', () => undefined],
  ['the ring from the start', byRing],
])('uring/dgram does what node:dgram does, %s', (_name, prepare) => {
  test.each(Object.entries(SCRIPTS))('%s', async (_title, script) => {
    const expected = await play(script, nodeDgram);
    prepare();
    expect(await play(script, uringDgram as unknown as Dgram)).toEqual(expected);
  });
});

describe('uring/dgram', () => {
  test('sends the datagrams of a turn for one receiver with one operation', async () => {
    byRing();
    await using uring = Uring.open();
    const b = await bound(nodeDgram);
    const a = await bound(uringDgram as unknown as Dgram, { type: 'udp4', uring } as nodeDgram.SocketOptions);
    const taken = take(b, 60);
    const before = uring.counters.submitted;
    for (let index = 0; index < 60; index++) a.send(String(index).padStart(8), portOf(b), HOST);
    expect((await taken).map(Number)).toEqual(Array.from({ length: 60 }, (_, index) => index));
    expect(uring.counters.submitted - before).toBe(1);
    await Promise.all([closed(a), closed(b)]);
  });

  test('sends datagrams one by one where the kernel does not segment (SO_NO_CHECK)', async () => {
    byRing();
    await using uring = Uring.open();
    const b = await bound(nodeDgram);
    const a = await bound(uringDgram as unknown as Dgram, { type: 'udp4', uring } as nodeDgram.SocketOptions);
    const SO_NO_CHECK = 11;
    const state = Object.getOwnPropertySymbols(a).find(({ description }) => description === 'state symbol') as symbol;
    const { fd } = (a as unknown as Record<symbol, { handle: { fd: number } }>)[state]?.handle ?? { fd: -1 };
    const on = new Uint8Array(4).fill(1, 0, 1);
    uring.sockets.calls.setsockopt(fd, 1, SO_NO_CHECK, on);
    const results: unknown[] = [];
    const taken = take(b, 40);
    for (let index = 0; index < 40; index++) {
      a.send(String(index).padStart(100), portOf(b), HOST, (error, bytes) => results.push(error ?? bytes));
    }
    expect((await taken).map(Number)).toEqual(Array.from({ length: 40 }, (_, index) => index));
    while (results.length < 40) await new Promise(setImmediate);
    expect(new Set(results)).toEqual(new Set([100]));
    await Promise.all([closed(a), closed(b)]);
  });

  test('switches between libuv and the ring, and loses or reorders nothing', async () => {
    for (const part of [policy.sending, policy.receiving]) Object.assign(part, { looks: 7, many: 1, few: 3 });
    const [a, b] = [await bound(uringDgram as unknown as Dgram), await bound(uringDgram as unknown as Dgram)];
    b.setRecvBufferSize(1 << 21);
    await new Promise<void>((resolve) => a.connect(portOf(b), HOST, resolve));
    let next = 0;
    let wrong = 0;
    b.on('message', (message) => {
      if (message.readUInt32LE() !== next++) wrong++;
    });
    let count = 0;
    for (let turn = 0; turn < 600; turn++) {
      for (let left = turn % 50 < 25 ? 1 : (turn * 7) % 20; left > 0; left--) {
        const message = Buffer.alloc(4 + ((count * 11) % 3));
        message.writeUInt32LE(count++);
        a.send(message);
      }
      await new Promise(setImmediate);
    }
    while (next < count) await new Promise(setImmediate);
    expect({ next, wrong }).toEqual({ next: count, wrong: 0 });
    await Promise.all([closed(a), closed(b)]);
  });

  test('leaves a turn with many receivers to libuv, as nothing could be merged', async () => {
    byRing();
    await using uring = Uring.open();
    const a = await bound(uringDgram as unknown as Dgram, { type: 'udp4', uring } as nodeDgram.SocketOptions);
    const receivers = await Promise.all(Array.from({ length: 30 }, () => bound(nodeDgram)));
    const before = uring.counters.submitted;
    for (let round = 0; round < 3; round++) {
      const all = receivers.map((receiver) => take(receiver, 1));
      const sent = receivers.map(
        (receiver) =>
          new Promise((resolve) => a.send(`round ${round}`, portOf(receiver), HOST, (error, bytes) => resolve([error, bytes]))),
      );
      expect(await Promise.all(sent)).toEqual(Array(30).fill([null, 7]));
      expect(await Promise.all(all)).toEqual(Array(30).fill([`round ${round}`]));
    }
    expect(uring.counters.submitted - before).toBe(0);
    await Promise.all([a, ...receivers].map(closed));
  });

  test('leaves a socket whose peer refuses to libuv for a while: each datagram has its own result', async () => {
    byRing();
    await using uring = Uring.open();
    const gone = await bound(nodeDgram);
    const port = portOf(gone);
    await closed(gone);
    const a = await bound(uringDgram as unknown as Dgram, { type: 'udp4', uring } as nodeDgram.SocketOptions);
    await new Promise<void>((resolve) => a.connect(port, HOST, resolve));
    const refused = once(a, 'error');
    for (let index = 0; index < 10; index++) a.send('x', () => undefined);
    expect((await refused)[0]).toMatchObject({ code: 'ECONNREFUSED' });
    const before = uring.counters.submitted;
    let errors = 0;
    a.on('error', () => errors++);
    for (let burst = 0; burst < 20; burst++) {
      const results = await new Promise<unknown[]>((resolve) => {
        const all: unknown[] = [];
        for (let index = 0; index < 10; index++) a.send('x', (error) => all.push(error?.message) === 10 && resolve(all));
      });
      expect(results.filter((message) => message !== undefined)).toHaveLength(5);
    }
    expect({ errors, operations: uring.counters.submitted - before }).toEqual({ errors: 0, operations: 0 });
    await closed(a);
  });

  test('continues with libuv when the engine is closed', async () => {
    byRing();
    const uring = Uring.open();
    const options = { type: 'udp4', uring } as nodeDgram.SocketOptions;
    const [a, b] = [await bound(uringDgram as unknown as Dgram, options), await bound(uringDgram as unknown as Dgram, options)];
    const before = take(b, 20);
    for (let index = 0; index < 20; index++) a.send(`before ${index}`, portOf(b), HOST);
    expect(await before).toHaveLength(20);
    await uring.close();
    const after = take(b, 20);
    for (let index = 0; index < 20; index++) a.send(`after ${index}`, portOf(b), HOST);
    expect(await after).toHaveLength(20);
    await Promise.all([closed(a), closed(b)]);
  });

  test('leaves no descriptor behind after a thousand closed sockets', async () => {
    byRing();
    const warm = await bound(uringDgram as unknown as Dgram);
    await closed(warm);
    const before = descriptorTargets().sort();
    for (let round = 0; round < 20; round++) {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => bound(uringDgram as unknown as Dgram)));
      const [target] = sockets as [nodeDgram.Socket];
      for (const socket of sockets) for (let index = 0; index < 5; index++) socket.send('x', portOf(target), HOST);
      await new Promise(setImmediate);
      await Promise.all(sockets.map(closed));
    }
    expect(descriptorTargets().sort()).toEqual(before);
  });

  test('has classes whose instances, names, and keys are those of Node', async () => {
    const socket = await bound(uringDgram as unknown as Dgram);
    expect(socket).toBeInstanceOf(nodeDgram.Socket);
    expect(socket).toBeInstanceOf(uringDgram.Socket);
    expect(await bound(nodeDgram).then((nodes) => closed(nodes).then(() => nodes))).toBeInstanceOf(uringDgram.Socket);
    expect(Object.keys(nodeDgram).filter((name) => !(name in uringDgram))).toEqual([]);
    expect(uringDgram.Socket.length).toBe(nodeDgram.Socket.length);
    expect(uringDgram.createSocket.length).toBe(nodeDgram.createSocket.length);
    expect(() => uringDgram.createSocket({ type: 'udp4', uring: {} as Uring })).toThrow(/options.uring/);
    await closed(socket);
  });
});

describe('uring/dgram in a separate process', () => {
  /** Returns what arrives from a child that connects to a socket here. */
  async function sentBy(scenario: string): Promise<{ texts: string[]; end: Awaited<ReturnType<typeof endOfChild>> }> {
    const socket = await bound(nodeDgram);
    const texts: string[] = [];
    socket.on('message', (message) => texts.push(message.toString()));
    const end = await endOfChild('dgram.mjs', [scenario, String(portOf(socket))]);
    await new Promise(setImmediate);
    await closed(socket);
    return { texts, end };
  }

  const thirty = Array.from({ length: 30 }, (_, index) => String(index));

  test('delivers what was sent before process.exit()', async () => {
    const { texts, end } = await sentBy('exit');
    expect(end).toMatchObject({ code: 0, stderr: '', stdout: '{"backend":"io_uring"}\n' });
    expect(texts).toEqual([...thirty, 'at exit']);
  });

  test('delivers what was sent before an uncaught exception', async () => {
    const { texts, end } = await sentBy('throw');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('on purpose');
    expect(texts).toEqual(thirty);
  });

  test('calls all listeners and callbacks, even if some throw', async () => {
    expect(await runChild('dgram.mjs', ['listener'])).toEqual([...Array(10).fill('message'), ...Array(10).fill('sent')]);
  });

  test('does not keep the process alive for an unreferenced socket', async () => {
    expect(await runChild('dgram.mjs', ['unref'])).toBe('waits for nobody');
  });

  test('survives the termination of threads while datagrams are in flight', async () => {
    expect(await runChild('dgram.mjs', ['worker'])).toBe('ended');
  });

  test('fails like Node if no descriptor is left', async () => {
    const [nodes, ours] = await runChild<[object, object]>('dgram.mjs', ['limits'], [], {}, 'ulimit -n 256');
    expect(ours).toEqual(nodes);
  });
});
