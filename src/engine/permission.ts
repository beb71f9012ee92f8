/**
 * Node's permission model (`node --permission`): the engine denies whatever `node:fs` and
 * `node:net` would be denied.
 *
 * The ring itself, below the engine, does not check: code that has `--allow-addons` and uses
 * `uring/ring` is outside the model.
 *
 * @module
 */

import { constants, readlinkSync } from 'node:fs';
import path from 'node:path';
import { AT_FDCWD } from '../linux.js';
import { permission } from '../permission-model.js';

type Scope = 'fs.read' | 'fs.write' | 'net';

/** Since Node 25, the model covers the network. (It takes a millisecond to find out.) */
const knowsNet = permission !== undefined && process.allowedNodeEnvironmentFlags.has('--allow-net');

/** Node 20 does not name the flag that helps. */
const namesFlag = Number.parseInt(process.versions.node, 10) >= 22;

const NAMES = { 'fs.read': 'FileSystemRead', 'fs.write': 'FileSystemWrite', net: 'Net' } as const;

/** Creates the error for an access that the permission model denies, like Node's own. */
function accessDenied(scope: Scope, resource: string): Error {
  const flag = namesFlag ? `. Use --allow-${scope.replace('.', '-')} to manage permissions.` : '';
  const error = new Error(`Access to this API has been restricted${flag}`);
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission: NAMES[scope], resource });
}

/**
 * Checks that a path may be accessed.
 *
 * @param directory a descriptor of the directory that a relative path starts from, or AT_FDCWD.
 * @throws Error ERR_ACCESS_DENIED.
 */
export function checkPathAccess(name: string | Uint8Array, directory: number, ...scopes: ('fs.read' | 'fs.write')[]): void {
  if (permission === undefined) return;
  const text = typeof name === 'string' ? name : Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString();
  const full = directory === AT_FDCWD || path.isAbsolute(text) ? path.resolve(text) : withinDirectory(directory, text);
  for (const scope of scopes) {
    if (full === undefined || !permission.has(scope, full)) throw accessDenied(scope, full ?? text);
  }
}

/**
 * Returns the full path of a name in an open directory; `undefined` when Node may not read where
 * the directory is.
 */
function withinDirectory(directory: number, name: string): string | undefined {
  try {
    return path.join(readlinkSync(`/proc/self/fd/${directory}`), name);
  } catch {
    return undefined;
  }
}

/** Checks that a file may be opened with these flags. @throws Error ERR_ACCESS_DENIED. */
export function checkOpenAccess(name: string | Uint8Array, directory: number, flags: number): void {
  if (permission === undefined) return;
  const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC } = constants;
  const way = flags & (O_RDONLY | O_WRONLY | O_RDWR);
  if (way !== O_WRONLY) checkPathAccess(name, directory, 'fs.read');
  if (way !== O_RDONLY || flags & (O_APPEND | O_CREAT | O_TRUNC)) checkPathAccess(name, directory, 'fs.write');
}

/**
 * Checks that links may be created. A link can lead anywhere, so Node requires full permissions.
 *
 * @throws Error ERR_ACCESS_DENIED.
 */
export function checkLinkAccess(name: string): void {
  if (permission === undefined || (permission.has('fs.read') && permission.has('fs.write'))) return;
  throw Object.assign(new Error(`fs.${name} API requires full fs.read and fs.write permissions.`), { code: 'ERR_ACCESS_DENIED' });
}

/** Checks that the network may be used. @throws Error ERR_ACCESS_DENIED. */
export function checkNetAccess(): void {
  if (permission !== undefined && knowsNet && !permission.has('net')) throw accessDenied('net', '');
}
