/**
 * Collects garbage periodically in every test file. The memory of closed rings and engines occupies
 * address space until it is collected, and V8 does not know how much there is. A process with more
 * of it than the machine has memory can no longer fork (ENOMEM).
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll } from '@jest/globals';

const TESTS_BETWEEN = 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
let tests = 0;

/**
 * Collects garbage after a turn of the event loop: until then, weak references keep their targets.
 */
const collectAll = async () => {
  await new Promise((resolve) => setImmediate(resolve));
  collect();
};

beforeAll(collectAll);
afterEach(async () => {
  if (++tests % TESTS_BETWEEN === 0) await collectAll();
});
afterAll(collectAll);
