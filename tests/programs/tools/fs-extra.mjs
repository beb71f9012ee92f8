import path from 'node:path';
import fs from 'fs-extra';
import { rimraf } from 'rimraf';
import { filesBelow, scaled, texts, write } from './common.mjs';

export const title = 'fs-extra and rimraf: copies of a tree, removed';
export const made = ['last'];

export function prepare(directory, scale) {
  const files = texts(scaled(3000, scale), 2000);
  write(path.join(directory, 'tree'), files);
}

export async function run(directory) {
  const at = (name) => path.join(directory, name);
  await fs.copy(at('tree'), at('first'), { preserveTimestamps: true });
  await fs.copy(at('first'), at('second'), { filter: async (file) => (await fs.stat(file)).size !== 1 });
  await fs.move(at('second'), at('last'));
  const total = await Promise.all(filesBelow(at('first')).map(async (file) => (await fs.readFile(file)).length));
  console.log(total.length, await fs.pathExists(at('second')));
  await fs.outputJson(at('last/summary.json'), { files: total.length });
  console.log(await rimraf(at('first')), await fs.pathExists(at('first')));
}
