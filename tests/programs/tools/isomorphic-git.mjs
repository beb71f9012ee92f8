import fs from 'node:fs';
import path from 'node:path';
import git from 'isomorphic-git';
import { scaled, texts, write } from './common.mjs';

export const title = 'isomorphic-git: a commit, a clone of it, and a checkout';
export const made = ['tree', 'clone'];

export function prepare(directory, scale) {
  const files = texts(scaled(1500, scale), 2000);
  write(path.join(directory, 'original'), files);
}

export function reset(directory) {
  fs.cpSync(path.join(directory, 'original'), path.join(directory, 'tree'), { recursive: true });
}

// The index has times and inode numbers.
export const isMade = (name) => !name.endsWith('.git/index');

export async function run(directory) {
  const dir = path.join(directory, 'tree');
  const author = { name: 'Somebody', email: 'somebody@example.org', timestamp: 1_600_000_000, timezoneOffset: 0 };
  await git.init({ fs, dir, defaultBranch: 'main' });
  await git.add({ fs, dir, filepath: '.' });
  console.log(await git.commit({ fs, dir, message: 'All of it', author }));
  const clone = path.join(directory, 'clone');
  await fs.promises.cp(path.join(dir, '.git'), path.join(clone, '.git'), { recursive: true });
  await git.checkout({ fs, dir: clone, ref: 'main', force: true });
  await fs.promises.writeFile(path.join(clone, 'part-0/0.txt'), 'changed');
  const changed = (await git.statusMatrix({ fs, dir: clone })).filter(([, head, work]) => head !== work);
  console.log(changed);
}
