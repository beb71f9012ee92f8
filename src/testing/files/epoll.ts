/**
 * epoll instances: level-triggered, with EPOLLONESHOT.
 *
 * @module
 */

import { PollEvent } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import { notify, type SimulatedFile } from './file.js';
import { Inode } from './inode.js';

const ONESHOT = 0x4000_0000;
const ADD = 1;
const REMOVE = 2;

interface Member {
  readonly file: SimulatedFile;
  readonly watcher: () => void;
  events: number;
  data: bigint;
}

/** An epoll instance. */
export class EpollFile implements SimulatedFile {
  readonly kind = 'epoll';
  readonly seekable = false;
  readonly watchers = new Set<() => void>();
  readonly inode = new Inode(0, 0o600, 0);
  position = 0;
  private readonly members = new Map<number, Member>();

  /** epoll_ctl(2). */
  control(operation: number, fd: number, file: SimulatedFile, events: number, data: bigint): number {
    const member = this.members.get(fd);
    if (operation === ADD) {
      if (member !== undefined) return -Errno.EEXIST;
      // Files that are always ready cannot be polled.
      if (file.kind === 'file' || file.kind === 'directory') return -Errno.EPERM;
      const watcher = () => notify(this.watchers);
      file.watchers.add(watcher);
      this.members.set(fd, { file, watcher, events, data });
    } else if (member === undefined) {
      return -Errno.ENOENT;
    } else if (operation === REMOVE) {
      member.file.watchers.delete(member.watcher);
      this.members.delete(fd);
    } else {
      member.events = events;
      member.data = data;
    }
    notify(this.watchers);
    return 0;
  }

  /** Takes at most `most` ready members. */
  take(most: number): { readonly events: number; readonly data: bigint }[] {
    const ready: { events: number; data: bigint }[] = [];
    for (const member of this.members.values()) {
      const events = readiness(member);
      if (events === 0 || ready.length === most) continue;
      ready.push({ events, data: member.data });
      if (member.events & ONESHOT) member.events = 0;
    }
    return ready;
  }

  read(): number {
    return -Errno.EINVAL;
  }

  write(): number {
    return -Errno.EINVAL;
  }

  poll(): number {
    return [...this.members.values()].some((member) => readiness(member) !== 0) ? PollEvent.IN : 0;
  }

  close(): void {
    for (const { file, watcher } of this.members.values()) file.watchers.delete(watcher);
    this.members.clear();
  }
}

function readiness({ file, events }: Member): number {
  // A disarmed member reports nothing, not even errors.
  return events === 0 ? 0 : file.poll() & (events | PollEvent.ERR | PollEvent.HUP);
}
