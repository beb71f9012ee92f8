/**
 * Simulated disks in the place of parts of the real file system, for `node:fs/promises` and
 * `uring/fs/promises`, however a program has imported them.
 *
 * @module
 */

import type { PathLike } from 'node:fs';
import nodeFsPromises from 'node:fs/promises';
import path from 'node:path';
import { pathText, plainPath } from '../fs/arguments.js';
import { setSimulated } from '../fs/mocked.js';
import uringFsPromises from '../fs/promises.js';
import { nodePromises } from '../node-fs.js';
import { Patch } from '../register/patch.js';
import { Errno } from '../syscalls/index.js';
import { errorOf } from './calls.js';
import { SimulatedFileHandle } from './handle.js';
import type { SimulatedPromises } from './promises.js';

const TWO_PATHS = new Set(['copyFile', 'cp', 'link', 'rename']);

type Fn = (...args: unknown[]) => unknown;
type Functions = Record<string, unknown>;

interface Mount {
  readonly promises: SimulatedPromises;
  readonly top: string;
}

/** The latest is the first, and is found first. */
const mounts: Mount[] = [];

let patch: Patch | undefined;

/**
 * Makes the functions of `node:fs/promises` work on a simulated disk for a path and all below it.
 *
 * @param at absolute.
 * @returns a function that ends this.
 */
export function mount(promises: SimulatedPromises, at: string): () => void {
  const mounted = { promises, top: path.resolve(at) };
  mounts.unshift(mounted);
  patch ??= replaceAll();
  return () => {
    const index = mounts.indexOf(mounted);
    if (index === -1) return;
    mounts.splice(index, 1);
    if (mounts.length > 0) return;
    patch?.undo();
    patch = undefined;
    setSimulated(false);
  };
}

/**
 * Replaces the functions in the live module, and those that the library has captured, to which the
 * functions of `uring/fs/promises` pass their calls meanwhile.
 */
function replaceAll(): Patch {
  const replacing = new Patch();
  for (const [name, nodes] of Object.entries(nodePromises)) {
    if (typeof nodes !== 'function') continue;
    const ours = simulatedOr(name, nodes as Fn);
    replacing.replace(nodeFsPromises, name, ours);
    if ((uringFsPromises as unknown as Functions)[name] === nodes) replacing.replace(uringFsPromises, name, ours);
    replacing.replace(nodePromises, name, ours);
  }
  replacing.publish();
  setSimulated(true);
  return replacing;
}

/** Returns a function that works on the simulated disk that its paths are on, if they are on one. */
function simulatedOr(name: string, nodes: Fn): Fn {
  // The text of a symbolic link is any text.
  const indexes = name === 'symlink' ? [1] : TWO_PATHS.has(name) ? [0, 1] : [0];
  return (...args) => {
    const places = indexes.map((index) => mountOf(args[index]));
    const [place] = places;
    if (places.some((other) => other !== place))
      return Promise.reject(errorOf(-Errno.EXDEV, { syscall: name, path: String(args[0]), dest: String(args[1]) }));
    if (place === undefined) return nodes(...args);
    for (const index of indexes) args[index] = absolute(args[index]);
    return (place.promises as unknown as Record<string, Fn>)[name]?.(...args);
  };
}

function mountOf(given: unknown): Mount | undefined {
  // It knows its disk.
  if (given instanceof SimulatedFileHandle) return mounts[0];
  const plain = plainPath(given as PathLike);
  if (plain === undefined) return undefined;
  const name = path.resolve(pathText(plain));
  return mounts.find(({ top }) => name === top || name.startsWith(top.endsWith('/') ? top : `${top}/`));
}

/** The simulated kernel has no working directory. */
function absolute(given: unknown): unknown {
  if (given instanceof SimulatedFileHandle) return given;
  const name = pathText(plainPath(given as PathLike) as string);
  return path.isAbsolute(name) ? name : path.resolve(name);
}
