/**
 * `uring/fs`: `node:fs` over io_uring.
 *
 * Everything that `node:fs` exports is here, with the same arguments, results and errors. What is faster over the ring, or at once, is done so; the rest is Node's own, and so are all
 * functions whose names end in `Sync`. What else there is (`configure`, `fallocate`) is in `uring/fs/promises`.
 *
 * @module
 */

import nodeFs from 'node:fs';
import * as callbacks from './callbacks.js';
import promises from './promises.js';
import { createReadStream, createWriteStream } from './streams.js';

export * from 'node:fs';
export { access, exists, fstat, lstat, open, read, readFile, readlink, readv, realpath, stat } from './callbacks.js';
export { createReadStream, createWriteStream, promises };

/** As `import fs from 'node:fs'`: all that this version of Node has, what is not listed included. */
export default Object.defineProperties(
  {},
  {
    ...Object.getOwnPropertyDescriptors(nodeFs),
    ...Object.getOwnPropertyDescriptors({ ...callbacks, createReadStream, createWriteStream, promises }),
  },
) as typeof nodeFs;
