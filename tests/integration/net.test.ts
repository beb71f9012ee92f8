/**
 * `uring/net` compared with `node:net`: the same scripts must see the same.
 *
 * A script keeps one list for each side, as events at the two ends of a connection have no order.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { types } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import uringNet from '../../src/net/index.js';
import { policy } from '../../src/net/who-reads.js';

type Net = typeof nodeNet;
type Log = (side: string, ...what: unknown[]) => void;

const HOST = '127.0.0.1';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'uring-net-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const EVENTS = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout', 'connect', 'ready'];
const STREAM_EVENTS = ['end', 'finish', 'timeout', 'pause', 'resume', 'pipe'];

function plain(value: unknown, ports: Map<number, string>): unknown {
  // Node's own errors are of another realm here.
  if (types.isNativeError(value)) {
    const { name, message, code, errno, syscall, address, port } = value as NodeJS.ErrnoException & {
      address?: string;
      port?: number;
    };
    const inner = (value as Partial<AggregateError>).errors?.map((one) => plain(one, ports));
    return plain({ name, message, code, errno, syscall, address, port, inner }, ports);
  }
  if (typeof value === 'number') return ports.get(value) ?? value;
  if (typeof value === 'string') {
    let text = value.replaceAll(directory, '<dir>');
    for (const [port, name] of ports) text = text.replaceAll(String(port), name);
    return text;
  }
  if (Array.isArray(value)) return value.map((one) => plain(one, ports));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, one]) => one !== undefined)
        .map(([key, one]) => [key, plain(one, ports)]),
    );
  }
  return value;
}

/**
 * The ends of the sockets that are watched: a server can be closed before its connections have
 * emitted close.
 */
let ends: Promise<unknown>[] = [];

/** Logs everything that happens on a socket. */
function watch(log: Log, side: string, socket: nodeNet.Socket, { data = true } = {}): nodeNet.Socket {
  for (const name of [...EVENTS, ...STREAM_EVENTS])
    socket.on(name, (...args: unknown[]) => log(side, name, ...(name === 'pipe' ? [] : args)));
  socket.on('error', (error) => log(side, 'error', error));
  socket.on('close', (hadError) => log(side, 'close', hadError));
  ends.push(closed(socket));
  let bytes = '';
  if (data) {
    socket.on('data', (piece) => {
      bytes += piece;
    });
  }
  if (data) {
    // Programs use `piece.buffer` as if it were the piece.
    socket.on('data', (piece) => {
      if (piece.byteOffset !== 0 || piece.buffer.byteLength !== piece.length) log(side, 'not in a buffer of its own');
    });
  }
  socket.on('end', () => log(side, 'data', bytes));
  return socket;
}

