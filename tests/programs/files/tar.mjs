/**
 * tar: packs, lists, and unpacks trees with links, long names, and large files; with and without
 * gzip, and as streams.
 */

import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar';
import { at, digest, failure, plant, say, sayTree } from './common.mjs';

const long = `${'a-directory-with-a-long-name/'.repeat(9)}${'f'.repeat(200)}.txt`;
plant(at('tree'), {
  'small.txt': 'hello\n',
  'empty.txt': '',
  'sub/page.bin': 4096,
  'sub/page-and-one.bin': 4097,
  'sub/large.bin': 20_000_000,
  'unicode-äöü-名.txt': 'names\n',
  'empty-directory/': '',
  [long]: 'far below\n',
  ...Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`many/file-${index}.bin`, index * 997])),
});
fs.symlinkSync('../small.txt', at('tree/sub/link.txt'));
fs.symlinkSync('nothing', at('tree/broken'));
fs.symlinkSync('sub', at('tree/to-directory'));
fs.linkSync(at('tree/small.txt'), at('tree/sub/hard.txt'));
fs.chmodSync(at('tree/small.txt'), 0o640);
fs.chmodSync(at('tree/sub'), 0o750);
fs.chmodSync(at('tree/empty.txt'), 0o755);

const mtime = new Date(1_500_000_000_000);
for (const [name, options] of [
  ['plain.tar', { portable: true, mtime }],
  ['packed.tgz', { portable: true, mtime, gzip: true }],
  ['one-at-a-time.tar', { portable: true, mtime, jobs: 1, maxReadSize: 65_536 }],
  ['with-system.tar', {}],
]) {
  const file = at(name);
  await tar.create({ cwd: at('tree'), file, ...options }, fs.readdirSync(at('tree')).sort());
  if (options.portable) say(name, fs.statSync(file).size, digest(fs.readFileSync(file)));
  const entries = [];
  await tar.list({ file, onReadEntry: ({ path, type, size, linkpath }) => entries.push([path, type, size, linkpath]) });
  say(name, 'entries', entries.length, digest(JSON.stringify(entries)));
  fs.mkdirSync(at(`out-${name}`));
  await tar.extract({ file, cwd: at(`out-${name}`) });
  sayTree(name, at(`out-${name}`), { times: options.portable === undefined });
}

// As streams, from and to files.
fs.mkdirSync(at('streamed'));
await pipeline(
  tar.create({ cwd: at('tree'), gzip: true, portable: true }, ['sub', 'many']),
  fs.createWriteStream(at('streamed.tgz')),
);
await pipeline(fs.createReadStream(at('streamed.tgz')), tar.extract({ cwd: at('streamed'), strip: 1 }));
sayTree('streamed', at('streamed'), { times: true });

// Appends to an archive; takes only newer files; keeps existing files.
await tar.replace({ file: at('plain.tar'), cwd: at('tree'), portable: true }, ['small.txt', 'sub/large.bin']);
await tar.update({ file: at('plain.tar'), cwd: at('tree'), portable: true }, ['empty.txt']);
say('replaced', fs.statSync(at('plain.tar')).size, digest(fs.readFileSync(at('plain.tar'))));
fs.writeFileSync(at('streamed/page.bin'), 'mine');
await tar.extract({ file: at('streamed.tgz'), cwd: at('streamed'), strip: 1, keep: true, filter: (path) => /page/.test(path) });
say('kept', fs.readFileSync(at('streamed/page.bin'), 'utf8'));

// Failures.
say(await failure(tar.create({ cwd: at('tree'), file: at('nowhere/a.tar') }, ['small.txt'])));
say(await failure(tar.create({ cwd: at('tree'), file: at('a.tar') }, ['missing.txt'])));
say(await failure(tar.list({ file: at('missing.tar') })));
say(await failure(tar.extract({ file: at('missing.tar'), cwd: at('streamed') })));
fs.truncateSync(at('packed.tgz'), 5_000);
say(await failure(tar.extract({ file: at('packed.tgz'), cwd: at('streamed'), strict: true })));
