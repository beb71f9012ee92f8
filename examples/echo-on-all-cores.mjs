/**
 * An echo server on all cores: one worker per core, each with its own ring and listener. With
 * SO_REUSEPORT, the kernel distributes connections among them.
 *
 *     node examples/echo-on-all-cores.mjs [PORT]
 *
 * Ends on Ctrl-C, and prints how many connections each worker has handled.
 */

import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { listen } from 'uring/sockets';

async function echo(connection) {
  try {
    for await (const chunk of connection) await connection.write(chunk);
  } catch {
    // A peer that disconnects is no reason to end.
  }
  await connection.close();
}

if (isMainThread) {
  // The first listener finds a free port if none was given. It accepts no connections, but holds
  // the port until the workers listen on it.
  const first = await listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0), reusePort: true });
  const { port } = first.address;
  const workers = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL(import.meta.url), { workerData: port }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  await first.close();
  console.log(`port ${port}, ${workers.length} workers`);
  process.once('SIGINT', async () => {
    const counts = workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)));
    for (const worker of workers) worker.postMessage('end');
    console.log(`connections: ${(await Promise.all(counts)).join(' ')}`);
  });
} else {
  const listener = await listen({ host: '127.0.0.1', port: workerData, reusePort: true, noDelay: true });
  parentPort.postMessage('listening');
  parentPort.once('message', () => listener.close());
  let count = 0;
  for await (const connection of listener) {
    count++;
    void echo(connection);
  }
  parentPort.postMessage(count);
}
