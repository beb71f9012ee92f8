/**
 * Descriptors and synchronous functions, and less common functions: vectors, blobs, space, times.
 */

import * as fs from 'node:fs';
import { openAsBlob, type ReadPosition, type StatsFs, statfs, statfsSync } from 'node:fs';

export function replace(path: string, change: (text: string) => string): void {
  const fd: number = fs.openSync(path, 'r+', 0o644);
  try {
    const { size, mode }: fs.Stats = fs.fstatSync(fd);
    const bytes = Buffer.allocUnsafe(size);
    const position: ReadPosition = 0n;
    const length = fs.readSync(fd, bytes, { position, length: size });
    fs.ftruncateSync(fd);
    fs.writeSync(fd, change(bytes.toString('utf8', 0, length)), 0, 'utf8');
    fs.writevSync(fd, [new Uint8Array(4), new DataView(new ArrayBuffer(4))], length);
    fs.futimesSync(fd, new Date(), Date.now() / 1000);
    fs.fchmodSync(fd, mode & 0o777);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

export function read(fd: number, callback: (error: NodeJS.ErrnoException | null, bytes: Uint8Array) => void): void {
  const buffer = new Uint8Array(10);
  fs.read(fd, { buffer, position: 5 }, (error, bytesRead, same) => callback(error, same.subarray(0, bytesRead)));
  fs.readv(fd, [buffer], 0, (error, _bytesRead, buffers) => callback(error, buffers[0] as Uint8Array));
}

export async function blob(path: string): Promise<string> {
  const blob = await openAsBlob(path, { type: 'text/plain' });
  return (await blob.text()).slice(0, blob.size);
}

export function free(path: fs.PathLike, callback: (bytes: bigint) => void): number {
  statfs(path, { bigint: true }, (error, { bavail, bsize }) => callback(error ? 0n : bavail * bsize));
  const { bfree, bsize }: StatsFs = statfsSync(path);
  return bfree * bsize;
}

export const retryable = (error: unknown): boolean =>
  error instanceof Error && ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '');

// @ts-expect-error A path is not a descriptor.
fs.closeSync('a');
// @ts-expect-error Block counts that are bigints cannot be mixed with numbers.
statfs('/', { bigint: true }, (_error, { bfree }) => bfree * 2);
// @ts-expect-error Nothing is returned.
export const done: number = fs.closeSync(3);
// @ts-expect-error A flag is missing.
fs.openSync('a');
// @ts-expect-error A string cannot be read into.
fs.readSync(3, 'text');
