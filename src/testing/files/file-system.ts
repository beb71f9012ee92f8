/**
 * Names: directories, links, and path resolution. One file system, in memory, whose user has all
 * permissions.
 *
 * @module
 */

import { Errno } from '../../syscalls/index.js';
import { Disk } from './disk.js';
import type { SimulatedFile } from './file.js';
import { DirectoryInode, FileInode, FileType, Inode, LinkInode } from './inode.js';
import { AtFlag, OpenFlag, ResolveFlag } from './open-flags.js';
import { NamedFile, RegularFile } from './regular.js';

const MAX_NAME = 255;
const MAX_PATH = 4096;
const MAX_LINKS = 40;
const UMASK = 0o022;

const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

/** The result of resolving a path. */
interface Place {
  readonly parent: DirectoryInode;
  /** The last component; empty for a path that ends in `/`, `.` or `..`. */
  readonly name: string;
  readonly inode: Inode | undefined;
  /** Whether the path ends in a slash, and so must name a directory. */
  readonly slash: boolean;
}

/** A tree of names. */
export class FileSystem {
  readonly root: DirectoryInode;
  readonly disk: Disk;

  constructor(private readonly now: () => number) {
    this.root = new DirectoryInode(0o755, now(), undefined);
    this.disk = new Disk(now);
  }

  /** Creates a file at a path, and its parent directories. */
  put(path: string, bytes: Uint8Array): void {
    const names = path.split('/').filter((name) => name !== '');
    const last = names.pop() as string;
    this.makeDirectories(names.join('/')).entries.set(last, new FileInode(0o644, this.now(), bytes));
  }

  /** Creates a directory, and its parent directories, where there is none. */
  makeDirectories(path: string): DirectoryInode {
    let directory = this.root;
    for (const name of path.split('/').filter((name) => name !== '')) {
      const next = directory.entries.get(name) ?? new DirectoryInode(0o755, this.now(), directory);
      directory.entries.set(name, next);
      directory = next as DirectoryInode;
    }
    return directory;
  }

  /** open(2) and openat2(2). */
  open(start: DirectoryInode, path: string, flags: number, permissions: number, resolve = 0): SimulatedFile | number {
    const exclusive = (flags & OpenFlag.CREAT) !== 0 && (flags & OpenFlag.EXCL) !== 0;
    const follow = (flags & OpenFlag.NOFOLLOW) === 0 && !exclusive;
    const place = this.walk(start, path, follow, resolve);
    if (typeof place === 'number') return place;
    const writes = (flags & OpenFlag.ACCESS_MODE) !== OpenFlag.RDONLY;
    let { inode } = place;
    if (inode === undefined) {
      if (!(flags & OpenFlag.CREAT)) return -Errno.ENOENT;
      if (place.slash) return -Errno.EISDIR;
      if (this.disk.readOnly) return -Errno.EROFS;
      inode = new FileInode(permissions & ~UMASK & 0o7777, this.now());
      place.parent.entries.set(place.name, inode);
      place.parent.touch(this.now());
    } else if (exclusive) {
      return -Errno.EEXIST;
    }
    if (flags & OpenFlag.PATH) {
      if (flags & OpenFlag.DIRECTORY && !(inode instanceof DirectoryInode)) return -Errno.ENOTDIR;
      return new NamedFile('path', inode);
    }
    if (inode instanceof LinkInode) return -Errno.ELOOP;
    if (inode instanceof DirectoryInode) {
      if ((flags & OpenFlag.TMPFILE) !== 0 && (flags & OpenFlag.DIRECTORY) !== 0) return this.openTemporary(flags, permissions);
      return writes || flags & OpenFlag.CREAT ? -Errno.EISDIR : new NamedFile('directory', inode);
    }
    if (flags & OpenFlag.DIRECTORY || place.slash) return -Errno.ENOTDIR;
    if (!(inode instanceof FileInode)) return -Errno.ENXIO;
    if (this.disk.readOnly && (writes || flags & OpenFlag.TRUNC)) return -Errno.EROFS;
    if (flags & OpenFlag.TRUNC) {
      this.disk.resize(inode, 0);
      inode.touch(this.now());
    }
    return new RegularFile(inode, flags, this.disk);
  }

