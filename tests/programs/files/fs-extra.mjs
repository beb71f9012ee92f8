/** fs-extra: copies, moves, removes, and writes, with promises and with callbacks. */

import fs from 'node:fs';
import extra from 'fs-extra';
import { at, called, failure, plant, say, sayTree, times } from './common.mjs';

plant(at('tree'), {
  'a.txt': 'a\n',
  'empty/': '',
  'sub/b.bin': 300_000,
  'sub/deep/c.txt': 'c\n',
  ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`many/${index}.bin`, index * 731])),
});
fs.symlinkSync('a.txt', at('tree/link'));
fs.symlinkSync('../sub', at('tree/many/to-sub'));
fs.chmodSync(at('tree/a.txt'), 0o444);

await extra.copy(at('tree'), at('copy'));
sayTree('copy', at('copy'));
await extra.copy(at('tree'), at('stamped'), {
  preserveTimestamps: true,
  dereference: true,
  filter: (from) => !from.endsWith('7.bin'),
});
sayTree('stamped', at('stamped'), { times: true });
await extra.copy(at('tree/sub'), at('copy/sub'), { overwrite: false });
say(await failure(extra.copy(at('tree/sub'), at('copy/sub'), { overwrite: false, errorOnExist: true })));
say(await failure(extra.copy(at('missing'), at('nothing'))));
say(await failure(extra.copy(at('tree'), at('tree/sub/inside'))));
say(await failure(extra.copy(at('tree'), at('tree'))));
say(await failure(extra.copy(at('tree/a.txt'), at('tree/sub'))));

await extra.move(at('copy/many'), at('moved/here'));
say(await failure(extra.move(at('copy/sub'), at('moved/here'))));
await extra.move(at('copy/sub'), at('moved/here'), { overwrite: true });
sayTree('moved', at('moved'));
// To another file system: a copy, and the source is removed.
const elsewhere = fs.mkdtempSync('/dev/shm/uring-fs-extra-');
await extra.move(at('stamped'), `${elsewhere}/stamped`);
sayTree('elsewhere', elsewhere);
say(fs.existsSync(at('stamped')));
await extra.remove(elsewhere);

await extra.outputFile(at('out/a/b/c.txt'), 'written');
await extra.outputJson(at('out/x/data.json'), { one: 1, list: [1, 2] }, { spaces: 2 });
say(await extra.readJson(at('out/x/data.json')), await extra.readFile(at('out/x/data.json'), 'utf8'));
await extra.writeFile(at('out/broken.json'), '{ "a": ');
say((await failure(extra.readJson(at('out/broken.json')))).replace(/SyntaxError.*broken/s, 'SyntaxError broken').slice(0, 40));
say(await extra.readJson(at('out/broken.json'), { throws: false }), await failure(extra.readJson(at('missing.json'))));
await extra.ensureDir(at('out/dir/one'), 0o2755);
await extra.ensureFile(at('out/file/one.txt'));
await extra.ensureLink(at('out/a/b/c.txt'), at('out/links/hard'));
await extra.ensureSymlink(at('out/a/b/c.txt'), at('out/links/soft'));
await extra.ensureSymlink('../dir', at('out/links/relative'));
say(await failure(extra.ensureFile(at('out/dir'))), await failure(extra.ensureDir(at('out/a/b/c.txt'))));
sayTree('out', at('out'));
await extra.emptyDir(at('out/links'));
await extra.emptyDir(at('out/new'));
await extra.remove(at('out/a'));
await extra.remove(at('out/missing'));
sayTree('emptied', at('out'));
say(await extra.pathExists(at('out')), await extra.pathExists(at('missing')), await extra.exists(at('out')));

// With callbacks, and with what universalify creates from Node's own functions.
await called((done) => extra.copy(at('tree'), at('called'), done));
await called((done) => extra.move(at('called/sub'), at('called/other'), done));
await called((done) => extra.outputFile(at('called/new/file'), 'new', done));
sayTree('called', at('called'));
const fd = await extra.open(at('called/new/file'), 'r+');
const { bytesRead, buffer } = await extra.read(fd, Buffer.alloc(10), 0, 10, 0);
say(bytesRead, buffer.toString('latin1'), await extra.write(fd, 'text at', 3, 'utf8').then(({ bytesWritten }) => bytesWritten));
const { bytesRead: gathered, buffers } = await extra.readv(fd, [Buffer.alloc(2), Buffer.alloc(3)], 1);
say(gathered, buffers.map(String), (await extra.writev(fd, [Buffer.from('x'), Buffer.from('yz')], 0)).bytesWritten);
say((await extra.fstat(fd)).size, await extra.ftruncate(fd, 4), await extra.fsync(fd), await extra.close(fd));
say(
  await extra.readFile(at('called/new/file'), 'utf8'),
  (await extra.lstat(at('tree/link'))).isSymbolicLink(),
  await extra.readlink(at('tree/link')),
);
say(
  (await extra.realpath(at('tree/link'))) === at('tree/a.txt'),
  (await extra.realpath.native(at('tree/link'))) === at('tree/a.txt'),
);
say(
  await failure(extra.stat(at('missing'))),
  await failure(extra.access(at('missing'))),
  await failure(extra.readdir(at('tree/a.txt'))),
);
await times(200, (index) => extra.outputFile(at(`outputs/${index % 10}/${index}`), `${index}`));
sayTree('outputs', at('outputs'));
await extra.remove(at('outputs'));
say(fs.existsSync(at('outputs')));
