/**
 * `uring/fs`: `node:fs` over io_uring.
 *
 * @module
 */

import { node } from './node.js';
import promises from './promises.js';
import { createReadStream, createWriteStream } from './streams.js';

export * from 'node:fs';
export { backend, type Configuration, configure } from './backend.js';
export { createReadStream, createWriteStream, promises };

/** As `import fs from 'node:fs'`: all that this version of Node has. */
export default { ...node, createReadStream, createWriteStream, promises };
