/**
 * The names of the modules and functions that can be replaced.
 *
 * @module
 */

/** The modules that can be replaced. */
export const MODULE_NAMES = ['fs', 'net', 'http', 'dgram'] as const;

/**
 * `fs` with `fs/promises`; `net` with all that is built on it; `http` with `https` and HTTP/2,
 * servers only; `dgram`.
 */
export type ModuleName = (typeof MODULE_NAMES)[number];

/** The functions of `node:fs` that `uring/fs` replaces. A test compares this list with the module. */
export const FS_FUNCTIONS = [
  'access',
  'createReadStream',
  'exists',
  'fstat',
  'lstat',
  'open',
  'read',
  'readFile',
  'readlink',
  'readv',
  'realpath',
  'stat',
] as const;

/** The functions of `node:fs/promises` that `uring/fs/promises` replaces. */
export const PROMISE_FUNCTIONS = [
  'access',
  'appendFile',
  'lstat',
  'open',
  'readFile',
  'readlink',
  'realpath',
  'stat',
  'writeFile',
] as const;
