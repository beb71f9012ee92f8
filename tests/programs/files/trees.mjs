/** mkdirp, rimraf, fast-glob, and readdirp: trees are created, walked, and removed. */

import fs from 'node:fs';
import glob from 'fast-glob';
import { mkdirp, mkdirpManual } from 'mkdirp';
import { readdirp } from 'readdirp';
import { rimraf } from 'rimraf';
import { at, digest, failure, plain, plant, say, times } from './common.mjs';

// mkdirp
say(plain(await mkdirp(at('made/a/b/c'))), await mkdirp(at('made/a/b/c')), plain(await mkdirpManual(at('made/a/x/y'))));
say((await times(100, (index) => mkdirp(at(`made/many/${index % 5}/${index % 3}/${index}`)))).length);
fs.writeFileSync(at('made/file'), '');
say(
  await failure(mkdirp(at('made/file/below'))),
  await failure(mkdirpManual(at('made/file/below'))),
  await failure(mkdirp(at('made/file'))),
);
say((await mkdirp(at('made/mode'), { mode: 0o700 })) !== undefined, (fs.statSync(at('made/mode')).mode & 0o777).toString(8));

// A tree to walk, with links within it.
plant(at('tree'), {
  'top.js': 'top',
  '.dot/inside.js': 'dot',
  'with [brackets]/(and) more.txt': 'odd',
  'empty/': '',
  ...Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`d-${index % 9}/e-${index % 4}/file-${index}.${index % 2 ? 'js' : 'txt'}`, index]),
  ),
});
fs.symlinkSync('..', at('tree/d-0/up'));
fs.symlinkSync('d-1', at('tree/linked'));
fs.symlinkSync('missing', at('tree/broken'));

for (const [pattern, options] of [
  ['**/*.js', {}],
  ['**', { dot: true, onlyFiles: false, followSymbolicLinks: false }],
  ['**/*.txt', { deep: 2 }],
  ['*', { onlyDirectories: true, markDirectories: true }],
  ['{d-1,linked}/**/file-*1*.js', { stats: true, objectMode: true }],
  [
    '**/*',
    { stats: true, concurrency: 1, ignore: ['d-[0-7]/**'], followSymbolicLinks: false, throwErrorOnBrokenSymbolicLink: false },
  ],
  ['with \\[brackets\\]/*', {}],
  ['missing/**', {}],
]) {
  const found = await glob(pattern, { cwd: at('tree'), ...options });
  const lines = found.map((entry) => (typeof entry === 'string' ? entry : `${entry.path} ${entry.stats?.size}`)).sort();
  say(pattern, lines.length, digest(lines.join('\n')), lines.slice(0, 3));
  const streamed = [];
  for await (const entry of glob.stream(pattern, { cwd: at('tree'), ...options })) streamed.push(entry);
  say(pattern, 'streamed', streamed.length, glob.sync(pattern, { cwd: at('tree'), ...options }).length);
}

for (const options of [
  {},
  { type: 'directories' },
  { type: 'files_directories', depth: 1, alwaysStat: true },
  { type: 'all', lstat: true, alwaysStat: true, fileFilter: ({ basename }) => basename.endsWith('.js') },
  { highWaterMark: 1, directoryFilter: ({ basename }) => basename !== 'd-0' },
]) {
  const lines = [];
  for await (const { path, stats } of readdirp(at('tree'), options)) lines.push(`${path} ${stats?.isFile() ? stats.size : ''}`);
  say('readdirp', Object.keys(options), lines.length, digest(lines.sort().join('\n')));
}
say(await failure(readdirp(at('missing')).toArray()));

// rimraf
for (const [name, remove] of [
  ['rimraf', rimraf],
  ['native', rimraf.native],
  ['manual', rimraf.manual],
  ['move and remove', rimraf.moveRemove],
]) {
  fs.cpSync(at('tree'), at('gone'), { recursive: true, verbatimSymlinks: true });
  const kept = [];
  say(
    name,
    await remove(at('gone'), {
      filter: (path) => {
        if (!path.endsWith('.txt')) return true;
        kept.push(path);
        return false;
      },
    }),
    kept.length,
    fs.existsSync(at('gone')),
  );
  say(
    name,
    await remove(at('gone')),
    fs.existsSync(at('gone')),
    await remove(at('missing')),
    await remove([at('made/a'), at('made/file')]),
  );
}
say(await rimraf(at('tree/d-*'), { glob: true }), fs.readdirSync(at('tree')));
await rimraf(at());
say(fs.existsSync(at()));
