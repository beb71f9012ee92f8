/**
 * Functions that all clients need. Each client prints what it sees, the same on each run; what has
 * a random order is sorted. The argument of the program is its working directory.
 */

import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

export const root = process.argv[2];
if (existsSync(root)) rmSync(root, { recursive: true });
mkdirSync(root, { recursive: true });
/** Returns a path below the working directory. */
export const at = (...parts) => join(root, ...parts);

export const say = (...what) => console.log(...what.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))));
export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
/** Returns bytes that do not repeat within a page. */
export const bytes = (length) =>
  Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i * 2654435761).buffer).subarray(0, length);
export const times = (count, call) => Promise.all(Array.from({ length: count }, (_, index) => call(index)));
/** Returns a promise for a callback: `called((done) => fs.stat(path, done))`. */
export const called = (start) =>
  new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value)));
  });
/** Returns the error with which a promise fails, as text without the directory's name. */
export const failure = (promise) =>
  promise.then(
    () => 'no error',
    ({ name, code, syscall, errno, message }) => [name, code, syscall, errno, plain(message)].join(' '),
  );
/** Returns a text without the directory's name. */
export const plain = (text) => String(text).replaceAll(root, 'ROOT');

/**
 * Writes a tree with fixed times: a path that ends with a slash is a directory, a number is the
 * length of a file.
 */
export function plant(directory, files) {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(name.endsWith('/') ? path : join(path, '..'), { recursive: true });
    if (!name.endsWith('/')) writeFileSync(path, typeof content === 'number' ? bytes(content) : content);
    utimesSync(path, 1_600_000_000, 1_600_000_000);
  }
}

/**
 * Returns a line for each entry of a tree, sorted by name: its type, mode, length, time of change,
 * and content.
 */
export function listing(directory, { times: withTimes = false, modes = true, skip = [] } = {}) {
  const lines = [];
  const visit = (path, name) => {
    const stats = lstatSync(path);
    const mode = modes ? (stats.mode & 0o7777).toString(8) : '';
    const time = withTimes ? ` ${Math.floor(stats.mtimeMs / 1000)}` : '';
    if (stats.isSymbolicLink()) lines.push(`${name} -> ${plain(readlinkSync(path))}`);
    else if (stats.isFile())
      lines.push(
        `${name} ${mode} ${stats.size}${stats.nlink > 1 ? ` links ${stats.nlink}` : ''}${time} ${digest(readFileSync(path))}`,
      );
    else lines.push(`${name}/ ${mode}`);
    if (stats.isDirectory()) for (const entry of readdirSync(path).sort()) visit(join(path, entry), `${name}/${entry}`);
  };
  for (const entry of readdirSync(directory).sort()) if (!skip.includes(entry)) visit(join(directory, entry), entry);
  return lines;
}
/** Prints a tree: its lines if there are few, otherwise their number and digest. */
export function sayTree(title, directory, options) {
  const lines = listing(directory, options);
  say(title, lines.length, digest(lines.join('\n')));
  if (lines.length <= 30) for (const line of lines) say(' ', line);
}
