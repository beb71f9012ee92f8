/** Classes that extend those of the module, or implement members picked from it. */

import fs, { type PathLike, ReadStream, WriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Transform, type TransformCallback } from 'node:stream';

type Reading = Pick<typeof fs, 'readFileSync' | 'existsSync'>;
type Promised = Pick<typeof fs.promises, 'readFile' | 'rm'>;

export class Numbered extends ReadStream {
  #chunks = 0;

  override _read(size: number): void {
    this.#chunks++;
    super._read(Math.min(size, 1024));
  }

  get summary(): string {
    return `${this.#chunks} chunks, ${this.bytesRead} bytes of ${this.path.toString()}`;
  }
}

export class Loud extends fs.WriteStream {
  override close(callback?: (error?: NodeJS.ErrnoException | null) => void): void {
    super.close((error) => callback?.(error ?? null));
  }
}

export class Memory implements Promised {
  readonly #files = new Map<string, Buffer>();

  readFile = (async (path: PathLike | FileHandle, options?: unknown) => {
    const bytes = this.#files.get(String(path)) ?? Buffer.alloc(0);
    return options === 'utf8' ? bytes.toString() : bytes;
  }) as Promised['readFile'];

  async rm(path: PathLike, options?: fs.RmOptions): Promise<void> {
    if (!this.#files.delete(path.toString()) && !options?.force) throw new Error('ENOENT');
  }
}

export class Upper extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    callback(null, chunk.toString().toUpperCase());
  }
}

export const files: Reading = { readFileSync: fs.readFileSync, existsSync: () => false };
export const isStream = (value: unknown): value is ReadStream | WriteStream =>
  value instanceof ReadStream || value instanceof WriteStream;

// @ts-expect-error A method is missing.
export class Half implements Promised {
  readFile = fs.promises.readFile;
}
export class Wrong extends fs.WriteStream {
  // @ts-expect-error The path is part of the type.
  override path = 1;
}
// @ts-expect-error A function is not a class.
export class Never extends fs.createReadStream {}
