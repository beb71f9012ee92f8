import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipArchive } from 'archiver';
import { scaled, texts, write } from './common.mjs';

export const title = 'archiver: a zip file of a tree';
export const made = ['tree.zip'];

export function prepare(directory, scale) {
  const small = texts(scaled(3000, scale), 3000);
  const large = texts(scaled(20, scale), 1_000_000, 'bin');
  write(path.join(directory, 'tree'), { ...small, ...large });
}

export async function run(directory) {
  const archive = new ZipArchive({ zlib: { level: 1 }, forceLocalTime: true, statConcurrency: 1 });
  const writing = pipeline(archive, fs.createWriteStream(path.join(directory, 'tree.zip')));
  archive.directory(path.join(directory, 'tree'), 'tree');
  await archive.finalize();
  await writing;
  console.log(archive.pointer());
}
