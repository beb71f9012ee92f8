/** Messages between engines. */

import { afterEach, expect, test } from '@jest/globals';
import { Uring } from '../../src/index.js';
import { prepMsgRing } from '../../src/ops/index.js';
import { MsgRingFlag } from '../../src/ring/index.js';
import { Errno } from '../../src/syscalls/index.js';
import { describeOnBothKernels, onLinuxOnce, testUnless } from '../helpers/kernels.js';
import { whyNoRing } from '../helpers/linux.js';
import { run } from '../helpers/ring.js';

const engines: Uring[] = [];
afterEach(async () => {
  for (const uring of engines.splice(0)) await uring.close();
});

const MANY = 500;

/** Before 6.3, the sender of a message cannot set the flags of its completion. */
function whyNoMessages(): string | undefined {
  const { res } = onLinuxOnce((kernel) => {
    const [ring, other] = [kernel.open({ entries: 4 }), kernel.open({ entries: 4 })];
    return run(ring, (sqe) => prepMsgRing(sqe, other.fd, 1, 0, MsgRingFlag.FLAGS_PASS, 0));
  });
  return res === -Errno.EINVAL ? 'the kernel refuses IORING_MSG_RING_FLAGS_PASS' : undefined;
}

const gap = whyNoRing() === undefined ? whyNoMessages() : undefined;

describeOnBothKernels('mailboxes', (kernel, name) => {
  const testMessages = (title: string, body: () => Promise<void>) => testUnless(name === 'linux' ? gap : undefined, title, body);

  const open = () => {
    const uring = Uring.open({ syscalls: kernel().syscalls });
    engines.push(uring);
    return uring;
  };

  testMessages('receive what another engine sends, in order, whether or not somebody waits', async () => {
    const [receiver, sender] = [open(), open()];
    const mailbox = receiver.mailbox();
    const values = Array.from({ length: MANY }, (_, index) => index * 7);
    await Promise.all(values.slice(0, -1).map((value) => sender.message(mailbox.address, value)));
    const received: number[] = [];
    const reading = (async () => {
      for await (const value of mailbox) {
        received.push(value);
        if (received.length === MANY) break;
      }
    })();
    await sender.message(mailbox.address, values[MANY - 1] as number);
    await reading;
    expect(received).toEqual(values);
    expect(receiver.inspect()).toEqual([]);
  });

  testMessages('of one engine do not receive what is sent to others', async () => {
    const uring = open();
    const [one, other] = [uring.mailbox(), uring.mailbox()];
    await uring.message(one.address, 1);
    await uring.message(other.address, 2);
    expect([(await one.next()).value, (await other.next()).value]).toEqual([1, 2]);
    await one.return();
    await other.return();
  });

  testMessages('that were closed lose messages, and their successors do not receive them', async () => {
    const [receiver, sender] = [open(), open()];
    const closed = receiver.mailbox();
    await closed.return();
    const next = receiver.mailbox();
    expect(next.address.id).toBe(closed.address.id);
    await sender.message(closed.address, 1);
    await sender.message(next.address, 2);
    expect(await next.next()).toEqual({ done: false, value: 2 });
    await next.return();
  });

  test('end by a signal, and when their engine closes', async () => {
    const controller = new AbortController();
    const aborted = open().mailbox({ signal: controller.signal });
    const reading = aborted.next();
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    const uring = open();
    const open_ = uring.mailbox().next();
    await Promise.all([expect(open_).rejects.toMatchObject({ name: 'AbortError' }), uring.close()]);
  });

  testMessages('refuse addresses and values that make no sense', async () => {
    const uring = open();
    const { address } = uring.mailbox();
    const send = (to: unknown, value: unknown) => expect(uring.message(to as never, value as never)).rejects;
    await send(7, 1).toThrow('The "address" argument must be an address of a mailbox');
    await send({ ...address, ring: -1 }, 1).toThrow('address.ring');
    await send(address, -1).toThrow('The value of "value" is out of range');
    await expect(uring.message({ ...address, ring: 1_000_000 }, 1)).rejects.toMatchObject({ code: 'EBADF' });
  });
});
