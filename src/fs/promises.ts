/**
 * `uring/fs/promises`: `node:fs/promises` over io_uring.
 *
 * Exports everything that `node:fs/promises` exports, with the same arguments, results and errors.
 * The functions that are faster over the ring run there. The others are Node's own: the kernel
 * passes operations that change a directory to a worker, which is no faster than Node's threads,
 * and has no operations for the rest.
 *
 * @module uring/fs/promises
 */

import { nodePromises } from '../node-fs.js';
import { backend, configure } from './backend.js';
import { Advice, FallocateMode, fadvise, fallocate, getxattr, setxattr } from './extras.js';
import { access, lstat, readlink, realpath, stat } from './lookups.js';
import { open } from './open.js';
import { readFile } from './read-file.js';
import { appendFile, writeFile } from './write-file.js';

export * from 'node:fs/promises';
export type { Configuration } from './backend.js';
export type { FileHandle, FileRange, FileRanges, ReadRangesOptions, ReadRangesResult } from './read-many.js';
export {
  Advice,
  access,
  appendFile,
  backend,
  configure,
  FallocateMode,
  fadvise,
  fallocate,
  getxattr,
  lstat,
  open,
  readFile,
  readlink,
  realpath,
  setxattr,
  stat,
  writeFile,
};

const only = { Advice, backend, configure, FallocateMode, fadvise, fallocate, getxattr, setxattr };

const names = { ...nodePromises, access, appendFile, lstat, open, readFile, readlink, realpath, stat, writeFile };

/**
 * As `import fs from 'node:fs/promises'`: everything that this version of Node has. The functions
 * that only this module has are not enumerable.
 */
export default Object.defineProperties(
  names,
  Object.fromEntries(Object.entries(only).map(([name, value]) => [name, { value, writable: true, configurable: true }])),
) as typeof names & typeof only;
