/**
 * `uring/fs`: `node:fs` over io_uring.
 *
 * Everything that `node:fs` exports is here, with the same arguments, results and errors. What is faster over the ring, or at once, is done so; the rest is Node's own, and so are all
 * functions whose names end in `Sync`. What else there is (`configure`, `fallocate`) is in `uring/fs/promises`.
 *
 * @module
 */

import * as callbacks from './callbacks.js';
import { node } from './node.js';
import promises from './promises.js';
import { createReadStream, createWriteStream } from './streams.js';

export * from 'node:fs';
export { access, close, exists, fstat, lstat, open, read, readFile, readlink, readv, realpath, stat } from './callbacks.js';
export { createReadStream, createWriteStream, promises };

/** As `import fs from 'node:fs'`: all that this version of Node has. */
export default { ...node, ...callbacks, createReadStream, createWriteStream, promises };
