/**
 * Reads all files of a directory tree, 64 at a time, and counts lines:
 * `node examples/read-a-tree.mjs [DIRECTORY]`.
 */

import { readdir, readFile } from 'uring/fs/promises';

const root = process.argv[2] ?? 'src';
const entries = await readdir(root, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);

let lines = 0;
const queue = files.values();
const worker = async () => {
  for (const file of queue) {
    const text = await readFile(file, 'utf8');
    lines += text.split('\n').length;
  }
};
await Promise.all(Array.from({ length: 64 }, worker));
console.log(`${files.length} files, ${lines} lines`);