  private openTemporary(flags: number, permissions: number): SimulatedFile | number {
    if ((flags & OpenFlag.ACCESS_MODE) === OpenFlag.RDONLY) return -Errno.EINVAL;
    if (this.disk.readOnly) return -Errno.EROFS;
    const inode = new FileInode(permissions & ~UMASK & 0o7777, this.now());
    inode.links = 0;
    return new RegularFile(inode, flags, this.disk);
  }

  /** stat(2), lstat(2). */
  find(start: DirectoryInode, path: string, follow: boolean): Inode | number {
    const place = this.walk(start, path, follow);
    if (typeof place === 'number') return place;
    if (place.inode === undefined) return -Errno.ENOENT;
    if (place.slash && !(place.inode instanceof DirectoryInode)) return -Errno.ENOTDIR;
    return place.inode;
  }

  mkdir(start: DirectoryInode, path: string, permissions: number): number {
    return this.create(start, path, true, (parent) => {
      parent.links++;
      return new DirectoryInode(permissions & ~UMASK & 0o7777, this.now(), parent);
    });
  }

  symlink(start: DirectoryInode, target: string, path: string): number {
    if (target === '') return -Errno.ENOENT;
    return this.create(start, path, false, () => new LinkInode(target, this.now()));
  }

  /** Creates a socket's name. */
  bindSocket(path: string): number {
    const result = this.create(this.root, path, false, () => new Inode(FileType.SOCKET, 0o755, this.now()));
    return result === -Errno.EEXIST ? -Errno.EADDRINUSE : result;
  }

  link(inode: Inode, start: DirectoryInode, path: string): number {
    if (inode instanceof DirectoryInode) return -Errno.EPERM;
    return this.create(start, path, false, () => {
      inode.links++;
      inode.changed = this.now();
      return inode;
    });
  }

  unlink(start: DirectoryInode, path: string, flags: number): number {
    if (flags & ~AtFlag.REMOVEDIR) return -Errno.EINVAL;
    const wantsDirectory = (flags & AtFlag.REMOVEDIR) !== 0;
    const place = this.walk(start, path, false);
    if (typeof place === 'number') return place;
    const { parent, name, inode } = place;
    if (name === '' || inode === undefined) return name === '' ? unnamed(path, wantsDirectory) : -Errno.ENOENT;
    if (this.disk.readOnly) return -Errno.EROFS;
    if (inode instanceof DirectoryInode) {
      if (!wantsDirectory) return -Errno.EISDIR;
      if (inode.entries.size > 0) return -Errno.ENOTEMPTY;
      inode.links = 0;
      parent.links--;
    } else if (wantsDirectory || place.slash) {
      return -Errno.ENOTDIR;
    }
    this.remove(parent, name, inode);
    return 0;
  }

