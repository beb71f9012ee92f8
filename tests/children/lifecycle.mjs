/** Scenarios of a ring's end, each in a process of its own: `node lifecycle.mjs SCENARIO`. Prints JSON. */

import { readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { URingContext } from 'uring';
import { prepNop, prepPollAdd, prepRead, Ring, SqeFlag } from 'uring/ring';

const libc = createRequire(import.meta.url)('koffi').load(null);
const pipe = () => {
  const fds = new Int32Array(2);
  libc.func('pipe2', 'int', ['void *', 'int'])(fds, 0o2000000);
  return fds;
};
/** Rings that are open. (Node opens descriptors of its own when it likes.) */
const descriptors = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('io_uring');
    } catch {
      return false;
    }
  }).length;
const warnings = [];
process.on('warning', (warning) => warnings.push(warning.code));

const scenarios = {
  /** Rings that nobody refers to any more, with reads pending. Needs --expose-gc. */
  async collected() {
    const [reader] = pipe();
    const before = descriptors();
    const make = () => {
      const ring = Ring.open({ entries: 8 });
      prepRead(ring.getSqe(), reader, ring.pin(new Uint8Array(64)), 64, 0);
      ring.submit();
      const context = new URingContext(8);
      context.addRead(new Uint8Array(64), reader, null, 1);
      context.submit();
    };
    for (let i = 0; i < 5; i++) make();
    const opened = descriptors() - before;
    for (let i = 0; i < 50 && descriptors() > before; i++) {
      globalThis.gc();
      await sleep(10);
    }
    return { opened, left: descriptors() - before, warnings };
  },

  /** The process ends with operations pending, and nobody closes anything. */
  async exit() {
    const [reader] = pipe();
    const ring = Ring.open({ entries: 8 });
    prepPollAdd(ring.getSqe(), reader, 1);
    ring.submit();
    globalThis.kept = ring;
    return { pending: true };
  },

  /** Many rings opened and closed leave nothing behind. */
  async many() {
    const before = descriptors();
    const rss = () => process.memoryUsage().rss;
    let start = 0;
    for (let i = 0; i < 2000; i++) {
      if (i === 500) start = rss();
      const ring = Ring.open({ entries: 8 });
      prepNop(ring.getSqe());
      ring.submitAndWait(1);
      ring.close();
      if (i % 50 === 0) await sleep(0);
    }
    return { left: descriptors() - before, growth: rss() - start };
  },

  /** A ring that has seen CQE_SKIP_SUCCESS takes no drain; closing it keeps the memory for a while, and no longer than needed. */
  async skip() {
    const before = descriptors();
    const [reader] = pipe();
    const ring = Ring.open({ entries: 8 });
    prepNop(ring.getSqe());
    const sqe = ring.getSqe();
    prepNop(sqe);
    sqe.setFlags(SqeFlag.CQE_SKIP_SUCCESS);
    prepRead(ring.getSqe(), reader, ring.pin(new Uint8Array(64)), 64, 0);
    ring.submit();
    const start = performance.now();
    ring.close();
    return { milliseconds: performance.now() - start, left: descriptors() - before, warnings };
  },
};

console.log(JSON.stringify(await scenarios[process.argv[2]]()));
