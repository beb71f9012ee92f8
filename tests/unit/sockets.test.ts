/** Connections, on the simulated kernel and on Linux. */

import { createHash } from 'node:crypto';
import { constants, existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import { Opcode } from '../../src/ring/index.js';
import { type Connection, connect, type Listener, listen, socketpair } from '../../src/sockets/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { descriptorTargets } from '../helpers/descriptors.js';
import { describeOnBothKernels } from '../helpers/kernels.js';

const { O_CREAT, O_DIRECTORY, O_RDWR } = constants;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error as Error & { code?: string },
  );

/** Reads everything until the end. */
async function drain(connection: Connection): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of connection) all.push(chunk.copy());
  return Buffer.concat(all);
}

describeOnBothKernels('connections', (kernel, name) => {
  let uring: Uring;
  beforeEach(() => {
    uring = Uring.open({ syscalls: kernel().syscalls });
    cleanUp.push(() => uring.close());
  });

  /** Creates a listener, and both ends of a connection to it. */
  async function pairOver(options: Parameters<typeof listen>[0] = { host: '127.0.0.1' }) {
    const listener = await listen({ ...options, uring });
    cleanUp.push(() => listener.close());
    const { address } = listener;
    const target = address.family === 'unix' ? { path: address.path } : { host: address.address, port: address.port };
    const [client, server] = await Promise.all([connect({ ...target, uring }), listener.accept() as Promise<Connection>]);
    cleanUp.push(
      () => client.reset(),
      () => server.reset(),
    );
    return { listener, client, server };
  }

  test('send and receive over TCP', async () => {
    const { client, server, listener } = await pairOver();
    await client.write('hello');
    const chunk = await server.read();
    expect([chunk?.toString(), chunk?.length]).toEqual(['hello', 5]);
    await server.write(chunk as NonNullable<typeof chunk>);
    expect((await client.read())?.copy()).toEqual(Buffer.from('hello'));
    expect([client.bytesRead, client.bytesWritten, server.bytesRead, server.bytesWritten]).toEqual([5, 5, 5, 5]);
    expect(client.remoteAddress).toEqual(listener.address);
    expect(server.localAddress).toEqual(listener.address);
    expect(server.remoteAddress).toEqual(client.localAddress);
  });

  test.each(['path', 'abstract'])('send and receive over a Unix socket: %s', async (kind) => {
    const path = kind === 'path' ? kernel().path('socket') : `\0uring-test-${process.pid}-${name}`;
    const { client, server, listener } = await pairOver({ path });
    await client.write(['a', Buffer.from('b'), new Uint8Array([99])]);
    // Pieces that are written together are sent together.
    expect((await server.read())?.toString()).toBe('abc');
    expect(listener.address).toEqual({ family: 'unix', path });
    await listener.close();
    if (name === 'linux') expect(existsSync(path)).toBe(false);
    expect(await errorOf(connect({ path, uring }))).toMatchObject({ code: kind === 'path' ? 'ENOENT' : 'ECONNREFUSED' });
  });

  test('can be written to in the callback of a write', async () => {
    const [one, other] = socketpair({ uring });
    cleanUp.push(
      () => one.close(),
      () => other.close(),
    );
    const sender = uring.sockets.sender(one.fd);
    const words = ['a', 'b', 'c', 'd'];
    await new Promise<void>((resolve) => {
      const next = () => {
        const word = words.shift();
        if (word === undefined) resolve();
        else sender.write(Buffer.from(word), next);
      };
      next();
    });
    await new Promise<void>((resolve) => sender.whenDrained(resolve));
    await one.close();
    expect(`${await drain(other)}`).toBe('abcd');
  });

  test('carry data both ways at once, with nothing lost, duplicated or reordered', async () => {
    const [one, other] = socketpair({ uring });
    cleanUp.push(
      () => one.reset(),
      () => other.reset(),
    );
    const data = Buffer.alloc(3_000_000, (Math.random() * 1e9).toString(36));
    const send = async (connection: Connection) => {
      // Pieces of all sizes, some of them together.
      const pieces: Promise<void>[] = [];
      for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7) % 100_003) {
        pieces.push(connection.write(data.subarray(at, at + size)));
        if (pieces.length % 5 === 0) await Promise.all(pieces.splice(0));
      }
      await Promise.all(pieces);
      await connection.shutdown();
    };
    const [, , first, second] = await Promise.all([send(one), send(other), drain(one), drain(other)]);
    expect([sha(first), sha(second)]).toEqual([sha(data), sha(data)]);
  });

  test('that are half-closed continue in the other direction', async () => {
    const { client, server } = await pairOver();
    await client.write('question');
    await client.shutdown();
    expect((await drain(server)).toString()).toBe('question');
    expect(await server.read()).toBe(null);
    await server.write('answer');
    await server.close();
    expect((await drain(client)).toString()).toBe('answer');
    expect(await errorOf(client.write('more'))).toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('send what was written before they close', async () => {
    const { client, server } = await pairOver();
    const data = Buffer.alloc(1_000_000, 'x');
    const written = client.write(data);
    const closed = client.close();
    expect((await drain(server)).length).toBe(data.length);
    await Promise.all([written, closed]);
    expect(client.fd).toBe(-1);
    for (const use of [client.write('x'), client.shutdown()])
      expect(await errorOf(use)).toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect(() => client.setOptions({ keepAlive: true })).toThrow('closed');
  });

  test('abort one pending read when they are closed, and end the others', async () => {
    const { client } = await pairOver();
    const reads = [client.read(), client.read()];
    await client.close();
    expect(await errorOf(reads[0] as Promise<unknown>)).toMatchObject({ name: 'AbortError' });
    expect(await reads[1]).toBe(null);
    expect(await client.read()).toBe(null);
  });

  test('fail after a reset by the peer, and so does unsent data', async () => {
    const { client, server } = await pairOver();
    // More than all of the kernel's buffers hold.
    const written = errorOf(client.write(Buffer.alloc(64_000_000)));
    await server.read();
    await server.reset();
    expect((await written)?.message).toMatch(/ECONNRESET|EPIPE/);
    await client.close();
  });

  test('stop the sender if the reader does not read, and lose nothing', async () => {
    const { client, server } = await pairOver();
    const data = Buffer.alloc(8_000_000, 'abcdefg');
    let isSent = false;
    const written = client.write(data).then(() => {
      isSent = true;
    });
    // Another connection is served in the meantime.
    const [one, other] = socketpair({ uring });
    for (let round = 0; round < 100; round++) {
      await one.write(`${round}`);
      expect((await other.read())?.toString()).toBe(`${round}`);
    }
    await Promise.all([one.close(), other.close()]);
    if (name === 'simulated') expect(isSent).toBe(false);
    const received: Buffer[] = [];
    for (let size = 0; size < data.length; ) {
      const chunk = await server.read();
      size += chunk?.length ?? 0;
      received.push(chunk?.copy() as Buffer);
    }
    await written;
    expect(sha(Buffer.concat(received))).toBe(sha(data));
  });

  test('are not starved by readers that keep their chunks', async () => {
    const pairs = Array.from({ length: 80 }, () => socketpair({ uring }));
    cleanUp.push(() => Promise.all(pairs.flat().map((connection) => connection.reset())));
    const message = Buffer.alloc(65_536, 'm');
    // Each keeps the content of a whole buffer: more than there are.
    const kept = await Promise.all(
      pairs.map(async ([one, other]) => {
        await one.write(message.subarray(0, 50_000));
        return await other.read();
      }),
    );
    const [one, other] = socketpair({ uring });
    await one.write('through');
    expect((await other.read())?.toString()).toBe('through');
    for (const chunk of kept) expect(chunk?.bytes.every((byte) => byte === 109)).toBe(true);
    await Promise.all([one.close(), other.close()]);
  });

  test('can send a chunk that is released at once', async () => {
    const { client, server } = await pairOver();
    await client.write('first');
    const chunk = await server.read();
    const echoed = server.write(chunk as NonNullable<typeof chunk>);
    chunk?.release();
    expect(() => chunk?.bytes).toThrow('released');
    await echoed;
    expect((await client.read())?.toString()).toBe('first');
    expect(await errorOf(server.write(chunk as NonNullable<typeof chunk>))).toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('send memory of all kinds', async () => {
    const { client, server } = await pairOver();
    using pooled = uring.buffers.allocate(4096);
    pooled.bytes.fill(112);
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(115);
    await client.write([pooled.bytes.subarray(0, 3), shared, new DataView(new ArrayBuffer(2)), 'é', new Uint8Array(0)]);
    expect((await server.read())?.toString()).toBe('pppssssssss\0\0é');
    await client.write([]);
    await client.write('');
    const detached = new Uint8Array(4);
    const written = errorOf(client.write(detached));
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(await written).toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  /** Creates a file of `size` bytes, and opens it. */
  async function fileOf(size: number) {
    const content = Buffer.from(Uint8Array.from({ length: size }, (_, index) => index * 7 + (index >> 8)));
    const fd = await uring.openat(kernel().path('sent'), { flags: O_RDWR | O_CREAT, mode: 0o600 });
    cleanUp.push(() => uring.closeFile(fd));
    await uring.write(fd, content, { offset: 0 });
    return { fd, content };
  }

  test('send files in order with other data', async () => {
    const { client, server } = await pairOver();
    const { fd, content } = await fileOf(1_300_000);
    const received = drain(server);
    const results = [
      client.write('<'),
      client.sendFile({ fd }),
      client.write('|'),
      client.sendFile(fd, { start: 100, end: 102 }),
      client.sendFile(fd, { start: 1_299_990 }),
      client.sendFile(fd, { start: 1_299_999, end: 2_000_000 }),
      client.sendFile(fd, { start: 1_300_000 }),
      client.write('>'),
    ];
    // Closing waits for all of it.
    await client.close();
    expect(await Promise.all(results)).toEqual([undefined, 1_300_000, undefined, 3, 10, 1, 0, undefined]);
    const parts = ['<', content, '|', content.subarray(100, 103), content.subarray(-10), content.subarray(-1), '>'];
    expect(sha(await received)).toBe(sha(Buffer.concat(parts.map((part) => Buffer.from(part as string)))));
    expect(client.bytesWritten).toBe(1_300_017);
  });

  test('stay usable after a file that cannot be sent', async () => {
    const { client, server } = await pairOver();
    const { fd } = await fileOf(600_000);
    const directory = await uring.openat(kernel().path('.'), { flags: O_DIRECTORY });
    cleanUp.push(() => uring.closeFile(directory));
    const file = { fd };
    const gone = errorOf(client.sendFile(file));
    // Closed while it is sent.
    const after = errorOf(client.sendFile(directory));
    file.fd = -1;
    const receiving = drain(server);
    expect(await gone).toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect(await after).toMatchObject({ code: 'EISDIR' });
    const bad: [unknown, unknown, string][] = [
      [-1, {}, 'ERR_OUT_OF_RANGE'],
      ['x', {}, 'ERR_INVALID_ARG_TYPE'],
      [{}, {}, 'ERR_INVALID_ARG_TYPE'],
      [fd, { start: -1 }, 'ERR_OUT_OF_RANGE'],
      [fd, { start: 2, end: 1 }, 'ERR_OUT_OF_RANGE'],
      [fd, { end: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [fd, { begin: 1 }, 'ERR_INVALID_ARG_VALUE'],
      [file, {}, 'ERR_INVALID_STATE'],
      [server.fd, {}, 'ESPIPE'],
      [1_000_000, {}, 'EBADF'],
    ];
    for (const [target, range, code] of bad) {
      const error = await errorOf(client.sendFile(target as number, range as object));
      expect([target, range, error?.code]).toEqual([target, range, code]);
    }
    await client.write('!');
    await client.shutdown();
    expect(await errorOf(client.sendFile(fd))).toMatchObject({ code: 'ERR_INVALID_STATE' });
    const received = await receiving;
    expect(received.length).toBeLessThan(600_000);
    expect(received.at(-1)).toBe(33);
  });

  test('fail if the peer resets while a file is sent', async () => {
    const { client, server } = await pairOver();
    const { fd } = await fileOf(600_000);
    const sending = errorOf(Promise.all(Array.from({ length: 20 }, () => client.sendFile(fd))));
    const after = errorOf(client.write('after'));
    await server.read();
    await server.reset();
    expect((await sending)?.code).toMatch(/EPIPE|ECONNRESET/);
    expect((await after)?.code).toMatch(/EPIPE|ECONNRESET/);
    expect((await errorOf(client.sendFile(fd)))?.code).toMatch(/EPIPE|ECONNRESET/);
    // This side can also abort a file, before and while it is sent.
    const [one] = socketpair({ uring });
    const given = errorOf(one.sendFile(fd));
    await one.reset();
    expect(await given).toMatchObject({ name: 'AbortError' });
    await client.close();
  });

  test('that accept descriptors carry data, too', async () => {
    const [one, other] = socketpair({ uring, descriptors: true });
    cleanUp.push(
      () => one.reset(),
      () => other.reset(),
    );
    const received = drain(other);
    const blocks = Array.from({ length: 40 }, (_, index) => Buffer.alloc(index * 1000, index));
    await Promise.all(blocks.map((block) => one.write(block)));
    await one.shutdown();
    expect(sha(await received)).toBe(sha(Buffer.concat(blocks)));
    await other.write('back');
    const chunk = await one.read();
    expect([`${chunk}`, chunk?.descriptors]).toEqual(['back', []]);
    chunk?.release();
    expect(() => chunk?.descriptors).toThrow('released');
    // Many readers that each keep a small chunk take no buffers from the others.
    const pairs = Array.from({ length: 100 }, () => socketpair({ uring, descriptors: true }));
    for (const [from, to] of pairs) {
      await from.write('x');
      expect(`${await to.read()}`).toBe('x');
    }
    await Promise.all(pairs.flat().map((connection) => connection.close()));
  });

  test('refuse descriptors that cannot be sent', async () => {
    const [one, other] = socketpair({ uring, descriptors: true });
    const { client } = await pairOver();
    const bad: [Promise<unknown>, string][] = [
      [one.sendDescriptors(1 as never, 'x'), 'ERR_INVALID_ARG_TYPE'],
      [one.sendDescriptors([], 'x'), 'ERR_OUT_OF_RANGE'],
      [one.sendDescriptors(new Array(254).fill(0), 'x'), 'ERR_OUT_OF_RANGE'],
      [one.sendDescriptors([-1], 'x'), 'ERR_OUT_OF_RANGE'],
      [one.sendDescriptors([0], ''), 'ERR_INVALID_ARG_VALUE'],
      [one.sendDescriptors([0], 7 as never), 'ERR_INVALID_ARG_TYPE'],
      [client.sendDescriptors([0], 'x'), 'ERR_INVALID_STATE'],
      [connect({ host: '127.0.0.1', port: 1, descriptors: true, uring }), 'ERR_INVALID_ARG_VALUE'],
      [listen({ path: 'x', descriptors: 1 as never, uring }), 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [promise, code] of bad) expect(await errorOf(promise)).toMatchObject({ code });
    expect(() => socketpair({ descriptors: 1 as never, uring })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    await one.close();
    expect(await errorOf(one.sendDescriptors([0], 'x'))).toMatchObject({ code: 'ERR_INVALID_STATE' });
    await other.close();
  });

  if (name === 'linux') {
    test('deliver descriptors with the data that they were sent with', async () => {
      const path = kernel().path('descriptors');
      const listener = await listen({ path, descriptors: true, uring });
      const [one, other] = await Promise.all([connect({ path, uring }), listener.accept() as Promise<Connection>]);
      cleanUp.push(
        () => one.close(),
        () => other.close(),
        () => listener.close(),
      );
      const { fd, content } = await fileOf(1000);
      const next = async () => (await other.read()) as NonNullable<Awaited<ReturnType<Connection['read']>>>;
      // Data before them may arrive in the same chunk, data after them never does.
      const sent = [one.write('before,'), one.sendDescriptors([fd, fd], 'with,'), one.write('after')];
      let text = '';
      const passed: number[] = [];
      while (!text.endsWith('with,')) {
        const chunk = await next();
        text += chunk;
        passed.push(...chunk.descriptors);
      }
      expect([text, passed.length]).toEqual(['before,with,', 2]);
      for (const one of passed) {
        expect(one).not.toBe(fd);
        const copy = Buffer.alloc(1000);
        expect(await uring.read(one, copy, { offset: 0 })).toBe(1000);
        expect(copy.equals(content)).toBe(true);
        // O_CLOEXEC.
        expect(readFileSync(`/proc/self/fdinfo/${one}`, 'utf8')).toMatch(/flags:\s*02\d{6}/);
        await uring.closeFile(one);
      }
      const after = await next();
      expect([`${after}`, after.descriptors]).toEqual(['after', []]);
      await Promise.all(sent);
      // The kernel refuses one send: nothing of it is sent, and everything else is.
      const refused = errorOf(one.sendDescriptors([fd, 1_000_000], 'lost'));
      await one.sendDescriptors([fd], 'unclaimed');
      expect(await refused).toMatchObject({ code: 'EBADF' });
      expect(`${await next()}`).toBe('unclaimed');
      await one.write('!');
      await next();
      // Descriptors that were not requested are closed, and so are those still unread when the
      // connection closes.
      const open = () => descriptorTargets().filter((target) => target.endsWith('/sent')).length;
      expect(open()).toBe(1);
      await one.sendDescriptors([fd], 'unread');
      await other.read();
      await one.sendDescriptors([fd, fd, fd], 'unread, too');
      await other.close();
      expect(open()).toBe(1);
    });

    test('that accept no descriptors have none', async () => {
      const [one, other] = socketpair({ uring });
      const { fd } = await fileOf(10);
      await one.sendDescriptors([fd], 'x');
      const chunk = await other.read();
      expect([`${chunk}`, chunk?.descriptors]).toEqual(['x', []]);
      await Promise.all([one.close(), other.close()]);
    });
  }

  test('end with the engine, and so do listeners', async () => {
    const { client, server, listener } = await pairOver();
    const [read, accepted] = [errorOf(client.read()), errorOf(listener.accept())];
    await uring.close();
    expect(await read).toMatchObject({ name: 'AbortError' });
    await Promise.all([client.close(), server.close(), listener.close()]);
    expect(await accepted).toMatchObject({ name: 'AbortError' });
    expect([client.fd, server.fd, listener.fd]).toEqual([-1, -1, -1]);
  });

  test('fail to open if refused, timed out, or aborted', async () => {
    const { listener } = await pairOver();
    await listener.close();
    const { port } = listener.address as { port: number };
    expect(await errorOf(connect({ host: '127.0.0.1', port, uring }))).toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.1',
      port,
    });
    const never = new Promise<never>(() => undefined);
    const slow = { host: 'example', port, uring, lookup: () => never };
    expect(await errorOf(connect({ ...slow, timeout: 1 }))).toMatchObject({
      name: 'AbortError',
      cause: { name: 'TimeoutError' },
    });
    const controller = new AbortController();
    const aborted = errorOf(connect({ ...slow, signal: controller.signal }));
    controller.abort('enough');
    expect(await aborted).toMatchObject({ name: 'AbortError', cause: 'enough' });
    expect(await errorOf(connect({ ...slow, signal: controller.signal }))).toMatchObject({ cause: 'enough' });
  });

  test('try a name address by address', async () => {
    const { listener } = await pairOver();
    const { port } = listener.address as { port: number };
    const lookup = (found: string[]) => async () => found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const target = { host: 'example', port, uring };
    const accepted = listener.accept();
    const connection = await connect({ ...target, lookup: lookup(['::1', '127.0.0.1']) });
    expect(connection.remoteAddress).toEqual(listener.address);
    await Promise.all([connection.close(), (await accepted)?.close()]);
    await listener.close();
    const error = await errorOf(connect({ ...target, lookup: lookup(['::1', '127.0.0.1']) }));
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', errors: [{ address: '::1' }, { address: '127.0.0.1' }] });
    expect(await errorOf(connect({ ...target, family: 6, lookup: lookup(['127.0.0.1']) }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  test('have the socket options that were set', async () => {
    const { client, server } = await pairOver({ host: '127.0.0.1', noDelay: true, keepAliveIdle: 77, linger: 3 });
    // Connections inherit the listener's options.
    if (name === 'linux') {
      expect([server.getOption('noDelay'), server.getOption('keepAliveIdle'), server.getOption('linger')]).toEqual([true, 77, 3]);
    }
    client.setOptions({ keepAlive: true, linger: false, userTimeout: 5000 });
    expect([client.getOption('keepAlive'), client.getOption('linger'), client.getOption('userTimeout')]).toEqual([
      true,
      false,
      5000,
    ]);
  });
});

describeOnBothKernels('bad input', (kernel) => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['an option that is none', () => listen({ hots: 'x' } as never), 'hots'],
    ['a setting of the wrong type', () => listen({ noDelay: 1 as never }), 'options.noDelay'],
    ['a setting out of range', () => listen({ sendBufferSize: -1 }), 'options.sendBufferSize'],
    ['no host', () => listen({ host: '' }), 'options.host'],
    ['a port that is none', () => listen({ port: 65_536 }), 'options.port'],
    ['a path and a port', () => listen({ path: '/x', port: 1 }), 'options.path'],
    ['a path with a null character', () => listen({ path: '/x\0y' }), 'options.path'],
    ['a backlog of nothing', () => listen({ backlog: 0 }), 'options.backlog'],
    ['an engine that is none', () => listen({ uring: {} as never }), 'options.uring'],
    ['a resolver that is none', () => listen({ lookup: 1 as never }), 'options.lookup'],
    ['a port that is missing', () => connect({ host: '127.0.0.1' }), 'options.port'],
    ['port 0 to connect to', () => connect({ port: 0 }), 'options.port'],
    ['a path and a host', () => connect({ path: '/x', host: 'y' }), 'options.path'],
    ['a local address that is none', () => connect({ port: 1, localAddress: 'here' }), 'here'],
    ['a family that is none', () => connect({ port: 1, family: 5 as never }), 'options.family'],
    ['a timeout that is none', () => connect({ port: 1, timeout: -1 }), 'options.timeout'],
    ['a signal that is none', () => connect({ port: 1, signal: {} as never }), 'options.signal'],
  ])('is refused: %s', async (_title, body, word) => {
    const error = await errorOf(body());
    expect(error?.code).toMatch(/^ERR_(INVALID_ARG|OUT_OF_RANGE)/);
    expect(error?.message).toContain(word);
  });

  test('includes paths that are too long, and data of the wrong type', async () => {
    const uring = Uring.open({ syscalls: kernel().syscalls });
    cleanUp.push(() => uring.close());
    expect(await errorOf(connect({ path: `/${'x'.repeat(107)}`, uring }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    const [one, other] = socketpair({ uring });
    for (const bad of [1, null, {}, ['x', 5]]) {
      expect(await errorOf(one.write(bad as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    }
    await Promise.all([one.close(), other.close()]);
  });
});

describeOnBothKernels('a listener', (kernel, name) => {
  let uring: Uring;
  let listener: Listener;
  beforeEach(async () => {
    uring = Uring.open({ syscalls: kernel().syscalls });
    listener = await listen({ host: '127.0.0.1', uring });
    cleanUp.push(
      () => uring.close(),
      () => listener.close(),
    );
  });
  const dial = () => connect({ host: '127.0.0.1', port: (listener.address as { port: number }).port, uring });

  test('is an iterator that can be left and resumed', async () => {
    const clients = [await dial(), await dial()];
    for (let round = 0; round < 2; round++) {
      for await (const connection of listener) {
        await connection.close();
        break;
      }
    }
    for (const client of clients) {
      expect(await client.read()).toBe(null);
      await client.close();
    }
  });

  test('has its own port', async () => {
    const { port } = listener.address as { port: number };
    expect(await errorOf(listen({ host: '127.0.0.1', port, uring }))).toMatchObject({ code: 'EADDRINUSE', port });
  });

  if (name === 'simulated') {
    test('survives a lack of descriptors, and errors of single connections', async () => {
      const { simulated } = kernel();
      const answers = [-Errno.EMFILE, -Errno.ECONNABORTED, -Errno.ENFILE, -Errno.EPROTO];
      simulated?.interceptOperations(({ opcode }) => (opcode === Opcode.ACCEPT ? answers.shift() : undefined));
      const accepted = listener.accept();
      const client = await dial();
      const server = await accepted;
      await server?.write('here');
      expect((await client.read())?.toString()).toBe('here');
      expect(answers).toEqual([]);
      await Promise.all([client.close(), server?.close()]);
    });

    test('reports an error after which it cannot continue', async () => {
      const { simulated } = kernel();
      simulated?.interceptOperations(({ opcode }) => (opcode === Opcode.ACCEPT ? -Errno.EINVAL : undefined));
      expect(await errorOf(listener.accept())).toMatchObject({ code: 'EINVAL' });
    });

    test.each(['socket', 'bind', 'listen', 'setsockopt'] as const)('leaves no descriptor if %s fails', async (call) => {
      const { simulated } = kernel();
      const before = simulated?.openDescriptors.length;
      simulated?.fail(call, Errno.EACCES);
      expect(await errorOf(listen({ host: '127.0.0.1', uring }))).toMatchObject({ code: 'EACCES' });
      expect(simulated?.openDescriptors).toHaveLength(before as number);
    });
  }
});

test('a kernel without buffer rings is an error before a socket is opened', async () => {
  const kernel = new SimulatedKernel();
  const uring = Uring.open({ syscalls: kernel });
  for (const attempt of [listen, connect]) {
    kernel.fail('register', Errno.EINVAL, Errno.EINVAL);
    expect(await errorOf(attempt({ host: '127.0.0.1', port: 1, uring }))).toMatchObject({
      code: 'ERR_URING_UNAVAILABLE',
      reason: 'no-kernel-support',
    });
  }
  // A failure for lack of memory is not permanent.
  kernel.fail('register', Errno.ENOMEM);
  expect(() => socketpair({ uring })).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
  const [one, other] = socketpair({ uring });
  await Promise.all([one.close(), other.close()]);
  await uring.close();
  expect(await errorOf(listen({ uring }))).toMatchObject({ code: 'ERR_INVALID_STATE' });
});

test('a connection whose close is cut off by closing the engine leaves no descriptor', async () => {
  const kernel = new SimulatedKernel();
  const before = kernel.openDescriptors;
  const uring = Uring.open({ syscalls: kernel });
  // The engine closes while the kernel has the first close.
  kernel.interceptOperations(({ opcode }) => {
    if (opcode !== Opcode.CLOSE) return undefined;
    void uring.close();
    return -Errno.ECANCELED;
  });
  await Promise.all(socketpair({ uring }).map((connection) => connection.close()));
  await uring.close();
  expect(kernel.openDescriptors).toEqual(before);
});

test('a sender combines data into sends', async () => {
  const kernel = new SimulatedKernel();
  const uring = Uring.open({ syscalls: kernel });
  cleanUp.push(() => uring.close());
  const asked: string[] = [];
  const [one, other] = socketpair({ uring });
  const sender = uring.sockets.sender(one.fd);
  const shared = (length: number) => new Uint8Array(new SharedArrayBuffer(length)).fill(1);
  const own = (length: number) => new Uint8Array(length).fill(2);
  kernel.interceptOperations((operation) => {
    const { opcode, len, opFlags, addr } = operation as typeof operation & { readonly addr: number };
    if (opcode === Opcode.SEND) asked.push(`${len} ${opFlags === 0x4100 ? 'all' : opFlags.toString(16)}`);
    if (opcode !== Opcode.SENDMSG) return undefined;
    const header = kernel.memory.data(addr, 56) as DataView;
    const count = Number(header.getBigUint64(24, true));
    const vector = kernel.memory.data(Number(header.getBigUint64(16, true)), 16 * count) as DataView;
    const lengths = Array.from({ length: count }, (_, index) => Number(vector.getBigUint64(16 * index + 8, true)));
    const control = Number(header.getBigUint64(40, true));
    asked.push(`[${lengths}]${control > 0 ? ` control ${control}` : ''}`);
    return undefined;
  });
  const received = drain(other);
  /** Writes in one turn. @returns The sends that reached the kernel. */
  const asks = async (...pieces: (Uint8Array | (() => void))[]) => {
    asked.length = 0;
    for (const piece of pieces) typeof piece === 'function' ? piece() : sender.write(piece);
    await new Promise<void>((resolve) => sender.whenDrained(resolve));
    return [...asked];
  };
  const pass = (length: number) => () => sender.pass(own(length), [one.fd, other.fd], () => undefined);
  expect(await asks(own(5))).toEqual(['5 all']);
  expect(await asks(shared(5))).toEqual(['5 all']);
  // Ordinary memory is copied into one block.
  expect(await asks(own(5), own(0), own(6))).toEqual(['11 all']);
  // Shared memory is sent in place, between copied pieces.
  expect(await asks(own(5), shared(3), shared(0), shared(4), own(6), own(1))).toEqual(['[5,3,4,7]']);
  // A send copies at most 256 KiB.
  expect(await asks(own(300_000))).toEqual(['262144 all', '37856 all']);
  expect(await asks(own(200_000), own(100_000), shared(1))).toEqual(['262144 all', '[37856,1]']);
  expect(await asks(own(262_144), own(1))).toEqual(['262144 all', '1 all']);
  // A send has at most 128 pieces.
  expect(await asks(...Array.from({ length: 130 }, () => shared(1)))).toEqual([`[${new Array(128).fill(1)}]`, '[1,1]']);
  // Descriptors are sent with their own data, alone.
  expect(await asks(own(1), pass(2), pass(3), own(4), shared(5))).toEqual(['1 all', '[2] control 24', '[3] control 24', '[4,5]']);
  await one.close();
  expect((await received).length).toBe(5 + 5 + 11 + 19 + 300_000 + 300_001 + 262_145 + 130 + 15);
});

test('a connection is shut down before its descriptor is closed', async () => {
  const kernel = new SimulatedKernel();
  const uring = Uring.open({ syscalls: kernel });
  cleanUp.push(() => uring.close());
  const order: string[] = [];
  kernel.interceptOperations(({ opcode }) => {
    if (opcode === Opcode.CLOSE) order.push('CLOSE');
    return undefined;
  });
  const [one, other] = socketpair({ uring });
  const sent = one.write('x');
  const shutDown = one.shutdown().then(() => order.push('shut down'));
  await Promise.all([sent, shutDown, one.close()]);
  expect(order).toEqual(['shut down', 'CLOSE']);
  expect(`${await drain(other)}`).toBe('x');
  await other.close();
});
