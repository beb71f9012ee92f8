/** Overloads: the options determine the type of the result. */

import fs, { type BigIntStats, type BigIntStatsFs, type Dirent, type Stats, type StatsFs } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, realpath, stat, statfs, writeFile } from 'node:fs/promises';

export async function promised(given: fs.StatOptions, encoding: BufferEncoding | null): Promise<void> {
  const bytes: Buffer = await readFile('a');
  const text: string = await readFile('a', { encoding: 'utf8', flag: 'r' });
  const either: string | Buffer = await readFile('a', encoding);
  const plain: Stats = await stat('a');
  const big: BigIntStats = await stat('a', { bigint: true });
  const unknown: Stats | BigIntStats | undefined = await stat('a', given);
  const space: StatsFs = await statfs('/');
  const bigSpace: BigIntStatsFs = await statfs('/', { bigint: true });
  const made: string | undefined = await mkdir('a/b', { recursive: true });
  await mkdir('a');
  const folder: string = await mkdtemp('a-');
  const named: Buffer = await mkdtemp('a-', 'buffer');
  const names: string[] = await readdir('.', { recursive: true });
  const entries: Dirent[] = await readdir('.', { withFileTypes: true });
  const raw: Buffer[] = await readdir('.', 'buffer');
  const target: Buffer = await readlink('a', { encoding: 'buffer' });
  await cp('a', 'b', { recursive: true, filter: async (from, to) => from !== to && from.length > big.size });
  await writeFile('a', [bytes, text].map(String));
  console.log(either, plain, unknown, space, bigSpace, made, folder, named, names, entries, raw, target);
  console.log((await realpath('a')).length);
}

export function sync(options: { encoding?: BufferEncoding }): Stats | undefined {
  const created: string | undefined = fs.mkdirSync('a/b', { recursive: true });
  const text: string = fs.readFileSync('a', 'latin1');
  const either: string | Buffer = fs.readFileSync('a', options);
  const names: string[] = fs.readdirSync('.', { encoding: 'utf8', withFileTypes: false });
  const native: string = fs.realpathSync.native('a');
  fs.cpSync('a', 'b', { recursive: true, filter: (from) => !from.endsWith('~') });
  console.log(created, text, either, names, native);
  return fs.statSync('a', { throwIfNoEntry: false });
}

// @ts-expect-error Without an encoding it is a Buffer.
export const noText: string = await readFile('a');
// @ts-expect-error With an encoding it is a string.
export const noBytes: Buffer = fs.readFileSync('a', 'utf8');
// @ts-expect-error Entries are not strings.
export const noNames: string[] = fs.readdirSync('.', { withFileTypes: true });
// @ts-expect-error cpSync takes no asynchronous filter.
fs.cpSync('a', 'b', { filter: async () => true });
// @ts-expect-error Stats with bigints have no numbers.
export const size: number = (await stat('a', { bigint: true })).size;
// @ts-expect-error For a directory that can exist already, the result can be undefined.
export const made: string = fs.mkdirSync('a', { recursive: true });
// @ts-expect-error Without recursion, there is no result.
export const nothing: string = await mkdir('a');
// @ts-expect-error There is no such option.
fs.mkdirSync('a', { recursively: true });
// @ts-expect-error An option of exactly this type takes no `undefined`.
fs.createReadStream('a', { fd: undefined, signal: null, emitClose: undefined, autoClose: 'no' });
