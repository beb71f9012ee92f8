/**
 * A thread of the context's tests. It receives its role in messages, { role, handle, ... }, and
 * replies with 'done' or the stack of an error.
 *
 * Shared words: the number of operations in flight, the number of completions seen, and how often
 * each user data was seen.
 */

import { parentPort, threadId } from 'node:worker_threads';
import { NoSpaceError, URingContext } from 'uring';

const IN_FLIGHT = 0;
const COMPLETED = 1;
const READY = 2;

const roles = {
  submit({ context, words, index, iterations, limit }) {
    for (let i = 0; i < iterations; i++) {
      for (;;) {
        try {
          context.addNop(index * iterations + i);
          Atomics.add(words, IN_FLIGHT, 1);
          break;
        } catch (error) {
          if (!(error instanceof NoSpaceError)) throw error;
          // One of the threads has to submit the full queue, and no more should be in flight than
          // the queue holds.
          context.submit();
          for (let now = Atomics.load(words, IN_FLIGHT); now > limit; now = Atomics.load(words, IN_FLIGHT)) {
            Atomics.wait(words, IN_FLIGHT, now, 100);
          }
        }
      }
      context.submit();
    }
  },

  /** As `complete`, without blocking. */
  async completeAsync({ context, words, seen, total }) {
    while (Atomics.load(words, COMPLETED) < total) {
      for (const completion of await context.waitAsync()) {
        if (completion.value() !== 0) throw new Error(`result ${completion.result}`);
        Atomics.add(seen, Number(completion.userData), 1);
        Atomics.add(words, COMPLETED, 1);
        if (Atomics.load(words, COMPLETED) >= total) break;
      }
    }
  },

  complete({ context, words, seen, total }) {
    while (Atomics.load(words, COMPLETED) < total) {
      for (const completion of context.wait()) {
        if (completion.value() !== 0) throw new Error(`result ${completion.result}`);
        Atomics.add(seen, Number(completion.userData), 1);
        Atomics.add(words, COMPLETED, 1);
        Atomics.sub(words, IN_FLIGHT, 1);
        Atomics.notify(words, IN_FLIGHT);
        if (Atomics.load(words, COMPLETED) >= total) break;
      }
    }
  },

  /**
   * Adds a read of a pipe without data, and waits: the first completion must be another thread's
   * NOP.
   */
  waitForNop({ context, words, fd }) {
    const buffer = new Uint8Array(16);
    context.addRead(buffer, fd, null, 0);
    context.submit();
    Atomics.store(words, READY, 1);
    Atomics.notify(words, READY);
    const order = [];
    while (order.length < 2)
      for (const completion of context.wait()) order.push([Number(completion.userData), completion.value()]);
    return { order, bytes: [...buffer] };
  },
};

parentPort.on('message', async ({ role, handle, words, seen, ...parameters }) => {
  try {
    const context = URingContext.attach(handle);
    const result = await roles[role]({
      context,
      words: new Int32Array(words),
      seen: seen && new Int32Array(seen),
      ...parameters,
    });
    context.close();
    parentPort.postMessage({ done: true, result });
  } catch (error) {
    parentPort.postMessage({ error: `thread ${threadId}: ${error.stack}` });
  }
});
