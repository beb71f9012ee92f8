/**
 * Eventfds.
 *
 * @module
 */

import { PollEvent } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { notify, type SimulatedFile } from './file.js';
import { FileType, Inode } from './inode.js';

/** A counter that reads as a u64; reading resets it. */
export class EventFile implements SimulatedFile {
  readonly kind = 'eventfd';
  readonly seekable = false;
  readonly watchers = new Set<() => void>();
  readonly inode = new Inode(FileType.CHARACTER, 0o600, 0);
  position = 0;

  constructor(public count: number) {}

  signal(): void {
    this.count++;
    notify(this.watchers);
  }

  read(target: Uint8Array): number {
    if (target.length < 8) return -Errno.EINVAL;
    if (this.count === 0) return -Errno.EAGAIN;
    new DataView(target.buffer, target.byteOffset, 8).setBigUint64(0, BigInt(this.count), true);
    this.count = 0;
    return 8;
  }

  write(source: Uint8Array): number {
    if (source.length < 8) return -Errno.EINVAL;
    this.count += Number(new DataView(source.buffer, source.byteOffset, 8).getBigUint64(0, true));
    notify(this.watchers);
    return 8;
  }

  poll(): number {
    return (this.count > 0 ? PollEvent.IN : 0) | PollEvent.OUT;
  }

  close(): void {}
}
