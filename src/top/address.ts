/**
 * Where the threads of observed programs listen: Unix sockets in a directory that only their user
 * may enter, named by process and thread.
 *
 * @module
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Group and others. */
const OTHERS = 0o077;

/**
 * Returns the directory of this user.
 *
 * @throws Error when it is somebody else's, or open to others.
 */
export function directoryOfSockets(): string {
  const user = process.geteuid?.();
  const directory = path.join(os.tmpdir(), `uring-top-${user}`);
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stats = fs.lstatSync(directory);
  if (!stats.isDirectory() || stats.uid !== user || (stats.mode & OTHERS) !== 0) {
    throw new Error(`${directory} must be a directory that belongs to user ${user}, and to which nobody else has access`);
  }
  return directory;
}

/** A thread that listens. */
export interface Observed {
  readonly pid: number;
  readonly thread: number;
  /** Of the socket. */
  readonly path: string;
}

/** Returns the socket of a thread. */
export function socketOf(pid: number, thread: number): string {
  return path.join(directoryOfSockets(), `${pid}-${thread}`);
}

/** Returns the threads of this user's programs that listen, or have listened. */
export function observedThreads(): Observed[] {
  const directory = directoryOfSockets();
  return fs.readdirSync(directory).flatMap((name) => {
    const [, pid, thread] = /^(\d+)-(\d+)$/.exec(name) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), thread: Number(thread), path: path.join(directory, name) }];
  });
}
