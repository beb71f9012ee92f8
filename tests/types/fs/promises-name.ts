/** The promises by the name `promises` of the module, and by their own module. */

import { promises as fs, type PathLike } from 'node:fs';
import direct, { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';

type Files = typeof fs;
type Reader = Files['readFile'];

export class Cache {
  readonly #texts = new Map<string, Promise<string>>();
  #handle: fs.FileHandle | undefined;

  constructor(
    private readonly folder: string,
    private readonly read: Reader = fs.readFile,
  ) {}

  text(name: string): Promise<string> {
    const cached = this.#texts.get(name) ?? this.read(path.join(this.folder, name), 'utf8');
    this.#texts.set(name, cached);
    return cached;
  }

  async log(line: string): Promise<void> {
    this.#handle ??= await fs.open(path.join(this.folder, 'log'), 'a');
    await this.#handle.appendFile(`${line}\n`, { encoding: 'utf8' });
    await this.#handle.sync();
  }
}

export async function first(file: PathLike): Promise<string | undefined> {
  const handle: FileHandle = await open(file);
  for await (const line of handle.readLines({ encoding: 'utf8' })) return line;
  return undefined;
}

export const implementations: Files[] = [fs, direct];
export const handles: (handle: direct.FileHandle) => fs.FileHandle = (handle) => handle;
export const cache = new Cache('.', readFile);

// @ts-expect-error An unknown encoding.
void fs.readFile('a', 'utf9');
// @ts-expect-error The class of a handle is not exported.
new direct.FileHandle();
// @ts-expect-error A promise is not a string.
export const text: string = direct.readFile('a', 'utf8');
// @ts-expect-error There is no such type among the promises.
export type Stats = direct.Stats;
