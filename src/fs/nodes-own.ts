/**
 * Which functions of `node:fs` are Node's own.
 *
 * @module
 */

import { processBinding } from './process-binding.js';

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
