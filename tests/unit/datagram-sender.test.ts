/**
 * Sending the datagrams of a turn together: on the simulated kernel and on Linux, and refusals of
 * the kernel on the simulated one.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { SocketAddress } from '../../src/engine/index.js';
import { type DatagramSender, encodeAddress } from '../../src/engine/internal.js';
import { Uring } from '../../src/index.js';
import { Opcode } from '../../src/ring/index.js';
import { bind, type DatagramSocket } from '../../src/sockets/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { SimulatedKernel } from '../../src/testing/index.js';
import { describeOnBothKernels } from '../helpers/kernels.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/**
 * A sender of numbered datagrams that records the outcome of each: a result, or the length of the
 * data that was not sent.
 */
class Sending {
  readonly told: string[] = [];
  readonly sender: DatagramSender<number>;
  private next = 0;

  constructor(
    uring: Uring,
    fd: number,
    private readonly names: readonly (Uint8Array | undefined)[],
  ) {
    this.sender = uring.sockets.datagramSender<number>(fd, {
      sent: (token, res) => this.told.push(`${token}: ${res}`),
      unsent: (token, data) => this.told.push(`${token}: unsent ${data.length}`),
      apart: (count) => this.told.push(`${count} apart`),
    });
  }

  /** Adds datagrams of these sizes, each in two pieces. */
  add(sizes: readonly number[], receiver = 0): boolean[] {
    return sizes.map((size) => {
      const data = Buffer.alloc(size, this.next % 256);
      return this.sender.add(this.names[receiver], [data.subarray(0, 1), data.subarray(1)], size, this.next++);
    });
  }
}

describeOnBothKernels('the datagrams of a turn', (kernel) => {
  let uring: Uring;
  let one: DatagramSocket;
  let others: DatagramSocket[];
  let sending: Sending;

  beforeEach(async () => {
    uring = Uring.open({ syscalls: kernel().syscalls });
    cleanUp.push(() => uring.close());
    const open = async () => {
      const socket = await bind({ host: '127.0.0.1', uring });
      cleanUp.push(() => socket.close());
      return socket;
    };
    one = await open();
    others = [await open(), await open()];
    sending = new Sending(
      uring,
      one.fd,
      others.map(({ address }) => encodeAddress(address as SocketAddress)),
    );
  });

  /** Receives `count` datagrams. @returns The size of each, and the byte that it is filled with. */
  async function received(socket: DatagramSocket, count: number): Promise<string[]> {
    const all: string[] = [];
    if (count > 0)
      for await (const message of socket) {
        const bytes = message.copy();
        expect(new Set(bytes).size).toBeLessThan(2);
        all.push(`${bytes.length}:${bytes[0] ?? '-'}`);
        if (all.length === count) break;
      }
    return all;
  }

  test.each([
    ['of one size: one message', [10, 10, 10], 1],
    ['the last may be shorter', [10, 10, 3], 1],
    ['nothing behind a shorter one', [10, 3, 3, 3], 2],
    ['a longer one is the next', [3, 10, 10, 10], 2],
    ['an empty one is alone', [0, 5, 5, 5], 2],
    ['64 are one message', Array(65).fill(8), 2],
    ['and as many bytes as a block has', Array(6).fill(16_000), 2],
  ])('are combined into messages: %s', async (_title, sizes, messages) => {
    const before = uring.counters.submitted;
    sending.add(sizes);
    expect(sending.told).toEqual(sizes[0] === 16_000 ? [0, 1, 2, 3].map((index) => `${index}: 16000`) : []);
    await turn();
    expect(uring.counters.submitted - before).toBe(messages);
    expect(sending.told).toEqual(sizes.map((size: number, index: number) => `${index}: ${size}`));
    expect(await received(others[0] as DatagramSocket, sizes.length)).toEqual(
      sizes.map((size: number, index: number) => `${size}:${size === 0 ? '-' : index}`),
    );
    expect(sending.sender.isBusy).toBe(false);
  });

  test('to alternating receivers are combined into one message for each', async () => {
    const before = uring.counters.submitted;
    for (let index = 0; index < 10; index++) sending.add([20], index % 2);
    await turn();
    expect(uring.counters.submitted - before).toBe(2);
    expect(await received(others[0] as DatagramSocket, 5)).toEqual([0, 2, 4, 6, 8].map((byte) => `20:${byte}`));
    expect(await received(others[1] as DatagramSocket, 5)).toEqual([1, 3, 5, 7, 9].map((byte) => `20:${byte}`));
  });

  test('are sent at once by a flush', () => {
    sending.add([5, 5]);
    expect([sending.told, sending.sender.isBusy]).toEqual([[], true]);
    sending.sender.flush();
    expect([sending.told, sending.sender.isBusy]).toEqual([['0: 5', '1: 5'], false]);
  });

  test('are sent early when there are more messages than the ring takes', () => {
    const sizeOf = (index: number) => 1 + Math.floor(index / 2);
    for (let index = 0; index < 132; index++) sending.add([sizeOf(index)]);
    expect(sending.told.length).toBe(128);
    sending.sender.flush();
    expect(sending.told).toEqual(Array.from({ length: 132 }, (_, index) => `${index}: ${sizeOf(index)}`));
  });

  test('are returned unsent when they have little in common, as sending each alone costs less', async () => {
    const before = uring.counters.submitted;
    sending.add([3, 10, 0, 20]);
    await turn();
    expect(sending.told).toEqual(['4 apart', '0: unsent 3', '1: unsent 10', '2: unsent 0', '3: unsent 20']);
    expect([uring.counters.submitted - before, sending.sender.isBusy]).toEqual([0, false]);
  });

  test('are refused by a closed engine, which reports those that it has not sent', async () => {
    sending.add([4, 4]);
    await one.close();
    await uring.close();
    expect(sending.told).toHaveLength(2);
    expect(sending.add([4])).toEqual([false]);
  });
});

