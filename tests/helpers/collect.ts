/**
 * Collects garbage now and then, in every test file. The memory of closed rings and engines takes address space until it is collected, V8
 * does not know how much that is, and a process that has more of it than the machine has memory cannot fork any more (ENOMEM).
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll } from '@jest/globals';

const TESTS_BETWEEN = 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
let tests = 0;

/** Weak references let go when the event loop has turned. */
const collectAll = async () => {
  await new Promise((resolve) => setImmediate(resolve));
  collect();
};

beforeAll(collectAll);
afterEach(async () => {
  if (++tests % TESTS_BETWEEN === 0) await collectAll();
});
afterAll(collectAll);
