/**
 * Finds the regular files below a path.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** The files that were found. */
export interface Tree {
  /** Absolute paths of regular files, sorted by name. */
  readonly files: string[];
  /** Directories that could not be listed, with the error's code. */
  readonly unreadable: { readonly path: string; readonly code: string }[];
}

/**
 * Walks a tree, without following symbolic links.
 *
 * @throws the error of stat(2) for `root` itself.
 */
export function walk(root: string): Tree {
  const tree: Tree = { files: [], unreadable: [] };
  const absolute = path.resolve(root);
  if (statSync(absolute).isFile()) tree.files.push(absolute);
  else visit(absolute, tree);
  return tree;
}

function visit(directory: string, tree: Tree): void {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(directory);
  } catch (error) {
    tree.unreadable.push({ path: directory, code: String((error as NodeJS.ErrnoException).code) });
    return;
  }
  for (const entry of entries) {
    const name = path.join(directory, entry.name);
    if (entry.isDirectory()) visit(name, tree);
    else if (entry.isFile()) tree.files.push(name);
  }
}

function list(directory: string) {
  return readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}
