/**
 * Operations on names and file metadata: stat, extended attributes.
 *
 * @module
 */

import { Opcode } from '../../ring/abi/index.js';
import { Errno } from '../../syscalls/index.js';
import type { DirectoryInode, Inode } from '../files/inode.js';
import { FileType } from '../files/inode.js';
import { AT_FDCWD, AtFlag, OpenFlag, ResolveFlag } from '../files/open-flags.js';
import { NamedFile } from '../files/regular.js';
import type { RingInternals } from '../internals.js';
import type { KernelRequest } from '../request.js';
import { installFile, type OperationTable, type Result, stringAt, withFile } from './common.js';

const OPEN_HOW_SIZE = 24;

/** The field offsets of `struct statx`. */
const Statx = {
  SIZE: 256,
  MASK: 0,
  BLOCK_SIZE: 4,
  LINKS: 16,
  MODE: 28,
  INODE: 32,
  BYTES: 40,
  BLOCKS: 48,
  ACCESSED: 64,
  BORN: 80,
  CHANGED: 96,
  MODIFIED: 112,
  DEVICE_MINOR: 140,
} as const;

const STATX_BASIC_AND_BIRTH = 0xfff;

/** The virtual clock starts on the first day of 2026. */
const EPOCH_SECONDS = 1_767_225_600;

/** The opcodes of this family. */
export const PATHS: OperationTable = {
  [Opcode.OPENAT]: (ring, request) =>
    withPath(ring, request, request.addr, request.fd, (path, start) =>
      open(ring, request, start, path, request.opFlags, request.len, 0),
    ),
  [Opcode.OPENAT2]: openWithHow,
  [Opcode.STATX]: statx,
  [Opcode.MKDIRAT]: (ring, request) =>
    withPath(ring, request, request.addr, request.fd, (path, start) => ring.kernel.files.mkdir(start, path, request.len)),
  [Opcode.UNLINKAT]: (ring, request) =>
    withPath(ring, request, request.addr, request.fd, (path, start) => ring.kernel.files.unlink(start, path, request.opFlags)),
  [Opcode.SYMLINKAT]: (ring, request) => {
    const target = stringAt(ring, request, request.addr);
    if (target === undefined) return -Errno.EFAULT;
    return withPath(ring, request, Number(request.off), request.fd, (path, start) =>
      ring.kernel.files.symlink(start, target, path),
    );
  },
  [Opcode.RENAMEAT]: (ring, request) =>
    withPath(ring, request, request.addr, request.fd, (path, start) =>
      withPath(ring, request, Number(request.off), request.len | 0, (newPath, newStart) =>
        ring.kernel.files.rename(start, path, newStart, newPath, request.opFlags),
      ),
    ),
  [Opcode.LINKAT]: (ring, request) => {
    if (request.opFlags & ~(AtFlag.SYMLINK_FOLLOW | AtFlag.EMPTY_PATH)) return -Errno.EINVAL;
    return withPath(ring, request, request.addr, request.fd, (path, start) => {
      const inode = ring.kernel.files.find(start, path, (request.opFlags & AtFlag.SYMLINK_FOLLOW) !== 0);
      if (typeof inode === 'number') return inode;
      return withPath(ring, request, Number(request.off), request.len | 0, (newPath, newStart) =>
        ring.kernel.files.link(inode, newStart, newPath),
      );
    });
  },
  [Opcode.FSETXATTR]: (ring, request) => withFile(ring, request, (file) => setAttribute(ring, request, file.inode)),
  [Opcode.FGETXATTR]: (ring, request) => withFile(ring, request, (file) => getAttribute(ring, request, file.inode)),
  [Opcode.SETXATTR]: (ring, request) => withInode(ring, request, (inode) => setAttribute(ring, request, inode)),
  [Opcode.GETXATTR]: (ring, request) => withInode(ring, request, (inode) => getAttribute(ring, request, inode)),
};

/** Reads a path, and determines the directory where it starts. */
function withPath(
  ring: RingInternals,
  request: KernelRequest,
  address: number,
  directory: number,
  body: (path: string, start: DirectoryInode) => Result,
  rootIsDirectory = false,
): Result {
  const path = stringAt(ring, request, address);
  if (path === undefined) return -Errno.EFAULT;
  const { kernel } = ring;
  if (directory === AT_FDCWD || (path.startsWith('/') && !rootIsDirectory)) return body(path, kernel.files.root);
  const file = kernel.file(directory);
  if (file === undefined) return -Errno.EBADF;
  const start = file instanceof NamedFile ? file.directory : undefined;
  return start === undefined ? -Errno.ENOTDIR : body(path, start);
}

function withInode(ring: RingInternals, request: KernelRequest, body: (inode: Inode) => Result): Result {
  return withPath(ring, request, Number(request.addr3), AT_FDCWD, (path, start) => {
    const inode = ring.kernel.files.find(start, path, true);
    return typeof inode === 'number' ? inode : body(inode);
  });
}

function open(
  ring: RingInternals,
  request: KernelRequest,
  start: DirectoryInode,
  path: string,
  flags: number,
  mode: number,
  resolve: number,
): Result {
  // A slot is not a descriptor, so descriptor flags make no sense.
  if (request.fileIndex !== 0 && flags & OpenFlag.CLOEXEC) return -Errno.EINVAL;
  const file = ring.kernel.files.open(start, path, flags, mode, resolve);
  return typeof file === 'number' ? file : installFile(ring, request, file);
}

