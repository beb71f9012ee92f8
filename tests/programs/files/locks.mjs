/**
 * write-file-atomic and proper-lockfile: whole files or none, and locks that one holder has and
 * others wait for.
 */

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import writeFileAtomic, { sync } from 'write-file-atomic';
import { at, bytes, called, failure, plain, plant, say, sayTree, times } from './common.mjs';

plant(at('files'), { 'there.txt': 'there', 'mode.txt': 'mode' });
fs.chmodSync(at('files/mode.txt'), 0o604);
await writeFileAtomic(at('files/there.txt'), 'replaced\n');
await writeFileAtomic(at('files/mode.txt'), bytes(500_000));
await writeFileAtomic(at('files/new.txt'), 'new ä', { encoding: 'latin1', mode: 0o600 });
await called((done) => writeFileAtomic(at('files/called.txt'), new Uint8Array(bytes(70_000)), { fsync: false }, done));
let temporary;
await writeFileAtomic(at('files/told.txt'), 'told', {
  tmpfileCreated: (path) => {
    temporary = path;
  },
});
say(temporary.startsWith(at('files/told.txt.')), fs.existsSync(temporary));
sync(at('files/sync.txt'), 'sync');
// One after another, each complete: the last wins.
await times(50, (index) => writeFileAtomic(at('files/contended.txt'), `${index} `.repeat(20_000)));
say(fs.readFileSync(at('files/contended.txt'), 'utf8').slice(0, 6), fs.statSync(at('files/contended.txt')).size);
await times(200, (index) => writeFileAtomic(at(`files/${index}.bin`), bytes(index * 300)));
const code = ({ code, syscall }) => `${code} ${syscall}`;
say(await writeFileAtomic(at('missing/file.txt'), 'x').catch(code));
fs.mkdirSync(at('files/directory'));
say(await writeFileAtomic(at('files/directory'), 'x').catch(code));
say(await failure(writeFileAtomic(at('files/there.txt'), 'x', { chown: 'nobody' })));
sayTree('files', at('files'));
say(fs.readFileSync(at('files/there.txt'), 'utf8'));

const file = at('files/there.txt');
const release = await lockfile.lock(file);
say(await lockfile.check(file), fs.existsSync(`${file}.lock`), await failure(lockfile.lock(file)));
setTimeout(release, 150);
const again = await lockfile.lock(file, { retries: { retries: 50, minTimeout: 20, maxTimeout: 20 } });
say(await lockfile.check(file));
await again();
say(await lockfile.check(file), await failure(lockfile.unlock(file)), await failure(again()));
say(
  await failure(lockfile.lock(at('missing'))),
  plain(await lockfile.lock(at('missing'), { realpath: false }).then((free) => free())),
);
let inside = 0;
let most = 0;
await times(12, async () => {
  const free = await lockfile.lock(file, { retries: { retries: 500, minTimeout: 5, maxTimeout: 15 } });
  most = Math.max(most, ++inside);
  await sleep(2);
  inside--;
  await free();
});
say('at once', most);
const compromised = [];
await lockfile.lock(file, { stale: 2_000, update: 1_000, onCompromised: ({ code }) => compromised.push(code) });
fs.rmdirSync(`${file}.lock`);
await sleep(1_500);
say(compromised, fs.existsSync(`${file}.lock`));
// A lock whose holder is gone.
fs.mkdirSync(`${file}.lock`);
fs.utimesSync(`${file}.lock`, 1, 1);
say(await lockfile.check(file), await (await lockfile.lock(file))());
