/** What several programs need: trees of files, the packages' commands, and a client for servers. */

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const PACKAGES = here('../node_modules');

/** Returns the path of a file of a package. */
export const inPackage = (name, file) => path.join(PACKAGES, name, file);

/** Returns a count of a smaller program. */
export const scaled = (count, scale) => Math.max(2, Math.round(count * scale));

/** Writes files: texts or Buffers by path. */
export function write(directory, files) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    // Some programs copy the times.
    fs.utimesSync(file, 1_600_000_000, 1_600_000_000);
  }
}

/** Writes a project that finds the packages installed here. */
export function project(directory, files) {
  write(directory, files);
  fs.symlinkSync(PACKAGES, path.join(directory, 'node_modules'));
}

/** Returns `count` files, by names that are spread over directories of 50. */
export function many(count, nameOf, contentOf) {
  const entries = Array.from({ length: count }, (_, index) => [
    path.join(`part-${Math.floor(index / 50)}`, nameOf(index)),
    contentOf(index),
  ]);
  return Object.fromEntries(entries);
}

/** Returns text of a length in bytes, which differs from index to index. */
export function prose(index, length) {
  const line = `Line ${index}: the quick brown fox jumps over the lazy dog, and none of it matters.\n`;
  return line.repeat(Math.ceil(length / line.length)).slice(0, length);
}

/** Returns `count` files of text, each of `length` bytes. */
export const texts = (count, length, extension = 'txt') =>
  many(
    count,
    (index) => `${index}.${extension}`,
    (index) => prose(index, length),
  );

/**
 * Returns the files of a program of ES modules in `source`: each imports up to three before it, and
 * `index` imports all.
 */
export function modules(count, extension = 'js') {
  const nameOf = (index) => `module-${index}.${extension}`;
  const placeOf = (index) => `part-${Math.floor(index / 50)}/${nameOf(index)}`;
  const files = many(count, nameOf, (index) => {
    const imported = [1, 7, 31].map((back) => index - back).filter((other) => other >= 0);
    const type = extension === 'ts' ? ': number' : '';
    return [
      ...imported.map((other) => `import { value${other} } from '../${placeOf(other).replace(/\.ts$/, '.js')}';`),
      `/** The value of module ${index}. */`,
      `export const value${index}${type} = ${['1', ...imported.map((other) => `value${other}`)].join(' + ')} % 1000;`,
      `export function greet${index}(name${extension === 'ts' ? ': string' : ''}) {`,
      `  const words = ['hello', name, 'from module ${index}'];`,
      `  return words.filter((word) => word.length > 0).join(' ');`,
      '}',
      `// ${prose(index, 900).replaceAll('\n', '\n// ')}`,
      '',
    ].join('\n');
  });
  const all = Array.from({ length: count }, (_, index) => index);
  files[`index.${extension}`] = [
    ...all.map((index) => `import { value${index} } from './${placeOf(index).replace(/\.ts$/, '.js')}';`),
    `console.log([${all.map((index) => `value${index}`).join(', ')}].join(' '));`,
    '',
  ].join('\n');
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [path.join('source', name), content]));
}

export const digest = (content) => createHash('sha256').update(content).digest('hex').slice(0, 16);

/** Calls a function for each item, several at a time. */
export async function atOnce(limit, items, each) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await each(items[next++]);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

/** Returns all files below a directory, by the synchronous functions. */
export const filesBelow = (directory) =>
  fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();

/** Runs a program of Node's without the flag, whatever this one has. */
export function runPlainly(args, cwd) {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
}

/**
 * Requests paths from a server on this machine, from a process of its own, without the flag.
 *
 * @returns a line for each path: how often it was answered, how, and with what content.
 */
export async function request(port, paths, requests, { connections = 32, body = '' } = {}) {
  const client = spawn(process.execPath, [here('client.mjs')], { env: { ...process.env, NODE_OPTIONS: '' } });
  client.stderr.pipe(process.stderr);
  client.stdin.end(JSON.stringify({ port, paths, requests, connections, body }));
  return text(client.stdout);
}

const STATIC = { '1k.txt': 1024, '64k.txt': 65_536 };

/** Writes the files of a server of static files, in `public`. */
export function writeStatic(directory) {
  for (const [name, length] of Object.entries(STATIC)) write(path.join(directory, 'public'), { [name]: prose(0, length) });
}

/** Requests these files, and one that does not exist. */
export const requestStatic = (port, scale) =>
  request(
    port,
    [...Object.keys(STATIC), 'missing'].map((name) => `/${name}`),
    scaled(8000, scale),
  );
