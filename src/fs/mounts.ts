/**
 * Mounts whose files have their attributes in the kernel's memory, so that asking for them never waits: not on NFS, CIFS, FUSE and their like, which ask
 * somebody. Which mount a descriptor lies on the kernel tells without asking the file system; what is mounted there stands in `/proc/self/mountinfo`, and
 * that this has changed is asked again and again, because the numbers of mounts are used again.
 *
 * @module
 */

import type { CachedCalls } from '../syscalls/index.js';
import { timers } from '../timers.js';
import { node } from './node.js';

const MOUNTINFO = '/proc/self/mountinfo';

/** Less than it takes to unmount something and to mount something else, which would have its number. */
const LOOK_PAUSE_MS = 0.03;

/** Where mounts come and go all the time, so many times as long as reading the table takes it is not read again. */
const PAUSE = 20;

/** On overlayfs, what lies below does not change by the kernel's rules, and so is right from memory, too. */
const IN_MEMORY = new Set([
  ...[
    'bcachefs',
    'btrfs',
    'erofs',
    'exfat',
    'ext2',
    'ext3',
    'ext4',
    'f2fs',
    'iso9660',
    'jfs',
    'minix',
    'msdos',
    'nilfs2',
    'ntfs3',
  ],
  ...['devtmpfs', 'hugetlbfs', 'overlay', 'ramfs', 'squashfs', 'tmpfs', 'udf', 'vfat', 'xfs'],
]);

/** The table of one thread. */
export class Mounts {
  /** By number, the types of those mounts. */
  private readonly types = new Map<number, string>();
  /** Open for as long as the thread lives; -1 until it is. */
  private table = -1;
  private isCurrent = false;
  private nextReading = 0;
  private nextLook = 0;

  constructor(private readonly calls: CachedCalls) {}

  /** Whether the attributes of what lies on a mount are in memory; `undefined` when it is not known. Does not wait itself. */
  isInMemory(mount: number): boolean | undefined {
    return this.isKnown() ? this.types.has(mount) : undefined;
  }

  /** The type of a mount, if it is one of those. */
  typeOf(mount: number): string | undefined {
    return this.isKnown() ? this.types.get(mount) : undefined;
  }

  private isKnown(): boolean {
    try {
      return this.isRead();
    } catch {
      // There is no /proc, or no descriptor left for the table.
      return false;
    }
  }

  private isRead(): boolean {
    const now = timers.now();
    if (this.isCurrent && now < this.nextLook) return true;
    this.nextLook = now + LOOK_PAUSE_MS;
    // Asked before it is read: what changes meanwhile is told the next time.
    if (this.table < 0) this.table = node.openSync(MOUNTINFO, 'r');
    if (this.calls.hasPriority(this.table)) this.isCurrent = false;
    if (this.isCurrent) return true;
    // Nothing is known until then.
    if (now < this.nextReading) return false;
    this.types.clear();
    for (const line of node.readFileSync(MOUNTINFO, 'latin1').split('\n')) {
      // 36 35 98:0 /root /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw
      const [, id, type] = /^(\d+) .* - (\S+) /.exec(line) ?? [];
      if (type !== undefined && IN_MEMORY.has(type)) this.types.set(Number(id), type);
    }
    const end = timers.now();
    this.nextReading = end + PAUSE * (end - now);
    this.isCurrent = true;
    return true;
  }
}
