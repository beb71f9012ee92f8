/**
 * Functions of `node:fs/promises` on a simulated kernel. What the kernel has operations for runs on
 * its ring, so that its faults and its chaos reach the program.
 *
 * @module
 */

import { constants, Dirent, type PathLike } from 'node:fs';
import path from 'node:path';
import { op } from '../engine/index.js';
import { pathText, plainFlags, plainMode, plainPath } from '../fs/arguments.js';
import { nodePromises } from '../node-fs.js';
import { Errno } from '../syscalls/index.js';
import { DirectoryInode, type Inode, LinkInode } from '../testing/files/inode.js';
import { invalidArgType, invalidArgValue } from '../validate.js';
import { type About, type Calls, errorOf } from './calls.js';
import { type Data, fileOptions, SimulatedFileHandle } from './handle.js';

/** The functions that are simulated. */
export type SimulatedPromises = typeof import('node:fs/promises');

interface DirectoryOptions {
  readonly recursive?: boolean;
  readonly withFileTypes?: boolean;
  readonly force?: boolean;
  readonly mode?: number | string;
}

const MODE = { file: 0o666, directory: 0o777 };

/** Creates the functions. Those that are not simulated reject. */
export function simulatedPromises(calls: Calls): SimulatedPromises {
  const { files } = calls.kernel;
  const inodeAt = (name: string, follow: boolean, about: About): Inode => {
    const inode = files.find(files.root, name, follow);
    if (typeof inode === 'number') throw errorOf(inode, about);
    return inode;
  };
  const run = calls.run.bind(calls);

  async function open(given: PathLike, flags?: string | number, mode?: number | string): Promise<SimulatedFileHandle> {
    const name = nameOf(given);
    const plain = plainFlags(flags);
    if (plain === undefined) throw invalidArgValue('flags', flags, 'is invalid');
    const permissions = plainMode(mode, MODE.file);
    if (permissions === undefined) throw invalidArgValue('mode', mode, 'is invalid');
    const fd = await run(op.openat(name, { flags: plain, mode: permissions }), { syscall: 'open', path: name });
    return new SimulatedFileHandle(calls, fd);
  }

  async function withFile<T>(
    given: PathLike | SimulatedFileHandle,
    flags: string | number,
    mode: number | undefined,
    body: (file: SimulatedFileHandle) => Promise<T>,
  ): Promise<T> {
    if (given instanceof SimulatedFileHandle) return body(given);
    const file = await open(given, flags, mode);
    try {
      return await body(file);
    } finally {
      await file.close();
    }
  }

  const stat =
    (syscall: 'stat' | 'lstat') =>
    async (given: PathLike, options: { readonly bigint?: boolean } = {}) => {
      const name = nameOf(given);
      const bigint = options.bigint === true;
      return run(op.statx(name, { bigint, noFollow: syscall === 'lstat' }), { syscall, path: name });
    };

  async function mkdir(given: PathLike, options?: number | string | DirectoryOptions | null): Promise<string | undefined> {
    const name = nameOf(given);
    const { recursive = false, mode } = typeof options === 'object' ? (options ?? {}) : { mode: options };
    const permissions = plainMode(mode, MODE.directory);
    if (permissions === undefined) throw invalidArgValue('mode', mode, 'is invalid');
    const make = (each: string) => run(op.mkdirat(each, permissions), { syscall: 'mkdir', path: each });
    if (!recursive) return void (await make(name));
    let first: string | undefined;
    const parts = path.posix.resolve('/', name).split('/').slice(1);
    for (let length = 1; length <= parts.length; length++) {
      const each = `/${parts.slice(0, length).join('/')}`;
      const inode = files.find(files.root, each, true);
      if (inode instanceof DirectoryInode) continue;
      const isBetween = typeof inode !== 'number' && length < parts.length;
      if (isBetween) throw errorOf(-Errno.ENOTDIR, { syscall: 'mkdir', path: name });
      await make(each);
      first ??= each;
    }
    return first;
  }

  async function readdir(given: PathLike, options?: string | DirectoryOptions | null): Promise<(string | Dirent)[]> {
    const top = nameOf(given);
    const { withFileTypes = false, recursive = false } = typeof options === 'object' ? (options ?? {}) : {};
    const list = (name: string): { directory: string; name: string; inode: Inode }[] => {
      const about = { syscall: 'scandir', path: name };
      const directory = inodeAt(name, true, about);
      if (!(directory instanceof DirectoryInode)) throw errorOf(-Errno.ENOTDIR, about);
      return [...directory.entries].flatMap(([entry, inode]) => [
        { directory: name, name: entry, inode },
        ...(recursive && inode instanceof DirectoryInode ? list(path.posix.join(name, entry)) : []),
      ]);
    };
    return list(top).map(({ directory, name, inode }) =>
      withFileTypes ? direntOf(directory, name, inode) : path.posix.relative(top, path.posix.join(directory, name)),
    );
  }

  async function remove(name: string, { recursive = false, force = false }: DirectoryOptions): Promise<void> {
    const about = { syscall: 'rm', path: name };
    const inode = files.find(files.root, name, false);
    if (inode === -Errno.ENOENT && force) return;
    if (typeof inode === 'number') throw errorOf(inode, { ...about, syscall: 'lstat' });
    if (!(inode instanceof DirectoryInode)) return run(op.unlinkat(name), { syscall: 'unlink', path: name });
    if (!recursive) {
      const text = `Path is a directory: rm returned EISDIR (is a directory) ${name}`;
      throw Object.assign(new Error(text), { code: 'ERR_FS_EISDIR', errno: Errno.EISDIR, syscall: 'rm', path: name });
    }
    for (const entry of [...inode.entries.keys()]) await remove(path.posix.join(name, entry), { recursive });
    await run(op.unlinkat(name, { removeDirectory: true }), { syscall: 'rmdir', path: name });
  }

  const twoPaths = (syscall: 'rename' | 'link', operation: typeof op.renameat) => async (from: PathLike, to: PathLike) => {
    const [name, dest] = [nameOf(from), nameOf(to)];
    await run(operation(name, dest), { syscall, path: name, dest });
  };

  const simulated = {
    async access(given: PathLike): Promise<void> {
      const name = nameOf(given);
      inodeAt(name, true, { syscall: 'access', path: name });
    },
    appendFile: async (given: PathLike | SimulatedFileHandle, data: Data, options?: unknown) => {
      const { flag, mode } = fileOptions(options, 'a');
      await withFile(given, flag, mode, (file) => file.writeFile(data, options));
    },
    async copyFile(from: PathLike, to: PathLike, mode = 0): Promise<void> {
      const exclusive = (mode & constants.COPYFILE_EXCL) !== 0;
      const about = { syscall: 'copyfile', path: nameOf(from), dest: nameOf(to) };
      try {
        const content = await withFile(from, 'r', undefined, (source) => source.readFile());
        await withFile(to, exclusive ? 'wx' : 'w', undefined, (target) => target.writeFile(content));
      } catch (error) {
        const { errno } = error as NodeJS.ErrnoException;
        throw errno === undefined ? error : errorOf(errno, about);
      }
    },
    link: twoPaths('link', op.linkat),
    lstat: stat('lstat'),
    mkdir,
    open,
    readdir,
    readFile: async (given: PathLike | SimulatedFileHandle, options?: unknown) => {
      const { flag } = fileOptions(options, 'r');
      return withFile(given, flag, undefined, (file) => file.readFile(options));
    },
    async readlink(given: PathLike): Promise<string> {
      const name = nameOf(given);
      const about = { syscall: 'readlink', path: name };
      const inode = inodeAt(name, false, about);
      if (!(inode instanceof LinkInode)) throw errorOf(-Errno.EINVAL, about);
      return inode.target;
    },
    rename: twoPaths('rename', op.renameat),
    rm: async (given: PathLike, options: DirectoryOptions = {}) => remove(nameOf(given), options),
    async rmdir(given: PathLike): Promise<void> {
      const name = nameOf(given);
      await run(op.unlinkat(name, { removeDirectory: true }), { syscall: 'rmdir', path: name });
    },
    stat: stat('stat'),
    async symlink(target: PathLike, given: PathLike): Promise<void> {
      const [text, name] = [nameOf(target), nameOf(given)];
      await run(op.symlinkat(text, name), { syscall: 'symlink', path: text, dest: name });
    },
    truncate: async (given: PathLike, length = 0) => withFile(given, 'r+', undefined, (file) => file.truncate(length)),
    async unlink(given: PathLike): Promise<void> {
      const name = nameOf(given);
      await run(op.unlinkat(name), { syscall: 'unlink', path: name });
    },
    writeFile: async (given: PathLike | SimulatedFileHandle, data: Data, options?: unknown) => {
      const { flag, mode } = fileOptions(options, 'w');
      await withFile(given, flag, mode, (file) => file.writeFile(data, options));
    },
  };
  const others = Object.entries(nodePromises)
    .filter(([name, value]) => typeof value === 'function' && !(name in simulated))
    .map(([name]) => [name, () => Promise.reject(notSimulated(name))]);
  return { ...Object.fromEntries(others), ...simulated, constants } as unknown as SimulatedPromises;
}

/** Returns a path as text. @throws TypeError as `node:fs`. */
export function nameOf(given: PathLike): string {
  const name = plainPath(given);
  if (name === undefined)
    throw invalidArgType('path', 'of type string or an instance of Buffer or URL, without null bytes', given);
  return pathText(name);
}

function notSimulated(name: string): Error {
  return Object.assign(new Error(`fs.promises.${name} is not simulated`), { code: 'ERR_METHOD_NOT_IMPLEMENTED' });
}

function direntOf(directory: string, name: string, inode: Inode): Dirent {
  const { UV_DIRENT_DIR, UV_DIRENT_FILE, UV_DIRENT_LINK } = constants as unknown as Record<string, number>;
  const type = inode instanceof DirectoryInode ? UV_DIRENT_DIR : inode instanceof LinkInode ? UV_DIRENT_LINK : UV_DIRENT_FILE;
  return new (Dirent as unknown as new (name: string, type: unknown, parent: string) => Dirent)(name, type, directory);
}