describe('refusals of the kernel', () => {
  let kernel: SimulatedKernel;
  let uring: Uring;
  let sending: Sending;
  /** The results of the next messages. Messages after them are sent. */
  const results: number[] = [];

  beforeEach(async () => {
    kernel = new SimulatedKernel();
    uring = Uring.open({ syscalls: kernel });
    cleanUp.push(() => uring.close());
    const [one, other] = [await bind({ host: '127.0.0.1', uring }), await bind({ host: '127.0.0.1', uring })];
    cleanUp.push(
      () => one.close(),
      () => other.close(),
    );
    sending = new Sending(uring, one.fd, [encodeAddress(other.address as SocketAddress)]);
    results.length = 0;
    kernel.interceptOperations(({ opcode }) => (opcode === Opcode.SENDMSG ? results.shift() : undefined));
  });

  test('an error is reported for the first datagram, and all after it are returned unsent', () => {
    results.push(-Errno.ECONNREFUSED);
    sending.add([10, 10, 20, 5]);
    sending.sender.flush();
    expect(sending.told).toEqual([`0: ${-Errno.ECONNREFUSED}`, '1: unsent 10', '2: unsent 20', '3: unsent 5']);
  });

  test('a message without room is returned unsent, and those before it are sent', () => {
    sending.add([10, 10, 20, 20, 30, 30]);
    kernel.interceptOperations(() => {
      const message = results.push(0);
      return message === 2 ? -Errno.EAGAIN : undefined;
    });
    sending.sender.flush();
    expect(sending.told).toEqual(['0: 10', '1: 10', '2: unsent 20', '3: unsent 20', '4: unsent 30', '5: unsent 30']);
  });

  test('a datagram that triggers a send does not overtake those that were returned unsent', () => {
    results.push(-Errno.EAGAIN);
    expect(sending.add(Array(5).fill(16_000))).toEqual([true, true, true, true, false]);
    expect(sending.told).toEqual([0, 1, 2, 3].map((index) => `${index}: unsent 16000`));
    expect(sending.add([10])).toEqual([true]);
  });

  test.each([Errno.EINVAL, Errno.EMSGSIZE, Errno.EIO])(
    'a size that cannot be segmented (%i) is returned unsent, and not combined again',
    (errno) => {
      results.push(-errno);
      sending.add([1500, 1500]);
      sending.sender.flush();
      expect(sending.told).toEqual(['0: unsent 1500', '1: unsent 1500']);
      const before = uring.counters.submitted;
      sending.add([1500, 1500, ...Array(4).fill(1499)]);
      sending.sender.flush();
      expect(uring.counters.submitted - before).toBe(3);
      expect(sending.told.slice(2)).toEqual(['2: 1500', '3: 1500', '4: 1499', '5: 1499', '6: 1499', '7: 1499']);
    },
  );

  test('a datagram that is sent alone gets its own error', () => {
    sending.add([10, 10, 10, 16_384]);
    kernel.interceptOperations(() => (results.push(0) === 2 ? -Errno.EMSGSIZE : undefined));
    sending.sender.flush();
    expect(sending.told).toEqual(['0: 10', '1: 10', '2: 10', `3: ${-Errno.EMSGSIZE}`]);
  });

  test('each datagram is reported as cancelled when the ring fails', async () => {
    sending.add([7, 7]);
    kernel.fail('enter', Errno.EBADF);
    sending.sender.flush();
    await turn();
    expect(sending.told).toEqual([`0: ${-Errno.ECANCELED}`, `1: ${-Errno.ECANCELED}`]);
    expect(sending.add([1])).toEqual([false]);
  });

  test('all memory returns to the pool, even after errors', () => {
    const regions = () => uring.engine.memory.pool.regions.length;
    sending.add([1]);
    sending.sender.flush();
    const before = regions();
    for (let round = 0; round < 300; round++) {
      if (round % 3 === 0) results.push(-Errno.ECONNREFUSED);
      sending.add([100, 100, 50, 60_000 / 4]);
      sending.sender.flush();
    }
    expect(sending.told).toHaveLength(1202);
    expect(regions()).toBe(before);
  });
});
