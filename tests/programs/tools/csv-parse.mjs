import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify';
import { scaled, write } from './common.mjs';

export const title = 'csv-parse: a table, row by row, into another';
export const made = ['copy.csv'];

export function prepare(directory, scale) {
  const rows = Array.from({ length: scaled(200_000, scale) }, (_, index) => `${index},"name, ${index % 977}",${index * 7},text`);
  write(directory, { 'table.csv': `id,name,amount,note\n${rows.join('\n')}\n` });
}

export async function run(directory) {
  let total = 0;
  await pipeline(
    fs.createReadStream(path.join(directory, 'table.csv')),
    parse({ columns: true, cast: true }),
    async function* (rows) {
      for await (const row of rows) {
        total += row.amount;
        if (row.id % 3 === 0) yield row;
      }
    },
    stringify({ header: true }),
    fs.createWriteStream(path.join(directory, 'copy.csv')),
  );
  console.log(total);
}
