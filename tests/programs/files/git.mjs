/** isomorphic-git: a repository of two hundred files, with callbacks and with promises. */

import fs from 'node:fs';
import git from 'isomorphic-git';
import { at, bytes, digest, failure, say, sayTree, times } from './common.mjs';

const author = { name: 'Somebody', email: 'somebody@example.org', timestamp: 1_600_000_000, timezoneOffset: 0 };

for (const [name, given] of [
  ['promises', fs],
  // Only the functions with callbacks: isomorphic-git promisifies them.
  ['callbacks', Object.fromEntries(Object.entries(fs).filter(([key]) => key !== 'promises'))],
]) {
  const dir = at(name);
  const repository = { fs: given, dir };
  const files = Array.from({ length: 200 }, (_, index) => `part-${index % 7}/${index % 3}/file-${index}.txt`);
  const write = async (file, content) => {
    await fs.promises.mkdir(at(name, file, '..'), { recursive: true });
    await fs.promises.writeFile(at(name, file), content);
  };
  await git.init({ ...repository, defaultBranch: 'main' });
  await times(200, (index) => write(files[index], bytes(index * 53).toString('base64')));
  await fs.promises.symlink('file-0.txt', at(name, 'part-0/0/link'));
  await write('.gitignore', 'ignored.txt\n');
  await write('ignored.txt', 'not in it');
  await git.add({ ...repository, filepath: '.' });
  const commit = (message) => git.commit({ ...repository, message, author, committer: author });
  say(name, 'first', await commit('All files'));
  say(name, 'files', (await git.listFiles(repository)).length);

  await git.branch({ ...repository, ref: 'work', checkout: true });
  await times(40, (index) => write(files[index * 5], `changed ${index}\n`));
  await fs.promises.unlink(at(name, files[1]));
  await git.remove({ ...repository, filepath: files[1] });
  await write('new/one.txt', 'new\n');
  await write('new/untracked.txt', 'untracked\n');
  await git.add({ ...repository, filepath: 'new/one.txt' });
  const changes = (matrix) => matrix.filter(([, head, work, stage]) => head !== 1 || work !== 1 || stage !== 1);
  const status = async () => changes(await git.statusMatrix(repository)).map((row) => row.join(' '));
  say(name, 'status', digest((await status()).join('\n')), (await status()).slice(-5));
  await git.add({ ...repository, filepath: files.filter((_, index) => index % 5 === 0) });
  say(name, 'second', await commit('Changes'));
  say(name, 'status', await status());
  say(
    name,
    'one',
    await git.status({ ...repository, filepath: files[2] }),
    await git.status({ ...repository, filepath: 'missing' }),
  );

  await git.checkout({ ...repository, ref: 'main' });
  sayTree(`${name} main`, dir, { modes: false, skip: ['.git'] });
  say(name, await fs.promises.readFile(at(name, files[5]), 'utf8').then(digest));
  await git.checkout({ ...repository, ref: 'work', force: true });
  say(name, await fs.promises.readFile(at(name, files[5]), 'utf8'));
  await git.checkout({ ...repository, ref: 'main' });
  await git.merge({ ...repository, ours: 'main', theirs: 'work', author });
  await git.tag({ ...repository, ref: 'v1' });
  await git.annotatedTag({ ...repository, ref: 'v1-told', message: 'told', tagger: author });
  say(name, 'branches', await git.listBranches(repository), await git.listTags(repository));
  for (const { oid, commit } of await git.log(repository)) say(name, 'log', oid, commit.message, commit.tree);
  const packed = await git.packObjects({
    ...repository,
    oids: [await git.resolveRef({ ...repository, ref: 'main' })],
    write: true,
  });
  say(
    name,
    'pack',
    packed.filename,
    (await git.indexPack({ ...repository, filepath: `.git/objects/pack/${packed.filename}` })).oids,
  );
  await git.setConfig({ ...repository, path: 'user.name', value: 'Somebody' });
  say(name, 'config', await fs.promises.readFile(at(name, '.git/config'), 'utf8'));
  say(name, 'root', (await git.findRoot({ fs: given, filepath: at(name, 'part-0/0') })) === dir);
  say(await failure(git.log({ fs: given, dir: at('nothing') })));
  say(await failure(git.checkout({ ...repository, ref: 'nothing' })));
  say(await failure(git.add({ ...repository, filepath: 'nothing.txt' })));
}
