/**
 * Reading by the ring: when the ring reads, that nothing is lost when the reader changes, and that
 * code that takes a connection's handle gets all of its data.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import uringHttp from '../../src/http/index.js';
import { Uring } from '../../src/index.js';
import uringNet from '../../src/net/index.js';
import { readerOfHandle } from '../../src/net/reader-of-handle.js';
import { type Internal, policy } from '../../src/net/who-reads.js';
import { whyNoRing } from '../helpers/linux.js';

const HOST = '127.0.0.1';
const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

const pem = (name: string) => readFileSync(fileURLToPath(new URL(`../children/certificate/${name}.pem`, import.meta.url)));
const [key, cert] = [pem('key'), pem('cert')];

const FROM_THE_START = { reads: 0, many: 0, few: 0, large: Number.POSITIVE_INFINITY };
const usual = { ...policy };

/** Returns the reader of a socket: `undefined` if it never was the ring. */
const readsBy = (socket: net.Socket) => {
  const { _handle: handle } = socket as Internal;
  return handle === null ? 'nobody' : readerOfHandle(handle)?.by;
};

async function listening(server: net.Server): Promise<number> {
  server.listen(0, HOST);
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

async function closed(server: net.Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const piece of stream) text += String(piece);
  return text;
}

/** Sends a message and waits for the response, `times` times. */
async function talk(socket: net.Socket, times: number): Promise<void> {
  for (let index = 0; index < times; index++) {
    socket.write('ping');
    await once(socket, 'data');
  }
}

onLinux(`who reads${reason ? ` (skipped: ${reason})` : ''}`, () => {
  afterAll(() => Uring.default().close());

  test('libuv reads a single connection, the ring reads those that take turns, and libuv reads again when one is left', async () => {
    const served: net.Socket[] = [];
    const server = uringNet.createServer((socket) => {
      served.push(socket);
      socket.on('data', (data) => socket.write(data));
    });
    const port = await listening(server);
    const first = uringNet.connect(port, HOST);
    await talk(first, 100);
    expect([readsBy(first), readsBy(served[0] as net.Socket)]).toEqual([undefined, undefined]);
    const others = Array.from({ length: 15 }, () => uringNet.connect(port, HOST));
    await Promise.all([first, ...others].map((socket) => talk(socket, 100)));
    expect(served.map(readsBy)).toEqual(Array(16).fill('ring'));
    await talk(first, 200);
    expect(readsBy(first)).toBe('libuv');
    for (const socket of [first, ...others]) socket.destroy();
    await closed(server);
  });

  test('libuv reads data that arrives in large pieces', async () => {
    const served: net.Socket[] = [];
    const server = uringNet.createServer((socket) => void served.push(socket.resume()));
    const port = await listening(server);
    const clients = Array.from({ length: 12 }, () => net.connect(port, HOST));
    await Promise.all(clients.map((socket) => new Promise<void>((resolve) => socket.end(Buffer.alloc(8 << 20), resolve))));
    await Promise.all(served.map((socket) => socket.readableEnded || once(socket, 'end')));
    expect(served.map(readsBy)).not.toContain('ring');
    expect(served.map(({ bytesRead }) => bytesRead)).toEqual(Array(12).fill(8 << 20));
    await closed(server);
  });

  test('the ring does not read if the program provides the buffer', async () => {
    const server = net.createServer((socket) => socket.on('data', (data) => socket.write(data)));
    const port = await listening(server);
    Object.assign(policy, FROM_THE_START);
    let text = '';
    const socket = uringNet.connect({
      port,
      host: HOST,
      onread: {
        buffer: Buffer.alloc(16),
        callback: (count: number, buffer: Uint8Array) => {
          text += Buffer.from(buffer.subarray(0, count)).toString();
          if (text.length === 40) socket.destroy();
          return true;
        },
      },
    } as net.NetConnectOpts);
    socket.write('x'.repeat(40));
    await once(socket, 'close');
    Object.assign(policy, usual);
    expect(text).toBe('x'.repeat(40));
    await closed(server);
  });

  test('the ring does not read if the program watches the reads of the handle', async () => {
    const server = net.createServer((socket) => socket.on('data', (data) => socket.write(data)));
    const port = await listening(server);
    Object.assign(policy, FROM_THE_START);
    const socket = uringNet.connect(port, HOST);
    const { _handle: handle } = socket as Internal;
    const { onread } = handle as unknown as { onread: (...args: unknown[]) => unknown };
    let watched = 0;
    Object.assign(handle as object, {
      onread(this: unknown, ...args: unknown[]) {
        watched++;
        return onread.apply(this, args);
      },
    });
    await talk(socket, 5);
    Object.assign(policy, usual);
    expect([readsBy(socket), watched]).toEqual([undefined, 5]);
    socket.destroy();
    await closed(server);
  });

  test('nothing is lost or out of order if the reader changes in the middle of data', async () => {
    const server = net.createServer((socket) => {
      let index = 0;
      const send = () => {
        for (let count = 0; count < 7 && index < 20_000; count++) socket.write(`${index++},`);
        if (index < 20_000) setImmediate(send);
        else socket.end();
      };
      send();
    });
    const port = await listening(server);
    const socket = uringNet.connect(port, HOST);
    Object.assign(policy, { reads: 3, many: 0, few: Number.POSITIVE_INFINITY });
    const readers = new Set<unknown>();
    let text = '';
    for await (const piece of socket) {
      text += String(piece);
      readers.add(readsBy(socket));
    }
    Object.assign(policy, usual);
    expect([...readers]).toEqual(expect.arrayContaining(['ring', 'libuv']));
    expect(text).toBe(`${Array.from({ length: 20_000 }, (_, index) => index).join(',')},`);
    expect(socket.bytesRead).toBe(text.length);
    await closed(server);
  });
});

