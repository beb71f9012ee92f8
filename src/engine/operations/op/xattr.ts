/**
 * Extended attributes. Since 5.19.
 *
 * @module
 */

import { AT_FDCWD } from '../../../linux.js';
import { prepFgetxattr, prepFsetxattr, prepGetxattr, prepSetxattr } from '../../../ops/index.js';
import { checkInteger } from '../../../validate.js';
import { checkPathAccess } from '../../permission.js';
import {
  bytesOf,
  checkMemory,
  checkPath,
  checkRunOptions,
  type Memory,
  Operation,
  type Path,
  type RunOptions,
} from './common.js';

/** Options of {@link getxattr}. */
export interface GetXattrOptions extends RunOptions {
  /**
   * Bytes of the largest value expected; ERANGE when the value is larger. Default 65,536, the
   * kernel's limit.
   */
  readonly size?: number | undefined;
}

/** Options of {@link setxattr}. */
export interface SetXattrOptions extends RunOptions {
  /** XATTR_CREATE (1): the attribute must not exist; XATTR_REPLACE (2): it must exist. */
  readonly flags?: number | undefined;
}

/** The size of the largest value: XATTR_SIZE_MAX. */
const MAX_VALUE = 65_536;

/**
 * Reads an extended attribute. getxattr(2), fgetxattr(2).
 *
 * @param target a path, or the descriptor of an open file.
 * @returns its value.
 * @throws UringError ENODATA when there is none, ERANGE, EOPNOTSUPP.
 */
export function getxattr(target: Path | number, name: string, options: GetXattrOptions = {}): Operation<Uint8Array> {
  checkRunOptions(options, 'size');
  if (typeof target !== 'number') checkTarget(target, 'fs.read');
  checkPath('name', name);
  const { size = MAX_VALUE } = options;
  checkInteger('options.size', size, 0, MAX_VALUE);
  return new Operation(typeof target === 'number' ? 'FGETXATTR' : 'GETXATTR', options, {
    paths: typeof target === 'number' ? undefined : [target],
    encode(sqe, scope) {
      const { address } = scope.block(size);
      if (typeof target === 'number') prepFgetxattr(sqe, target, scope.cString(name), address, size);
      else prepGetxattr(sqe, scope.cString(target), scope.cString(name), address, size);
    },
    decode: (res, scope) => Uint8Array.from(scope.firstBlock.plain(0, res)),
  });
}

/** Writes an extended attribute. setxattr(2), fsetxattr(2). */
export function setxattr(
  target: Path | number,
  name: string,
  value: Memory | string,
  options: SetXattrOptions = {},
): Operation<void> {
  checkRunOptions(options, 'flags');
  if (typeof target !== 'number') checkTarget(target, 'fs.write');
  checkPath('name', name);
  const bytes = typeof value === 'string' ? bytesOf(Buffer.from(value)) : checkMemory('value', value);
  const { flags = 0 } = options;
  return new Operation(typeof target === 'number' ? 'FSETXATTR' : 'SETXATTR', options, {
    paths: typeof target === 'number' ? undefined : [target],
    encode(sqe, scope) {
      const address = scope.input(bytes);
      if (typeof target === 'number') prepFsetxattr(sqe, target, scope.cString(name), address, bytes.length, flags);
      else prepSetxattr(sqe, scope.cString(target), scope.cString(name), address, bytes.length, flags);
    },
    decode: () => undefined,
  });
}

function checkTarget(target: Path, scope: 'fs.read' | 'fs.write'): void {
  checkPath('target', target);
  checkPathAccess(target, AT_FDCWD, scope);
}
