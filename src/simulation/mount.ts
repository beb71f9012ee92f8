/**
 * A simulated disk in the place of a part of the real file system, for Node's live module
 * `node:fs/promises`.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import nodeFsPromises from 'node:fs/promises';
import path from 'node:path';
import { pathText, plainPath } from '../fs/arguments.js';
import { nodePromises } from '../node-fs.js';
import { Patch } from '../register/patch.js';
import { Errno } from '../syscalls/index.js';
import { errorOf } from './calls.js';
import { SimulatedFileHandle } from './handle.js';
import type { SimulatedPromises } from './promises.js';

const TWO_PATHS = new Set(['copyFile', 'cp', 'link', 'rename']);

type Fn = (...args: unknown[]) => unknown;

/**
 * Makes the functions of `node:fs/promises` work on a simulated disk for a path and all below it.
 *
 * @param at absolute.
 * @returns the replacements, which can be undone.
 */
export function mount(promises: SimulatedPromises, at: string): Patch {
  const patch = new Patch();
  const top = path.resolve(at);
  const isInside = (given: unknown): boolean => {
    if (given instanceof SimulatedFileHandle) return true;
    const plain = plainPath(given as PathLike);
    if (plain === undefined) return false;
    const name = path.resolve(pathText(plain));
    return name === top || name.startsWith(top.endsWith('/') ? top : `${top}/`);
  };
  for (const [name, nodes] of Object.entries(nodePromises)) {
    if (typeof nodes !== 'function') continue;
    const simulated = (promises as unknown as Record<string, Fn>)[name] as Fn;
    // The text of a symbolic link is any text.
    const indexes = name === 'symlink' ? [1] : TWO_PATHS.has(name) ? [0, 1] : [0];
    patch.replace(nodeFsPromises, name, (...args: unknown[]) => {
      const places = indexes.map((index) => isInside(args[index]));
      if (!places.includes(true)) return (nodes as Fn)(...args);
      if (places.includes(false))
        return Promise.reject(errorOf(-Errno.EXDEV, { syscall: name, path: String(args[0]), dest: String(args[1]) }));
      for (const index of indexes) args[index] = absolute(args[index]);
      return simulated(...args);
    });
  }
  patch.publish();
  return patch;
}

/** The simulated kernel has no working directory. */
function absolute(given: unknown): unknown {
  if (given instanceof SimulatedFileHandle) return given;
  const name = pathText(plainPath(given as PathLike) as string);
  return path.isAbsolute(name) ? name : path.resolve(name);
}
