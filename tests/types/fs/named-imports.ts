/** Named imports of functions and types, callbacks, and their errors. */

import {
  access,
  type BigIntStats,
  type Dirent,
  existsSync,
  constants as flags,
  lstat,
  type NoParamCallback,
  type PathLike,
  readFile,
  readlink,
  rename,
  Stats,
  writeFile,
} from 'node:fs';

export function load(path: PathLike, callback: (error: NodeJS.ErrnoException | null, text?: string) => void): void {
  access(path, flags.R_OK | flags.F_OK, (error) => {
    if (error?.code === 'ENOENT') return callback(null, '');
    readFile(path, { encoding: 'utf8', signal: AbortSignal.timeout(100) }, (error, text) => {
      if (error) callback(error);
      else callback(null, text.trimEnd());
    });
  });
}

export function save(path: string, text: string, callback: NoParamCallback): void {
  writeFile(`${path}.tmp`, text, { mode: 0o600, flag: 'wx', flush: true }, (error) => {
    if (error) return callback(error);
    rename(`${path}.tmp`, path, callback);
  });
}

export function follow(path: string, callback: (target: string, stats: Stats | BigIntStats) => void): void {
  readlink(path, (_error, target) => {
    lstat(target, (_error, stats) => callback(target, stats));
    lstat(target, { bigint: true }, (error, stats) => {
      if (error === null && stats.mtimeNs > 0n) callback(target, stats);
    });
  });
}

export const isStats = (value: unknown): value is Stats => value instanceof Stats;
export const names = (entries: readonly Dirent[]): string[] => entries.filter((entry) => entry.isFile()).map(({ name }) => name);
export const there: boolean = existsSync(new URL('file:///tmp'));

// @ts-expect-error Without an encoding, the text can be a Buffer.
readFile('a', (_error, text) => text.trimEnd());
// @ts-expect-error A callback is needed.
readFile('a', 'utf8');
// @ts-expect-error An error can be null.
rename('a', 'b', (error) => error.code);
// @ts-expect-error There is no such option, even next to valid ones.
writeFile('a', 'b', { mode: 0o600, flushed: true }, () => {});
