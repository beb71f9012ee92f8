/** archiver, yauzl, and unzipper: a tree into a zip file and back. */

import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipArchive } from 'archiver';
import unzipper from 'unzipper';
import yauzl from 'yauzl';
import { at, called, digest, failure, plant, say, sayTree } from './common.mjs';

plant(at('tree'), {
  'small.txt': 'hello\n',
  'empty.txt': '',
  'sub/large.bin': 5_000_000,
  'sub/äöü.txt': 'names\n',
  ...Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`many/file-${index}.bin`, index * 499])),
});
const date = new Date(1_600_000_000_000);

for (const [name, options] of [
  ['stored', { store: true }],
  ['deflated', { zlib: { level: 6 } }],
  ['one stat at a time', { zlib: { level: 1 }, statConcurrency: 1 }],
]) {
  const file = at(`${name}.zip`);
  const archive = new ZipArchive({ ...options, forceLocalTime: false });
  const writing = pipeline(archive, fs.createWriteStream(file));
  archive.file(at('tree/small.txt'), { name: 'first.txt', date, mode: 0o600 });
  archive.directory(at('tree'), 'tree', (entry) => ({ ...entry, date }));
  archive.append(fs.createReadStream(at('tree/sub/large.bin')), { name: 'streamed.bin', date });
  archive.glob('many/*1.bin', { cwd: at('tree') }, { prefix: 'glob', date });
  await archive.finalize();
  await writing;
  say(name, archive.pointer() === fs.statSync(file).size);

  // yauzl reads by descriptor and offset.
  const zip = await called((done) => yauzl.open(file, { lazyEntries: true, autoClose: false }, done));
  const entries = [];
  for (;;) {
    const entry = await new Promise((resolve, reject) => {
      zip
        .once('entry', resolve)
        .once('end', () => resolve(undefined))
        .once('error', reject);
      zip.readEntry();
    });
    zip.removeAllListeners();
    if (entry === undefined) break;
    const path = at('yauzl', name, entry.fileName);
    entries.push(`${entry.fileName} ${entry.uncompressedSize} ${entry.crc32}`);
    fs.mkdirSync(entry.fileName.endsWith('/') ? path : dirname(path), { recursive: true });
    if (entry.fileName.endsWith('/')) continue;
    const content = await called((done) => zip.openReadStream(entry, done));
    await pipeline(content, fs.createWriteStream(path));
  }
  zip.close();
  say(name, 'entries', entries.length, digest(entries.sort().join('\n')));
  sayTree(`${name} by yauzl`, at('yauzl', name));

  // unzipper reads the whole directory at once.
  const directory = await unzipper.Open.file(file);
  fs.mkdirSync(at('unzipper', name), { recursive: true });
  await directory.extract({ path: at('unzipper', name), concurrency: 8 });
  sayTree(`${name} by unzipper`, at('unzipper', name));
  const [one] = directory.files.filter(({ path }) => path === 'first.txt');
  say(name, one.uncompressedSize, (await one.buffer()).toString());
}

say(await failure(called((done) => yauzl.open(at('missing.zip'), done))));
say(await failure(called((done) => yauzl.open(at('tree/sub/large.bin'), done))));
say(await failure(unzipper.Open.file(at('missing.zip'))));
say(await failure(unzipper.Open.file(join(at('tree'), 'small.txt'))));
const archive = new ZipArchive();
const warned = new Promise((resolve) => {
  archive.on('warning', resolve);
});
archive.file(at('missing.txt'), { name: 'missing.txt' });
archive.resume();
await archive.finalize();
say(await failure(warned.then((error) => Promise.reject(error))));
