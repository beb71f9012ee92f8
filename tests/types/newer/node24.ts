/**
 * Additions in the types of Node 24: temporary directories that remove themselves, and handles that
 * close themselves.
 */

import fs, { mkdtempDisposableSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import type net from 'node:net';
import { BoundSocket } from 'node:net';

export async function temporary(prefix: string): Promise<string> {
  await using folder = await mkdtempDisposable(prefix);
  using other: fs.DisposableTempDir = mkdtempDisposableSync(folder.path);
  return other.path;
}

export const bound = (options: net.BoundSocketOptions): net.BoundSocket => new BoundSocket(options);
export const log = new fs.Utf8Stream({ dest: '/tmp/log', sync: false });
log.write('text');

// @ts-expect-error It returns a promise.
export const folder: fs.DisposableTempDir = mkdtempDisposable('a');
// @ts-expect-error Only strings are accepted.
log.write(1);
