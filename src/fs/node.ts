/**
 * Node's own functions, copied once when the module is loaded: a program may replace them with the
 * functions of `uring/fs`.
 *
 * @module
 */

import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { processBinding } from './process-binding.js';

/** `node:fs`. */
export const node: typeof fs = { ...fs };

/** `node:fs/promises`. */
export const nodePromises: typeof fsPromises = { ...fsPromises };

/** `node:fs` as it is now, including functions that a program has replaced. */
export const live: typeof fs = fs;

/** The texts of Node's modules, asked for once: it takes half a millisecond. */
let texts: readonly string[] | undefined;

/**
 * Returns whether a function is Node's own. Tools that were loaded before this module, such as
 * tracers, may have replaced some.
 *
 * @param fn of `node:fs` or `node:fs/promises`.
 */
export function isNodesOwn(fn: unknown): boolean {
  if (texts === undefined) {
    const { fs: text, 'internal/fs/promises': promisesText } = processBinding('natives') ?? {};
    texts = text === undefined || promisesText === undefined ? [] : [text, promisesText];
  }
  const own = Function.prototype.toString.call(fn);
  return texts.length === 0 || texts.some((text) => text.includes(own));
}