  /** renameat2(2). */
  rename(start: DirectoryInode, path: string, newStart: DirectoryInode, newPath: string, flags: number): number {
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) || flags === (RENAME_NOREPLACE | RENAME_EXCHANGE)) return -Errno.EINVAL;
    const from = this.walk(start, path, false);
    if (typeof from === 'number') return from;
    const to = this.walk(newStart, newPath, false);
    if (typeof to === 'number') return to;
    if (from.name === '' || to.name === '') return -Errno.EBUSY;
    const { inode } = from;
    if (this.disk.readOnly) return -Errno.EROFS;
    if (inode === undefined) return -Errno.ENOENT;
    if (flags & RENAME_NOREPLACE && to.inode !== undefined) return -Errno.EEXIST;
    if (flags & RENAME_EXCHANGE && to.inode === undefined) return -Errno.ENOENT;
    if ((from.slash || to.slash) && !(inode instanceof DirectoryInode)) return -Errno.ENOTDIR;
    if (inode instanceof DirectoryInode && isInside(to.parent, inode)) return -Errno.EINVAL;
    if (to.inode instanceof DirectoryInode && isInside(from.parent, to.inode)) {
      return flags & RENAME_EXCHANGE ? -Errno.EINVAL : -Errno.ENOTEMPTY;
    }
    if (inode === to.inode) return 0;
    if (flags & RENAME_EXCHANGE) {
      this.place(from.parent, from.name, to.inode as Inode);
    } else {
      const error = this.makeWay(inode, to);
      if (error !== 0) return error;
      from.parent.entries.delete(from.name);
      from.parent.touch(this.now());
      if (inode instanceof DirectoryInode) {
        from.parent.links--;
        to.parent.links++;
      }
    }
    this.place(to.parent, to.name, inode);
    return 0;
  }

  /** Removes the file that a rename replaces. */
  private makeWay(inode: Inode, { parent, name, inode: old }: Place): number {
    if (old === undefined) return 0;
    if (inode instanceof DirectoryInode) {
      if (!(old instanceof DirectoryInode)) return -Errno.ENOTDIR;
      if (old.entries.size > 0) return -Errno.ENOTEMPTY;
      old.links = 0;
      parent.links--;
    } else if (old instanceof DirectoryInode) {
      return -Errno.EISDIR;
    }
    this.remove(parent, name, old);
    return 0;
  }

  private place(parent: DirectoryInode, name: string, inode: Inode): void {
    parent.entries.set(name, inode);
    parent.touch(this.now());
    inode.changed = this.now();
    if (inode instanceof DirectoryInode) inode.parent = parent;
  }

  private remove(parent: DirectoryInode, name: string, inode: Inode): void {
    parent.entries.delete(name);
    parent.touch(this.now());
    if (!(inode instanceof DirectoryInode)) inode.links--;
    inode.changed = this.now();
  }

  private create(start: DirectoryInode, path: string, directory: boolean, make: (parent: DirectoryInode) => Inode): number {
    const place = this.walk(start, path, false);
    if (typeof place === 'number') return place;
    if (place.inode !== undefined) return -Errno.EEXIST;
    if (place.slash && !directory) return -Errno.ENOENT;
    if (this.disk.readOnly) return -Errno.EROFS;
    place.parent.entries.set(place.name, make(place.parent));
    place.parent.touch(this.now());
    return 0;
  }

  /** Resolves a path. */
  private walk(start: DirectoryInode, path: string, follow: boolean, resolve = 0): Place | number {
    if (path === '') return -Errno.ENOENT;
    if (Buffer.byteLength(path) >= MAX_PATH) return -Errno.ENAMETOOLONG;
    const state = { links: 0, root: resolve & (ResolveFlag.IN_ROOT | ResolveFlag.BENEATH) ? start : this.root, resolve };
    return this.follow(start, path, follow, state);
  }

  private follow(
    start: DirectoryInode,
    path: string,
    followLast: boolean,
    state: { links: number; readonly root: DirectoryInode; readonly resolve: number },
  ): Place | number {
    const beneath = (state.resolve & ResolveFlag.BENEATH) !== 0;
    if (path.startsWith('/') && beneath) return -Errno.EXDEV;
    let directory = path.startsWith('/') ? state.root : start;
    const names = path.split('/').filter((name) => name !== '');
    const slash = path.endsWith('/');
    if (names.length === 0) return { parent: directory, name: '', inode: directory, slash };
    for (let index = 0; ; index++) {
      const name = names[index] as string;
      const last = index === names.length - 1;
      if (Buffer.byteLength(name) > MAX_NAME) return -Errno.ENAMETOOLONG;
      let inode: Inode | undefined;
      let special = true;
      if (name === '.') inode = directory;
      else if (name === '..') {
        if (directory === state.root && beneath) return -Errno.EXDEV;
        inode = directory === state.root ? directory : (directory.parent ?? directory);
      } else {
        inode = directory.entries.get(name);
        special = false;
      }
      if (inode instanceof LinkInode && (!last || followLast || slash)) {
        if (state.resolve & ResolveFlag.NO_SYMLINKS) return -Errno.ELOOP;
        if (++state.links > MAX_LINKS) return -Errno.ELOOP;
        const target = this.follow(directory, inode.target, true, state);
        if (typeof target === 'number' || last) return target;
        inode = target.inode;
      }
      if (last) return { parent: directory, name: special ? '' : name, inode, slash };
      if (inode === undefined) return -Errno.ENOENT;
      if (!(inode instanceof DirectoryInode)) return -Errno.ENOTDIR;
      directory = inode;
    }
  }
}

/** The errors of unlink and rmdir for `.`, `..` and the root. */
function unnamed(path: string, wantsDirectory: boolean): number {
  if (!wantsDirectory) return -Errno.EISDIR;
  if (/(^|\/)\.\/*$/.test(path)) return -Errno.EINVAL;
  return /\.\.\/*$/.test(path) ? -Errno.ENOTEMPTY : -Errno.EBUSY;
}

function isInside(directory: DirectoryInode, ancestor: DirectoryInode): boolean {
  for (let at: DirectoryInode | undefined = directory; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}
