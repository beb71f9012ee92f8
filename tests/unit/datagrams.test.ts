/** Datagrams, on the simulated kernel and on Linux. */

import { existsSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import { Opcode } from '../../src/ring/index.js';
import { type BindOptions, bind, type DatagramSocket, type Message } from '../../src/sockets/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { describeOnBothKernels } from '../helpers/kernels.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error as Error & { code?: string },
  );

/** Returns the next message. There must be one. */
async function next(messages: AsyncIterator<Message>): Promise<Message> {
  const { done, value } = await messages.next();
  if (done) throw new Error('it is over');
  return value;
}

describeOnBothKernels('datagrams', (kernel, name) => {
  let uring: Uring;
  beforeEach(() => {
    uring = Uring.open({ syscalls: kernel().syscalls });
    cleanUp.push(() => uring.close());
  });

  async function socketAt(options: BindOptions = { host: '127.0.0.1' }): Promise<DatagramSocket> {
    const socket = await bind({ ...options, uring });
    cleanUp.push(() => socket.close());
    return socket;
  }

  test.each([['IPv4', '127.0.0.1'] as const, ['IPv6', '::1'] as const])('go there and back over %s', async (family, host) => {
    const [one, other] = [await socketAt({ host }), await socketAt({ host })];
    expect(one.address).toMatchObject({ family, address: host });
    const messages = other.receive();
    const data = Buffer.from('hello');
    const sent = one.send(data, other.address);
    data.fill('x');
    await sent;
    const message = await next(messages);
    expect([message.toString(), message.length, message.truncated]).toEqual(['hello', 5, false]);
    expect(message.sender).toEqual(one.address);
    // Sent back from its own memory, which is released before it is sent.
    const answers = one.receive();
    const back = other.send([message, '!', new DataView(new ArrayBuffer(1))], message.sender);
    message.release();
    await back;
    expect((await next(answers)).copy()).toEqual(Buffer.from('hello!\0'));
    expect(() => message.sender).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  test('keep their boundaries, may be empty, and are refused if too long', async () => {
    const [one, other] = [await socketAt(), await socketAt()];
    const messages = other.receive({ buffers: 2 });
    const sizes = [1, 0, 9000, 0, 0, 65_507, 3];
    for (const size of sizes) await one.send(new Uint8Array(size).fill(size), other.address);
    for (const size of sizes) {
      const message = await next(messages);
      expect(message.copy().equals(Buffer.alloc(size, size))).toBe(true);
    }
    expect(await errorOf(one.send(new Uint8Array(65_508), other.address))).toMatchObject({
      code: 'EMSGSIZE',
      address: '127.0.0.1',
      port: (other.address as { port: number }).port,
    });
  });

  test('are truncated and marked if they are longer than a buffer', async () => {
    const [one, other] = [await socketAt(), await socketAt()];
    const messages = other.receive({ bufferSize: 4 });
    await one.send('12345', other.address);
    await one.send('6789', other.address);
    const first = await next(messages);
    expect([first.toString(), first.truncated]).toEqual(['1234', true]);
    const second = await next(messages);
    expect([second.toString(), second.truncated]).toEqual(['6789', false]);
  });

  test('go over Unix sockets with a path, an abstract name, a name from the kernel, and none', async () => {
    const path = kernel().path('datagrams');
    const abstract = `\0uring-datagrams-${process.pid}-${name}`;
    const [named, hidden, given] = [await socketAt({ path }), await socketAt({ path: abstract }), await socketAt({ path: '' })];
    expect([named.address, hidden.address]).toEqual([
      { family: 'unix', path },
      { family: 'unix', path: abstract },
    ]);
    expect((given.address as { path: string }).path).toMatch(/^\0[0-9a-f]{5}$/);
    const messages = named.receive();
    await hidden.send('from the hidden', { path });
    expect((await next(messages)).sender).toEqual(hidden.address);
    await given.send('from the given', named.address);
    expect((await next(messages)).sender).toEqual(given.address);
    const nobody = await uring.socket('unix', { type: 'datagram' });
    cleanUp.push(() => uring.closeFile(nobody));
    await uring.send(nobody, Buffer.from('from nobody'), { address: { family: 'unix', path } });
    const message = await next(messages);
    expect([message.toString(), message.sender]).toEqual(['from nobody', undefined]);
    await named.close();
    if (name === 'linux') expect(existsSync(path)).toBe(false);
    expect(await errorOf(hidden.send('x', { path }))).toMatchObject({ code: 'ENOENT', address: path, syscall: 'send' });
  });

  test('need no address on a connected socket, which receives only from its peer', async () => {
    const [one, other, third] = [await socketAt(), await socketAt(), await socketAt()];
    expect(await errorOf(one.send('x'))).toMatchObject({ code: 'EDESTADDRREQ' });
    await one.connect(other.address);
    expect(one.remoteAddress).toEqual(other.address);
    const messages = other.receive();
    await one.send('to whom it concerns');
    expect((await next(messages)).toString()).toBe('to whom it concerns');
    if (name === 'linux') {
      // No one else gets through: the answer is the first message to arrive.
      const answers = one.receive();
      await third.send('me too', one.address);
      await other.send('answer', one.address);
      expect((await next(answers)).toString()).toBe('answer');
    }
  });

  test('reach several receivers, and one that does not read takes nothing from the others', async () => {
    const [slow, quick, sender] = [await socketAt(), await socketAt(), await socketAt()];
    const neglected = slow.receive({ buffers: 1, bufferSize: 64 });
    const first = neglected.next();
    const messages = quick.receive();
    for (let index = 0; index < 100; index++) {
      await sender.send(`slow ${index}`, slow.address);
      await sender.send(`quick ${index}`, quick.address);
      expect((await next(messages)).toString()).toBe(`quick ${index}`);
    }
    // The messages that wait in the kernel are still there.
    expect((await first).value.toString()).toBe('slow 0');
    for (let index = 1; index < 100; index++) expect((await next(neglected)).toString()).toBe(`slow ${index}`);
  });

  test('go to names, which are looked up, and to IPv4 from a socket for both families', async () => {
    const asked: unknown[] = [];
    const lookup = async (host: string, { family }: { family: 0 | 4 | 6 }) => {
      asked.push([host, family]);
      return host === 'nowhere' ? [] : [{ address: '127.0.0.1', family: 4 }];
    };
    const [both, four] = [await socketAt({ lookup }), await socketAt({ host: 'four', lookup })];
    expect([both.address.family, four.address.family]).toEqual(['IPv6', 'IPv4']);
    const { port } = four.address as { port: number };
    const { port: back } = both.address as { port: number };
    if (name === 'linux') {
      const messages = four.receive();
      await both.send('by name', { host: 'four', port });
      await both.send('by address', { host: '127.0.0.1', port });
      expect(`${await next(messages)}`).toBe('by name');
      expect(`${await next(messages)}`).toBe('by address');
      const answers = both.receive();
      await four.send('answer', { host: 'both', port: back });
      expect((await next(answers)).sender).toMatchObject({ family: 'IPv6', address: '::ffff:127.0.0.1', port });
      expect(asked).toEqual([
        ['four', 0],
        ['four', 0],
        ['both', 4],
      ]);
    }
    expect(await errorOf(both.send('x', { host: 'nowhere', port }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(await errorOf(bind({ host: 'nowhere', lookup, uring }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('are refused by a closed socket, whose iterators end and leave nothing in flight', async () => {
    const socket = await socketAt();
    const [one, other] = [socket.receive(), socket[Symbol.asyncIterator]()];
    const waiting = [one.next(), other.next()];
    await turn();
    const { fd } = socket;
    expect(fd).toBeGreaterThan(0);
    await Promise.all([socket.close(), socket.close()]);
    expect((await Promise.all(waiting)).map(({ done }) => done)).toEqual([true, true]);
    expect(socket.fd).toBe(-1);
    const closed = { code: 'ERR_INVALID_STATE' };
    expect(await errorOf(socket.send('x', socket.address))).toMatchObject(closed);
    expect(await errorOf(socket.connect(socket.address))).toMatchObject(closed);
    for (const call of [() => socket.receive(), () => socket.setOptions({}), () => socket.joinGroup('224.0.0.1')]) {
      expect(call).toThrow(expect.objectContaining(closed));
    }
    expect(uring.counters.inFlight).toBe(0);
  });

  test('are aborted if the socket is closed during a lookup, or while the receiver’s queue is full', async () => {
    let found: (addresses: { address: string; family: number }[]) => void = () => undefined;
    const lookup = () => new Promise<{ address: string; family: number }[]>((resolve) => (found = resolve));
    const socket = await socketAt({ host: '127.0.0.1', lookup });
    const pending = errorOf(socket.send('x', { host: 'later', port: 7 }));
    await socket.close();
    found([{ address: '127.0.0.1', family: 4 }]);
    expect(await pending).toMatchObject({ name: 'AbortError' });
    const connecting = await socketAt({ host: '127.0.0.1', lookup });
    const connected = errorOf(connecting.connect({ host: 'later', port: 7 }));
    await connecting.close();
    found([{ address: '127.0.0.1', family: 4 }]);
    expect(await connected).toMatchObject({ name: 'AbortError' });
    // A Unix socket whose queue is full makes its senders wait.
    const [full, sender] = [await socketAt({ path: '' }), await socketAt({ path: '' })];
    const sends = Array.from({ length: 600 }, () => errorOf(sender.send('x', full.address)));
    await turn();
    await sender.close();
    const errors = await Promise.all(sends);
    expect(errors[0]).toBe(undefined);
    expect(errors.at(-1)).toMatchObject({ name: 'AbortError' });
  });

  test('end with the engine, which ends the socket', async () => {
    const own = Uring.open({ syscalls: kernel().syscalls });
    const socket = await bind({ host: '127.0.0.1', uring: own });
    const waiting = errorOf(socket.receive().next());
    await turn();
    await own.close();
    expect(await waiting).toMatchObject({ name: 'AbortError' });
    await socket.close();
    expect(socket.fd).toBe(-1);
    expect(await errorOf(bind({ uring: own }))).toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('go over sockets with the options that were set', async () => {
    const socket = await socketAt({ host: '127.0.0.1', ttl: 9, broadcast: true, receiveBufferSize: 100_000 });
    expect([socket.getOption('ttl'), socket.getOption('broadcast')]).toEqual([9, true]);
    expect(socket.getOption('receiveBufferSize')).toBeGreaterThanOrEqual(100_000);
    socket.setOptions({ multicastTtl: 3, multicastLoopback: false });
    expect([socket.getOption('multicastTtl'), socket.getOption('multicastLoopback')]).toEqual([3, false]);
    const six = await socketAt({ host: '::1', ttl: 5, multicastTtl: 0 });
    expect([six.getOption('ttl'), six.getOption('multicastTtl')]).toEqual([5, 0]);
    const { port } = (await socketAt({ host: '127.0.0.1', reusePort: true })).address as { port: number };
    if (name === 'linux') await socketAt({ host: '127.0.0.1', port, reusePort: true });
    expect(await errorOf(bind({ host: '127.0.0.1', port, uring }))).toMatchObject({ code: 'EADDRINUSE', port });
  });

  test('are not sent on bad input', async () => {
    const socket = await socketAt();
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const range = { code: 'ERR_OUT_OF_RANGE' };
    const bad: [unknown, object][] = [
      [null, type],
      [{ prot: 1 }, value],
      [{ host: '' }, type],
      [{ port: -1 }, range],
      [{ path: 7 }, type],
      [{ path: 'a\0b' }, value],
      [{ path: 'a', port: 1 }, value],
      [{ path: 'x'.repeat(108) }, range],
      [{ path: 'a', ttl: 1 }, value],
      [{ ttl: 256 }, range],
      [{ broadcast: 1 }, type],
      [{ lookup: 'x' }, type],
      [{ uring: {} }, type],
    ];
    for (const [options, error] of bad) {
      expect([options, await errorOf(bind(options as BindOptions))]).toEqual([options, expect.objectContaining(error)]);
    }
    const targets: [unknown, object][] = [
      [null, type],
      [7, type],
      [{}, type],
      [{ host: 'x' }, type],
      [{ host: 'x', port: 0 }, range],
      [{ path: 'a\0b' }, value],
      [{ family: 'IPv7', address: '::1', port: 1 }, value],
      [{ family: 'IPv4', address: 'x', port: 1 }, value],
    ];
    for (const [to, error] of targets) {
      expect([to, await errorOf(socket.send('x', to as never))]).toEqual([to, expect.objectContaining(error)]);
    }
    expect(await errorOf(socket.send(7 as never, socket.address))).toMatchObject(type);
    expect(() => socket.joinGroup(7 as never)).toThrow(expect.objectContaining(value));
    expect(() => socket.joinGroup('x')).toThrow(expect.objectContaining(value));
    expect(() => socket.joinGroup('224.0.0.1', { interface: 'none' })).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    expect(() => socket.joinGroup('224.0.0.1', { interface: 'l\0' })).toThrow(expect.objectContaining(value));
    expect(() => socket.joinGroup('224.0.0.1', { interface: -1 })).toThrow(expect.objectContaining(range));
    expect(() => socket.leaveGroup('224.0.0.1', { inerface: 1 } as never)).toThrow(expect.objectContaining(value));
    expect(() => socket.setMulticastInterface({} as never)).toThrow(expect.objectContaining(type));
    expect(() => socket.receive({ buffers: 3 })).toThrow(expect.objectContaining(range));
    const unix = await socketAt({ path: '' });
    expect(() => unix.setMulticastInterface('lo')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  if (name === 'linux') {
    test('can be exchanged again after a connected socket got the error that its peer is gone', async () => {
      const [one, gone] = [await socketAt(), await socketAt()];
      const { address } = gone;
      await one.connect(address);
      await gone.close();
      const refused = errorOf(one.receive().next());
      await one.send('is there anybody?');
      expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
      const back = await socketAt({ host: '127.0.0.1', port: (address as { port: number }).port });
      const messages = one.receive();
      await back.send('yes', one.address);
      expect(`${await next(messages)}`).toBe('yes');
    });

    // On the loopback interface IPv6 has no groups: see tests/integration/datagrams.test.ts.
    test('arrive from the multicast groups that a socket has joined', async () => {
      const [group, any] = ['239.1.2.3', { host: '0.0.0.0' }];
      const [member, sender] = [await socketAt(any), await socketAt(any)];
      const { port } = member.address as { port: number };
      member.joinGroup(group, { interface: 'lo' });
      expect(() => member.joinGroup(group, { interface: 'lo' })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
      sender.setMulticastInterface('lo');
      const messages = member.receive();
      await sender.send('all of you', { host: group, port });
      expect(`${await next(messages)}`).toBe('all of you');
      member.leaveGroup(group, { interface: 'lo' });
      expect(() => member.leaveGroup(group, { interface: 'lo' })).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
      // Only from one sender: a message of the other does not arrive first.
      member.joinGroup(group, { interface: 'lo', source: '127.0.0.2' });
      const chosen = await socketAt({ host: '127.0.0.2' });
      chosen.setMulticastInterface(1);
      await sender.send('not me', { host: group, port });
      await chosen.send('me', { host: group, port });
      expect(`${await next(messages)}`).toBe('me');
      member.leaveGroup(group, { interface: 'lo', source: '127.0.0.2' });
    });
  }
});

describe('a kernel without multishot RECVMSG', () => {
  test('is reported as unsupported', async () => {
    const kernel = new SimulatedKernel();
    const uring = Uring.open({ syscalls: kernel });
    cleanUp.push(() => uring.close());
    const socket = await bind({ host: '127.0.0.1', uring });
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.RECVMSG ? -Errno.EINVAL : undefined));
    expect(await errorOf(socket.receive().next())).toMatchObject({
      code: 'ERR_URING_UNAVAILABLE',
      message: expect.stringContaining('6.0'),
    });
    await socket.close();
  });
});
