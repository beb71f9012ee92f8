/**
 * The names of what can be registered.
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

/** What `uring/fs` replaces in `node:fs`. A test compares this list with the module. */
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

/** What `uring/fs/promises` replaces in `node:fs/promises`. */
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
