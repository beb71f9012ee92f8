/**
 * `uring/fs`: `node:fs/promises` over io_uring.
 *
 * Everything that `node:fs/promises` exports is here, with the same arguments, results and errors. What the kernel has an operation for runs on
 * the ring; the rest is Node's own.
 *
 * @module
 */

import node from 'node:fs/promises';
import { access, link, lstat, mkdir, open, rename, rm, rmdir, stat, symlink, truncate, unlink } from './paths.js';
import { readFile } from './read-file.js';
import { appendFile, writeFile } from './write-file.js';

export { backend, type Configuration, configure } from './backend.js';
export { createReadStream, createWriteStream, type ReadStreamOptions, type WriteStreamOptions } from './create-streams.js';
export { Advice, FallocateMode, fadvise, fallocate, getxattr, setxattr } from './extras.js';
export { FileHandle, type ReadOptions, type ReadResult } from './handle.js';
export type { Writable } from './handle-io.js';
export { access, link, lstat, mkdir, open, rename, rm, rmdir, stat, symlink, truncate, unlink } from './paths.js';
export { type ReadFile, type ReadFileOptions, readFile } from './read-file.js';
export { appendFile, type WriteFileOptions, writeFile } from './write-file.js';

// Node's own: io_uring has no operation for these, or none that is better.
export const {
  chmod,
  chown,
  constants,
  copyFile,
  cp,
  lchmod,
  lchown,
  lutimes,
  mkdtemp,
  opendir,
  readdir,
  readlink,
  realpath,
  statfs,
  utimes,
  watch,
} = node;

/** `fsPromises.glob`, from Node 22 on; `undefined` before. */
export const glob = (node as Partial<Record<'glob', unknown>>).glob;

/** `fsPromises.mkdtempDisposable`, from Node 24 on; `undefined` before. */
export const mkdtempDisposable = (node as Partial<Record<'mkdtempDisposable', unknown>>).mkdtempDisposable;

/** As `import fs from 'node:fs/promises'`: all that this version of Node has. */
export default {
  ...node,
  access,
  appendFile,
  link,
  lstat,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
};
