/**
 * The options that listening and connecting have in common.
 *
 * @module
 */

import { Uring } from '../engine/index.js';
import { checkCString, checkFunction, invalidArgType, invalidArgValue } from '../validate.js';
import type { Lookup } from './resolve.js';
import { type SocketSettings, STREAM_OPTIONS } from './socket-options.js';

/** A TCP port of a host, or a Unix socket. */
export interface TargetOptions extends SocketSettings {
  /**
   * A name or an address. Default: all addresses, IPv6 and IPv4, for listening; `'localhost'` for
   * connecting.
   */
  readonly host?: string | undefined;
  /** The port. For listening, the default 0 makes the kernel choose one. */
  readonly port?: number | undefined;
  /**
   * A Unix socket instead: a path, which is unlinked when the listener closes; or an abstract name,
   * with a leading null character.
   */
  readonly path?: string | undefined;
  /**
   * Accepts descriptors that arrive with data on Unix sockets: {@link Chunk.descriptors}.
   * Otherwise, the kernel closes them. Since 6.0.
   */
  readonly descriptors?: boolean | undefined;
  /** The resolver for `host`. Default `node:dns/promises`. */
  readonly lookup?: Lookup | undefined;
  /** The engine. Default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** The names of the options. */
export const TARGET_OPTIONS = ['host', 'port', 'path', 'descriptors', 'lookup', 'uring', ...STREAM_OPTIONS.names];

/**
 * Checks the options, except for the port, as only listeners accept 0.
 *
 * @throws TypeError, RangeError.
 */
export function checkTarget(options: TargetOptions): void {
  const { host, port, path, descriptors, lookup, uring } = options;
  if (host !== undefined) checkHost('options.host', host);
  if (path !== undefined) {
    if (path === '') throw invalidArgType('options.path', 'a non-empty string', path);
    checkPath('options.path', path);
    if (host !== undefined || port !== undefined) throw invalidArgValue('options.path', path, 'excludes host and port');
  }
  checkDescriptors(descriptors, path !== undefined);
  if (lookup !== undefined) checkFunction('options.lookup', lookup);
  if (uring !== undefined) checkUring(uring);
  STREAM_OPTIONS.check(options);
}

/** Checks a host name or an address. @throws TypeError. */
export function checkHost(name: string, host: unknown): void {
  if (typeof host !== 'string' || host === '') throw invalidArgType(name, 'a non-empty string', host);
}

/** Checks the name of a Unix socket, except for its length. @throws TypeError. */
export function checkPath(name: string, path: unknown): void {
  if (typeof path !== 'string') throw invalidArgType(name, 'of type string', path);
  // A leading null character makes the name abstract; any other would end it.
  if (!path.startsWith('\0')) checkCString(name, path);
}

/** Checks the option `descriptors`. @throws TypeError. */
export function checkDescriptors(descriptors: unknown, isUnix: boolean): void {
  if (descriptors === undefined) return;
  if (typeof descriptors !== 'boolean') throw invalidArgType('options.descriptors', 'of type boolean', descriptors);
  if (descriptors && !isUnix) throw invalidArgValue('options.descriptors', descriptors, 'is for Unix sockets only');
}

/** Checks the option `uring`. @throws TypeError. */
export function checkUring(uring: unknown): void {
  if (!(uring instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', uring);
}
