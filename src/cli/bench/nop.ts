/**
 * `uring bench nop`: the cost of the ring itself, and of promises over it.
 *
 * @module
 */

import { Uring } from '../../engine/index.js';
import { prepNop } from '../../ops/index.js';
import { Ring } from '../../ring/index.js';
import type { Work } from './measure.js';

const BATCHES = [1, 8, 32, 128];

/** Returns the works: NOPs in batches, on the ring and as promises. */
export function nopWorks(short: boolean): Work[] {
  return BATCHES.map((batch) => {
    const ring = Ring.open({ entries: 256, optionalFlags: ['SINGLE_ISSUER', 'DEFER_TASKRUN'] });
    const uring = Uring.open();
    const count = short ? 20_000 : 200_000;
    return {
      id: `nop-${batch}`,
      title: `NOPs, ${batch} a call`,
      unit: 'operations',
      sides: [
        { name: 'ring', run: () => onRing(ring, batch, count) },
        { name: 'promises', run: () => asPromises(uring, batch, count / 4) },
      ],
      close: async () => {
        ring.close();
        await uring.close();
      },
    };
  });
}

function onRing(ring: Ring, batch: number, count: number): number {
  let done = 0;
  while (done < count) {
    for (let index = 0; index < batch; index++) {
      const sqe = ring.getSqe();
      if (sqe === null) throw new Error('the queue is full');
      prepNop(sqe);
    }
    ring.submitAndWait(batch);
    done += ring.forEachCqe(noop);
  }
  return done;
}

async function asPromises(uring: Uring, batch: number, count: number): Promise<number> {
  let done = 0;
  while (done < count) {
    const all: Promise<void>[] = [];
    for (let index = 0; index < batch; index++) all.push(uring.nop());
    await Promise.all(all);
    done += batch;
  }
  return done;
}

const noop = () => undefined;
