/**
 * Options of sockets, by name.
 *
 * @module
 */

import { type SocketCalls, UringError } from '../syscalls/index.js';
import { checkInteger, checkName, checkOptions, invalidArgType } from '../validate.js';

const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;

const MOST = 0x7fff_ffff;

/** Level, number, and what kind of value. */
const OPTIONS = {
  noDelay: [IPPROTO_TCP, 1, 'boolean'],
  keepAlive: [SOL_SOCKET, 9, 'boolean'],
  keepAliveIdle: [IPPROTO_TCP, 4, 'number'],
  keepAliveInterval: [IPPROTO_TCP, 5, 'number'],
  keepAliveCount: [IPPROTO_TCP, 6, 'number'],
  userTimeout: [IPPROTO_TCP, 18, 'number'],
  receiveBufferSize: [SOL_SOCKET, 8, 'number'],
  sendBufferSize: [SOL_SOCKET, 7, 'number'],
  reuseAddress: [SOL_SOCKET, 2, 'boolean'],
  reusePort: [SOL_SOCKET, 15, 'boolean'],
  ipv6Only: [IPPROTO_IPV6, 26, 'boolean'],
  fastOpen: [IPPROTO_TCP, 23, 'number'],
  fastOpenConnect: [IPPROTO_TCP, 30, 'boolean'],
} as const;

const SO_LINGER = 13;

/** What can be set on a connection or a listener. Times are in seconds where they are the kernel's, and say so. */
export interface SocketSettings {
  /** TCP_NODELAY: what is written goes at once. */
  readonly noDelay?: boolean | undefined;
  /** SO_KEEPALIVE. */
  readonly keepAlive?: boolean | undefined;
  /** TCP_KEEPIDLE: seconds without data after which the peer is asked whether it lives. */
  readonly keepAliveIdle?: number | undefined;
  /** TCP_KEEPINTVL: seconds between such questions. */
  readonly keepAliveInterval?: number | undefined;
  /** TCP_KEEPCNT: how many are asked. */
  readonly keepAliveCount?: number | undefined;
  /** TCP_USER_TIMEOUT: milliseconds that sent data may stay unconfirmed. */
  readonly userTimeout?: number | undefined;
  /** SO_RCVBUF in bytes; the kernel answers with the double. */
  readonly receiveBufferSize?: number | undefined;
  /** SO_SNDBUF in bytes; the kernel answers with the double. */
  readonly sendBufferSize?: number | undefined;
  /** SO_REUSEADDR. */
  readonly reuseAddress?: boolean | undefined;
  /** SO_REUSEPORT: several sockets, in threads or processes, share a port. */
  readonly reusePort?: boolean | undefined;
  /** IPV6_V6ONLY. */
  readonly ipv6Only?: boolean | undefined;
  /** TCP_FASTOPEN: how many connections may bring data before their handshake is over. Of listeners. */
  readonly fastOpen?: number | undefined;
  /** TCP_FASTOPEN_CONNECT: what is written first goes with the handshake. Of connections, before they connect. */
  readonly fastOpenConnect?: boolean | undefined;
  /** SO_LINGER: seconds that closing waits for what is unsent; 0 resets the connection; `false` for neither. */
  readonly linger?: number | false | undefined;
}

/** Names of {@link SocketSettings}. */
export const SOCKET_SETTINGS = [...Object.keys(OPTIONS), 'linger'] as (keyof SocketSettings)[];

/**
 * Checks settings.
 *
 * @throws TypeError, RangeError.
 */
export function checkSettings(settings: SocketSettings, names: readonly (keyof SocketSettings)[] = SOCKET_SETTINGS): void {
  for (const name of names) {
    const value = settings[name];
    if (value === undefined) continue;
    if (name === 'linger') {
      if (value !== false) checkInteger('options.linger', value, 0, 0xffff);
    } else if (OPTIONS[name][2] === 'boolean') {
      if (typeof value !== 'boolean') throw invalidArgType(`options.${name}`, 'of type boolean', value);
    } else {
      checkInteger(`options.${name}`, value, 0, MOST);
    }
  }
}

/**
 * Sets what is given.
 *
 * @throws UringError of setsockopt(2).
 */
export function applySettings(calls: SocketCalls, fd: number, settings: SocketSettings): void {
  for (const name of SOCKET_SETTINGS) {
    const value = settings[name];
    if (value === undefined) continue;
    const result =
      name === 'linger'
        ? calls.setsockopt(fd, SOL_SOCKET, SO_LINGER, ints(value === false ? 0 : 1, Number(value)))
        : calls.setsockopt(fd, OPTIONS[name][0], OPTIONS[name][1], ints(Number(value)));
    if (result < 0) throw new UringError(result, 'setsockopt', name);
  }
}

/** Sets options of an open socket, checked. */
export function setOptions(calls: SocketCalls, fd: number, settings: SocketSettings): void {
  checkOptions(settings, SOCKET_SETTINGS, 'settings');
  checkSettings(settings);
  applySettings(calls, fd, settings);
}

/**
 * An option's value.
 *
 * @throws UringError of getsockopt(2).
 */
export function getOption<Name extends keyof SocketSettings>(
  calls: SocketCalls,
  fd: number,
  name: Name,
): NonNullable<SocketSettings[Name]> {
  checkName('name', name, SOCKET_SETTINGS, 'a socket option');
  const isLinger = name === 'linger';
  const [level, option, kind] = isLinger ? ([SOL_SOCKET, SO_LINGER, 'linger'] as const) : OPTIONS[name as keyof typeof OPTIONS];
  const value = ints(0, 0);
  const result = calls.getsockopt(fd, level, option, isLinger ? value : value.subarray(0, 4));
  if (result < 0) throw new UringError(result, 'getsockopt', name);
  const [first = 0, second = 0] = new Int32Array(value.buffer);
  const answers = { number: first, boolean: first !== 0, linger: first !== 0 && second };
  return answers[kind] as NonNullable<SocketSettings[Name]>;
}

function ints(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}
