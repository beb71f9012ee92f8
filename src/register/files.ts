/**
 * The functions of `node:fs` and `node:fs/promises`, replaced.
 *
 * @module
 */

import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { isNodesOwn } from '../fs/nodes-own.js';
import type { Patch } from './patch.js';

/** Functions by name. */
export type Functions = Readonly<Record<string, unknown>>;

/** Functions of `node:fs` and of `node:fs/promises`, or what replaces them. */
export interface FileFunctions {
  readonly fs: Functions;
  readonly promises: Functions;
}

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
