/**
 * The functions of `node:fs` and `node:fs/promises`, replaced.
 *
 * @module
 */

import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { isNodesOwn } from '../fs/nodes-own.js';
import type { FileFunctions, Functions } from './deferred.js';
import type { Patch } from './patch.js';

/**
 * Puts functions in the place of those of Node's live modules. A tool that came first, such as a
 * tracer, keeps the functions that it has replaced.
 *
 * @param isFirst no tool can have come first.
 */
export function replaceFunctions(patch: Patch, isFirst: boolean, ours: FileFunctions): void {
  const replaceIn = (nodes: Functions, functions: Functions) => {
    for (const [name, value] of Object.entries(functions)) {
      const before = nodes[name];
      const isReplaceable = typeof value === 'function' && value !== before && (isFirst || isNodesOwn(before));
      if (isReplaceable) patch.replace(nodes, name, value);
    }
  };
  replaceIn(fs as unknown as Functions, ours.fs);
  replaceIn(fsPromises as unknown as Functions, ours.promises);
}