onLinux(`a handle that the ring reads is taken${reason ? ` (skipped: ${reason})` : ''}`, () => {
  beforeEach(() => void Object.assign(policy, FROM_THE_START));
  afterEach(() => void Object.assign(policy, usual));
  afterAll(() => Uring.default().close());

  /** Both ends start in plain text, and the ring reads both. */
  test.each([1, 40])('by TLS on both ends, after a start in plain text (STARTTLS), %i at once', async (count) => {
    const server = uringNet.createServer((socket) => {
      socket.on('data', (data) => {
        if (String(data) === 'hello') socket.write(`welcome`);
        else {
          socket.write(`go ahead, read by the ${readsBy(socket)}`, () => {
            const secure = new tls.TLSSocket(socket, { isServer: true, key, cert });
            secure.on('data', (text) => secure.end(`${text} from ${secure.remoteAddress}`));
          });
        }
      });
    });
    const port = await listening(server);
    const one = async () => {
      const socket = uringNet.connect(port, HOST);
      // This listener stays: encrypted data must not arrive here.
      const plain: string[] = [];
      socket.on('data', (data) => plain.push(String(data)));
      for (const command of ['hello', 'STARTTLS']) {
        socket.write(command);
        await once(socket, 'data');
      }
      expect(readsBy(socket)).toBe('ring');
      const secure = tls.connect({ socket, ca: cert, host: 'localhost' });
      await once(secure, 'secureConnect');
      expect(secure.remotePort).toBe(port);
      secure.write('secret');
      expect(await textOf(secure)).toBe(`secret from ${HOST}`);
      expect(plain).toEqual(['welcome', 'go ahead, read by the ring']);
    };
    await Promise.all(Array.from({ length: count }, one));
    await closed(server);
  });

  test('by tls.connect before it is connected', async () => {
    const server = tls.createServer({ key, cert }, (socket) => socket.end('secret'));
    const port = await listening(server);
    const secure = tls.connect({ socket: uringNet.connect(port, HOST), ca: cert, host: 'localhost' });
    expect(await textOf(secure)).toBe('secret');
    await closed(server);
  });

  test('by an HTTP/2 session, on both ends', async () => {
    const h2 = http2.createServer((_request, response) => void response.end('over h2'));
    const server = uringNet.createServer((socket) => {
      // Data that has already arrived goes to the new owner of the connection.
      socket.once('readable', () => {
        socket.unshift(socket.read() as Buffer);
        h2.emit('connection', socket);
      });
    });
    const port = await listening(server);
    const raw = uringNet.connect(port, HOST);
    await once(raw, 'connect');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(readsBy(raw)).toBe('ring');
    const session = http2.connect(`http://${HOST}`, { createConnection: () => raw });
    for (let index = 0; index < 3; index++) expect(await textOf(session.request({ ':path': '/' }))).toBe('over h2');
    session.close();
    await once(session, 'close');
    await closed(server);
  });

  test('by an HTTP server that is given connections', async () => {
    const inner = http.createServer((request, response) => void response.end(`inner ${request.url}`));
    const server = uringNet.createServer((socket) => inner.emit('connection', socket));
    const port = await listening(server);
    const agent = new http.Agent({ keepAlive: true });
    for (const path of ['/1', '/2', '/3']) {
      const [response] = await once(http.get({ port, host: HOST, path, agent }), 'response');
      expect(await textOf(response)).toBe(`inner ${path}`);
    }
    agent.destroy();
    await closed(server);
  });

  test('by an HTTP agent that watches idle connections: all requests are answered, and connections that the server closes are closed', async () => {
    const agent = new uringHttp.Agent({ keepAlive: true, maxSockets: 8 });
    const server = http.createServer((_request, response) => response.end('x'));
    const port = await listening(server);
    const get = () =>
      new Promise<void>((resolve, reject) => {
        const request = http.get({ agent, port, host: HOST }, (response) => {
          // In a later turn, so that the connection is idle in between.
          response.resume().on('end', () => setImmediate(resolve));
        });
        request.on('error', reject);
      });
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let index = 0; index < 20; index++) await get();
      }),
    );
    const idle = Object.values(agent.freeSockets).flat() as net.Socket[];
    expect(idle.length).toBeGreaterThan(0);
    const ends = idle.map((socket) => once(socket, 'close'));
    server.closeAllConnections();
    await Promise.all(ends);
    expect(Object.values(agent.freeSockets).flat()).toEqual([]);
    await closed(server);
  });

  test('by an agent: an unsolicited response is treated as with Node', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na');
        setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'), 30);
      });
    });
    const port = await listening(server);
    const outcome = async (Agent: typeof http.Agent) => {
      const agent = new Agent({ keepAlive: true });
      const request = http.get({ agent, port, host: HOST });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      const { socket } = response;
      response.resume();
      await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 200))]);
      const { destroyed } = socket;
      socket.destroy();
      return destroyed;
    };
    expect(await outcome(uringHttp.Agent as unknown as typeof http.Agent)).toBe(await outcome(http.Agent));
    await closed(server);
  });

  test('by a second socket on the same handle', async () => {
    const server = uringNet.createServer((socket) => socket.on('data', (data) => socket.write(data)));
    const port = await listening(server);
    const first = uringNet.connect(port, HOST);
    await talk(first, 3);
    const second = new net.Socket({ handle: (first as Internal)._handle } as net.SocketConstructorOpts);
    await talk(second, 3);
    second.destroy();
    await closed(server);
  });

  test('by child.send: the child continues with the connection', async () => {
    const server = uringNet.createServer();
    const port = await listening(server);
    const client = net.connect(port, HOST);
    client.write('first');
    const [socket] = (await once(server, 'connection')) as [net.Socket];
    await once(socket, 'data');
    client.write('once more');
    await once(socket, 'data');
    expect(readsBy(socket)).toBe('ring');
    const child = fork(fileURLToPath(new URL('../children/receive-server.mjs', import.meta.url)));
    child.send('talk', socket);
    await once(child, 'message');
    client.write('second');
    expect(String((await once(client, 'data'))[0])).toBe('child: second');
    client.destroy();
    child.kill();
    await once(child, 'exit');
    // It never emits close, as with Node: the connection was not closed here.
    server.close();
  });

  test('ticks and promises run between two events', async () => {
    const server = net.createServer((socket) => {
      let index = 0;
      const send = () => {
        socket.write(`${index++}`);
        if (index < 200) setImmediate(send);
        else socket.end();
      };
      send();
    });
    const port = await listening(server);
    const sockets = Array.from({ length: 8 }, () => uringNet.connect(port, HOST));
    const texts = await Promise.all(
      sockets.map(async (socket) => {
        let text = '';
        const ended = once(socket, 'end').then(() => undefined);
        // Data that arrives before the next `once` would be lost.
        for (;;) {
          const data = await Promise.race([once(socket, 'data'), ended]);
          if (data === undefined) break;
          text += String(data[0]);
        }
        return text;
      }),
    );
    const all = Array.from({ length: 200 }, (_, index) => index).join('');
    expect(texts).toEqual(Array(8).fill(all));
    await closed(server);
  });

  test('two writes before destroy() both reach the peer', async () => {
    const server = uringNet.createServer((socket) => {
      socket.write('A');
      socket.write('B');
      socket.destroy();
    });
    const port = await listening(server);
    for (let round = 0; round < 30; round++) expect(await textOf(net.connect(port, HOST))).toBe('AB');
    await closed(server);
  });

  test('a write before process.exit() reaches the peer', async () => {
    const server = net.createServer();
    const port = await listening(server);
    const child = fork(fileURLToPath(new URL('../children/net.mjs', import.meta.url)), ['exits', String(port)]);
    const [socket] = (await once(server, 'connection')) as [net.Socket];
    expect(await textOf(socket)).toBe('written right before the exit');
    if (child.exitCode === null) await once(child, 'exit');
    await closed(server);
  });

  test('sockets and servers can be created without new, and inherited from, as old packages do', async () => {
    const MySocket = function (this: net.Socket) {
      (uringNet.Socket as unknown as (this: net.Socket) => void).call(this);
    } as unknown as new () => net.Socket;
    Object.setPrototypeOf(MySocket.prototype, uringNet.Socket.prototype);
    const server = (uringNet.Server as unknown as (listener: (socket: net.Socket) => void) => net.Server)((socket) =>
      socket.end('x'),
    );
    expect(server).toBeInstanceOf(net.Server);
    const port = await listening(server);
    for (const socket of [(uringNet.Socket as unknown as () => net.Socket)(), new MySocket()]) {
      expect(socket).toBeInstanceOf(net.Socket);
      expect(await textOf(socket.connect(port, HOST))).toBe('x');
      // A proxy sees the actual values.
      expect(new Proxy(socket, {}).bytesRead).toBe(1);
    }
    expect(uringNet.Socket.prototype.bytesWritten).toBe(undefined);
    class Special extends uringNet.Socket {}
    class SpecialServer extends uringNet.Server {}
    expect([new Special() instanceof Special, new net.Socket() instanceof Special]).toEqual([true, false]);
    expect([new SpecialServer() instanceof SpecialServer, net.createServer() instanceof SpecialServer]).toEqual([true, false]);
    expect(uringNet.createServer(null as never)).toBeInstanceOf(net.Server);
    await closed(server);
  });
});
