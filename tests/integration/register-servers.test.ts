/**
 * `uring/register`: libuv accepts the connections of a server, and the ring from when the event loop
 * is busy.
 */

import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import { acceptByRing } from '../../src/net/accept-by-ring.js';
import type { NodesServer } from '../../src/net/acceptor.js';
import { Errno } from '../../src/syscalls/index.js';
import { runChild } from '../helpers/child.js';
import { whyNoRing } from '../helpers/linux.js';
import { within } from '../helpers/slow.js';

const reason = whyNoRing();
jest.setTimeout(within(120_000));

const run = <T>(modules: string | undefined, ...args: string[]) =>
  modules === undefined
    ? runChild<T>('register-servers.mjs', args)
    : runChild<T>('register-servers.mjs', args, ['--import', 'uring/register'], { URING_MODULES: modules });

(reason === undefined ? describe : describe.skip)(`servers with uring/register${reason ? ` (skipped: ${reason})` : ''}`, () => {
  afterAll(() => Uring.default().close());

  test('listening loads nothing of the library', async () => {
    const byNode = (node: number) => ({ isLoaded: false, calls: { ring: 0, cached: 0, node } });
    expect(await run('net', 'listening')).toEqual(byNode(2));
    // Without `net`, only those of HTTP are registered.
    expect(await run('http', 'listening')).toEqual(byNode(1));
  });

  test('connections load nothing of the library while the event loop has time', async () => {
    expect(await run('net', 'idle')).toBe(false);
  });

  test.each([
    ['net', 'net', 'listen 127.0.0.1'],
    ['http', 'http', 'listen 127.0.0.1'],
    ['fs,net,http,dgram', 'http', 'listen 127.0.0.1'],
  ])(
    'with %s, a busy %s server moves to the ring, and loses no connection, address, or context',
    async (modules, kind, context) => {
      interface Outcome {
        result: { contexts: string[] };
      }
      const nodes = await run<Outcome>(undefined, 'busy', kind);
      expect(nodes).toMatchObject({ byRing: false, loaded: [] });
      expect(nodes.result.contexts).toContain(context);
      expect(await run(modules, 'busy', kind)).toEqual({ result: nodes.result, byRing: true, loaded: ['sockets'] });
    },
  );

  test('files and connections load their parts of the library one after the other', async () => {
    const answers = ['got this, content'];
    expect(await run(undefined, 'files')).toEqual({ answers, loaded: [], byRing: { accepted: false, read: false } });
    const both = { loaded: ['files', 'sockets'], byRing: { accepted: true, read: true } };
    expect(await run('fs,net', 'files')).toEqual({ answers, ...both });
  });

  test('a busy server stays with libuv where io_uring is unavailable', async () => {
    const nodes = await run<{ result: unknown }>(undefined, 'busy', 'net');
    const script = fileURLToPath(new URL('../children/register-servers.mjs', import.meta.url));
    const program = ['--import', 'uring/register', script, 'busy', 'net'];
    const without = await runChild('without-io-uring.mjs', program, [], { URING_MODULES: 'net' });
    expect(without).toEqual({ result: nodes.result, byRing: false, loaded: ['sockets'] });
  });

  test('a server that moves keeps the process alive only if it did before', async () => {
    expect(await run(undefined, 'unreferenced')).toEqual({ byRing: false });
    expect(await run('net', 'unreferenced')).toEqual({ byRing: true });
    expect(await run(undefined, 'referenced')).toEqual({ isAlive: true, byRing: false });
    expect(await run('net', 'referenced')).toEqual({ isAlive: true, byRing: true });
  });

  test('a server whose listener closes it at the connection that moves it answers that connection', async () => {
    expect(await run(undefined, 'closing')).toEqual({ answers: ['got this'], isLoaded: false });
    expect(await run('net', 'closing')).toEqual({ answers: ['got this'], isLoaded: true });
  });

  test('a server of a Unix socket stays with libuv, and keeps its path', async () => {
    expect(await run('net', 'unix')).toEqual({ answers: ['got this'], isThere: true, byRing: false });
  });

  test('a server stays with libuv when the registration has ended', async () => {
    expect(await run('net', 'unregistered')).toEqual({ answers: ['got this'], isLoaded: false });
  });

  test('a server stays with libuv when there is no free descriptor', async () => {
    const server = net.createServer((socket) => socket.end('got this')) as NodesServer;
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { _handle: handle } = server;
    const duplicate = jest.spyOn(Uring.default(), 'duplicateDescriptor').mockReturnValue(-Errno.EMFILE);
    acceptByRing(server, 511);
    expect(duplicate).toHaveBeenCalledTimes(1);
    duplicate.mockRestore();
    expect(server._handle).toBe(handle);
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    expect(String((await once(client, 'data'))[0])).toBe('got this');
    client.destroy();
    await once(server.close(), 'close');
  });
});
