/**
 * A TCP proxy: data that arrives on one side is sent to the other from the buffers in which it
 * arrived.
 *
 *     node examples/proxy.mjs PORT TARGET_HOST TARGET_PORT
 */

import { connect, listen } from 'uring/sockets';

const [, , port, host, targetPort] = process.argv;

/**
 * Forwards one direction, including its end. Waits for each write, so a slow receiver slows down
 * its sender.
 */
async function pipe(from, to) {
  for await (const chunk of from) await to.write(chunk);
  await to.shutdown();
}

async function join(client) {
  let upstream;
  try {
    upstream = await connect({ host, port: Number(targetPort), noDelay: true });
    await Promise.all([pipe(client, upstream), pipe(upstream, client)]);
  } catch {
    // An error on one side becomes a reset on the other.
    void client.reset();
    void upstream?.reset();
  }
  await Promise.all([client.close(), upstream?.close()]);
}

const listener = await listen({ host: '127.0.0.1', port: Number(port), noDelay: true });
console.log(`port ${listener.address.port}`);
process.once('SIGINT', () => void listener.close());
for await (const client of listener) void join(client);
