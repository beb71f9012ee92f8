/** The default import as a value and as a namespace of types. */

import fs from 'node:fs';

interface Entry {
  readonly path: fs.PathLike;
  readonly stats: fs.Stats | fs.BigIntStats;
  readonly dirent?: fs.Dirent;
}

const entries: Entry[] = [];
let watcher: fs.FSWatcher | undefined;
let handle: fs.promises.FileHandle | null = null;

export function add(path: fs.PathLike, options: fs.StatOptions = {}): fs.Stats | fs.BigIntStats {
  const stats = fs.statSync(path, options);
  if (stats === undefined) throw new Error(`no ${String(path)}`);
  entries.push({ path, stats });
  return stats;
}

export async function reopen(path: fs.PathLike, flags: fs.OpenMode, mode?: fs.Mode): Promise<fs.promises.FileHandle> {
  await handle?.close();
  handle = await fs.promises.open(path, flags, mode);
  return handle;
}

export function watch(folder: string, listener: fs.WatchListener<string>, done: fs.NoParamCallback): fs.FSWatcher {
  watcher?.close();
  watcher = fs.watch(folder, { persistent: false, signal: AbortSignal.timeout(10) }, listener);
  return watcher.on('close', () => done(null));
}

export function copy(from: fs.PathLike, to: fs.PathLike): fs.WriteStream {
  const input: fs.ReadStream = fs.createReadStream(from, { start: 0, end: 99, highWaterMark: 1 << 16 });
  const output: fs.WriteStream = fs.createWriteStream(to, { flags: 'wx', mode: fs.constants.S_IRUSR | fs.constants.S_IWUSR });
  return input.pipe(output);
}

export const isExecutable = (path: fs.PathLike): boolean => {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

// @ts-expect-error There is no such type.
export type Missing = fs.Statz;
// @ts-expect-error There is no such function.
export const missing = fs.readFil('a');
// @ts-expect-error The default import is not a type itself.
export type Whole = fs;
// @ts-expect-error The default import of a module cannot be called.
fs();
