/**
 * The open files behind the descriptors of the simulated kernel.
 *
 * @module
 */

import type { Inode } from './inode.js';

/** The kinds of files. */
export type FileKind = 'file' | 'directory' | 'path' | 'pipe-read' | 'pipe-write' | 'eventfd' | 'socket' | 'epoll';

/** What can be polled. */
export interface Pollable {
  /** Returns the `PollEvent`s that are ready. */
  poll(): number;
  /** Called whenever the result of `poll` may have changed. */
  readonly watchers: Set<() => void>;
}

/**
 * An open file. Results are bytes, or `-errno`; -EAGAIN means to wait until the result of `poll`
 * changes.
 */
export interface SimulatedFile extends Pollable {
  readonly kind: FileKind;
  /** @param position in bytes, or `undefined` for a file without positions. */
  read(target: Uint8Array, position: number | undefined): number;
  write(source: Uint8Array, position: number | undefined): number;
  /** Whether the file has positions. */
  readonly seekable: boolean;
  /** The current position of a file that has positions. */
  position: number;
  /** The inode, with the data that stat(2) reports. */
  readonly inode: Inode;
  /** Called when the last descriptor is closed. */
  close(): void;
}

/** Notifies all watchers. */
export function notify(watchers: ReadonlySet<() => void>): void {
  for (const watcher of [...watchers]) watcher();
}
