/**
 * The objects behind names and open files: content, directory entries, or a link target; and the
 * data that stat(2) reports.
 *
 * @module
 */

/** The S_IF* bits of a mode. */
export const FileType = {
  FIFO: 0o010000,
  CHARACTER: 0o020000,
  DIRECTORY: 0o040000,
  REGULAR: 0o100000,
  LINK: 0o120000,
  SOCKET: 0o140000,
} as const;

let numbers = 0;

/** A file as the file system stores it. */
export class Inode {
  readonly number = ++numbers;
  links = 1;
  readonly attributes: Map<string, Uint8Array> = new Map();
  /** Nanoseconds on the virtual clock. */
  accessed: number;
  changed: number;
  modified: number;

  constructor(
    readonly type: number,
    public permissions: number,
    readonly born: number,
  ) {
    this.accessed = this.changed = this.modified = born;
  }

  get mode(): number {
    return this.type | this.permissions;
  }

  get size(): number {
    return 0;
  }

  /** Notes that the content or the directory was changed. */
  touch(now: number): void {
    this.modified = this.changed = now;
  }
}

/** A regular file. */
export class FileInode extends Inode {
  bytes: Uint8Array = new Uint8Array(0);

  constructor(permissions: number, born: number, bytes: Uint8Array = new Uint8Array(0)) {
    super(FileType.REGULAR, permissions, born);
    this.bytes = bytes.slice();
  }

  override get size(): number {
    return this.bytes.length;
  }

  resize(length: number): void {
    const resized = new Uint8Array(length);
    resized.set(this.bytes.subarray(0, length));
    this.bytes = resized;
  }
}

/** A directory. */
export class DirectoryInode extends Inode {
  readonly entries = new Map<string, Inode>();

  constructor(
    permissions: number,
    born: number,
    public parent: DirectoryInode | undefined,
  ) {
    super(FileType.DIRECTORY, permissions, born);
    this.links = 2;
  }

  override get size(): number {
    return 4096;
  }
}

/** A symbolic link. */
export class LinkInode extends Inode {
  constructor(
    readonly target: string,
    born: number,
  ) {
    super(FileType.LINK, 0o777, born);
  }

  override get size(): number {
    return Buffer.byteLength(this.target);
  }
}
