import fs from 'node:fs';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { atOnce, digest, filesBelow, scaled, texts, write } from './common.mjs';

export const title = 'classic-level: an index of the words of a tree';

export function prepare(directory, scale) {
  const files = texts(scaled(5000, scale), 2000);
  write(path.join(directory, 'tree'), files);
}

export function reset(directory) {
  fs.rmSync(path.join(directory, 'database'), { recursive: true, force: true });
}

export async function run(directory) {
  const database = new ClassicLevel(path.join(directory, 'database'));
  await atOnce(16, filesBelow(path.join(directory, 'tree')), async (file) => {
    const text = await fs.promises.readFile(file, 'utf8');
    await database.batch([...new Set(text.split(/\W+/))].map((word) => ({ type: 'put', key: word, value: String(text.length) })));
    await database.put(`file ${path.relative(directory, file)}`, digest(text));
  });
  const lines = [];
  for await (const [key, value] of database.iterator()) lines.push(`${key} ${value}`);
  await database.close();
  console.log(lines.length, digest(lines.join('\n')));
}
