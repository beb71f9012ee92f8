/** Servers of `uring/net` whose engine, process, or descriptor goes away, or was never valid. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import * as uringNet from '../../src/net/index.js';
import { runChild } from '../helpers/child.js';
import { whyNoRing } from '../helpers/linux.js';

const reason = whyNoRing();
const onLinux = reason === undefined ? describe : describe.skip;

onLinux(`servers whose ground goes away${reason ? ` (skipped: ${reason})` : ''}`, () => {
  afterAll(() => Uring.default().close());

  test('closing the engine of a listening server emits one error with the reason, then close', async () => {
    const uring = Uring.open();
    const server = uringNet.createServer({ uring } as uringNet.ServerOptions);
    const events: unknown[] = [];
    server.on('error', (error: NodeJS.ErrnoException) => events.push([error.name, error.code]));
    const closed = new Promise<void>((resolve) => {
      server.on('close', () => {
        events.push('close');
        resolve();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await uring.close();
    await closed;
    expect(events).toEqual([['AbortError', 'ABORT_ERR'], 'close']);
    expect(server.listening).toBe(false);
  });

  test('a server that is sent to a child continues there', async () => {
    const server = uringNet.createServer((socket) => socket.end('from the parent'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const child = fork(fileURLToPath(new URL('../children/receive-server.mjs', import.meta.url)));
    child.send('serve', server);
    expect(await once(child, 'message')).toEqual(['listens', undefined]);
    server.close();
    await once(server, 'close');
    let text = '';
    for await (const data of net.connect(port, '127.0.0.1')) text += String(data);
    expect(text).toBe('from the child');
    child.kill();
    await once(child, 'exit');
  });

  test('a server that is moved to a worker accepts all connections there, where Node can move it', async () => {
    const nodes = await runChild('net.mjs', ['moves', 'node']);
    expect(await runChild('net.mjs', ['moves', 'uring'])).toEqual(nodes);
  });

  test('listening on a descriptor that is not a socket fails, and leaves it open', async () => {
    const fd = openSync('/etc/hostname', 'r');
    const server = uringNet.createServer().listen({ fd } as net.ListenOptions);
    const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EINVAL');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fstatSync(fd).isFile()).toBe(true);
    closeSync(fd);
  });
});
