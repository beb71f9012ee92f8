/** What the programs in this folder ask about their own process. */

import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

/** What is open: of each descriptor `number target`, of those whose target a pattern matches. */
export function descriptors(pattern) {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return pattern.test(target) ? [`${fd} ${target}`] : [];
    } catch {
      return [];
    }
  });
}

/** pipe2(2): the ring's own is younger than the kernels that this runs on. */
export function pipe() {
  const fds = new Int32Array(2);
  if (koffi.load(null).func('pipe2', 'int', ['void *', 'int'])(fds, 0o2000000) !== 0) throw new Error('pipe2 failed');
  const [reader, writer] = fds;
  return { reader, writer };
}

/** Rounds without a fall after which no garbage is left. */
const STEADY = 5;

/**
 * The resident memory without garbage, in bytes. What has been collected is given back by other threads, later; and where huge pages are the
 * rule, each ring's memory is 2 MiB of it at least. Needs --expose-gc.
 */
export async function residentMemory() {
  let least = Number.POSITIVE_INFINITY;
  for (let steady = 0; steady < STEADY; steady++) {
    globalThis.gc();
    await sleep(50);
    const { rss } = process.memoryUsage();
    if (rss < least) [least, steady] = [rss, 0];
  }
  return least;
}
