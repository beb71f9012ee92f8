/**
 * The functions of `node:fs`, captured when the library is loaded: a program may replace them, with
 * those of `uring/fs` or with its own. The library itself always calls Node's.
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

/**
 * Runs a function while `node:fs` has Node's functions, whatever a program has put in their place.
 * Node's module loader calls them.
 */
export function withNodesFunctions<T>(run: () => T): T {
  const theirs: [name: string, descriptor: PropertyDescriptor][] = [];
  for (const [name, value] of Object.entries(node)) {
    const descriptor = Object.getOwnPropertyDescriptor(live, name);
    const isReplaced = typeof descriptor?.value === 'function' && descriptor.value !== value;
    if (!isReplaced || !descriptor.configurable) continue;
    theirs.push([name, descriptor]);
    Object.defineProperty(live, name, { ...descriptor, value });
  }
  try {
    return run();
  } finally {
    for (const [name, descriptor] of theirs) Object.defineProperty(live, name, descriptor);
  }
}
