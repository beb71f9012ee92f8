/**
 * A time server over UDP, and its client.
 *
 *     node examples/udp.mjs serve [PORT]
 *     node examples/udp.mjs ask PORT
 */

import { bind } from 'uring/sockets';

const [, , mode, port = 0] = process.argv;

async function serve() {
  const socket = await bind({ host: '127.0.0.1', port: Number(port) });
  console.log(`port ${socket.address.port}`);
  process.once('SIGINT', () => void socket.close());
  for await (const message of socket) {
    const { sender } = message;
    // Does not wait for clients that cannot be reached.
    if (message.toString() === 'time') socket.send(new Date().toISOString(), sender).catch(() => undefined);
  }
}

async function ask() {
  const socket = await bind({ host: '127.0.0.1' });
  await socket.connect({ host: '127.0.0.1', port: Number(port) });
  // Both the request and the response can be lost.
  const answers = socket.receive({ signal: AbortSignal.timeout(5000) });
  const again = setInterval(() => socket.send('time').catch(() => undefined), 1000);
  await socket.send('time');
  const { value } = await answers.next();
  clearInterval(again);
  console.log(value.toString());
  await socket.close();
}

if (mode === 'serve') await serve();
else await ask();
