/**
 * The positions at which an open file is read and written when the caller names none. All of this
 * is decided here, once for each file.
 *
 * ```text
 *   'offsets'   regular files,        always at offsets: the kernel does not move a file's own
 *               block devices         position when a call completes asynchronously (FUSE,
 *                                     network file systems, O_DIRECT)
 *   'own'       files of /proc, /sys  at the file's own position: each lseek(2) regenerates the
 *               and the like;         content. By Node: the kernel passes each such call of a
 *               devices with          ring to a worker
 *               positions
 *   'none'      pipes, sockets,       there are no positions, and naming one is an error
 *               terminals             (ESPIPE)
 * ```
 *
 * @module
 */

import { node } from '../node-fs.js';
import { linuxSyscalls } from '../syscalls/index.js';
import { describe } from './cached.js';

/** See the table above. */
export type Positions = 'offsets' | 'own' | 'none';

const { S_IFMT, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR } = node.constants;

const SEEK_CUR = 1;

/**
 * Types of file systems (statfs(2)) that generate the content of their files when they are read.
 */
const MADE_UP = new Set([
  0x9fa0, // proc
  0x6265_6572, // sysfs
  0x0027_e0eb, // cgroup
  0x6367_7270, // cgroup2
  0x6462_6720, // debugfs
  0x7472_6163, // tracefs
  0x7363_6673, // securityfs
  0x6265_6570, // configfs
  0x6165_676c, // pstore
  0xde5e_81e4, // efivarfs
  0xf97c_ff8c, // selinuxfs
  0x4341_5d53, // smackfs
  0xcafe_4a11, // bpf
  0x4249_4e4d, // binfmt_misc
  0x6573_5543, // fusectl
  0x0765_5821, // resctrl
  0xabba_1974, // xenfs
  0x6e66_7364, // nfsd
  0x6759_6969, // rpc_pipefs
  0x1980_0202, // mqueue
]);

/**
 * Decides for an open descriptor. Does not wait: everything that it queries is in the kernel's
 * memory.
 */
export function positionsOf(fd: number): Positions {
  const description = describe(fd);
  // Not open: the call that uses it reports the error.
  if (description === undefined) return 'own';
  const { mode, blocks } = description;
  const kind = mode & S_IFMT;
  // A file with blocks on a device has no generated content.
  if (kind === S_IFREG) return blocks === 0 && MADE_UP.has(linuxSyscalls().fileSystemType(fd)) ? 'own' : 'offsets';
  if (kind === S_IFBLK || kind === S_IFDIR) return 'offsets';
  if (kind === S_IFCHR) return linuxSyscalls().seek(fd, 0, SEEK_CUR) < 0 ? 'none' : 'own';
  return 'none';
}
