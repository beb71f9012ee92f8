/**
 * Where to listen or to connect: the options that both have.
 *
 * @module
 */

import { Uring } from '../engine/index.js';
import { checkCString, checkFunction, invalidArgType, invalidArgValue } from '../validate.js';
import type { Lookup } from './resolve.js';
import { type SocketSettings, STREAM_OPTIONS } from './socket-options.js';

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
  /** Takes descriptors that come with data, on Unix sockets: {@link Chunk.descriptors}. Without, the kernel closes them. Since 6.0. */
  readonly descriptors?: boolean | undefined;
  /** The resolver for `host`. Default `node:dns/promises`. */
  readonly lookup?: Lookup | undefined;
  /** The engine; default: that of this thread. */
  readonly uring?: Uring | undefined;
}

/** Their names. */
export const TARGET_OPTIONS = ['host', 'port', 'path', 'descriptors', 'lookup', 'uring', ...STREAM_OPTIONS.names];

/**
 * Checks them, but for the port: not everybody takes 0.
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

/** A name or an address. */
export function checkHost(name: string, host: unknown): void {
  if (typeof host !== 'string' || host === '') throw invalidArgType(name, 'a non-empty string', host);
}

/** The name of a Unix socket, except for its length. */
export function checkPath(name: string, path: unknown): void {
  if (typeof path !== 'string') throw invalidArgType(name, 'of type string', path);
  // The first null character makes it abstract; others would end it.
  if (!path.startsWith('\0')) checkCString(name, path);
}

/** Whether descriptors are taken. @throws TypeError. */
export function checkDescriptors(descriptors: unknown, isUnix: boolean): void {
  if (descriptors === undefined) return;
  if (typeof descriptors !== 'boolean') throw invalidArgType('options.descriptors', 'of type boolean', descriptors);
  if (descriptors && !isUnix) throw invalidArgValue('options.descriptors', descriptors, 'is for Unix sockets only');
}

/** @throws TypeError. */
export function checkUring(uring: unknown): void {
  if (!(uring instanceof Uring)) throw invalidArgType('options.uring', 'an instance of Uring', uring);
}
