/**
 * Node's permission model (`node --permission`): what it refuses to `node:fs` and `node:net`, the engine refuses, too.
 *
 * The ring itself, below the engine, knows nothing of it: who has `--allow-addons` and uses `uring/ring` is beyond the model.
 *
 * @module
 */

import { constants, readlinkSync } from 'node:fs';
import path from 'node:path';
import { AT_FDCWD } from '../linux.js';

type Scope = 'fs.read' | 'fs.write' | 'net';

const { permission } = process as { permission?: { has(scope: Scope, reference?: string): boolean } };

/** Whether Node runs with the permission model. */
export const permissionModelIsOn = permission !== undefined;

/** From Node 25 on, the network is a part of it. */
const knowsNet = process.allowedNodeEnvironmentFlags.has('--allow-net');

/** Node 20 does not say which flag helps. */
const namesFlag = Number.parseInt(process.versions.node, 10) >= 22;

const NAMES = { 'fs.read': 'FileSystemRead', 'fs.write': 'FileSystemWrite', net: 'Net' } as const;

/** An access that the permission model does not allow, as Node's own error. */
function accessDenied(scope: Scope, resource: string): Error {
  const flag = namesFlag ? `. Use --allow-${scope.replace('.', '-')} to manage permissions.` : '';
  const error = new Error(`Access to this API has been restricted${flag}`);
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission: NAMES[scope], resource });
}

/**
 * Whether a path may be used.
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

/** The path of something in an open directory; `undefined` when Node may not look where that is. */
function withinDirectory(directory: number, name: string): string | undefined {
  try {
    return path.join(readlinkSync(`/proc/self/fd/${directory}`), name);
  } catch {
    return undefined;
  }
}

/** Whether a file may be opened with these flags. @throws Error ERR_ACCESS_DENIED. */
export function checkOpenAccess(name: string | Uint8Array, directory: number, flags: number): void {
  if (permission === undefined) return;
  const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC } = constants;
  const way = flags & (O_RDONLY | O_WRONLY | O_RDWR);
  if (way !== O_WRONLY) checkPathAccess(name, directory, 'fs.read');
  if (way !== O_RDONLY || flags & (O_APPEND | O_CREAT | O_TRUNC)) checkPathAccess(name, directory, 'fs.write');
}

/** Whether links may be made: those lead anywhere, so Node wants every permission for them. @throws Error ERR_ACCESS_DENIED. */
export function checkLinkAccess(name: string): void {
  if (permission === undefined || (permission.has('fs.read') && permission.has('fs.write'))) return;
  throw Object.assign(new Error(`fs.${name} API requires full fs.read and fs.write permissions.`), { code: 'ERR_ACCESS_DENIED' });
}

/** Whether the network may be used. @throws Error ERR_ACCESS_DENIED. */
export function checkNetAccess(): void {
  if (permission !== undefined && knowsNet && !permission.has('net')) throw accessDenied('net', '');
}
