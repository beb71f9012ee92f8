/**
 * Mounts whose file systems keep the attributes of files in the kernel's memory, so that querying
 * them never waits. NFS, CIFS, FUSE and the like do not: they query a server or a process. The
 * kernel reports the mount of a descriptor without querying the file system. `/proc/self/mountinfo`
 * lists the type of each mount. It is polled for changes repeatedly, because the kernel reuses
 * mount numbers.
 *
 * @module
 */

import { node } from '../node-fs.js';
import type { CachedCalls } from '../syscalls/index.js';
import { timers } from '../timers.js';

const MOUNTINFO = '/proc/self/mountinfo';

/**
 * Shorter than it takes to unmount one file system and to mount another one with the same number.
 */
const LOOK_PAUSE_MS = 0.03;

/**
 * Where mounts change all the time, the table is not read again for this many times as long as
 * reading it took.
 */
const PAUSE = 20;

/**
 * On overlayfs, the kernel forbids changes to the lower layers, so the attributes in memory are
 * valid there, too.
 */
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

/** The table of mounts of one thread. */
export class Mounts {
  /** The types of the mounts in `IN_MEMORY`, by number. */
  private readonly types = new Map<number, string>();
  /** The descriptor of the table, open as long as the thread lives; -1 before. */
  private table = -1;
  private isCurrent = false;
  private nextReading = 0;
  private nextLook = 0;

  constructor(private readonly calls: CachedCalls) {}

  /**
   * Returns whether the attributes of the files of a mount are in memory; `undefined` when that is
   * not known. Does not wait itself.
   */
  isInMemory(mount: number): boolean | undefined {
    return this.isKnown() ? this.types.has(mount) : undefined;
  }

  /** Returns the type of a mount, if it is one of those. */
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
    // Polled before the table is read: a change during the reading is reported the next time.
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
