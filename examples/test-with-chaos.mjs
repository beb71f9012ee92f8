/**
 * Tests a program's own code on the simulated kernel, on any machine:
 * `node examples/test-with-chaos.mjs`.
 *
 * Sends a message into a pipe in two ways. The first ignores that a write may be short. On a real
 * machine, that rarely shows; here, it shows within the first seeds.
 */

import { Uring } from 'uring';
import { SimulatedKernel } from 'uring/testing';

const message = Buffer.from('every byte of this message counts');

const ways = {
  async hasty(uring, fd) {
    await uring.write(fd, message);
  },
  async careful(uring, fd) {
    for (let sent = 0; sent < message.length; ) sent += await uring.write(fd, message.subarray(sent));
  },
};

/** Returns the data that arrives, on a kernel whose chaos is drawn from a seed. */
async function arrives(send, seed) {
  const kernel = new SimulatedKernel({ chaos: { seed, short: 0.2 } });
  const [reader, writer] = kernel.createPipe();
  const uring = Uring.open({ syscalls: kernel });
  await send(uring, writer);
  await uring.close();
  return Buffer.from(kernel.readFile(reader, message.length));
}

for (const [name, send] of Object.entries(ways)) {
  let failed;
  for (let seed = 1; seed <= 100 && failed === undefined; seed++) {
    if (!(await arrives(send, seed)).equals(message)) failed = seed;
  }
  console.log(failed === undefined ? `${name}: 100 seeds, nothing lost` : `${name}: bytes are lost with seed ${failed}`);
}
