/** Handles that close themselves at the end of their block, and directories that are iterated. */

import fs from 'node:fs';
import * as promises from 'node:fs/promises';

export async function header(path: fs.PathLike): Promise<Buffer> {
  await using handle = await promises.open(path, 'r');
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0);
  return buffer.subarray(0, bytesRead);
}

export async function append(path: string, ...lines: string[]): Promise<number> {
  await using log: fs.promises.FileHandle = await fs.promises.open(path, fs.constants.O_APPEND | fs.constants.O_CREAT, 0o600);
  const { bytesWritten } = await log.writev(lines.map((line) => Buffer.from(line)));
  const written = await log.write('end\n', null, 'utf8');
  await log.datasync();
  return bytesWritten + written.bytesWritten;
}

export async function* walk(folder: string, options: fs.OpenDirOptions = { bufferSize: 64 }): AsyncGenerator<string, void> {
  const directory: fs.Dir = await promises.opendir(folder, options);
  for await (const entry of directory) {
    const { name, parentPath }: fs.Dirent = entry;
    if (entry.isDirectory()) yield* walk(`${parentPath}/${name}`);
    else if (!entry.isSymbolicLink()) yield `${directory.path}/${name}`;
  }
}

export function list(folder: string): string[] {
  const names: string[] = [];
  const directory = fs.opendirSync(folder, { recursive: true });
  for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) names.push(entry.name);
  directory.closeSync();
  return names;
}

export const hold = (handle: promises.FileHandle): AsyncDisposable => handle;

// @ts-expect-error A promise of a handle is not a handle.
await using later = promises.open('a');
// @ts-expect-error A handle is closed asynchronously.
using handle = await promises.open('a');
// @ts-expect-error A descriptor is a number, and cannot be disposed of.
using descriptor = fs.openSync('a', 'r');
// @ts-expect-error A directory is iterated asynchronously.
for (const entry of fs.opendirSync('.')) console.log(entry, later, handle, descriptor);
