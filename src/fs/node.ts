/**
 * Node's own functions, copied once when the module is loaded: a program may replace them with the
 * functions of `uring/fs`.
 *
 * @module
 */

import fs from 'node:fs';
import fsPromises from 'node:fs/promises';

/** `node:fs`. */
export const node: typeof fs = { ...fs };

/** `node:fs/promises`. */
export const nodePromises: typeof fsPromises = { ...fsPromises };

/** `node:fs` as it is now, including functions that a program has replaced. */
export const live: typeof fs = fs;
