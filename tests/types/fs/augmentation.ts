/** Types of the module with members that a program adds. */

import fs, { type Stats, type WriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

declare module 'node:fs' {
  interface Stats {
    readonly note?: string;
  }
  interface WriteStream {
    readonly label?: string;
  }
}

declare module 'node:fs/promises' {
  interface FileHandle {
    readonly owner?: string;
  }
}

export const note = (stats: Stats): string | undefined => stats.note ?? fs.statSync('.').note;
export const owner = async (path: string): Promise<string> => (await fs.promises.open(path)).owner ?? 'nobody';
export const label = (stream: WriteStream, handle: FileHandle): string | undefined => stream.label ?? handle.owner;
export const labelled = fs.createWriteStream('a').label?.length;

// @ts-expect-error The member was added to write streams only.
export const wrong = fs.createReadStream('a').label;
// @ts-expect-error The added member is read-only.
fs.statSync('.').note = 'a';
