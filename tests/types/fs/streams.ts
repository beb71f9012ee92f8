/** File streams in pipelines, with their options, and with their events. */

import { createHash } from 'node:crypto';
import fs, { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

type Options = NonNullable<Parameters<typeof createReadStream>[1]>;

export async function compress(from: fs.PathLike, to: fs.PathLike, signal: AbortSignal): Promise<number> {
  const output = createWriteStream(to, { flags: 'w', mode: 0o644, flush: true, highWaterMark: 1 << 20 });
  await pipeline(createReadStream(from, { signal }), createGzip({ level: 9 }), output, { signal });
  return output.bytesWritten;
}

export async function digest(path: string, options: Options = {}): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(path, options)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export function lines(path: string): Promise<string[]> {
  const stream: ReadStream = createReadStream(path, 'utf8');
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('open', (fd) => console.debug(fd.toFixed()));
    stream.on('data', (chunk) => {
      text += chunk.toString();
    });
    stream.once('error', (error: NodeJS.ErrnoException) => reject(error)).once('close', () => resolve(text.split('\n')));
  });
}

export async function tail(handle: FileHandle, start: number): Promise<Buffer> {
  const stream: fs.ReadStream = handle.createReadStream({ start, autoClose: false });
  const writer: fs.WriteStream = (await open('copy', 'w')).createWriteStream({ encoding: 'utf8' });
  Readable.from(['a', 'b']).pipe(writer);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const inFolder = (...[path, options]: Parameters<typeof fs.createWriteStream>): fs.WriteStream =>
  createWriteStream(`folder/${String(path)}`, options);
inFolder('a', 'utf8').end('text');

// @ts-expect-error There is no such option.
createReadStream('a', { begin: 0 });
// @ts-expect-error A position is a number.
createReadStream('a', { start: '0' });
// @ts-expect-error There is no such encoding.
createWriteStream('a', 'utf-9');
// @ts-expect-error A read stream cannot be written to.
createReadStream('a').write('b');
// @ts-expect-error Too many arguments.
createReadStream('a', {}, () => {});
