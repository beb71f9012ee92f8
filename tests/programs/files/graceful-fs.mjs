/**
 * graceful-fs: more files at once than the limit of descriptors; and its functions in place of
 * Node's for the whole program.
 */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import graceful from 'graceful-fs';
import { at, bytes, called, digest, failure, plant, say, sayTree, times } from './common.mjs';

if (process.env.LIMITED === undefined) {
  // The same program with a limit of descriptors.
  const args = [...process.execArgv, fileURLToPath(import.meta.url), at()];
  const env = { ...process.env, LIMITED: 'yes' };
  process.stdout.write(
    execFileSync('prlimit', ['--nofile=100:100', process.execPath, ...args], { env, stdio: ['inherit', 'pipe', 'inherit'] }),
  );
} else {
  if (Number(fs.readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+(\d+)/)[1]) !== 100)
    throw new Error('no limit');
  plant(at('tree'), Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`file-${index}.bin`, index * 211])));
  await work('graceful', graceful);
  graceful.gracefulify(fs);
  await work('gracefulified', fs);
}

async function work(name, given) {
  const file = (index) => at(`tree/file-${index % 400}.bin`);
  const read = await times(600, (index) => called((done) => given.readFile(file(index), done)));
  say(
    name,
    'readFile',
    read.every((content, index) => content.equals(bytes((index % 400) * 211))),
  );
  await times(300, (index) => called((done) => given.writeFile(at(`${name}-${index}`), bytes(index), done)));
  await times(300, (index) => called((done) => given.appendFile(at(`${name}-${index}`), 'more', done)));
  await times(300, (index) => called((done) => given.copyFile(at(`${name}-${index}`), at(`${name}-copy-${index}`), done)));
  const opened = await times(250, async (index) => {
    const fd = await called((done) => given.open(file(index), 'r', done));
    const stats = await called((done) => given.fstat(fd, done));
    await called((done) => given.close(fd, done));
    return stats.size === (index % 400) * 211;
  });
  say(name, 'open', opened.every(Boolean));
  const streamed = await times(
    250,
    (index) =>
      new Promise((resolve, reject) => {
        const stream = given.createReadStream(file(index));
        let length = 0;
        stream
          .on('data', (chunk) => {
            length += chunk.length;
          })
          .on('error', reject)
          .on('close', () => resolve(length === (index % 400) * 211));
      }),
  );
  say(name, 'createReadStream', streamed.every(Boolean));
  await times(
    250,
    (index) =>
      new Promise((resolve, reject) => {
        given
          .createWriteStream(at(`${name}-stream-${index}`))
          .on('error', reject)
          .on('close', resolve)
          .end(bytes(index * 10));
      }),
  );
  const lists = await times(300, () => called((done) => given.readdir(at('tree'), done)));
  say(name, 'readdir', new Set(lists.map((list) => digest(list.join()))).size, lists[0].length);
  say(name, await failure(called((done) => given.readFile(at('missing'), done))));
  say(name, await failure(called((done) => given.open(at('missing'), 'r', done))));
  say(name, await failure(called((done) => given.readdir(at('missing'), done))));
  const stats = await called((done) => given.stat(at('tree/file-1.bin'), done));
  say(name, stats.size, stats.isFile(), await called((done) => given.rename(at(`${name}-0`), at(`${name}-renamed`), done)));
  sayTree(name, at());
}
