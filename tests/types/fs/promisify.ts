/** Functions with callbacks as promises: the type of the result is declared with them. */

import fs, { exists, readFile, stat } from 'node:fs';
import { callbackify, promisify } from 'node:util';

const read = promisify(fs.read);
const write = promisify(fs.write);
const readv = promisify(fs.readv);
const isThere = promisify(exists);
const readText = promisify(readFile);
const info = promisify(stat);

export async function copy(from: number, to: number): Promise<number> {
  const { bytesRead, buffer } = await read(from, Buffer.alloc(4096), 0, 4096, null);
  const { bytesWritten } = await write(to, buffer, 0, bytesRead, null);
  const vectors: Uint8Array[] = (await readv(from, [new Uint8Array(1)])).buffers as Uint8Array[];
  return bytesWritten + vectors.length;
}

export async function describe(path: string): Promise<string> {
  const found: boolean = await isThere(path);
  if (!found) return 'missing';
  const text: string = await readText(path, 'utf8');
  const bytes: Buffer = await readText(path);
  const { size }: fs.Stats = await info(path);
  const { ino }: fs.BigIntStats = await promisify(fs.lstat)(path, { bigint: true });
  return `${text.length} characters, ${bytes.length} of ${size} bytes of ${ino}`;
}

export const access: (path: fs.PathLike, mode?: number) => Promise<void> = promisify(fs.access);
export const makeTemporary: (prefix: string) => Promise<string> = promisify(fs.mkdtemp);
export const original: typeof fs.readFile.__promisify__ = fs.promises.readFile as typeof fs.readFile.__promisify__;
export const withCallback = callbackify(fs.promises.rmdir);

// @ts-expect-error A promisified function takes no callback.
void readText('a', 'utf8', () => {});
// @ts-expect-error It resolves to a boolean.
export const no: string = await isThere('a');
// @ts-expect-error It resolves to an object.
export const count: number = await read(0, Buffer.alloc(1), 0, 1, 0);
