/** csv-parse and csv-stringify: tables in files, as streams; and lines with node:readline. */

import fs from 'node:fs';
import readline from 'node:readline';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify';
import { at, digest, failure, plant, say } from './common.mjs';

const row = (index) => ({ id: index, name: `näme "${index}"`, text: 'a,b\nc'.repeat(index % 7), sum: (index * 7919) % 1_000 });
async function* rows(count) {
  for (let index = 0; index < count; index++) yield row(index);
}
plant(at('tables'), { 'broken.csv': 'a,b\n1,2\n3\n', 'empty.csv': '', 'bom.csv': '\ufeffa;b\n1;2\n' });

await pipeline(rows(20_000), stringify({ header: true }), fs.createWriteStream(at('tables/large.csv')));
say(fs.statSync(at('tables/large.csv')).size, digest(fs.readFileSync(at('tables/large.csv'))));
await pipeline(fs.createReadStream(at('tables/large.csv')), zlib.createGzip(), fs.createWriteStream(at('tables/large.csv.gz')));

const sums = async (stream, options) => {
  let count = 0;
  let sum = 0;
  for await (const record of stream.pipe(parse({ columns: true, cast: true, ...options }))) {
    count++;
    sum += record.sum ?? record.b;
  }
  return `${count} ${sum}`;
};
for (const options of [
  {},
  { highWaterMark: 1_000 },
  { highWaterMark: 3_000_000 },
  { encoding: 'utf8' },
  { encoding: 'utf8', highWaterMark: 7 },
])
  say(
    options,
    await sums(fs.createReadStream(at('tables/large.csv'), options), { to: options.highWaterMark === 7 ? 2_000 : undefined }),
  );
say('gzip', await sums(fs.createReadStream(at('tables/large.csv.gz')).pipe(zlib.createGunzip())));
say(
  'bom',
  await sums(fs.createReadStream(at('tables/bom.csv')), { bom: true, delimiter: ';' }),
  await sums(fs.createReadStream(at('tables/empty.csv'))),
);
say(
  await failure(
    pipeline(fs.createReadStream(at('tables/broken.csv')), parse({ columns: true }), async (records) => {
      for await (const _ of records);
    }),
  ),
);
say(
  await failure(
    pipeline(fs.createReadStream(at('tables/missing.csv')), parse(), async (records) => {
      for await (const _ of records);
    }),
  ),
);
say(
  await failure(
    pipeline(fs.createReadStream(at('tables')), parse(), async (records) => {
      for await (const _ of records);
    }),
  ),
);

let lines = 0;
for await (const _ of readline.createInterface({ input: fs.createReadStream(at('tables/large.csv')), crlfDelay: Infinity }))
  lines++;
say('lines', lines);
const handle = await fs.promises.open(at('tables/large.csv'));
let more = 0;
for await (const _ of handle.readLines()) more++;
say('lines of a handle', more);

// From one table to another, a part of it, and appending.
await pipeline(
  fs.createReadStream(at('tables/large.csv')),
  parse({ columns: true }),
  async function* (records) {
    for await (const { id, sum } of records) if (sum > 990) yield { id, sum };
  },
  stringify(),
  fs.createWriteStream(at('tables/few.csv')),
);
for (let index = 0; index < 20; index++)
  await pipeline(rows(index), stringify(), fs.createWriteStream(at('tables/few.csv'), { flags: 'a' }));
say(
  digest(fs.readFileSync(at('tables/few.csv'))),
  await sums(fs.createReadStream(at('tables/few.csv'), { start: 0, end: 99 }), {
    relax_column_count: true,
    columns: ['id', 'sum'],
  }),
);
