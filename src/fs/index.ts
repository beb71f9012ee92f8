/**
 * `uring/fs`: `node:fs/promises` over io_uring.
 *
 * Everything that `node:fs/promises` exports is here, with the same arguments, results and errors. What is faster over the ring runs there; the
 * rest is Node's own.
 *
 * @module
 */

import { access, lstat, readlink, realpath, stat } from './lookups.js';
import { nodePromises } from './node.js';
import { open } from './open.js';
import { readFile } from './read-file.js';
import { appendFile, writeFile } from './write-file.js';

export { backend, type Configuration, configure } from './backend.js';
export { Advice, FallocateMode, fadvise, fallocate, getxattr, setxattr } from './extras.js';
export type { FileHandle } from './handle.js';
export { access, lstat, readlink, realpath, stat } from './lookups.js';
export { open } from './open.js';
export { type ReadFile, type ReadFileOptions, readFile } from './read-file.js';
export { createReadStream, createWriteStream } from './streams.js';
export { appendFile, type Writable, type WriteFileOptions, writeFile } from './write-file.js';

// Node's own. The kernel gives what changes a directory to a worker of its own, which is no faster than Node's, and has no operation for the rest.
export const {
  chmod,
  chown,
  constants,
  copyFile,
  cp,
  lchmod,
  lchown,
  link,
  lutimes,
  mkdir,
  mkdtemp,
  opendir,
  readdir,
  rename,
  rm,
  rmdir,
  statfs,
  symlink,
  truncate,
  unlink,
  utimes,
  watch,
} = nodePromises;

/** `fsPromises.glob`, from Node 22 on; `undefined` before. */
export const glob = (nodePromises as Partial<Record<'glob', unknown>>).glob;

/** `fsPromises.mkdtempDisposable`, from Node 24 on; `undefined` before. */
export const mkdtempDisposable = (nodePromises as Partial<Record<'mkdtempDisposable', unknown>>).mkdtempDisposable;

/** As `import fs from 'node:fs/promises'`: all that this version of Node has. */
export default { ...nodePromises, access, appendFile, lstat, open, readFile, readlink, realpath, stat, writeFile };
