/**
 * A TCP proxy: what comes on one side goes out on the other, in the buffers that it has come into.
 *
 *     node examples/proxy.mjs PORT TARGET_HOST TARGET_PORT
 */

import { connect, listen } from 'uring/sockets';

const [, , port, host, targetPort] = process.argv;

/** One direction, to its end, which is handed on. The writes are waited for: a slow receiver slows down its sender. */
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
    // What goes wrong on one side, the other one hears as a reset.
    void client.reset();
    void upstream?.reset();
  }
  await Promise.all([client.close(), upstream?.close()]);
}

const listener = await listen({ host: '127.0.0.1', port: Number(port), noDelay: true });
console.log(`port ${listener.address.port}`);
process.once('SIGINT', () => void listener.close());
for await (const client of listener) void join(client);
