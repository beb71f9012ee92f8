/** What programs are shown of the library at work: events, counters, and `util.inspect`. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { type OperationEvent, URingContext, Uring } from '../../src/index.js';
import { Ring } from '../../src/ring/index.js';
import { bind, connect, type Listener, listen } from '../../src/sockets/index.js';
import { describeOnBothKernels } from '../helpers/kernels.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const MOST_LINES = 12;

describeOnBothKernels('observation', (kernel) => {
  const open = () => {
    const uring = Uring.open({ syscalls: kernel().syscalls });
    cleanUp.push(() => uring.close());
    return uring;
  };

  /** The events of one channel while a function runs. */
  async function eventsOf(channel: string, run: () => Promise<unknown>): Promise<OperationEvent[]> {
    const events: OperationEvent[] = [];
    const listener = (event: unknown) => events.push(event as OperationEvent);
    subscribe(channel, listener);
    await run().finally(() => unsubscribe(channel, listener));
    return events;
  }

  test('events carry the engine, the path or the address, and on completion the duration', async () => {
    const [one, other] = [open(), open()];
    const run = async () => {
      await one.openat('/no/such/file').catch(() => undefined);
      await other.renameat('/no/such/file', '/no/other').catch(() => undefined);
      await other.connect(1_000_000, { family: 'IPv4', address: '127.0.0.1', port: 9 }).catch(() => undefined);
    };
    for (const channel of ['uring:submit', 'uring:complete']) {
      const events = await eventsOf(channel, run);
      const [opened, renamed, connected] = events as [OperationEvent, OperationEvent, OperationEvent];
      expect(opened).toMatchObject({ operation: 'OPENAT', path: '/no/such/file' });
      expect(renamed).toMatchObject({ operation: 'RENAMEAT', path: '/no/such/file', dest: '/no/other' });
      expect(connected).toMatchObject({ operation: 'CONNECT', fd: 1_000_000, address: { address: '127.0.0.1', port: 9 } });
      expect([renamed.engine, connected.engine]).toEqual([opened.engine + 1, opened.engine + 1]);
      const durations = events.map(({ duration }) => duration);
      if (channel === 'uring:submit') expect(durations).toEqual([undefined, undefined, undefined]);
      else expect(durations.filter((duration) => Number(duration) > 0)).toHaveLength(3);
    }
  });

  test('a timeout that has expired is not counted as a failure, a read that failed is', async () => {
    const uring = open();
    const timeout = uring.timeout(1);
    await new Promise(setImmediate);
    kernel().simulated?.advance(1);
    await timeout;
    await uring.read(1_000_000, new Uint8Array(1)).catch(() => undefined);
    expect(uring.counters).toMatchObject({ completed: 2, failed: 1, operations: { TIMEOUT: 1, READ: 1 } });
  });

  test('util.inspect shows a few lines of each object', async () => {
    const uring = open();
    const { syscalls } = kernel();
    const ring = Ring.open({ entries: 8, syscalls });
    const context = new URingContext(8, { syscalls });
    cleanUp.push(
      () => ring.close(),
      () => context.close(),
    );
    const listener: Listener = await listen({ host: '127.0.0.1', uring });
    cleanUp.push(() => listener.close());
    const { address } = listener;
    if (address.family === 'unix') throw new Error('not of this family');
    const connection = await connect({ host: address.address, port: address.port, uring });
    cleanUp.push(() => connection.reset());
    const socket = await bind({ host: '127.0.0.1', uring });
    cleanUp.push(() => socket.close());
    const texts = [uring, ring, context, listener, connection, socket].map((object) => inspect(object));
    expect(texts.map((text) => text.split(' ', 1)[0])).toEqual([
      'Uring',
      'Ring',
      'URingContext',
      'Listener',
      'Connection',
      'DatagramSocket',
    ]);
    for (const text of texts) expect(text.split('\n').length).toBeLessThanOrEqual(MOST_LINES);
    expect(texts[0]).toContain('closed: false');
    expect(texts[3]).toContain(`port: ${address.port}`);
    expect(inspect({ nested: { uring } }, { depth: 0 })).toBe('{ nested: [Object] }');
    expect(inspect([[uring]], { depth: 1 })).toBe('[ [ [Uring] ] ]');
    context.close();
    ring.close();
    expect([inspect(context), inspect(ring)]).toEqual(['URingContext { closed: true }', 'Ring { closed: true }']);
    expect([context.fd, ring.fd]).toEqual([-1, -1]);
  });
});
