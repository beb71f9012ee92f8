import fs from 'node:fs';
import path from 'node:path';
import * as tar from 'tar';
import { many, prose, scaled, write } from './common.mjs';

export const title = 'tar: a tree into an archive and back';
export const made = ['tree.tar', 'copy'];

export function prepare(directory, scale) {
  const files = many(
    scaled(4000, scale),
    (index) => `${index}.txt`,
    (index) => prose(index, index % 10 === 0 ? 100_000 : 2000),
  );
  write(path.join(directory, 'tree'), files);
}

export async function run(directory) {
  const file = path.join(directory, 'tree.tar');
  const copy = path.join(directory, 'copy');
  await tar.create({ file, cwd: directory, portable: true }, ['tree']);
  fs.mkdirSync(copy);
  await tar.extract({ file, cwd: copy });
  let entries = 0;
  await tar.list({ file, onReadEntry: () => entries++ });
  console.log(entries, fs.statSync(file).size);
}
