import fs from 'node:fs';
import path from 'node:path';
import { atOnce, filesBelow, many, prose, scaled, write } from './common.mjs';

export const title = 'grep through 50,000 files';

export function prepare(directory, scale) {
  const files = many(
    scaled(50_000, scale),
    (index) => `${index}.txt`,
    (index) => `${prose(index, 1500)}${index % 1000 === 7 ? 'a needle\n' : ''}`,
  );
  write(path.join(directory, 'tree'), files);
}

export async function run(directory) {
  const found = [];
  await atOnce(64, filesBelow(path.join(directory, 'tree')), async (file) => {
    const text = await fs.promises.readFile(file);
    if (text.includes('needle')) found.push(path.relative(directory, file));
  });
  console.log(found.sort().join('\n'));
}