function openWithHow(ring: RingInternals, request: KernelRequest): Result {
  if (request.len < OPEN_HOW_SIZE) return -Errno.EINVAL;
  const how = ring.kernel.memory.data(Number(request.off), OPEN_HOW_SIZE);
  if (!how) return -Errno.EFAULT;
  ring.kernel.ownership.lend(request, Number(request.off), OPEN_HOW_SIZE, 'kernel reads');
  const flags = Number(how.getBigUint64(0, true));
  const mode = Number(how.getBigUint64(8, true));
  const resolve = Number(how.getBigUint64(16, true));
  const known = Object.values(ResolveFlag).reduce((all, flag) => all | flag, 0);
  if (resolve & ~known || flags > 0xffff_ffff) return -Errno.EINVAL;
  if ((resolve & ResolveFlag.BENEATH) !== 0 && (resolve & ResolveFlag.IN_ROOT) !== 0) return -Errno.EINVAL;
  if (mode !== 0 && !(flags & (OpenFlag.CREAT | OpenFlag.TMPFILE))) return -Errno.EINVAL;
  const rootIsDirectory = (resolve & ResolveFlag.IN_ROOT) !== 0;
  const opened = (path: string, start: DirectoryInode) => open(ring, request, start, path, flags, mode, resolve);
  return withPath(ring, request, request.addr, request.fd, opened, rootIsDirectory);
}

function statx(ring: RingInternals, request: KernelRequest): Result {
  const { kernel } = ring;
  const path = stringAt(ring, request, request.addr);
  if (path === undefined) return -Errno.EFAULT;
  if (path === '' && request.opFlags & AtFlag.EMPTY_PATH && request.fd !== AT_FDCWD) {
    const file = kernel.file(request.fd);
    return file ? writeStatx(ring, request, file.inode) : -Errno.EBADF;
  }
  return withPath(ring, request, request.addr, request.fd, (_, start) => {
    const inode = kernel.files.find(start, path, !(request.opFlags & AtFlag.SYMLINK_NOFOLLOW));
    return typeof inode === 'number' ? inode : writeStatx(ring, request, inode);
  });
}

function writeStatx(ring: RingInternals, request: KernelRequest, inode: Inode): Result {
  const address = Number(request.off);
  const data = ring.kernel.memory.data(address, Statx.SIZE);
  if (!data) return -Errno.EFAULT;
  ring.kernel.ownership.lend(request, address, Statx.SIZE, 'kernel writes');
  for (let at = 0; at < Statx.SIZE; at += 8) data.setBigUint64(at, 0n, true);
  data.setUint32(Statx.MASK, STATX_BASIC_AND_BIRTH, true);
  data.setUint32(Statx.BLOCK_SIZE, 4096, true);
  data.setUint32(Statx.LINKS, inode.links, true);
  data.setUint16(Statx.MODE, inode.mode, true);
  data.setBigUint64(Statx.INODE, BigInt(inode.number), true);
  data.setBigUint64(Statx.BYTES, BigInt(inode.size), true);
  data.setBigUint64(Statx.BLOCKS, BigInt(Math.ceil(inode.size / 4096) * 8), true);
  data.setUint32(Statx.DEVICE_MINOR, 1, true);
  const time = (at: number, nanoseconds: number) => {
    data.setBigInt64(at, BigInt(EPOCH_SECONDS + Math.floor(nanoseconds / 1e9)), true);
    data.setUint32(at + 8, nanoseconds % 1e9, true);
  };
  time(Statx.ACCESSED, inode.accessed);
  time(Statx.BORN, inode.born);
  time(Statx.CHANGED, inode.changed);
  time(Statx.MODIFIED, inode.modified);
  return 0;
}

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;

function attributeName(ring: RingInternals, request: KernelRequest, inode: Inode): string | number {
  const name = stringAt(ring, request, request.addr);
  if (name === undefined) return -Errno.EFAULT;
  if (name === '' || Buffer.byteLength(name) > 255) return -Errno.ERANGE;
  if (!/^(user|trusted)\../.test(name)) return -Errno.EOPNOTSUPP;
  const carries = inode.type === FileType.REGULAR || inode.type === FileType.DIRECTORY;
  return carries || name.startsWith('trusted.') ? name : -Errno.EPERM;
}

function setAttribute(ring: RingInternals, request: KernelRequest, inode: Inode): Result {
  if (request.opFlags & ~(XATTR_CREATE | XATTR_REPLACE)) return -Errno.EINVAL;
  const name = attributeName(ring, request, inode);
  if (typeof name === 'number') return name;
  const exists = inode.attributes.has(name);
  if (exists && request.opFlags & XATTR_CREATE) return -Errno.EEXIST;
  if (!exists && request.opFlags & XATTR_REPLACE) return -Errno.ENODATA;
  if (ring.kernel.files.disk.readOnly) return -Errno.EROFS;
  const address = Number(request.off);
  const value = request.len === 0 ? new Uint8Array(0) : ring.kernel.memory.bytes(address, request.len);
  if (!value) return -Errno.EFAULT;
  ring.kernel.ownership.lend(request, address, request.len, 'kernel reads');
  inode.attributes.set(name, value.slice());
  inode.changed = ring.kernel.clock.now;
  return 0;
}

function getAttribute(ring: RingInternals, request: KernelRequest, inode: Inode): Result {
  const name = attributeName(ring, request, inode);
  if (typeof name === 'number') return name === -Errno.EPERM ? -Errno.ENODATA : name;
  const value = inode.attributes.get(name);
  if (value === undefined) return -Errno.ENODATA;
  if (request.len === 0) return value.length;
  if (request.len < value.length) return -Errno.ERANGE;
  const address = Number(request.off);
  const target = ring.kernel.memory.bytes(address, value.length);
  if (!target) return -Errno.EFAULT;
  ring.kernel.ownership.lend(request, address, value.length, 'kernel writes');
  target.set(value);
  return value.length;
}
