/** Functions with which the programs in this folder inspect their own process. */

import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

/** Returns `number target` for each open descriptor whose target matches a pattern. */
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

/** Calls pipe2(2): the ring's own operation is newer than some kernels that this runs on. */
export function pipe() {
  const fds = new Int32Array(2);
  if (koffi.load(null).func('pipe2', 'int', ['void *', 'int'])(fds, 0o2000000) !== 0) throw new Error('pipe2 failed');
  const [reader, writer] = fds;
  return { reader, writer };
}

/** The number of rounds without a decrease after which no garbage is left. */
const STEADY = 5;

/**
 * Returns the resident memory without garbage, in bytes. Other threads release collected memory
 * later; and where huge pages are the default, the memory of each ring takes at least 2 MiB. Needs
 * --expose-gc.
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
