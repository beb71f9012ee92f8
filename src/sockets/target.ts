/**
 * Where to listen or to connect: the options that both have.
 *
 * @module
 */

import { Uring } from '../engine/index.js';
import { checkCString, invalidArgType, invalidArgValue } from '../validate.js';
import type { Lookup } from './resolve.js';
import { checkSettings, SOCKET_SETTINGS, type SocketSettings } from './socket-options.js';

/** A TCP port of a host, or a Unix socket. */
export interface TargetOptions extends SocketSettings {
  /** A name or an address. Default: all addresses, IPv6 and IPv4, to listen; `'localhost'` to connect. */
  readonly host?: string | undefined;
  /** To listen: 0, the default, for one of the kernel's choice. */
  readonly port?: number | undefined;
  /**
   * A Unix socket instead: a path, which is unlinked when the listener closes; or an abstract name, with a null character in front.
   */
  readonly path?: string | undefined;
  /** The resolver for `host`. Default `node:dns/promises`. */
  readonly lookup?: Lookup | undefined;
  /** The engine; default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** Their names. */
export const TARGET_OPTIONS = ['host', 'port', 'path', 'lookup', 'uring', ...SOCKET_SETTINGS];

/**
 * Checks them, but for the port: not everybody takes 0.
 *
 * @throws TypeError, RangeError.
 */
export function checkTarget(options: TargetOptions): void {
  const { host, port, path, lookup, uring } = options;
  if (host !== undefined && (typeof host !== 'string' || host === ''))
    throw invalidArgType('options.host', 'a non-empty string', host);
  if (path !== undefined) {
    checkPath(path);
    if (host !== undefined || port !== undefined) throw invalidArgValue('options.path', path, 'excludes host and port');
  }
  if (lookup !== undefined && typeof lookup !== 'function') throw invalidArgType('options.lookup', 'of type function', lookup);
  if (uring !== undefined) checkUring(uring);
  checkSettings(options);
}

/** Checks the name of a Unix socket, except for its length. */
function checkPath(path: unknown): void {
  if (typeof path !== 'string' || path === '') throw invalidArgType('options.path', 'a non-empty string', path);
  // The first null character makes it abstract; others would end it.
  if (!path.startsWith('\0')) checkCString('options.path', path);
}

/** @throws TypeError. */
export function checkUring(uring: unknown): void {
  if (!(uring instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', uring);
}
