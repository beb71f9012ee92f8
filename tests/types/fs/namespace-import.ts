/** The namespace import as a value and as a namespace of types, and `keyof` of it. */

import * as fs from 'node:fs';
import * as promises from 'node:fs/promises';

type Names = keyof typeof fs;
type Promised = keyof typeof promises & Names;

const both: Promised[] = ['readFile', 'stat', 'lstat', 'open', 'rm', 'constants'];
// @ts-expect-error Streams are not among the promises.
both.push('createReadStream');

export const synchronous = (name: Promised): string => `${name}Sync` satisfies `${Names}Sync`;

export async function size(path: fs.PathLike): Promise<number | bigint> {
  const handle: promises.FileHandle = await promises.open(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const stats: fs.Stats = await handle.stat();
    const { bytesRead }: promises.FileReadResult<Buffer> = await handle.read({ buffer: Buffer.alloc(16) });
    return bytesRead < 16 ? stats.size : (await handle.stat({ bigint: true })).size;
  } finally {
    await handle.close();
  }
}

export function remove(path: string, callback: fs.NoParamCallback): void {
  const options: fs.RmOptions = { recursive: true, force: true, maxRetries: 3 };
  fs.rm(path, options, callback);
}

export const same: typeof fs.promises = promises;
export const again: typeof promises = fs.promises;

// @ts-expect-error Names of a namespace import are read-only.
fs.readFileSync = () => 'patched';
// @ts-expect-error So are names of the module of promises.
promises.readFile = async () => 'patched';
// @ts-expect-error There is no such name.
fs.readdirSink('.');
// @ts-expect-error A number is not a path for a promise.
void promises.readFile(3);
