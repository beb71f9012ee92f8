import fs from 'node:fs';
import path from 'node:path';
import { watch } from 'chokidar';
import { digest, scaled, texts, write } from './common.mjs';

export const title = 'chokidar: a tree that changes';

export function prepare(directory, scale) {
  const files = texts(scaled(3000, scale), 100);
  write(path.join(directory, 'original'), files);
}

export function reset(directory) {
  fs.rmSync(path.join(directory, 'tree'), { recursive: true, force: true });
  fs.cpSync(path.join(directory, 'original'), path.join(directory, 'tree'), { recursive: true });
}

export async function run(directory) {
  const tree = path.join(directory, 'tree');
  const seen = [];
  const watcher = watch(tree).on('all', (event, file) => seen.push(`${event} ${path.relative(tree, file)}`));
  await new Promise((resolve) => watcher.on('ready', resolve));
  console.log('ready', seen.length, digest(seen.sort().join('\n')));
  seen.length = 0;
  const wanted = ['add part-0/new.txt', 'change part-0/1.txt', 'unlink part-0/2.txt', 'addDir folder', 'add folder/inside.txt'];
  fs.writeFileSync(path.join(tree, 'part-0/new.txt'), 'new');
  fs.writeFileSync(path.join(tree, 'part-0/1.txt'), 'changed');
  fs.unlinkSync(path.join(tree, 'part-0/2.txt'));
  fs.mkdirSync(path.join(tree, 'folder'));
  fs.writeFileSync(path.join(tree, 'folder/inside.txt'), 'inside');
  while (!wanted.every((event) => seen.includes(event))) await new Promise((resolve) => setTimeout(resolve, 10));
  await watcher.close();
  console.log([...new Set(seen)].sort().join('\n'));
}
