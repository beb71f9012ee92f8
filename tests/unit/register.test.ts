/** What `uring/register` knows of the library before it is loaded. */

import nodeFs from 'node:fs';
import nodePromises from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import uringFs from '../../src/fs/index.js';
import uringPromises from '../../src/fs/promises.js';
import { FS_FUNCTIONS, PROMISE_FUNCTIONS } from '../../src/register/names.js';

test.each([
  ['fs', nodeFs, uringFs, FS_FUNCTIONS],
  ['fs/promises', nodePromises, uringPromises, PROMISE_FUNCTIONS],
])('uring/%s replaces the functions that are listed', (_name, nodes, ours, listed) => {
  const own = nodes as unknown as Record<string, unknown>;
  const differing = Object.entries(ours).filter(([name, value]) => typeof value === 'function' && value !== own[name]);
  expect(differing.map(([name]) => name).sort()).toEqual([...listed]);
});
