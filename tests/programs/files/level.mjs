/**
 * classic-level: a database whose files its native code reads and writes, created and removed with
 * node:fs.
 */

import fs from 'node:fs';
import { ClassicLevel } from 'classic-level';
import { at, bytes, digest, failure, say } from './common.mjs';

const db = new ClassicLevel(at('below/db'), { valueEncoding: 'buffer' });
await db.open();
await db.batch(
  Array.from({ length: 3_000 }, (_, index) => ({
    type: 'put',
    key: `key-${String(index).padStart(5, '0')}`,
    value: bytes(index),
  })),
);
say(digest(await db.get('key-02999')), await db.get('missing'));
const keys = [];
for await (const [key, value] of db.iterator({ gt: 'key-01000', limit: 1_000, reverse: true }))
  keys.push(`${key} ${value.length}`);
say(keys.length, digest(keys.join()));
say((await failure(new ClassicLevel(at('below/db')).open())).split('\n')[0]);
await db.close();
say(fs.readdirSync(at('below/db')).filter((name) => /^(CURRENT|LOCK|LOG|MANIFEST)/.test(name)).length);
fs.cpSync(at('below/db'), at('copied'), { recursive: true });
await ClassicLevel.destroy(at('below/db'));
say(fs.existsSync(at('below/db')));
const copied = new ClassicLevel(at('copied'), { createIfMissing: false });
say((await copied.keys().all()).length);
await copied.close();
