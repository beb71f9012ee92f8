/**
 * Node's own functions, taken once, when the module is loaded: a program may put the functions of `uring/fs` in their place.
 *
 * @module
 */

import fs from 'node:fs';
import fsPromises from 'node:fs/promises';

/** `node:fs`. */
export const node: typeof fs = { ...fs };

/** `node:fs/promises`. */
export const nodePromises: typeof fsPromises = { ...fsPromises };

/** `node:fs` as it is now, with whatever a program has put there. */
export const live: typeof fs = fs;
