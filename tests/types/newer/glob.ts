/** Additions in the types of Node 22: patterns, and directories that close themselves. */

import fs, { type Dirent, type GlobOptions, globSync } from 'node:fs';
import { glob, opendir } from 'node:fs/promises';

export async function sources(cwd: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob('**/*.ts', { cwd, exclude: (name) => name === 'node_modules' })) found.push(path);
  for await (const entry of glob(['src/*', 'test/*'], { withFileTypes: true })) found.push(entry.name);
  return found;
}

export function list(options: GlobOptions, callback: (entries: Dirent[]) => void): readonly string[] {
  fs.glob('*', { ...options, withFileTypes: true }, (error, entries) => callback(error ? [] : entries));
  fs.glob('*', (error: NodeJS.ErrnoException | null, paths: string[]) => console.log(error?.code, paths.length));
  return globSync(['*', '.*']);
}

export async function count(folder: string): Promise<number> {
  let entries = 0;
  await using directory: fs.Dir = await opendir(folder);
  for await (const _entry of directory) entries++;
  return entries;
}

// @ts-expect-error A pattern is a string.
globSync(/a/);
// @ts-expect-error The matches are found one by one.
export const paths: string[] = await glob('*');
// @ts-expect-error With file types, the matches are entries.
export const names: string[] = globSync('*', { withFileTypes: true });
