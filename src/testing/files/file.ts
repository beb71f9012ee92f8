/**
 * What a descriptor of the simulated kernel stands for.
 *
 * @module
 */

import type { Inode } from './inode.js';

/** What kind of file it is. */
export type FileKind = 'file' | 'directory' | 'path' | 'pipe-read' | 'pipe-write' | 'eventfd' | 'socket' | 'epoll';

/** An open file. Results are bytes, or `-errno`; -EAGAIN means: wait until `poll` changes. */
export interface SimulatedFile {
  readonly kind: FileKind;
  /** @param position in bytes, or `undefined` for a file without positions. */
  read(target: Uint8Array, position: number | undefined): number;
  write(source: Uint8Array, position: number | undefined): number;
  /** `PollEvent`s that are there. */
  poll(): number;
  /** Called whenever the answer of `poll` may have changed. */
  readonly watchers: Set<() => void>;
  /** Whether the file has positions. */
  readonly seekable: boolean;
  /** The current position, of one that has. */
  position: number;
  /** What stat(2) tells of it. */
  readonly inode: Inode;
  /** The last descriptor was closed. */
  close(): void;
}

/** Tells everybody who waits. */
export function notify(watchers: ReadonlySet<() => void>): void {
  for (const watcher of [...watchers]) watcher();
}