async function listening(server: nodeNet.Server, ...args: unknown[]): Promise<number> {
  (server.listen as (...args: unknown[]) => void)(...args);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const closed = (emitter: nodeNet.Server | nodeNet.Socket): Promise<unknown> =>
  new Promise((resolve) => emitter.on('close', resolve));

const turn = () => new Promise((resolve) => setImmediate(resolve));

type Script = (net: Net, log: Log, name: (port: number, as: string) => number) => Promise<void>;

const SCRIPTS: Record<string, Script> = {
  async 'data both ways, then the end'(net, log, name) {
    const server = net.createServer((socket) => {
      watch(log, 'server', socket);
      log(
        'server',
        socket.remoteFamily,
        socket.remoteAddress,
        socket.localAddress,
        socket.readyState,
        socket.connecting,
        socket.pending,
      );
      socket.on('data', (data) => socket.write(data));
    });
    const port = name(await listening(server, 0, HOST), 'PORT');
    log('server', server.address(), server.listening);
    const client = watch(log, 'client', net.connect(port, HOST));
    log('client', client.connecting, client.pending, client.readyState, client.localPort, client.remotePort);
    client.write('before it is connected');
    log('client', client.bytesWritten);
    await once(client, 'connect');
    name(client.localPort as number, 'LOCAL');
    log('client', client.connecting, client.pending, client.readyState, client.address(), client.remotePort, client.remoteFamily);
    client.write('hällo', 'latin1');
    client.write('616263', 'hex');
    client.end('and the end', () => log('client', 'ended'));
    await closed(client);
    log(
      'client',
      client.bytesRead,
      client.bytesWritten,
      client.destroyed,
      client.readyState,
      client.localPort,
      client.remotePort,
    );
    server.close();
    await closed(server);
    log('server', server.address(), server.listening);
  },
  async 'a port that nobody listens on'(net, log, name) {
    const server = nodeNet.createServer();
    const port = name(await listening(server, 0, HOST), 'PORT');
    server.close();
    await closed(server);
    const client = watch(log, 'client', net.connect({ port, host: HOST }));
    await closed(client);
    log('client', client.connecting, client.destroyed, client.errored);
  },
  async 'a host that does not exist'(net, log) {
    const lookup = (_host: string, _options: unknown, callback: (error: Error) => void) =>
      setImmediate(
        callback,
        Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
      );
    await closed(watch(log, 'client', net.connect({ port: 1, host: 'nowhere', lookup: lookup as never })));
  },
  async 'a resolver that answers nonsense'(net, log) {
    const lookup = (_host: string, _options: unknown, callback: (...args: unknown[]) => void) =>
      setImmediate(callback, null, [{ address: 'x', family: 4 }]);
    await closed(watch(log, 'client', net.connect({ port: 1, host: 'nowhere', lookup: lookup as never })));
  },
  async 'a resolver, one family'(net, log, name) {
    const server = net.createServer((socket) => socket.end());
    const port = name(await listening(server, 0, HOST), 'PORT');
    const lookup = (host: string, { family, all }: { family: number; all?: boolean }, callback: (...args: unknown[]) => void) => {
      log('lookup', host, family, all);
      setImmediate(callback, null, HOST, 4);
    };
    await closed(watch(log, 'client', net.connect({ port, host: 'somewhere', family: 4, lookup: lookup as never })));
    server.close();
    await closed(server);
  },
  async 'several addresses, of which the first refuses'(net, log, name) {
    const server = net.createServer((socket) => socket.end('hello'));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const lookup = (_host: string, _options: unknown, callback: (...args: unknown[]) => void) =>
      setImmediate(callback, null, [
        { address: '127.0.0.2', family: 4 },
        { address: '::1', family: 6 },
        { address: HOST, family: 4 },
      ]);
    const client = watch(log, 'client', net.connect({ port, host: 'somewhere', lookup: lookup as never }));
    await closed(client);
    log('client', client.autoSelectFamilyAttemptedAddresses);
    server.close();
    await closed(server);
    const nobody = watch(log, 'nobody', net.connect({ port, host: 'somewhere', lookup: lookup as never }));
    await closed(nobody);
  },
  async 'a half that stays open'(net, log, name) {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      watch(log, 'server', socket);
      socket.on('end', () => {
        log('server', socket.readyState);
        setImmediate(() => socket.end('late'));
      });
    });
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = watch(log, 'client', net.connect({ port, host: HOST, allowHalfOpen: true }));
    client.end('request');
    client.on('end', () => log('client', client.readyState));
    await closed(client);
    server.close();
    await closed(server);
  },
  async 'a reset'(net, log, name) {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.resetAndDestroy());
    });
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = watch(log, 'client', net.connect(port, HOST));
    client.write('x');
    await closed(client);
    log('client', client.destroyed, client.readyState);
    server.close();
    await closed(server);
  },
  async 'a reset before there is a connection'(net, log) {
    const socket = watch(log, 'client', new net.Socket());
    log('client', socket.resetAndDestroy() === socket);
    await closed(socket);
  },
  async 'destroyed in every state'(net, log, name) {
    // The server's side stays open: what a client sees before its own end must not depend on which
    // side is faster.
    const held: nodeNet.Socket[] = [];
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      held.push(socket);
      socket.on('error', () => undefined).resume();
    });
    const port = name(await listening(server, 0, HOST), 'PORT');
    const never = watch(log, 'never connected', new net.Socket());
    never.destroy();
    await closed(never);
    const connecting = watch(log, 'connecting', net.connect(port, HOST));
    connecting.destroy();
    await closed(connecting);
    const failing = watch(log, 'connecting, with an error', net.connect(port, HOST));
    failing.destroy(new Error('mine'));
    await closed(failing);
    const writing = watch(log, 'writing while connecting', net.connect(port, HOST));
    writing.write('x', (error) => log('writing while connecting', 'written', error));
    writing.destroy();
    await closed(writing);
    const connected = watch(log, 'connected', net.connect(port, HOST));
    connected.on('connect', () => connected.destroy());
    await closed(connected);
    const twice = watch(log, 'twice', net.connect(port, HOST));
    twice.on('connect', () => {
      twice.destroy(new Error('first'));
      twice.destroy(new Error('second'));
    });
    await closed(twice);
    const soon = watch(log, 'soon', net.connect(port, HOST));
    soon.write('data');
    soon.destroySoon();
    await closed(soon);
    log('soon', soon.bytesWritten);
    for (const socket of held) socket.destroy();
    server.close();
    await closed(server);
  },
  async 'writing at the wrong time'(net, log, name) {
    const server = net.createServer((socket) => socket.on('error', () => undefined).end('bye'));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const ended = watch(log, 'ended', net.connect(port, HOST));
    ended.end();
    ended.write('late', (error) => log('ended', 'written', error));
    await closed(ended);
    const destroyed = net.connect(port, HOST);
    destroyed.on('error', (error) => log('destroyed', 'error', error));
    destroyed.destroy();
    destroyed.write('late', (error) => log('destroyed', 'written', error));
    await closed(destroyed);
    const peerEnded = watch(log, 'peer ended', net.connect(port, HOST));
    await once(peerEnded, 'end');
    peerEnded.write('late', (error) => log('peer ended', 'written', error));
    await closed(peerEnded);
    const unconnected = watch(log, 'unconnected', new net.Socket());
    unconnected.write('x', (error) => log('unconnected', 'written', error));
    await closed(unconnected);
    server.close();
    await closed(server);
  },
  async 'closing a server with connections'(net, log, name) {
    const server = net.createServer((socket) => socket.on('data', () => socket.end('bye')));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = watch(log, 'client', net.connect(port, HOST));
    await Promise.all([once(client, 'connect'), once(server, 'connection')]);
    server.getConnections((error, count) => log('server', 'connections', error, count));
    server.close((error) => log('server', 'close', error));
    log('server', server.listening);
    server.close((error) => log('server', 'close again', error));
    await turn();
    await closed(watch(log, 'refused', net.connect(port, HOST)));
    client.write('x');
    await Promise.all([closed(client), closed(server)]);
    // The address is free again.
    const next = net.createServer();
    await listening(next, port, HOST);
    next.close();
    await closed(next);
  },
  async 'a port in use'(net, log, name) {
    const server = net.createServer();
    const port = name(await listening(server, 0), 'PORT');
    const address = server.address();
    log('server', address);
    const other = net.createServer();
    other.on('error', (error) => log('other', 'error', error, other.listening));
    other.on('close', () => log('other', 'close'));
    other.listen(port);
    await once(other, 'error');
    server.close();
    await closed(server);
    await listening(other, port);
    other.close();
    await closed(other);
  },
  async 'a timeout'(net, log, name) {
    const server = net.createServer((socket) => socket.resume());
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = watch(log, 'client', net.connect({ port, host: HOST, timeout: 20 } as nodeNet.NetConnectOpts));
    log('client', client.timeout);
    await once(client, 'timeout');
    log('client', client.setTimeout(0) === client, client.timeout, client.destroyed);
    const asked = once(client, 'timeout');
    client.setTimeout(10, () => log('client', 'asked'));
    await asked;
    client.end();
    await closed(client);
    server.close();
    await closed(server);
  },
  async 'more connections than wanted'(net, log, name) {
    const server = net.createServer((socket) => socket.on('error', () => undefined).resume());
    server.maxConnections = 1;
    server.on('drop', (data) => log('server', 'drop', data?.localAddress, data?.remoteFamily, typeof data?.remotePort));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const first = net.connect(port, HOST);
    await once(server, 'connection');
    const dropped = once(server, 'drop');
    const second = net.connect(port, HOST).on('error', () => undefined);
    await Promise.all([dropped, closed(second)]);
    first.end();
    await closed(first);
    server.close();
    await closed(server);
  },
  async 'a Unix socket'(net, log) {
    const path = join(directory, 'socket');
    const server = net.createServer((socket) => {
      log('server', socket.remoteAddress, socket.localAddress, socket.address());
      socket.pipe(socket);
    });
    await listening(server, { path, readableAll: true, writableAll: true });
    log('server', server.address());
    const client = watch(log, 'client', net.connect(path));
    client.end('hello');
    await closed(client);
    server.close();
    await closed(server);
    log('server', existsSync(path));
    await closed(watch(log, 'nobody', net.connect({ path })));
    const abstract = net.createServer((socket) => socket.end('abstract'));
    await listening(abstract, '\0uring-net-test');
    await closed(watch(log, 'abstract', net.connect('\0uring-net-test')));
    abstract.close();
    await closed(abstract);
  },
  async 'an address of its own'(net, log, name) {
    const server = net.createServer((socket) => {
      log('server', socket.remoteAddress);
      socket.end();
    });
    const port = name(await listening(server, 0, HOST), 'PORT');
    await closed(watch(log, 'client', net.connect({ port, host: HOST, localAddress: '127.0.0.3' })));
    await closed(watch(log, 'foreign', net.connect({ port, host: HOST, localAddress: '192.0.2.1' })));
    server.close();
    await closed(server);
  },
  async signals(net, log, name) {
    const controller = new AbortController();
    const server = net.createServer((socket) => socket.on('error', () => undefined).resume());
    const port = name(await listening(server, { port: 0, host: HOST, signal: controller.signal }), 'PORT');
    const own = new AbortController();
    const client = watch(log, 'client', new net.Socket({ signal: own.signal }).connect(port, HOST));
    await once(client, 'connect');
    own.abort();
    await closed(client);
    // Nothing flows: the time of the destroy differs between versions of Node.
    await closed(watch(log, 'aborted', new net.Socket({ signal: AbortSignal.abort() }), { data: false }));
    controller.abort();
    await closed(server);
    log('server', server.listening);
  },
  async 'back-pressure'(net, log, name) {
    let held: nodeNet.Socket | undefined;
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      log('server', socket.isPaused(), socket.readableFlowing);
      held = socket;
    });
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = net.connect(port, HOST);
    await Promise.all([once(client, 'connect'), once(server, 'connection')]);
    const block = Buffer.alloc(64 * 1024, 7);
    // Node writes what the kernel accepts at once, which can be megabytes.
    let sent = block.length;
    while (client.write(block)) sent += block.length;
    log('client', client.writableNeedDrain, client.bytesWritten === sent);
    const drained = once(client, 'drain');
    let received = 0;
    held?.on('data', (data) => {
      received += data.length;
    });
    held?.resume();
    await drained;
    client.end();
    await closed(client);
    log('server', received === sent, held?.bytesRead === sent);
    server.close();
    await closed(server);
  },
  async 'a buffer of the reader'(net, log, name) {
    const server = net.createServer((socket) => socket.end('0123456789'));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const buffer = Buffer.alloc(4);
    let text = '';
    const client: nodeNet.Socket = net.connect({
      port,
      host: HOST,
      onread: {
        buffer,
        callback: (length: number, into: Uint8Array) => {
          text += Buffer.from(into.subarray(0, length)).toString();
          if (text.length === 8) setImmediate(() => client.resume());
          return text.length !== 8;
        },
      },
    } as nodeNet.NetConnectOpts);
    watch(log, 'client', client, { data: false });
    await closed(client);
    log('client', text, client.bytesRead);
    server.close();
    await closed(server);
  },
  async 'buffers that the reader makes'(net, log, name) {
    const server = net.createServer((socket) => socket.end('0123456789abcdef'));
    const port = name(await listening(server, 0, HOST), 'PORT');
    let made = 0;
    const client: nodeNet.Socket = net.connect({
      port,
      host: HOST,
      onread: {
        // Sometimes none: then the last buffer is reused.
        buffer() {
          log('made', ++made);
          return made % 3 === 0 ? undefined : Buffer.alloc(made + 2);
        },
        callback: (length: number, into: Uint8Array) => {
          log('got', `${Buffer.from(into.subarray(0, length))}`);
          if (length === 4) setImmediate(() => client.resume());
          return length !== 4;
        },
      },
    } as unknown as nodeNet.NetConnectOpts);
    log('client', 'connecting');
    watch(log, 'client', client, { data: false });
    await closed(client);
    server.close();
    await closed(server);
  },
  async 'a buffer without room'(net, log, name) {
    const server = net.createServer((socket) => socket.on('error', () => undefined).end('0123456789'));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const onread = { buffer: Buffer.alloc(0), callback: () => log('called') };
    const client = watch(log, 'client', net.connect({ port, host: HOST, onread } as unknown as nodeNet.NetConnectOpts), {
      data: false,
    });
    await closed(client);
    server.close();
    await closed(server);
  },
  async 'asynchronous contexts'(net, log, name) {
    const storage = new AsyncLocalStorage<string>();
    const server = storage.run('server', () =>
      net.createServer((socket) => {
        log('server', 'connection', storage.getStore());
        socket.on('data', () => {
          log('server', 'data', storage.getStore());
          socket.end('x');
        });
      }),
    );
    const ready = once(server, 'listening');
    storage.run('listen', () => server.listen(0, HOST));
    await ready;
    const port = name((server.address() as nodeNet.AddressInfo).port, 'PORT');
    const client = storage.run('client', () => net.connect(port, HOST));
    for (const event of ['connect', 'data', 'end', 'close']) client.on(event, () => log('client', event, storage.getStore()));
    await once(client, 'connect');
    storage.run('writer', () => client.write('x', () => log('client', 'written', storage.getStore())));
    await closed(client);
    server.close();
    await closed(server);
  },
  async 'connecting again'(net, log, name) {
    const server = net.createServer((socket) => socket.end('hello'));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = watch(log, 'client', new net.Socket());
    for (let round = 0; round < 2; round++) {
      const over = once(client, 'close');
      client.connect(port, HOST);
      await over;
      log('client', client.bytesRead);
    }
    server.close();
    await closed(server);
  },
  async 'written, and destroyed at once'(net, log, name) {
    const server = net.createServer((socket) => watch(log, 'server', socket));
    const port = name(await listening(server, 0, HOST), 'PORT');
    const client = net.connect(port, HOST);
    client.on('error', (error) => log('client', error));
    await once(client, 'connect');
    client.write('the last words', (error) => log('client', 'written', error === null || error === undefined));
    client.destroy();
    await closed(client);
    server.close();
    await closed(server);
  },
  async 'connecting anew, after it was destroyed while it connected'(net, log, name) {
    const server = net.createServer((socket) => socket.on('error', () => undefined).resume());
    const port = name(await listening(server, 0, HOST), 'PORT');
    const next = new net.Socket();
    next.connect(port, HOST).destroy();
    next.on('error', (error) => log('next', error));
    const over = once(next, 'close');
    await over;
    next.connect(port, HOST);
    await once(next, 'connect');
    log('next', next.readyState);
    next.destroy();
    await closed(next);
    server.close();
    await closed(server);
  },
  async 'bad input'(net, log) {
    const tries: Record<string, () => unknown> = {
      'no port': () => new net.Socket().connect({} as never),
      'a port out of range': () => net.connect({ port: 70_000 }),
      'a port of letters': () => net.connect({ port: 'abc' as never }),
      'a port that is an object': () => net.connect({ port: {} as never }),
      'a local address that is none': () => net.connect({ port: 1, localAddress: 'x' }),
      'a local port that is none': () => net.connect({ port: 1, localPort: '1' as never }),
      'a resolver that is none': () => net.connect({ port: 1, host: 'x', lookup: 1 as never }),
      'a path that is none': () => net.connect({ path: 1 as never }),
      'object mode': () => new net.Socket({ objectMode: true } as never),
      'a timeout that is none': () => new net.Socket().setTimeout('1' as never),
      'a timeout below nothing': () => new net.Socket().setTimeout(-1),
      'a callback that is none': () => new net.Socket().setTimeout(1, 1 as never),
      'listening on a port out of range': () => net.createServer().listen(70_000),
      'listening on nothing': () => net.createServer().listen({} as never),
    };
    for (const [what, attempt] of Object.entries(tries)) {
      try {
        attempt();
        log(what, 'nothing');
      } catch (error) {
        const { name, code } = error as NodeJS.ErrnoException;
        log(what, name, code);
      }
    }
  },
  async 'an address that is free again right after close'(net, log) {
    const path = join(directory, 'again');
    const first = net.createServer();
    await listening(first, 0, HOST);
    const { port } = first.address() as nodeNet.AddressInfo;
    for (const where of [{ port, host: HOST }, { path }]) {
      const before = where.path === undefined ? first : net.createServer();
      if (where.path !== undefined) {
        before.listen(where);
        await once(before, 'listening');
      }
      before.close();
      const after = net.createServer((socket) => socket.end('after'));
      after.on('error', (error) => log('server', error));
      after.listen(where);
      await once(after, 'listening');
      await turn();
      for await (const data of nodeNet.connect(where as nodeNet.NetConnectOpts)) log('client', String(data));
      after.close();
      await closed(after);
      log('server', where.path === undefined ? 'TCP' : existsSync(path));
    }
  },
  async 'a listener that is listening already'(net, log) {
    const server = net.createServer();
    await listening(server, 0, HOST);
    try {
      server.listen(0);
    } catch (error) {
      log('server', error);
    }
    server.close();
    await closed(server);
    server.close((error) => log('server', error));
    await turn();
  },
};

async function play(net: Net, script: Script): Promise<Record<string, unknown[]>> {
  const lists: Record<string, unknown[]> = {};
  const ports = new Map<number, string>();
  ends = [];
  await script(
    net,
    (side, ...what) => {
      lists[side] ??= [];
      lists[side].push(plain(what, ports));
    },
    (port, as) => {
      ports.set(port, as);
      return port;
    },
  );
  await Promise.all(ends);
  return lists;
}

/** The reader is chosen by how busy a connection is, or the ring always reads from the start. */
const POLICIES = { 'by whoever is faster': {}, 'by the ring': { reads: 0, many: 0, few: 0, large: Number.POSITIVE_INFINITY } };

describe.each(Object.entries(POLICIES))('uring/net does what node:net does, reading %s', (_policy, settings) => {
  const before = { ...policy };
  beforeAll(() => void Object.assign(policy, settings));
  afterAll(() => void Object.assign(policy, before));

  test.each(Object.entries(SCRIPTS))('%s', async (_name, script) => {
    const expected = await play(nodeNet, script);
    const actual = await play(uringNet as unknown as Net, script);
    expect(Object.values(expected).flat().length).toBeGreaterThan(0);
    expect(actual).toEqual(expected);
  });
});
