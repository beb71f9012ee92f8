/** Imports of types only, in each of their forms. */

import type * as all from 'node:fs';
import type fs from 'node:fs';
import type { Dir, Dirent, MakeDirectoryOptions, OpenDirOptions, ReadStream, RmDirOptions, StatsFs, TimeLike } from 'node:fs';
import type promises from 'node:fs/promises';
import type { FileHandle, FileReadResult } from 'node:fs/promises';

export interface Volume {
  readonly folder: Dir;
  readonly entries: ReadonlyMap<string, Dirent>;
  readonly space: StatsFs;
  stat(path: fs.PathLike): Promise<fs.Stats>;
  open(path: all.PathLike, flags?: all.OpenMode): Promise<FileHandle>;
  touch(path: fs.PathLike, time: TimeLike): void;
  read: typeof promises.readFile;
  readonly mkdir: typeof fs.mkdir;
}

export type Options = MakeDirectoryOptions & OpenDirOptions & RmDirOptions;
export type StreamOptions = Exclude<Parameters<typeof fs.createReadStream>[1], string | undefined>;
export type Reading = Awaited<ReturnType<FileHandle['read']>>;
export type Handle =
  | fs.promises.FileHandle
  | all.promises.FileHandle
  | promises.FileHandle
  | import('node:fs/promises').FileHandle;
export type Whole = typeof import('node:fs');

export function describe(stream: ReadStream, { start = 0, end = Infinity }: StreamOptions, last: FileReadResult<Buffer>): string {
  const path: string | Buffer = stream.path;
  return `${path.toString()} ${start}-${end}, ${stream.bytesRead} read, ${last.bytesRead} at last, ${stream.pending}`;
}

export const isHandle = (value: Handle | string): value is Handle => typeof value !== 'string';
export const flag = (module: Whole): number => module.constants.COPYFILE_EXCL;

// @ts-expect-error A type import is not a value.
export const value = fs.readFileSync('a');
// @ts-expect-error Nor is the namespace.
export const other = all.readFileSync('a');
// @ts-expect-error With exactOptionalPropertyTypes, the option does not take `undefined`.
export const volume: Pick<Volume, 'touch'> = { touch: undefined };
