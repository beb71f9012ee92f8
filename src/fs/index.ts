/**
 * `uring/fs`: `node:fs` over io_uring.
 *
 * Exports everything that `node:fs` exports, with the same arguments, results and errors. The
 * functions that are faster over the ring, or as synchronous lookups, are replaced. The others are
 * Node's own, including all functions whose names end in `Sync`. The additional functions
 * (`configure`, `fallocate`) are in `uring/fs/promises`.
 *
 * @module uring/fs
 */

import nodeFs from 'node:fs';
import * as callbacks from './callbacks.js';
import promises from './promises.js';
import { createReadStream } from './streams.js';

export * from 'node:fs';
export { access, exists, fstat, lstat, open, read, readFile, readlink, readv, realpath, stat } from './callbacks.js';
export { createReadStream, promises };

/**
 * As `import fs from 'node:fs'`: everything that this version of Node has, including properties
 * that are not enumerable.
 */
export default Object.defineProperties(
  {},
  {
    ...Object.getOwnPropertyDescriptors(nodeFs),
    ...Object.getOwnPropertyDescriptors({ ...callbacks, createReadStream, promises }),
  },
) as typeof nodeFs;
